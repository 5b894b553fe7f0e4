import { expect, test } from 'vitest';
import { DecodeContext } from './decode-context.ts';
import { parseDuration } from './duration.ts';
import { INVALID } from './invalid.ts';
import {
  boolean,
  duration,
  integer,
  later,
  list,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
  withDefault,
  type Schema,
} from './schema.ts';

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
      'invalid-value count: the number must be from 1 to 9',
      'wrong-type isOn: expected true or false, found "maybe"',
      'wrong-type wait: expected a duration such as 500ms, 10s or 1h30m, found "5 minutes"',
      'invalid-value mode: expected one of fast, slow; did you mean "fast"?',
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

test('the same option in two spellings is an error', () => {
  expect(decode(sample, { name: 'a', count: 1, Count: 2 }).messages).toEqual([
    'invalid-value Count: the option "count" is given twice',
  ]);
});

test.each<[string | number, number | null]>([
  [5, 5000], ['5', 5000], ['1.5s', 1500], ['100ms', 100], ['1h1m1s', 3_661_000], ['2us', 0.002],
  ['', null], ['s', null], ['-1s', null], ['1d', null], [-1, null], [Number.NaN, null],
])('duration %j is %j ms', (input, expected) => {
  expect(parseDuration(input)).toBe(expected);
}); // prettier-ignore
