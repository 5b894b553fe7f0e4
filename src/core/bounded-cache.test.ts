import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedCache } from './bounded-cache.ts';

test('keeps an entry that was used and drops one that was not', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect(cache.get('a')).toBe(1);
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('c')).toBe(3);
});

test('makes room when every entry was used', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.get('a');
  cache.get('b');
  cache.set('c', 3);
  expect(cache.size).toBe(2);
  expect(cache.get('c')).toBe(3);
});

test('refuses a capacity that is no count', () => {
  expect(() => new BoundedCache(0)).toThrow(RangeError);
});

test('never holds more than its capacity and never answers with another value than the last set', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.tuple(fc.constantFrom('get', 'set', 'delete'), fc.integer({ min: 0, max: 8 })), { maxLength: 60 }),
      (capacity, steps) => {
        const cache = new BoundedCache<number, number>(capacity);
        const last = new Map<number, number>();
        for (const [index, [action, key]] of steps.entries()) {
          if (action === 'set') {
            cache.set(key, index);
            last.set(key, index);
            expect(cache.get(key)).toBe(index);
          } else if (action === 'delete') {
            cache.delete(key);
            last.delete(key);
          } else {
            const value = cache.get(key);
            if (value !== undefined) expect(value).toBe(last.get(key));
          }
          expect(cache.size).toBeLessThanOrEqual(capacity);
        }
      },
    ),
  );
});
