// TypeScript types of configuration as people write it, rendered from the schemas: what `defineConfig` and
// `startRouter` take. Keys are in canonical spelling; text stands for any value, as it may hold a substitution.

import { installOptions } from '../src/controlplane/config/install/install-options.ts';
import {
  OBJECT_KINDS,
  ROUTING_PARTS,
  sectionsOf,
  type ObjectSection,
  type RoutingPart,
} from '../src/controlplane/config/routing/object-kinds.ts';
import type { Field, Schema } from '../src/schema/schema.ts';

const INDENT = '  ';

/** Names of the types of one object. */
const NAMES: Readonly<Record<ObjectSection, string>> = {
  routers: 'RouterInput',
  services: 'ServiceInput',
  middlewares: 'MiddlewareInput',
  serversTransports: 'TransportInput',
  tcpRouters: 'TcpRouterInput',
  tcpServices: 'TcpServiceInput',
  tcpMiddlewares: 'TcpMiddlewareInput',
  tcpServersTransports: 'TcpTransportInput',
  udpRouters: 'UdpRouterInput',
  udpServices: 'UdpServiceInput',
  certificates: 'CertificateInput',
  tlsOptions: 'TlsOptionsInput',
  tlsStores: 'TlsStoreInput',
};

/**
 * Names of sections that stand in several places, by what is in them: each has a type of its own, named after its
 * option.
 */
type SectionNames = ReadonlyMap<string, string>;

const NO_NAMES: SectionNames = new Map();
/** Shorter ones are read more easily where they stand. */
const MIN_OPTIONS = 2;

interface RepeatedSection {
  readonly schema: Schema<unknown>;
  readonly name: string;
}

function repeatedSections(): ReadonlyMap<string, RepeatedSection> {
  const known = new Map<string, RepeatedSection>();
  const repeated = new Map<string, RepeatedSection>();
  const names = new Set<string>();
  const walk = (schema: Schema<unknown>, option: string): void => {
    if (schema.item !== undefined) walk(schema.item, option);
    if (schema.fields === null) return;
    for (const [name, field] of Object.entries(schema.fields)) if (field.later === null) walk(field.schema, name);
    if (option === '' || Object.keys(schema.fields).length < MIN_OPTIONS) return;
    const body = typeOf(schema, 0, NO_NAMES);
    const before = known.get(body);
    if (before !== undefined) {
      repeated.set(body, before);
      return;
    }
    const plain = `${option[0]!.toUpperCase()}${option.slice(1)}Section`;
    let name = plain;
    for (let number = 2; names.has(name); number++) name = `${plain}${number}`;
    names.add(name);
    known.set(body, { schema, name });
  };
  walk(installOptions, '');
  for (const [, section] of ROUTING_PARTS.flatMap(sectionsOf)) walk(OBJECT_KINDS[section].options, '');
  return repeated;
}

export function renderInputTypes(): string {
  const repeated = repeatedSections();
  const named: SectionNames = new Map([...repeated].map(([body, { name }]) => [body, name]));
  const shared = [...repeated.values()].map(
    ({ schema, name }) => `export interface ${name} ${bodyOf(schema, 0, named)}\n`,
  );
  const routing = ROUTING_PARTS.map((part) => `  readonly ${part}?: RoutingInput['${part}'];\n`).join('');
  const objects = ROUTING_PARTS.flatMap(sectionsOf).map(([, section]) => objectType(section, named));
  return `// Written by npm run generate from the schemas: configuration as people write it.

export interface InstallInput ${typeOf(installOptions, 0, named).replace(/\}$/, `  /** Routing configuration in the same file. */\n${routing}}`)}

export interface RoutingInput {
${ROUTING_PARTS.map(partType).join('')}}

${[...objects, ...shared].join('\n')}`;
}

function partType(part: RoutingPart): string {
  const sections = sectionsOf(part).map(([name, section]) => {
    const type = NAMES[section];
    const all = OBJECT_KINDS[section].isList === true ? `readonly ${type}[]` : `Readonly<Record<string, ${type}>>`;
    return `    readonly ${name}?: ${all};\n`;
  });
  return `  readonly ${part}?: {\n${sections.join('')}  };\n`;
}

function objectType(section: ObjectSection, named: SectionNames): string {
  const { options, example } = OBJECT_KINDS[section];
  const note = example === undefined ? '' : '/** Exactly one of the kinds. */\n';
  return `${note}export interface ${NAMES[section]} ${typeOf(options, 0, named)}\n`;
}

function typeOf(schema: Schema<unknown>, depth: number, named: SectionNames): string {
  if (schema.fields !== null) {
    const name = named.size === 0 ? undefined : named.get(typeOf(schema, 0, NO_NAMES));
    return name ?? bodyOf(schema, depth, named);
  }
  if (schema.item !== undefined) {
    const item = typeOf(schema.item, depth, named);
    return schema.itemSuffix === '[]' ? `ReadonlyArray<${item}> | string` : `Readonly<Record<string, ${item}>>`;
  }
  const { enum: values, type } = schema.json;
  if (Array.isArray(values)) {
    const known = (values as unknown[]).map((value) => JSON.stringify(value).replaceAll('"', "'"));
    return known.join(' | ');
  }
  if (Array.isArray(type) && type.includes('object')) return 'object';
  // Text that may be left unquoted: in TypeScript it is text.
  if (Array.isArray(type) && type.includes('boolean')) return 'string';
  const types = new Set((Array.isArray(type) ? (type as string[]) : [String(type)]).map(scalar));
  types.add('string');
  return [...types].toSorted().join(' | ');
}

function scalar(type: string): string {
  return type === 'integer' ? 'number' : type;
}

function bodyOf({ fields }: Schema<unknown>, depth: number, named: SectionNames): string {
  const inner = INDENT.repeat(depth + 1);
  const lines = Object.entries(fields!)
    .filter(([, field]) => field.later === null)
    .map(
      ([name, field]) =>
        `${inner}/** ${field.doc.replaceAll('*/', '*\\/')} */\n${inner}${property(name, field, depth + 1, named)}\n`,
    );
  return `{\n${lines.join('')}${INDENT.repeat(depth)}}`;
}

function property(name: string, field: Field<unknown>, depth: number, named: SectionNames): string {
  return `readonly ${name}${field.isRequired ? '' : '?'}: ${typeOf(field.schema, depth, named)};`;
}
