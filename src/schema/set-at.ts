// Options by name, for sources that have a name and a text per option: environment variables and flags, labels of
// containers, keys of a store. The schema says what a name means: which case an option is written in, where a list is,
// and how much of the name somebody chose. What no schema knows keeps its name, and gets the decoder's diagnostic in
// its place.

import type { PathSegment } from './decode-context.ts';
import { isMap } from './input.ts';
import type { Schema } from './schema.ts';

/** In place of a value: takes the option away. */
export const REMOVED = Symbol('removed');

export interface NamedOption {
  readonly path: readonly PathSegment[];
  /** Of the option itself; null when it is not known, or known and not built yet. */
  readonly schema: Schema<unknown> | null;
  readonly isKnown: boolean;
}

/** No list that people write has more entries. */
const INDEX = /^[0-9]{1,4}$/;

/** `servers[0].url` and `servers.0.url` are one name. */
export function partsOf(name: string): readonly string[] {
  return name.replaceAll(/\[([0-9]+)\]/g, '.$1').split('.');
}

/**
 * The option that a name stands for. Names that users chose may contain the separator: that of an entry which is in
 * `existing` counts as one, otherwise they end where an option begins.
 */
export function resolveName(
  schema: Schema<unknown>,
  parts: readonly string[],
  separator: string,
  existing: unknown,
): NamedOption {
  if (parts.length === 0) return { path: [], schema, isKnown: true };
  if (schema.isOpen === true) {
    return { path: parts.map((part) => (INDEX.test(part) ? Number(part) : part)), schema: null, isKnown: true };
  }
  const [first = '', ...rest] = parts;
  const inside = (segment: PathSegment, inner: NamedOption): NamedOption => ({
    ...inner,
    path: [segment, ...inner.path],
  });
  if (schema.fields !== null) {
    const name = keyLike(schema.fields, first);
    if (name === undefined) return { path: [...parts], schema: null, isKnown: false };
    const field = schema.fields[name]!;
    if (field.later !== null) return { path: [name], schema: null, isKnown: true };
    return inside(name, resolveName(field.schema, rest, separator, childOf(existing, name)));
  }
  if (schema.item === undefined) return { path: [...parts], schema: null, isKnown: false };
  if (schema.itemSuffix === '[]') {
    if (!INDEX.test(first)) return { path: [...parts], schema: null, isKnown: false };
    return inside(Number(first), resolveName(schema.item, rest, separator, null));
  }
  const { item } = schema;
  if (item.fields === null && item.item === undefined && item.isOpen !== true) {
    return { path: [parts.join(separator)], schema: item, isKnown: true };
  }
  const length = keyLength(item, parts, separator, existing);
  const key = parts.slice(0, length).join(separator);
  const known = isMap(existing) ? keyLike(existing, key) : undefined;
  return inside(known ?? key, resolveName(item, parts.slice(length), separator, childOf(existing, key)));
}

/**
 * A copy of the tree with the value at the path: a name with dots (see `resolveName`), or its segments, of which each
 * is one name whatever is in it. The case of options is the schema's, that of chosen names the tree's. Sections merge,
 * everything else is replaced. Maps on the way have no prototype: any name may be in them.
 */
export function setAt(
  schema: Schema<unknown>,
  path: string | readonly PathSegment[],
  value: unknown,
  tree: unknown = {},
): unknown {
  const resolved =
    typeof path === 'string' ? resolveName(schema, partsOf(path), '.', tree).path : resolveSegments(schema, path);
  return withValue(tree, resolved, value);
}

function resolveSegments(schema: Schema<unknown> | undefined, path: readonly PathSegment[]): readonly PathSegment[] {
  const [first, ...rest] = path;
  if (first === undefined || schema === undefined || schema.isOpen === true) return path;
  if (schema.fields !== null) {
    const name = keyLike(schema.fields, String(first));
    return name === undefined ? path : [name, ...resolveSegments(schema.fields[name]!.schema, rest)];
  }
  const isIndex = schema.itemSuffix === '[]' && INDEX.test(String(first));
  return [isIndex ? Number(first) : String(first), ...resolveSegments(schema.item, rest)];
}

/**
 * How many parts make up the name of a map's entry: that of an entry which is there, all before the first option, or
 * one. An entry that is there counts where an option of it follows, or nothing: `a.b.url` is of `a.b`, also beside `a`.
 */
function keyLength(item: Schema<unknown>, parts: readonly string[], separator: string, existing: unknown): number {
  const names = new Set(isMap(existing) ? Object.keys(existing).map((name) => name.toLowerCase()) : []);
  const options = new Set(Object.keys(item.fields ?? {}).map((name) => name.toLowerCase()));
  const isOption = (part: string | undefined): boolean => part !== undefined && options.has(part.toLowerCase());
  let known = 0;
  for (let length = parts.length; length > 0; length--) {
    if (!names.has(parts.slice(0, length).join(separator).toLowerCase())) continue;
    if (item.fields === null || length === parts.length || isOption(parts[length])) return length;
    known ||= length;
  }
  const option = parts.findIndex((part, index) => index > 0 && isOption(part));
  return option > 0 ? option : known || 1;
}

/** The key of that name, in whatever case. */
function keyLike(map: object, name: string): string | undefined {
  return Object.keys(map).find((key) => key.toLowerCase() === name.toLowerCase());
}

function childOf(value: unknown, name: string): unknown {
  if (!isMap(value)) return undefined;
  const key = keyLike(value, name);
  return key === undefined ? undefined : value[key];
}

function withValue(tree: unknown, path: readonly PathSegment[], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return isMap(tree) && isMap(value) ? { ...tree, ...value } : value;
  if (typeof first === 'number') {
    const list: unknown[] = Array.isArray(tree) ? [...tree] : [];
    while (list.length < first) list.push({});
    list[first] = withValue(list[first], rest, value);
    return list;
  }
  const map: Record<string, unknown> = Object.assign(Object.create(null), isMap(tree) ? tree : {});
  const key = keyLike(map, first) ?? first;
  const inner = withValue(map[key], rest, value);
  if (inner === REMOVED) delete map[key];
  else map[key] = inner;
  return map;
}
