// Every option that an object of a kind can have, each with a text that it takes, found in the schemas: for tests of
// sources that have a name and a text per option. A new kind or option is among them without a line here.

import { OBJECT_KINDS, type ObjectSection } from '../../src/controlplane/config/routing/object-kinds.ts';
import { DecodeContext, type PathSegment } from '../../src/schema/decode-context.ts';
import { INVALID } from '../../src/schema/invalid.ts';
import type { Fields, Schema } from '../../src/schema/schema.ts';

/** One setting: where, below the object, and the text. */
export interface Setting {
  readonly path: readonly PathSegment[];
  readonly text: string;
}

export interface OptionSample {
  readonly path: readonly PathSegment[];
  /** Sets of settings that each have the option, with what it needs around it; one of them makes an object. */
  readonly attempts: Iterable<readonly Setting[]>;
}

/** What an option of text may want, the commonest first; `more` are those that only the test can know. */
function candidates({ json }: Schema<unknown>, more: readonly string[]): readonly string[] {
  const values = json['enum'];
  if (Array.isArray(values)) return values.map(String);
  if (json['type'] === 'boolean') return ['true', 'false'];
  if (json['type'] === 'integer' || json['type'] === 'number') return ['1', '2', '7', '200', '8080', '0'];
  return [
    'x',
    '7s',
    '/x',
    'x.test',
    '10.1.0.0/16',
    '200-299',
    'http://x.test:80',
    'x.test:80',
    '^/x',
    'text/html',
    ...more,
  ];
}

/** A key that somebody chose. */
const KEY = 'X-Some';

/** Options of all objects of a kind; those of text take one of `more` where nothing common is taken. */
export function* optionSamples(section: ObjectSection, more: readonly string[] = []): Iterable<OptionSample> {
  const { options } = OBJECT_KINDS[section];
  for (const { path, schema } of leavesOf(options as Schema<unknown>, [])) {
    yield { path, attempts: attempts(options as Schema<unknown>, path, schema, more) };
  }
}

function* leavesOf(
  { fields, item, itemSuffix, ...rest }: Schema<unknown>,
  path: readonly PathSegment[],
): Iterable<{ readonly path: readonly PathSegment[]; readonly schema: Schema<unknown> }> {
  if (path.length > 12) return;
  if (fields !== null) {
    for (const [name, field] of Object.entries(fields))
      if (field.later === null) yield* leavesOf(field.schema, [...path, name]);
  } else if (item !== undefined) yield* leavesOf(item, [...path, itemSuffix === '[]' ? 0 : KEY]);
  else yield { path, schema: { fields, ...rest } as Schema<unknown> };
}

function* attempts(
  root: Schema<unknown>,
  path: readonly PathSegment[],
  leaf: Schema<unknown>,
  more: readonly string[],
): Iterable<readonly Setting[]> {
  const around = requiredAround(root, path, [], more);
  for (const text of candidates(leaf, more)) yield [...around, { path, text }];
}

/** What has to be there beside the path for the sections on it to be whole. */
function requiredAround(
  schema: Schema<unknown>,
  path: readonly PathSegment[],
  at: readonly PathSegment[],
  more: readonly string[],
): readonly Setting[] {
  const [first, ...rest] = path;
  if (first === undefined) return [];
  if (schema.fields === null)
    return schema.item === undefined ? [] : requiredAround(schema.item, rest, [...at, first], more);
  return [
    ...requiredIn(schema.fields, at, more, String(first)),
    ...requiredAround(schema.fields[String(first)]!.schema, rest, [...at, first], more),
  ];
}

function requiredIn(fields: Fields, at: readonly PathSegment[], more: readonly string[], but = ''): readonly Setting[] {
  return Object.entries(fields).flatMap(([name, { isRequired, schema }]) =>
    isRequired && name !== but ? smallest(schema, [...at, name], more) : [],
  );
}

function smallest(schema: Schema<unknown>, at: readonly PathSegment[], more: readonly string[]): readonly Setting[] {
  if (schema.fields !== null) return requiredIn(schema.fields, at, more);
  if (schema.item !== undefined) return smallest(schema.item, [...at, schema.itemSuffix === '[]' ? 0 : KEY], more);
  const text = candidates(schema, more).find((one) => isTaken(schema, one));
  return text === undefined ? [] : [{ path: at, text }];
}

function isTaken(schema: Schema<unknown>, text: string): boolean {
  const context = new DecodeContext('sample', () => null, { variable: () => undefined, file: () => '' });
  return schema.decode(text, context) !== INVALID && context.diagnostics.length === 0;
}

/** The settings as a document has them: numbers and switches are none of text. */
export function optionsOf(root: Schema<unknown>, settings: readonly Setting[]): unknown {
  let tree: unknown;
  for (const { path, text } of settings) tree = put(root, tree, path, text);
  return tree;
}

function put(schema: Schema<unknown> | undefined, tree: unknown, path: readonly PathSegment[], text: string): unknown {
  const [first, ...rest] = path;
  if (first === undefined) {
    const type = schema?.json['type'];
    return type === 'boolean' || type === 'integer' || type === 'number' ? (JSON.parse(text) as unknown) : text;
  }
  if (typeof first === 'number') {
    const list: readonly unknown[] = Array.isArray(tree) ? tree : [];
    return Object.assign([...list], { [first]: put(schema?.item, list[first], rest, text) });
  }
  const map = (tree ?? {}) as Readonly<Record<string, unknown>>; // Made here.
  return { ...map, [first]: put(schema?.fields?.[first]?.schema ?? schema?.item, map[first], rest, text) };
}
