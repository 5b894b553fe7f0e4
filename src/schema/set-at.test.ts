import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeContext, type PathSegment } from './decode-context.ts';
import { list, record } from './collection.ts';
import { later, optional, withDefault } from './field.ts';
import { object } from './object.ts';
import { boolean, string } from './scalar.ts';
import type { Schema } from './schema.ts';
import { newTree, partsOf, putAt, REMOVED, resolveName, setAt } from './set-at.ts';

const server = object({ url: optional(string(), ''), isBackup: optional(boolean(), '') });
const schema = object({
  services: withDefault(record(object({ servers: withDefault(list(server), [], '') })), {}, ''),
  labels: withDefault(record(string()), {}, ''),
  flags: optional(object({ isOn: optional(boolean(), ''), note: optional(string(), '') }), ''),
  tracing: later(''),
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test('names are those of the schema, indexes are places in lists, other names are kept as they are', () => {
  let tree: unknown = {};
  tree = setAt(schema, 'SERVICES.Shop.servers[0].URL', 'http://a', tree);
  tree = setAt(schema, 'services.shop.Servers.1.url', 'http://b', tree);
  tree = setAt(schema, 'labels.example.com/Team', 'x', tree);
  expect(plain(tree)).toEqual({
    services: { Shop: { servers: [{ url: 'http://a' }, { url: 'http://b' }] } },
    labels: { 'example.com/Team': 'x' },
  });
});

test('a chosen name ends where an option begins, or is that of an entry which is there', () => {
  expect(plain(setAt(schema, 'services.a.b.servers[0].url', 'u'))).toEqual({
    services: { 'a.b': { servers: [{ url: 'u' }] } },
  });
  const there = { services: { 'my.servers': {} } };
  expect(plain(setAt(schema, 'services.my.servers.servers[0].url', 'u', there))).toEqual({
    services: { 'my.servers': { servers: [{ url: 'u' }] } },
  });
});

test('a name that begins with another one is a name of its own, and a slip is told in the entry that is there', () => {
  const tree = setAt(schema, 'services.a.b.servers[0].url', 'v', setAt(schema, 'services.a.servers[0].url', 'u'));
  expect(plain(tree)).toEqual({
    services: { a: { servers: [{ url: 'u' }] }, 'a.b': { servers: [{ url: 'v' }] } },
  });
  expect(resolveName(schema, ['services', 'a', 'b', 'sever'], '.', tree).path).toEqual(['services', 'a.b', 'sever']);
});

test('below what is open names are as they are written', () => {
  const open = record({ ...string(), isOpen: true });
  const tree = setAt(open, 'p.List[1].Name', 'b', setAt(open, 'p.List[0].Name', 'a'));
  expect(plain(tree)).toEqual({ p: { List: [{ Name: 'a' }, { Name: 'b' }] } });
  expect(plain(setAt(open, ['p', 'List', 0], 'x', tree))).toEqual({ p: { List: ['x', { Name: 'b' }] } });
});

test('each segment of a path is one name, whatever is in it', () => {
  expect(plain(setAt(schema, ['Services', 'my.servers', 'servers', '0', 'URL'], 'u'))).toEqual({
    services: { 'my.servers': { servers: [{ url: 'u' }] } },
  });
  expect(plain(setAt(schema, ['labels', 'a.b'], 'u'))).toEqual({ labels: { 'a.b': 'u' } });
});

test('sections merge, other values are replaced, and what is removed is gone', () => {
  const tree = { flags: { isOn: 'true' }, labels: { a: '1' } };
  expect(plain(setAt(schema, 'flags', { note: 'n' }, tree))).toEqual({
    flags: { isOn: 'true', note: 'n' },
    labels: { a: '1' },
  });
  expect(plain(setAt(schema, 'labels.A', '2', tree))).toEqual({ flags: { isOn: 'true' }, labels: { a: '2' } });
  expect(plain(setAt(schema, 'FLAGS', REMOVED, tree))).toEqual({ labels: { a: '1' } });
  expect(tree).toEqual({ flags: { isOn: 'true' }, labels: { a: '1' } });
});

test('what is not known is told, and set where it was meant', () => {
  expect(resolveName(schema, ['flags', 'isOf'], '.', {})).toMatchObject({ isKnown: false, path: ['flags', 'isOf'] });
  expect(resolveName(schema, ['services', 's', 'servers', 'x'], '.', {}).isKnown).toBe(false);
  expect(resolveName(schema, ['tracing', 'otlp'], '.', {})).toEqual({ path: ['tracing'], schema: null, isKnown: true });
  const tree = setAt(schema, 'flags.isOf', 'true');
  const context = new DecodeContext('labels', () => null);
  schema.decode(tree, context);
  expect(context.diagnostics.map(({ path, code }) => `${path} ${code}`)).toEqual(['flags.isOf unknown-option']);
});

test('no index makes a list of millions, and no name reaches the prototype', () => {
  const tree = setAt(schema, 'services.s.servers[4294967295].url', 'u');
  expect(Array.isArray((plain(tree) as { services: { s: { servers: unknown } } }).services.s.servers)).toBe(false);
  setAt(schema, 'services.__proto__.servers[0].url', 'u');
  setAt(schema, ['__proto__', 'url'], 'u');
  expect(({} as Record<string, unknown>)['url']).toBeUndefined();
  expect(({} as Record<string, unknown>)['servers']).toBeUndefined();
});

const FIELD_NAMES = ['address', 'hostName', 'rules', 'Weight', 'tls'];
const CHOSEN_NAMES = ['shop', 'Blog-2', 'x_y', '0', 'constructor'];

const { any } = fc.letrec<{ any: Schema<unknown>; section: Schema<unknown> }>((tie) => ({
  section: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...FIELD_NAMES), tie('any')), {
      minLength: 1,
      selector: ([name]) => name,
    })
    .map((fields) => object(Object.fromEntries(fields.map(([name, inner]) => [name, optional(inner, '')])))),
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constant(string()),
    tie('section'),
    tie('any').map((item) => list(item)),
    tie('any').map((item) => record(item)),
  ),
}));

