import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fnv1a, FNV_BASIS, mix, murmur3 } from './hash.ts';

// Of the authors' test_fnv.c, as RFC 9923 has them.
const PUBLISHED: readonly (readonly [string, number])[] = [
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['b', 0xe70c2de5],
  ['c', 0xe60c2c52],
  ['fo', 0x6222e842],
  ['foo', 0xa9f37ed7],
  ['foob', 0x3f5076ef],
  ['fooba', 0x39aaa18a],
  ['foobar', 0xbf9cf968],
];

test.each(PUBLISHED)('the hash of %j is the published one', (text, hash) => {
  expect(fnv1a(text) >>> 0).toBe(hash);
});

test('a text is hashed piece by piece', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (head, tail) => fnv1a(tail, fnv1a(head, FNV_BASIS)) === fnv1a(head + tail)),
  );
});

// As other implementations have them, of texts whose bytes fill words.
test.each([
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['\0\0\0\0', 0, 0x2362f9de],
])('MurmurHash3 of %j with the seed %i is the published one', (text, seed, hash) => {
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
  const words = new Int32Array(bytes.buffer);
  expect(murmur3(words, words.length, seed) >>> 0).toBe(hash);
});

test('mixing tells any two numbers apart', () => {
  const numbers = Array.from({ length: 10_000 }, (_, index) => mix(index - 5_000));
  expect(new Set(numbers).size).toBe(10_000);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  // Published with MurmurHash3: 0 stays 0.
  expect(mix(0)).toBe(0);
});
