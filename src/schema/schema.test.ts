import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeContext, formatPath } from './decode-context.ts';
import { parseDuration } from './duration.ts';
import { INVALID } from './invalid.ts';
import {
  boolean,
  duration,
  integer,
  later,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
  withDefault,
  type Schema,
} from './schema.ts';

function decode<T>(schema: Schema<T>, input: unknown) {
  const context = new DecodeContext('test.yml', () => null);
  const value = schema.decode(input, context);
  const found = context.diagnostics.map((one) => `${one.path}: ${one.code}: ${one.message}`);
  return { value, found, diagnostics: context.diagnostics, errorCount: context.errorCount };
}

const server = object({
  url: required(string(), ''),
  weight: withDefault(integer({ min: 0, max: 10 }), 1, ''),
  tags: withDefault(list(string()), [], ''),
  mode: optional(oneOf('keep', 'drop'), ''),
  sticky: later(''),
  tls: later('', 'refused'),
});

test('a section has canonical names and every default filled in', () => {
  expect(decode(server, { URL: 'http://a', TAGS: ['x'] })).toMatchObject({
    value: { url: 'http://a', weight: 1, tags: ['x'], mode: undefined },
    found: [],
  });
});

test('all errors of a section are found at once, each with its path', () => {
  const { value, found } = decode(object({ servers: required(list(server), '') }), {
    servers: [{ weight: 11 }, { url: {}, tags: 'a,b', mode: 'kep', wieght: 2 }, 7],
  });
  expect(value).toBe(INVALID);
  expect(found).toEqual([
    'servers[0].weight: invalid-value: the number must be from 0 to 10',
    'servers[0].url: missing-option: this option is required',
    'servers[1].url: wrong-type: expected a string, found a map',
    'servers[1].mode: invalid-value: expected one of keep, drop; did you mean "keep"?',
    'servers[1].wieght: unknown-option: unknown option "wieght"; did you mean "weight"?',
    'servers[2]: wrong-type: expected a section with options, found "7"',
  ]);
});

test('an unknown option without a near one lists what is known', () => {
  expect(decode(object({ a: optional(string(), ''), b: optional(string(), '') }), { zzzzzz: 1 }).found).toEqual([
    'zzzzzz: unknown-option: unknown option "zzzzzz"; known here: a, b',
  ]);
});

test('the same option in two spellings is an error, not a choice', () => {
  expect(decode(server, { url: 'http://a', Weight: 1, weight: 2 })).toMatchObject({
    value: INVALID,
    found: ['weight: invalid-value: the option "weight" is given twice'],
  });
});

test('a key with nothing behind it is as good as absent, unless it is required', () => {
  expect(decode(server, { url: 'http://a', weight: null }).value).toMatchObject({ weight: 1 });
  expect(decode(server, { url: null }).found).toEqual(['url: missing-option: this option is required']);
});

test('options of later work warn, or disable the object where leaving them out would weaken it', () => {
  expect(decode(server, { url: 'http://a', sticky: { cookie: {} } })).toMatchObject({
    value: { url: 'http://a' },
    found: ['sticky: not-supported-yet: "sticky" is not supported yet and has no effect'],
    errorCount: 0,
  });
  expect(decode(server, { url: 'http://a', tls: {} })).toMatchObject({ value: INVALID, errorCount: 1 });
});

test('names that would change the prototype of a map are refused everywhere', () => {
  const hostile: unknown = JSON.parse('{"__proto__": "x", "constructor": "y", "fine": "z"}');
  const { value, found } = decode(record(string()), hostile);
  expect(value).toBe(INVALID);
  expect(found.map((one) => one.split(': ')[1])).toEqual(['forbidden-key', 'forbidden-key']);
  expect(decode(server, JSON.parse('{"__proto__": {"url": "http://evil"}}')).found).toEqual([
    '__proto__: forbidden-key: "__proto__" cannot be used as a name',
    'url: missing-option: this option is required',
  ]);
  expect(({} as Record<string, unknown>)['url']).toBeUndefined();
});

test('scalars take what labels and environment variables write, and nothing else', () => {
  expect(decode(boolean(), 'True').value).toBe(true);
  expect(decode(boolean(), 'yes').value).toBe(INVALID);
  expect(decode(boolean(), 1).value).toBe(INVALID);
  expect(decode(integer(), '42').value).toBe(42);
  expect(decode(integer(), '4e2').value).toBe(INVALID);
  expect(decode(integer(), 1.5).value).toBe(INVALID);
  expect(decode(integer({ min: 1 }), 0).found).toEqual([': invalid-value: the number must be at least 1']);
  expect(decode(integer(), Number.MAX_SAFE_INTEGER + 1).value).toBe(INVALID);
  expect(decode(number(), '0.25').value).toBe(0.25);
  expect(decode(number(), ' ').value).toBe(INVALID);
  expect(decode(number(), '0x10').value).toBe(INVALID);
  expect(decode(number(), 'Infinity').value).toBe(INVALID);
  expect(decode(string(), 8080).value).toBe('8080');
  expect(decode(string(), null).value).toBe(INVALID);
  expect(decode(oneOf('wrr', 'p2c'), 'WRR').value).toBe('wrr');
  expect(decode(list(string()), 'a, b ,c').value).toEqual(['a', 'b', 'c']);
  expect(decode(list(string(), { min: 1 }), []).found).toEqual([': invalid-value: the list is empty']);
});

test.each([
  ['10s', 10_000],
  ['1h2m3s4ms', 3_723_004],
  ['1.5m', 90_000],
  ['250us', 0.25],
  ['250µs', 0.25],
  ['7', 7_000],
  [7, 7_000],
  [0.5, 500],
  [0, 0],
  ['', null],
  ['s', null],
  ['10 s', null],
  ['-1s', null],
  [-1, null],
  [Number.NaN, null],
  ['1d', null],
  ['1s garbage', null],
])('the duration %j is %j milliseconds', (input, expected) => {
  expect(parseDuration(input)).toBe(expected);
});

test('a duration of whole units reads back as their sum', () => {
  const part = fc.nat(1_000);
  fc.assert(
    fc.property(part, part, part, part, (h, m, s, ms) => {
      const expected = h * 3_600_000 + m * 60_000 + s * 1_000 + ms;
      expect(decode(duration(), `${h}h${m}m${s}s${ms}ms`).value).toBe(expected);
    }),
  );
});

test('nesting without end is refused before it costs the stack', () => {
  const tree: Schema<unknown> = {
    label: 'tree',
    fields: null,
    decode: (input, context) => record(tree).decode(input, context),
  };
  let deep: unknown = 'leaf';
  for (let level = 0; level < 5_000; level++) deep = { a: deep };
  const { value, found } = decode(tree, deep);
  expect(value).toBe(INVALID);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain('nested too deeply');
});

test('a flood of mistakes is counted in full and kept in part', () => {
  const { errorCount, diagnostics } = decode(
    list(integer()),
    Array.from({ length: 1_000 }, () => 'x'),
  );
  expect(errorCount).toBe(1_000);
  expect(diagnostics).toHaveLength(200);
});

test('long values are cut in messages', () => {
  expect(decode(integer(), 'x'.repeat(1_000)).found[0]!.length).toBeLessThan(150);
});

test('no input makes a decoder throw, and INVALID comes with an error', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: false }), (input) => {
      const { value, errorCount } = decode(record(server), input);
      expect(value === INVALID).toBe(errorCount > 0);
    }),
    { numRuns: 500 },
  );
});

test('paths read as people write them', () => {
  expect(formatPath(['http', 'services', 's', 'servers', 0, 'url'])).toBe('http.services.s.servers[0].url');
});
