// TypeScript types of configuration as people write it, rendered from the schemas: what `defineConfig` and `startRouter`
// take. Keys are in canonical spelling; text stands for any value, as it may hold a substitution.

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

export function renderInputTypes(): string {
  const routing = ROUTING_PARTS.map((part) => `  readonly ${part}?: RoutingInput['${part}'];\n`).join('');
  const objects = ROUTING_PARTS.flatMap(sectionsOf).map(([, section]) => objectType(section));
  return `// Written by npm run generate from the schemas: configuration as people write it.

export interface InstallInput ${typeOf(installOptions, 0).replace(/\}$/, `  /** Routing configuration in the same file. */\n${routing}}`)}

export interface RoutingInput {
${ROUTING_PARTS.map(partType).join('')}}

${objects.join('\n')}`;
}

function partType(part: RoutingPart): string {
  const sections = sectionsOf(part).map(([name, section]) => {
    const type = NAMES[section];
    const all = OBJECT_KINDS[section].isList === true ? `readonly ${type}[]` : `Readonly<Record<string, ${type}>>`;
    return `    readonly ${name}?: ${all};\n`;
  });
  return `  readonly ${part}?: {\n${sections.join('')}  };\n`;
}

function objectType(section: ObjectSection): string {
  const { options, example } = OBJECT_KINDS[section];
  const note = example === undefined ? '' : '/** Exactly one of the kinds. */\n';
  return `${note}export interface ${NAMES[section]} ${typeOf(options, 0)}\n`;
}

function typeOf(schema: Schema<unknown>, depth: number): string {
  if (schema.fields !== null) {
    const inner = INDENT.repeat(depth + 1);
    const lines = Object.entries(schema.fields)
      .filter(([, field]) => field.later === null)
      .map(
        ([name, field]) =>
          `${inner}/** ${field.doc.replaceAll('*/', '*\\/')} */\n${inner}${property(name, field, depth + 1)}\n`,
      );
    return `{\n${lines.join('')}${INDENT.repeat(depth)}}`;
  }
  if (schema.item !== undefined) {
    const item = typeOf(schema.item, depth);
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

function property(name: string, field: Field<unknown>, depth: number): string {
  return `readonly ${name}${field.isRequired ? '' : '?'}: ${typeOf(field.schema, depth)};`;
}