/** One path to each of its values, of records and lists by several names and places. */
function pathsOf(of: Schema<unknown>): readonly (readonly PathSegment[])[] {
  const below = (segment: PathSegment, inner: Schema<unknown>): readonly (readonly PathSegment[])[] =>
    pathsOf(inner).map((path) => [segment, ...path]);
  if (of.fields !== null) return Object.entries(of.fields).flatMap(([name, field]) => below(name, field.schema));
  if (of.item === undefined) return [[]];
  const keys: readonly PathSegment[] = of.itemSuffix === '[]' ? [0, 2] : CHOSEN_NAMES.slice(0, 2);
  return keys.flatMap((key) => below(key, of.item!));
}

function valueAt(tree: unknown, path: readonly PathSegment[]): unknown {
  // Only paths that were set are asked for.
  return path.reduce((inner, segment) => (inner as Readonly<Record<PathSegment, unknown>>)[segment], tree);
}

/** The name in another case where the schema decides, as somebody else would write it. */
function otherCase(of: Schema<unknown>, path: readonly PathSegment[]): readonly PathSegment[] {
  const [first, ...rest] = path;
  if (first === undefined) return [];
  if (of.fields !== null) {
    return [String(first).toUpperCase(), ...otherCase(of.fields[first]!.schema, rest)];
  }
  return [first, ...otherCase(of.item!, rest)];
}

test('whatever a schema has a place for is set there by its name and by its path, and read back', () => {
  fc.assert(
    fc.property(any, fc.boolean(), (random, isByName) => {
      const paths = pathsOf(random).slice(0, 200);
      let tree: unknown = {};
      paths.forEach((path, index) => {
        const written = otherCase(random, path);
        tree = setAt(random, isByName && path.length > 0 ? written.join('.') : written, `value ${index}`, tree);
      });
      paths.forEach((path, index) => expect(valueAt(tree, path)).toBe(`value ${index}`));
    }),
    { numRuns: 300, seed: 7 },
  );
});

test('a tree that is changed in place becomes what copies become', () => {
  const segment = fc.constantFrom('services', 'Labels', 'labels', 'flags', 'isOn', 'a', 'A', 'a.b', '__proto__', 'url');
  const part = fc.oneof(segment, fc.constantFrom('servers[0]', 'servers[2]', 'servers'));
  const setting = fc.tuple(fc.array(part, { minLength: 1, maxLength: 6 }), fc.constantFrom('x', 'true'));
  fc.assert(
    fc.property(fc.array(setting, { maxLength: 8 }), (settings) => {
      const changed = newTree();
      let copied: unknown = {};
      for (const [parts, value] of settings) {
        const { path } = resolveName(schema, partsOf(parts.join('.')), '.', changed);
        putAt(changed, path, value);
        copied = setAt(schema, path, value, copied);
      }
      expect(plain(changed)).toEqual(plain(copied));
    }),
    { seed: 17 },
  );
});
