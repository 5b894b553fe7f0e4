import { expect, test } from 'vitest';
import { DecodeContext } from './decode-context.ts';
import { parseDuration } from './duration.ts';
import { forgivingList, forgivingRecord, indexInSource } from './forgiving.ts';
import { INVALID } from './invalid.ts';
import { list, record } from './collection.ts';
import { later, optional, required, withDefault } from './field.ts';
import { object } from './object.ts';
import { boolean, duration, integer, oneOf, string } from './scalar.ts';
import type { Schema } from './schema.ts';

function decode<T>(schema: Schema<T>, input: unknown): { value: T | typeof INVALID; messages: string[] } {
  const context = new DecodeContext('test.yml', () => null);
  const value = schema.decode(input, context);
  return { value, messages: context.diagnostics.map(({ code, path, message }) => `${code} ${path}: ${message}`) };
}

const sample = object({
  name: required(string(), ''),
  count: withDefault(integer({ min: 1, max: 9 }), 3, ''),
  isOn: withDefault(boolean(), false, ''),
  wait: withDefault(duration(), 1000, ''),
  mode: withDefault(oneOf('fast', 'slow'), 'fast', ''),
  tags: withDefault(list(string()), [], ''),
  labels: optional(record(integer()), ''),
  tls: later(''),
  guard: later('', 'refused'),
});

test('fills defaults and matches keys whatever their case', () => {
  expect(decode(sample, { NAME: 'a', iSoN: 'true', COUNT: '4', wait: '1m30s', tags: 'x, y' })).toEqual({
    value: {
      name: 'a',
      count: 4,
      isOn: true,
      wait: 90_000,
      mode: 'fast',
      tags: ['x', 'y'],
      labels: undefined,
      tls: undefined,
      guard: undefined,
    },
    messages: [],
  });
});

test('reports every mistake at once, with what to write instead', () => {
  const { value, messages } = decode(sample, {
    cuont: 1,
    count: 20,
    isOn: 'maybe',
    wait: '5 minutes',
    mode: 'fsat',
    tags: [1, {}],
    labels: { a: 'x', __proto__x: 1 },
  });
  expect(value).toBe(INVALID);
  expect(messages).toEqual(
    [
      'unknown-option cuont: unknown option "cuont"; did you mean "count"?',
      'invalid-value count: the number must be from 1 to 9, found 20',
      'wrong-type isOn: expected true or false, found "maybe"',
      'wrong-type wait: expected a duration such as 500ms, 10s or 1h30m, found "5 minutes"',
      'invalid-value mode: expected one of fast, slow, found "fsat"; did you mean "fast"?',
      'wrong-type tags[1]: expected a string, found a map',
      'wrong-type labels.a: expected a whole number, found "x"',
      'wrong-type labels.__proto__x: expected a whole number, found 1'.replace('found 1', 'found 1'),
      'missing-option name: this option is required',
    ].filter((line) => !line.startsWith('wrong-type labels.__proto__x')),
  );
});

test('options of later versions warn, and refuse the object where leaving them out would weaken it', () => {
  expect(decode(sample, { name: 'a', tls: {} }).messages).toEqual([
    'not-supported-yet tls: "tls" is not supported yet and has no effect',
  ]);
  expect(decode(sample, { name: 'a', guard: 1 }).value).toBe(INVALID);
});

test('keys that would change a prototype are refused', () => {
  const input = JSON.parse('{"name":"a","labels":{"__proto__":1,"constructor":2}}') as unknown;
  expect(decode(sample, input).messages).toEqual([
    'forbidden-key labels.__proto__: "__proto__" cannot be used as a name',
    'forbidden-key labels.constructor: "constructor" cannot be used as a name',
  ]);
  expect(decode(sample, JSON.parse('{"name":"a","__proto__":{"isOn":true}}')).value).toBe(INVALID);
});

test('the same option in two spellings costs the second one', () => {
  expect(decode(sample, { name: 'a', count: 1, Count: 2 }).messages).toEqual([
    'duplicate-key Count: "count" is given twice: the first counts, and this one is left out',
  ]);
});

test.each<[string | number, number | null]>([
  [5, 5000], ['5', 5000], ['1.5s', 1500], ['100ms', 100], ['1h1m1s', 3_661_000], ['2us', 0.002],
  ['.5s', 500], ['1.s', 1000], ['+2s', 2000],
  ['', null], ['s', null], ['-1s', -1000], ['-1m1.5s', -61_500], ['1d', null], [-1, -1000], ['-', null], [Number.NaN, null],
])('duration %j is %j ms', (input, expected) => {
  expect(parseDuration(input)).toBe(expected);
}); // prettier-ignore

