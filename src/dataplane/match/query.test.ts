import { expect, test } from 'vitest';
import { parseQuery, queryOf } from './query.ts';

test.each<[string, Record<string, string[]>]>([
  ['', {}],
  ['a=1&b=2&a=3', { a: ['1', '3'], b: ['2'] }],
  ['flag&empty=', { flag: [''], empty: [''] }],
  ['a=b=c', { a: ['b=c'] }],
  ['a+b=c%20d', { 'a b': ['c d'] }],
  ['&&a=1&', { a: ['1'] }],
  ['=x', { '': ['x'] }],
  ['a=1;b=2&c=3;', { a: ['1'], b: ['2'], c: ['3'] }],
  ['a=%zz&b=%4&c=%&%=1&d=1', { d: ['1'] }],
  ['a=%C3%A9', { a: ['é'] }],
  ['a=%41%ff%C3%A9+', { a: ['A\ufffdé '] }],
  ['__proto__=1', { ['__proto__']: ['1'] }],
])('%s', (query, expected) => {
  expect([...parseQuery(query)]).toEqual(Object.entries(expected));
});

test('a query of 100,000 parameters is read whole, and once', () => {
  const query = Array.from({ length: 100_000 }, (_, index) => `${index % 2 === 0 ? 'same' : `k${index}`}=%20`).join(
    '&',
  );
  const request = { query, parsedQuery: null };
  const params = queryOf(request);
  expect(params.get('same')?.length).toBe(50_000);
  expect(params.size).toBe(50_001);
  expect(queryOf(request)).toBe(params);
});
