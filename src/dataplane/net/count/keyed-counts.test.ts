import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { Worker } from 'node:worker_threads';
import { fnv1a } from '../../../core/hash.ts';
import { COUNT_REFUSED, COUNT_UNTRACKED, KeyedCounts, type KeyTableShape } from './keyed-counts.ts';

/** One set: every key is in the way of every other. */
const SMALL: KeyTableShape = { sets: 1, keyBytes: 32 };
const LARGE: KeyTableShape = { sets: 64, keyBytes: 48 };

function workers(shape: KeyTableShape, workerSlots: number): readonly KeyedCounts[] {
  const memory = new SharedArrayBuffer(KeyedCounts.bytes(shape, workerSlots));
  return Array.from({ length: workerSlots }, (_, slot) => new KeyedCounts(memory, shape, slot, workerSlots));
}

test('a limit holds over workers, and what leaves makes room', () => {
  const [a, b] = workers(LARGE, 2) as [KeyedCounts, KeyedCounts];
  const first = a.enter('key', 2);
  expect(first).toBeGreaterThan(0);
  expect(b.enter('key', 2)).toBe(first);
  expect([a.enter('key', 2), b.enter('key', 2)]).toEqual([COUNT_REFUSED, COUNT_REFUSED]);
  expect(b.enter('other', 2)).toBeGreaterThan(0);
  b.leave(first);
  expect(a.enter('key', 2)).toBe(first);
});

test('keys of one hash are two keys', () => {
  // Under FNV-1a with 32 bits these are one; in the only set there is they stand side by side.
  const [one, other] = ['costarring', 'liquid'];
  expect(fnv1a(one!)).toBe(fnv1a(other!));
  const [counts] = workers(SMALL, 1) as [KeyedCounts];
  expect(counts.enter(one!, 1)).toBeGreaterThan(0);
  expect(counts.enter(other!, 1)).toBeGreaterThan(0);
  expect([counts.enter(one!, 1), counts.enter(other!, 1)]).toEqual([COUNT_REFUSED, COUNT_REFUSED]);
});

test('keys differ by whatever makes them different, however long they are', () => {
  const long = 'x'.repeat(100);
  const keys = [
    '',
    '\0',
    '\0\0',
    'a',
    'a\0',
    'abc',
    'abcd',
    'abcde',
    'é',
    'é\u0301',
    '\ud800',
    '\ud801',
    long,
    `${long}x`,
  ];
  const [counts] = workers(SMALL, 1) as [KeyedCounts];
  const tickets = keys.map((key) => counts.enter(key, 1));
  expect(new Set(tickets).size).toBe(keys.length);
  expect(Math.min(...tickets)).toBeGreaterThan(0);
  for (const key of keys) expect(counts.enter(key, 1)).toBe(COUNT_REFUSED);
});

test('a key that finds no row is let through, and counts again when there is one', () => {
  const [counts] = workers(SMALL, 1) as [KeyedCounts];
  const tickets = Array.from({ length: 16 }, (_, index) => counts.enter(`k${index}`, 1));
  expect(counts.enter('more', 1)).toBe(COUNT_UNTRACKED);
  counts.leave(COUNT_UNTRACKED);
  expect(counts.enter('k3', 1)).toBe(COUNT_REFUSED);
  counts.leave(tickets[5]!);
  expect(counts.enter('more', 1)).toBe(tickets[5]);
  expect(counts.enter('more', 1)).toBe(COUNT_REFUSED);
});

test('a dead worker’s part is given back, and nobody else’s', () => {
  const [a, b] = workers(LARGE, 2) as [KeyedCounts, KeyedCounts];
  a.enter('key', 3);
  a.enter('key', 3);
  b.enter('key', 3);
  a.enter('other', 1);
  b.clearWorker(0);
  expect([b.enter('key', 2), b.enter('key', 2)].map((ticket) => ticket > 0)).toEqual([true, false]);
  expect(b.enter('other', 1)).toBeGreaterThan(0);
});

test('whatever comes and goes, and whoever dies, the counts are those of a plain table', () => {
  const slots = 3;
  const step = fc.record({
    slot: fc.nat({ max: slots - 1 }),
    key: fc.constantFrom('a', 'b', '10.0.0.1', '2001:db8::1', 'x'.repeat(60)),
    what: fc.constantFrom('enter', 'enter', 'enter', 'leave', 'leave', 'die'),
    max: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const counts = workers(SMALL, slots);
      let open: { slot: number; key: string; ticket: number }[] = [];
      for (const { slot, key, what, max } of steps) {
        if (what === 'enter') {
          const ticket = counts[slot]!.enter(key, max);
          expect(ticket > 0).toBe(open.filter((one) => one.key === key).length < max);
          if (ticket > 0) open.push({ slot, key, ticket });
        } else if (what === 'leave') {
          const leaving = open.find((one) => one.slot === slot && one.key === key);
          if (leaving === undefined) continue;
          counts[slot]!.leave(leaving.ticket);
          open = open.filter((one) => one !== leaving);
        } else {
          counts[0]!.clearWorker(slot);
          open = open.filter((one) => one.slot !== slot);
        }
      }
    }),
  );
});

// ── several threads ────────────────────────────────────────────────────────────────────────────────────────────────

const BUILT = new URL('../../../../dist/dataplane/net/count/keyed-counts.js', import.meta.url).href;

/** Enters and leaves; answers with how often more than may be were in, and how often it was in itself. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.module).then(({ KeyedCounts }) => {
  const { memory, inside, shape, slot, slots, keys, turns, max } = workerData;
  const counts = new KeyedCounts(memory, shape, slot, slots);
  const cells = new Int32Array(inside);
  let tooMany = 0;
  let entered = 0;
  for (let turn = 0; turn < turns; turn++) {
    const at = (turn * 7 + slot) % keys.length;
    const ticket = counts.enter(keys[at], max);
    if (ticket <= 0) continue;
    entered++;
    if (Atomics.add(cells, at, 1) >= max) tooMany++;
    Atomics.sub(cells, at, 1);
    counts.leave(ticket);
  }
  parentPort.postMessage({ tooMany, entered });
});
`;

const started: Worker[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((worker) => worker.terminate()));
});

test('threads that come and go at once are never more than may be, and leave nothing behind', async () => {
  const slots = 4;
  const max = 2;
  const keys = Array.from({ length: 12 }, (_, index) => `10.0.0.${index}`);
  const memory = new SharedArrayBuffer(KeyedCounts.bytes(SMALL, slots));
  const inside = new SharedArrayBuffer(4 * keys.length);
  const results = await Promise.all(
    Array.from({ length: slots }, (_, slot) => {
      const workerData = { module: BUILT, memory, inside, shape: SMALL, slot, slots, keys, turns: 100_000, max };
      const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [] });
      started.push(worker);
      return new Promise<{ tooMany: number; entered: number }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  for (const { tooMany, entered } of results) {
    expect(tooMany).toBe(0);
    expect(entered).toBeGreaterThan(0);
  }
  const counts = new KeyedCounts(memory, SMALL, 0, slots);
  for (const key of keys) {
    expect([1, 2, 3].map(() => counts.enter(key, max) > 0)).toEqual([true, true, false]);
  }
});
