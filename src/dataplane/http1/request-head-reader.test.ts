import { afterEach, expect, test } from 'vitest';
import { DEFAULT_HELD_BYTES, heldMemory } from '../../core/held-memory.ts';
import type { DownstreamLimits } from '../../model/entry-point.ts';
import { FAILURES } from '../http/failure.ts';
import {
  REQUEST_AWAITED,
  REQUEST_BEGUN,
  REQUEST_COMPLETE,
  REQUEST_REFUSED,
  RequestHeadReader,
} from './request-head-reader.ts';

const LIMITS = { maxHeaderBytes: 100, maxLineBytes: 40 } as DownstreamLimits; // Those that are read.
const HEAD = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const NAMES = { [REQUEST_AWAITED]: 'awaited', [REQUEST_BEGUN]: 'begun', [REQUEST_COMPLETE]: 'complete' };

afterEach(() => {
  heldMemory.maxBytes = DEFAULT_HELD_BYTES;
  expect(heldMemory.bytes).toBe(0);
});

/** What becomes of each piece, read to its end or to the first head or refusal. */
function read(...pieces: readonly string[]): string[] {
  const reader = new RequestHeadReader();
  const said: string[] = [];
  for (const piece of pieces) {
    const chunk = Buffer.from(piece, 'latin1');
    let at = 0;
    while (at < chunk.length) {
      const outcome = reader.readRequest(chunk, at, chunk.length, LIMITS);
      said.push(outcome === REQUEST_REFUSED ? reader.failure!.flag : NAMES[outcome]);
      at = reader.next;
      if (outcome === REQUEST_COMPLETE) expect(reader.text.slice(0, reader.length)).toBe(HEAD);
    }
  }
  reader.reset();
  return said;
}

test.each([
  [[HEAD], ['complete']],
  [[HEAD + HEAD], ['complete', 'complete']],
  [
    [HEAD.slice(0, 5), HEAD.slice(5, 9), HEAD.slice(9)],
    ['begun', 'awaited', 'complete'],
  ],
  [
    ['\r\n', HEAD],
    ['awaited', 'complete'],
  ],
  [
    ['\r', '\n', HEAD],
    ['begun', 'awaited', 'complete'],
  ],
  [[`\r\n${HEAD}\r\n${HEAD}`], ['complete', 'complete']],
] as const)('%j is read', (pieces, said) => {
  expect(read(...pieces)).toEqual(said);
});

test.each([
  ['another protocol', ['\u0016\u0003\u0001'], FAILURES.badRequestLine],
  ['an endless line', ['GET /', 'a'.repeat(40)], FAILURES.targetTooLong],
  ['a long line', [`GET /${'a'.repeat(120)}`], FAILURES.targetTooLong],
  ['too many fields', [`GET / HTTP/1.1\r\nA: ${'a'.repeat(100)}`], FAILURES.headersTooLarge],
  ['a control character in the line', ['GET /\u0001'], FAILURES.badRequestLine],
  ['a control character in a field', ['GET / HTTP/1.1\r\nA: \u0001'], FAILURES.badHeader],
  ['a bare line feed', ['GET / HTTP/1.1\nA: b'], FAILURES.badHeader],
] as const)('%s is refused before the head is whole', (_, pieces, failure) => {
  expect(read(...pieces).at(-1)).toBe(failure.flag);
});

test('when there is no room for the begin of a head, it is refused', () => {
  heldMemory.maxBytes = 10;
  expect(read('GET /')).toEqual([FAILURES.memoryFull.flag]);
});
