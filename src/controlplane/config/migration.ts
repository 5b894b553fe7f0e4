// How each option of Traefik's fares here: works, works differently, or not yet. Told from the schemas, so that the page
// and the report cannot say anything else than the program does.

import { formatPath, type PathSegment } from '../../schema/decode-context.ts';
import { isMap, type Field, type Schema } from '../../schema/schema.ts';
import { isExtension, type ConfigDocument } from './document.ts';
import { installOptions } from './install-options.ts';
import { middlewareOptions, routerOptions } from './routing-options.ts';
import { serviceOptions } from './service-options.ts';
import { tcpMiddlewareOptions, tcpRouterOptions, tcpServiceOptions, tcpTransportOptions } from './tcp-options.ts';
import { namedTransportOptions } from './transport-options.ts';

export type Verdict = 'works' | 'differs' | 'not yet' | 'unknown';

export interface MigrationEntry {
  readonly path: string;
  readonly verdict: Verdict;
  /** How it differs; what comes in its place. */
  readonly note: string;
  /** `file:line:column`, of a given configuration. */
  readonly place: string;
}

/** The routing sections a document may have, by the path of their objects. */
const OBJECTS: Readonly<Record<string, Readonly<Record<string, Schema<unknown>>>>> = {
  http: {
    routers: routerOptions,
    services: serviceOptions,
    middlewares: middlewareOptions,
    serversTransports: namedTransportOptions,
  },
  tcp: {
    routers: tcpRouterOptions,
    services: tcpServiceOptions,
    middlewares: tcpMiddlewareOptions,
    serversTransports: tcpTransportOptions,
  },
};
const LATER_ROUTING = ['udp', 'tls'];

function verdictOf(field: Field<unknown>): { verdict: Verdict; note: string } {
  if (field.later !== null) {
    const effect = field.later === 'refused' ? 'what names it is disabled' : 'it has no effect';
    const instead =
      field.instead === undefined ? '' : ` ${field.instead.replace(/^./, (first) => first.toUpperCase())}.`;
    return { verdict: 'not yet', note: `${field.doc} Until then ${effect}.${instead}` };
  }
  return field.differs === undefined ? { verdict: 'works', note: '' } : { verdict: 'differs', note: field.differs };
}

/** Every option of Traefik's, for the page; options of our own are left out. */
export function migrationTable(): readonly MigrationEntry[] {
  const entries: MigrationEntry[] = [];
  const walk = (schema: Schema<unknown>, path: string): void => {
    for (const [name, field] of Object.entries(schema.fields ?? {})) {
      if (field.isOwn === true) continue;
      const here = path === '' ? name : `${path}.${name}`;
      entries.push({ path: here, ...verdictOf(field), place: '' });
      walk(field.schema, here);
    }
    if (schema.item !== undefined) walk(schema.item, `${path}${schema.itemSuffix ?? ''}`);
  };
  walk(installOptions, '');
  for (const [part, sections] of Object.entries(OBJECTS)) {
    for (const [section, schema] of Object.entries(sections)) walk(schema, `${part}.${section}.<name>`);
  }
  for (const path of LATER_ROUTING) {
    entries.push({ path, verdict: 'not yet', note: 'It has no effect; what names it is disabled.', place: '' });
  }
  return entries;
}

/** The options a document uses, each with its verdict. */
export function migrationReport(document: ConfigDocument): readonly MigrationEntry[] {
  const entries: MigrationEntry[] = [];
  const add = (path: readonly PathSegment[], verdict: Verdict, note: string): void => {
    const place = document.locate(path);
    const source = place?.source ?? document.source;
    const line = place === null || place.line === 0 ? source : `${source}:${place.line}:${place.column}`;
    entries.push({ path: formatPath(path), verdict, note, place: line });
  };
  const walk = (value: unknown, schema: Schema<unknown>, path: readonly PathSegment[]): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries())
        if (schema.item !== undefined) walk(item, schema.item, [...path, index]);
      return;
    }
    if (!isMap(value)) return;
    for (const [key, part] of Object.entries(value)) {
      const here = [...path, key];
      if (schema.fields === null) {
        if (schema.item !== undefined) walk(part, schema.item, here);
        continue;
      }
      const found = Object.entries(schema.fields).find(([name]) => name.toLowerCase() === key.toLowerCase());
      if (found === undefined) add(here, 'unknown', 'This is no option here; check says what it may be.');
      else {
        const [, field] = found;
        const { verdict, note } = verdictOf(field);
        // A section that works is told by its parts.
        if (verdict !== 'works' || !isMap(part)) add(here, verdict, note);
        if (field.later === null) walk(part, field.schema, here);
      }
    }
  };
  for (const [key, section] of Object.entries(isMap(document.value) ? document.value : {})) {
    if (isExtension(key)) continue;
    const name = key.toLowerCase();
    if (LATER_ROUTING.includes(name)) add([key], 'not yet', 'It has no effect.');
    else if (Object.hasOwn(OBJECTS, name)) walkRouting(section, key, OBJECTS[name]!, walk, add);
    else walk({ [key]: section }, installOptions, []);
  }
  return entries;
}

function walkRouting(
  given: unknown,
  root: string,
  sections: Readonly<Record<string, Schema<unknown>>>,
  walk: (value: unknown, schema: Schema<unknown>, path: readonly PathSegment[]) => void,
  add: (path: readonly PathSegment[], verdict: Verdict, note: string) => void,
): void {
  for (const [key, objects] of Object.entries(isMap(given) ? given : {})) {
    const schema = Object.entries(sections).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
    if (schema === undefined) {
      const isLater = LATER_ROUTING.some((path) => path.toLowerCase() === `${root}.${key}`.toLowerCase());
      add([root, key], isLater ? 'not yet' : 'unknown', isLater ? 'What names it is disabled.' : '');
      continue;
    }
    for (const [name, object] of Object.entries(isMap(objects) ? objects : {})) walk(object, schema, [root, key, name]);
  }
}