test('sections take true, false and an empty variable', () => {
  const schema = object({
    on: optional(object({ size: withDefault(integer(), 3, '') }), ''),
    off: withDefault(object({ size: withDefault(integer(), 3, '') }), { size: 4 }, ''),
    must: required(object({ size: required(integer(), '') }), ''),
  });
  const given = { on: true, off: 'false', must: 'TRUE' };
  expect(decode(schema, given).messages).toEqual(['missing-option must.size: this option is required']);
  const value = { on: { size: 3 }, off: { size: 4 }, must: { size: 1 } };
  expect(decode(schema, { ...given, must: { size: 1 } })).toEqual({ value, messages: [] });
  expect(decode(schema, { on: false, off: '', must: { size: 1 } }).value).toEqual({ ...value, on: undefined });
  expect(decode(schema, { on: 'yes', must: false }).messages).toEqual([
    'wrong-type on: expected a section with options, true or false, found "yes"; write true',
    'missing-option must: this option is required',
  ]);
});

test('what an empty variable leaves is no value', () => {
  expect(decode(sample, { name: 'a', count: '', isOn: '', wait: '', mode: '', tags: '', labels: '' })).toEqual({
    value: {
      name: 'a',
      count: 3,
      isOn: false,
      wait: 1000,
      mode: 'fast',
      tags: [],
      labels: undefined,
      tls: undefined,
      guard: undefined,
    },
    messages: [],
  });
});

test('a scalar is a list of one', () => {
  for (const [given, items] of [[80, ['80']], [true, ['true']], ['a,,b,', ['a', 'b']], [{ x: 1 }, null]] as const) {
    const { value } = decode(object({ items: optional(list(string()), '') }), { items: given });
    expect(value).toEqual(items === null ? INVALID : { items });
  }
  const servers = list(object({ url: required(string(), '') }));
  expect(decode(servers, { url: 'a' }).value).toEqual([{ url: 'a' }]);
});

test('an entry of a forgiving list or map costs itself, while a strict one costs the list', () => {
  const numbers = forgivingList(integer());
  expect(decode(numbers, [1, 'x', 3])).toEqual({
    value: [1, 3],
    messages: ['wrong-type [1]: expected a whole number, found "x"; this entry is left out'],
  });
  const { value } = decode(numbers, [1, 'x', 3]);
  expect(indexInSource(value as readonly number[], 1)).toBe(2);
  expect(decode(numbers, ['x', 'y']).value).toBe(INVALID);
  expect(decode(forgivingList(integer(), { mayLoseAll: true }), ['x']).value).toEqual([]);
  expect(decode(list(integer()), [1, 'x']).value).toBe(INVALID);
  expect(decode(forgivingRecord(integer()), { a: 1, b: 'x', __proto: 2 }).value).toEqual({ a: 1, __proto: 2 });
  expect(decode(forgivingRecord(string()), { a: null, b: 1 }).value).toEqual({ a: '', b: '1' });
});

test('numbers out of range are clamped where that is what they can mean', () => {
  const both = integer({ min: 0, max: 9, clamp: 'both' });
  expect(decode(both, '9223372036854774807').value).toBe(9);
  expect(decode(both, -5)).toEqual({
    value: 0,
    messages: ['out-of-range : the number must be from 0 to 9; 0 is taken for -5'],
  });
  expect(decode(integer({ min: 1, max: 9, clamp: 'above' }), 0).value).toBe(INVALID);
  expect(decode(integer(), 1.5).value).toBe(INVALID);
});

test('negative durations', () => {
  expect(decode(duration(), '-1s')).toEqual({
    value: 0,
    messages: ['out-of-range : a negative time has no meaning here; 0 is taken for "-1s"'],
  });
  expect(decode(duration({ negative: 'kept' }), -1).value).toBe(-1000);
  const schema = object({ every: withDefault(duration({ negative: 'default', minMs: 100 }), 5000, '') });
  expect(decode(schema, { every: '-1s' }).value).toEqual({ every: 5000 });
  expect(decode(schema, { every: '1ms' }).value).toEqual({ every: 100 });
});

test('switches are read as Go reads them', () => {
  for (const text of ['1', 't', 'TRUE', 'True', 1]) expect(decode(boolean(), text).value).toBe(true);
  for (const text of ['0', 'F', 'false', 0]) expect(decode(boolean(), text).value).toBe(false);
  expect(decode(boolean(), 'yes').value).toBe(INVALID);
});
