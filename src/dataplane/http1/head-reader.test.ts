import { afterEach, expect, test } from 'vitest';
import fc from 'fast-check';
import { DEFAULT_HELD_BYTES, heldMemory } from '../../core/held-memory.ts';
import {
  HEAD_COMPLETE,
  HEAD_MALFORMED,
  HEAD_PARTIAL,
  HEAD_REFUSED,
  HEAD_TOO_LARGE,
  HeadReader,
} from './head-reader.ts';

const HEAD = 'GET / HTTP/1.1\r\nHost: a\r\nX: é\r\n\r\n';

afterEach(() => {
  heldMemory.maxBytes = DEFAULT_HELD_BYTES;
  expect(heldMemory.bytes).toBe(0);
});

function feed(reader: HeadReader, text: string, maxBytes = 1000): number {
  const chunk = Buffer.from(text, 'latin1');
  return reader.read(chunk, 0, chunk.length, maxBytes);
}

test('however a head is cut, it is found, and what follows it stays', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: HEAD.length }), { maxLength: 6 }), (cuts) => {
      const reader = new HeadReader();
      const ends = [...new Set(cuts.filter((cut) => cut > 0 && cut < HEAD.length))].toSorted((a, b) => a - b);
      let at = 0;
      for (const end of ends) {
        expect(feed(reader, HEAD.slice(at, end))).toBe(HEAD_PARTIAL);
        expect(reader.hasLine).toBe(HEAD.slice(0, end).includes('\r\n'));
        expect(reader.received).toBe(end);
        at = end;
      }
      expect(feed(reader, `${HEAD.slice(at)}body`)).toBe(HEAD_COMPLETE);
      expect(reader.text.slice(0, reader.length)).toBe(HEAD);
      expect(reader.next).toBe(HEAD.length - at);
      reader.reset();
    }),
  );
});

test('a head may have as many bytes as allowed, in one piece or in many, and no more', () => {
  for (const first of [1, HEAD.length - 2, HEAD.length]) {
    for (const [max, outcome] of [
      [HEAD.length, HEAD_COMPLETE],
      [HEAD.length - 1, HEAD_TOO_LARGE],
    ] as const) {
      const reader = new HeadReader();
      if (first < HEAD.length) expect(feed(reader, HEAD.slice(0, first), max)).toBe(HEAD_PARTIAL);
      expect(feed(reader, `${first < HEAD.length ? HEAD.slice(first) : HEAD}${'x'.repeat(100)}`, max)).toBe(outcome);
      reader.reset();
    }
    const endless = new HeadReader();
    expect(feed(endless, 'x', 100)).toBe(HEAD_PARTIAL);
    expect(feed(endless, 'x'.repeat(99), 100)).toBe(HEAD_PARTIAL);
    expect(feed(endless, 'x', 100)).toBe(HEAD_TOO_LARGE);
  }
});

test('a bad line end is one wherever the pieces meet', () => {
  for (const [first, second, outcome] of [
    ['GET / HTTP/1.1\r', '\nHost: a', HEAD_PARTIAL],
    ['GET / HTTP/1.1\r', 'Host: a', HEAD_MALFORMED],
    ['GET / HTTP/1.1', '\nHost: a', HEAD_MALFORMED],
    ['GET / HTTP/1.1\r\n', '\nHost: a', HEAD_MALFORMED],
    ['GET / HTTP/1.1', '\r', HEAD_PARTIAL],
  ] as const) {
    const reader = new HeadReader();
    expect(feed(reader, first)).toBe(HEAD_PARTIAL);
    expect(feed(reader, second)).toBe(outcome);
    reader.reset();
  }
});

test('begun heads are refused beyond the bound over all, and leave room when they are gone', () => {
  heldMemory.maxBytes = 10_000;
  const readers = Array.from({ length: 20 }, () => new HeadReader());
  const piece = `GET /${'x'.repeat(900)}`;
  const outcomes = readers.map((reader) => feed(reader, piece));
  expect(outcomes.filter((outcome) => outcome === HEAD_PARTIAL)).toHaveLength(11);
  expect(outcomes.filter((outcome) => outcome === HEAD_REFUSED)).toHaveLength(9);
  expect(heldMemory.bytes).toBeLessThanOrEqual(10_000);
  // A whole head needs no room.
  expect(feed(readers[19]!, HEAD)).toBe(HEAD_COMPLETE);
  readers[0]!.reset();
  expect(feed(readers[18]!, piece)).toBe(HEAD_PARTIAL);
  for (const reader of readers) reader.reset();
});

test('one more byte that finds no room ends a begun head, too', () => {
  const reader = new HeadReader();
  expect(feed(reader, 'x'.repeat(512))).toBe(HEAD_PARTIAL);
  heldMemory.maxBytes = 600;
  expect(feed(reader, 'x')).toBe(HEAD_REFUSED);
});
