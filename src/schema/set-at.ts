// Options by name, for sources that have a name and a text per option: environment variables and flags, labels of
// containers, keys of a store. The schema says what a name means: which case an option is written in, where a list is,
// and how much of the name somebody chose. What no schema knows keeps its name, and gets the decoder's diagnostic in
// its place.

import type { PathSegment } from './decode-context.ts';
import { isMap } from './input.ts';
import type { Fields, Schema } from './schema.ts';

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
    const name = optionLike(schema.fields, first);
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
    const name = optionLike(schema.fields, String(first));
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
  const { fields } = item;
  const isOption = (part: string | undefined): boolean =>
    part !== undefined && fields !== null && optionLike(fields, part) !== undefined;
  let known = 0;
  for (let length = parts.length; length > 0; length--) {
    if (!names.has(parts.slice(0, length).join(separator).toLowerCase())) continue;
    if (item.fields === null || length === parts.length || isOption(parts[length])) return length;
    known ||= length;
  }
  const option = parts.findIndex((part, index) => index > 0 && isOption(part));
  return option > 0 ? option : known || 1;
}

/** Options of sections by their names in lower case: thousands of names are resolved by the same few sections. */
const options = new WeakMap<Fields, ReadonlyMap<string, string>>();

function optionLike(fields: Fields, name: string): string | undefined {
  let known = options.get(fields);
  if (known === undefined) {
    known = new Map(Object.keys(fields).map((option) => [option.toLowerCase(), option]));
    options.set(fields, known);
  }
  return known.get(name.toLowerCase());
}

/** The key of that name, in whatever case. */
function keyLike(map: object, name: string): string | undefined {
  if (Object.hasOwn(map, name)) return name;
  const lower = name.toLowerCase();
  return Object.keys(map).find((key) => key.toLowerCase() === lower);
}

function childOf(value: unknown, name: string): unknown {
  if (!isMap(value)) return undefined;
  const key = keyLike(value, name);
  return key === undefined ? undefined : value[key];
}

/** An empty one for `putAt`, without a prototype: any name may come into it. */
export function newTree(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

/**
 * As `setAt`, for a path that `resolveName` has given and a tree that nobody else has: it is changed, which costs a
 * tenth. Maps on the way have no prototype.
 */
export function putAt(tree: Record<string, unknown>, path: readonly PathSegment[], value: unknown): void {
  let holder: Record<string, unknown> | unknown[] = tree;
  for (const [depth, segment] of path.entries()) {
    const key: PathSegment = Array.isArray(holder) ? Number(segment) : (keyLike(holder, String(segment)) ?? segment);
    const slots = holder as Record<PathSegment, unknown>; // A list by its indexes, a map by its names.
    if (Array.isArray(holder)) while (holder.length < Number(segment)) holder.push({});
    const next = path[depth + 1];
    if (next === undefined) {
      const before = slots[key];
      slots[key] = isMap(before) && isMap(value) ? Object.assign(before, value) : value;
      return;
    }
    const inner = slots[key];
    const fits = typeof next === 'number' ? Array.isArray(inner) : isMap(inner);
    const child = fits ? inner : typeof next === 'number' ? [] : newTree();
    slots[key] = child;
    holder = child as typeof holder; // Made here, or by an earlier call.
  }
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
