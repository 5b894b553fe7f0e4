// The objects that the labels of a workload describe, by the table of object kinds: their options as a document would
// have them, and what their services say of the workload. Workloads with the same labels share them.

import { DecodeContext, formatPath, isForbiddenKey, type PathSegment } from '../../../schema/decode-context.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { isMap } from '../../../schema/input.ts';
import { newTree, putAt, resolveName } from '../../../schema/set-at.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import {
  OBJECT_KINDS,
  OBJECT_SECTIONS,
  sectionsOf,
  type ObjectSection,
  type RoutingPart,
} from '../../config/routing/object-kinds.ts';
import type { ServiceSection } from '../../config/routing/provided-endpoints.ts';
import { isServiceSection, LABEL_SCHEMA, REFUSED_PART, SERVER_SECTIONS, type ServiceKindRow } from './label-schema.ts';
import { locateLabel, type PlacedLabel } from './label-place.ts';
import type { SchemeLabel, SchemeLabels } from './scheme-labels.ts';

/** An object as labels say it. */
export interface LabelObject {
  readonly section: ObjectSection;
  readonly name: string;
  /** Its options. */
  readonly given: unknown;
  /** The options as text: two that say the same have the same. */
  readonly text: string;
  /** Those that say something of it. */
  readonly labels: readonly PlacedLabel[];
}

/** What a service says of the workload as its server. */
export interface WorkloadServer {
  readonly section: ServiceSection;
  readonly service: string;
  readonly row: ServiceKindRow;
  /** Null where something is wrong with them. */
  readonly settings: ServerSettings | null;
  /** Those of the section `server`. */
  readonly labels: readonly PlacedLabel[];
  /** Of that section. */
  readonly path: string;
}

