// How each option of Traefik's fares here: works, works differently, or not yet. Told from the schemas, so that the
// page and the report cannot say anything else than the program does.

import { formatPath, type PathSegment } from '../../../schema/decode-context.ts';
import { isMap } from '../../../schema/input.ts';
import type { Field, Schema } from '../../../schema/schema.ts';
import type { ConfigDocument } from '../document/document.ts';
import { isExtension } from '../document/document-kind.ts';
import { installOptions } from './install-options.ts';
import { OBJECT_KINDS, ROUTING_PARTS, sectionsOf, type RoutingPart } from '../routing/object-kinds.ts';

export type Verdict = 'works' | 'differs' | 'not yet' | 'unknown';

export interface MigrationEntry {
  readonly path: string;
  readonly verdict: Verdict;
  /** How it differs; what comes in its place. */
  readonly note: string;
  /** `file:line:column`, of a given configuration. */
  readonly place: string;
}

function verdictOf(field: Field<unknown>): { verdict: Verdict; note: string } {
  if (field.later !== null) {
    const effect = field.later === 'refused' ? 'what names it is disabled' : 'it has no effect';
    const instead =
      field.instead === undefined ? '' : ` ${field.instead.replace(/^./, (first) => first.toUpperCase())}.`;
    return { verdict: 'not yet', note: `${field.doc} Until then ${effect}.${instead}` };
  }
  return field.differs === undefined ? { verdict: 'works', note: '' } : { verdict: 'differs', note: field.differs };
}

/** Of an option that is given: what holds when it is left out does not concern it. */
function verdictOfGiven(field: Field<unknown>): { verdict: Verdict; note: string } {
  return field.isOwn === true
    ? { verdict: 'works', note: 'An option of Signalbox alone.' }
    : field.differsLeftOut === true
      ? { verdict: 'works', note: '' }
      : verdictOf(field);
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
  for (const part of ROUTING_PARTS) {
    for (const [name, section] of sectionsOf(part)) {
      const { options, isList } = OBJECT_KINDS[section];
      walk(options, `${part}.${name}${isList === true ? '[]' : '.<name>'}`);
    }
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
        const { verdict, note } = verdictOfGiven(field);
        // A section that works is told by its parts.
        if (verdict !== 'works' || !hasOptions(part, field.schema)) add(here, verdict, note);
        if (field.later === null) walk(part, field.schema, here);
      }
    }
  };
  for (const [key, section] of Object.entries(isMap(document.value) ? document.value : {})) {
    if (isExtension(key)) continue;
    const part = ROUTING_PARTS.find((one) => one === key.toLowerCase());
    if (part !== undefined) walkRouting(section, key, part, walk, add);
    else walk({ [key]: section }, installOptions, []);
  }
  return entries;
}

/** Something is said in it that is told by itself; what is in a map of texts is not. */
function hasOptions(value: unknown, schema: Schema<unknown>): boolean {
  if (!isMap(value) || Object.keys(value).length === 0) return false;
  if (schema.fields !== null) return true;
  return schema.item?.fields !== undefined && schema.item.fields !== null;
}

function walkRouting(
  given: unknown,
  root: string,
  part: RoutingPart,
  walk: (value: unknown, schema: Schema<unknown>, path: readonly PathSegment[]) => void,
  add: (path: readonly PathSegment[], verdict: Verdict, note: string) => void,
): void {
  for (const [key, objects] of Object.entries(isMap(given) ? given : {})) {
    const known = sectionsOf(part).find(([name]) => name.toLowerCase() === key.toLowerCase());
    if (known === undefined) {
      add([root, key], 'unknown', 'This is no section here; check says what it may be.');
      continue;
    }
    const entries: Iterable<readonly [PathSegment, unknown]> = Array.isArray(objects)
      ? objects.entries()
      : Object.entries(isMap(objects) ? objects : {});
    const schema = OBJECT_KINDS[known[1]].options;
    let isEmpty = true;
    for (const [name, object] of entries) {
      isEmpty = false;
      const here = [root, key, name];
      if (hasOptions(object, schema)) walk(object, schema, here);
      else add(here, 'works', '');
    }
    if (isEmpty) add([root, key], 'works', '');
  }
}
