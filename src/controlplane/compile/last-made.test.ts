import { expect, test } from 'vitest';
import { isSame, LastMade } from './last-made.ts';

test('keeps the object while all of it says the same', () => {
  const made = new LastMade<object, { a: number; deep: { list: readonly number[] } }>();
  const options = {};
  const first = made.keep(options, { a: 1, deep: { list: [1, 2] } });
  expect(made.keep(options, { a: 1, deep: { list: [1, 2] } })).toBe(first);
  const second = made.keep(options, { a: 1, deep: { list: [1, 3] } });
  expect(second).not.toBe(first);
  expect(made.keep(options, { a: 1, deep: { list: [1, 3] } })).toBe(second);
  // Of other options, it is another object.
  expect(made.keep({}, { a: 1, deep: { list: [1, 3] } })).not.toBe(second);
});

test.each<[unknown, unknown, boolean]>([
  [1, 1, true],
  [1, '1', false],
  [null, null, true],
  [null, {}, false],
  [undefined, null, false],
  [[], {}, false],
  [{}, [], false],
  [[1], [1, 2], false],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [{ a: undefined }, { b: undefined }, false],
  [{ a: 1, b: [{}] }, { a: 1, b: [{}] }, true],
  [{ a: 1, b: 1 }, { b: 1, a: 1 }, false],
])('%j and %j', (a, b, same) => {
  expect(isSame(a, b)).toBe(same);
});