/** What labels say of the workload as a server. */
export interface ServerSettings {
  /** Null for one that the workload chooses. */
  readonly port: number | null;
  readonly scheme: string | null;
  /** Where it is, if not at the workload. */
  readonly address: string | null;
  /** Other options of a server, as they are in a list of servers. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** Something to say of the labels, at one of them; of which workload is not known here. */
export interface LabelProblem extends Pick<Diagnostic, 'severity' | 'code' | 'message' | 'path'> {
  /** Null for the workload as a whole. */
  readonly label: SchemeLabel | null;
  readonly expected?: string;
  readonly received?: string;
  readonly hint?: string;
}

export interface LabelObjects {
  readonly objects: readonly LabelObject[];
  readonly servers: readonly WorkloadServer[];
  readonly problems: readonly LabelProblem[];
  /** Parts and sections that there are none of, as a document that is decoded for what is to be said of it. */
  readonly unknown: readonly PlacedLabel[];
}

/** Stands for the workload, which is not known yet, in front of a label. */
const SOMEWHERE = '';

export function labelObjects(labels: SchemeLabels): LabelObjects {
  const problems: LabelProblem[] = [];
  const { tree, placed } = treeOf(labels, problems);
  const objects: LabelObject[] = [];
  const servers: WorkloadServer[] = [];
  for (const [part, section, name, given] of objectsIn(tree)) {
    const path = [part, OBJECT_KINDS[section].at[1], name];
    const own = placed.filter((one) => path.every((segment, index) => one.path[index] === segment));
    const refused = refusedName(section, name, own);
    if (refused !== null) {
      problems.push(refused);
      continue;
    }
    let options = given;
    if (isServiceSection(section)) {
      for (const row of SERVER_SECTIONS[section]) {
        const kind = isMap(options) ? options[row.kind] : undefined;
        if (kind === undefined) continue;
        const { server, ...rest } = isMap(kind) ? kind : {};
        if (server !== undefined) options = { ...(options as object), [row.kind]: rest }; // It has the kind, so it is a map.
        if (!hasServers(rest))
          servers.push(workloadServer({ section, service: name, row, server, path, own, problems }));
      }
    }
    objects.push({ section, name, given: options, text: JSON.stringify(options), labels: own });
  }
  const unknown = placed.filter(({ path }) => sectionOf(path) === undefined || path.length < 3);
  return { objects, servers, problems, unknown };
}

/** What the labels say, as one document, and which label says what of it. */
function treeOf(
  { byName }: SchemeLabels,
  problems: LabelProblem[],
): { readonly tree: unknown; readonly placed: readonly PlacedLabel[] } {
  const placed: PlacedLabel[] = [];
  const tree = newTree();
  for (const label of byName.values()) {
    const part = label.parts[0]!.toLowerCase();
    if (part === REFUSED_PART) problems.push(refusedPart(label));
    if (!isPart(part)) continue;
    const { path, schema } = resolveName(LABEL_SCHEMA, label.parts, '.', tree);
    placed.push({ path, label });
    // A list as long as its last index says would cost more than the labels that say it.
    const far = path.findIndex((segment) => typeof segment === 'number' && segment >= byName.size);
    if (far >= 0) {
      const message = 'the entries of a list are counted from 0, and there is none before this one';
      problems.push({ severity: 'error', code: 'invalid-value', message, path: formatPath(path), label });
      // What is no list any more costs the object, as an entry that is left out may be what keeps somebody out.
      putAt(tree, path.slice(0, far), Object.assign(newTree(), { '': '' }));
      continue;
    }
    // `{}` is how some write a section with nothing in it.
    putAt(tree, path, label.value.trim() === '{}' && schema?.fields != null ? newTree() : label.value);
  }
  return { tree, placed };
}

function isPart(name: string): name is RoutingPart {
  return Object.hasOwn(LABEL_SCHEMA.fields!, name);
}

function refusedPart(label: SchemeLabel): LabelProblem {
  const message =
    'certificates, TLS options and stores are set by whoever runs the router, in a file; a router of a workload names them (tls.options, tls.certResolver)';
  return { severity: 'error', code: 'misplaced-option', message, path: label.parts.join('.'), label };
}

/** As documents refuse them: nothing would be known by such a name. */
function refusedName(section: ObjectSection, name: string, own: readonly PlacedLabel[]): LabelProblem | null {
  const at = { severity: 'error', path: pathOf(section, name), label: own[0]?.label ?? null } as const;
  if (isForbiddenKey(name)) return { ...at, code: 'forbidden-key', message: `"${name}" cannot be used as a name` };
  if (!name.includes('@')) return null;
  const message = `"@" cannot be part of a name: it separates name and provider in references, and a label can say nothing of objects of others`;
  return { ...at, code: 'invalid-value', message };
}

function sectionOf(path: readonly PathSegment[]): ObjectSection | undefined {
  return OBJECT_SECTIONS.find((section) => {
    const { at, isList } = OBJECT_KINDS[section];
    return isList !== true && at[0] === path[0] && at[1] === path[1];
  });
}

function* objectsIn(tree: unknown): Iterable<readonly [RoutingPart, ObjectSection, string, unknown]> {
  for (const [part, sections] of Object.entries(isMap(tree) ? tree : {})) {
    if (!isPart(part) || !isMap(sections)) continue;
    for (const [name, section] of sectionsOf(part)) {
      const objects = sections[name];
      if (!isMap(objects)) continue;
      for (const [object, given] of Object.entries(objects)) yield [part, section, object, given];
    }
  }
}

/** Servers that stand in the labels are elsewhere: the workload is none of them. */
function hasServers(options: object): boolean {
  return 'servers' in options;
}

interface GivenServer extends Pick<WorkloadServer, 'section' | 'service' | 'row'> {
  readonly server: unknown;
  readonly path: readonly string[];
  readonly own: readonly PlacedLabel[];
  readonly problems: LabelProblem[];
}

function workloadServer({ section, service, row, server, path, own, problems }: GivenServer): WorkloadServer {
  const at = [...path, row.kind, 'server'];
  const labels = own.filter((one) => at.every((segment, index) => one.path[index] === segment));
  const context = new DecodeContext(SOMEWHERE, locateLabel(SOMEWHERE, labels));
  const decode = (left: readonly string[]): unknown => {
    const [first, ...rest] = left;
    return first === undefined ? row.schema.decode(server ?? {}, context) : context.at(first, () => decode(rest));
  };
  const decoded = decode(at);
  for (const { severity, code, message, path: said, source, line: _, column: __, ...details } of context.diagnostics) {
    const label = labels.find((one) => locateSource(one.label) === source)?.label ?? labels[0]?.label ?? null;
    problems.push({ severity, code: code as LabelProblem['code'], message, path: said, label, ...details });
  }
  const isValid = decoded !== INVALID && context.errorCount === 0;
  const inPath = formatPath(at);
  const settings = isValid ? serverSettings(row, decoded as Readonly<Record<string, unknown>>) : null; // A section.
  if (settings?.address != null && (settings.port !== null || settings.scheme !== null)) {
    const message = `"${row.address}" says where the server is: port and scheme have no effect beside it`;
    problems.push({
      severity: 'warning',
      code: 'option-without-effect',
      message,
      path: inPath,
      label: labels[0]?.label ?? null,
    });
  }
  return { section, service, row, labels, path: inPath, settings };
}

/** `decoded` by the schema of the row. */
export function serverSettings(row: ServiceKindRow, decoded: Readonly<Record<string, unknown>>): ServerSettings {
  const { port, scheme, [row.address]: address, ...rest } = decoded;
  return {
    port: typeof port === 'number' ? port : null,
    scheme: typeof scheme === 'string' ? scheme : null,
    address: typeof address === 'string' ? address : null,
    more: Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
  };
}

function locateSource(label: SchemeLabel): string {
  return locateLabel(SOMEWHERE, [{ path: [], label }])([])?.source ?? '';
}

/** As a path of a configuration. */
export function pathOf(section: ObjectSection, name: string): string {
  const [part, list] = OBJECT_KINDS[section].at;
  return formatPath([part, list, name]);
}
