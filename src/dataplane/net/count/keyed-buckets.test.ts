import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { Worker } from 'node:worker_threads';
import { BucketRate, KeyedBuckets } from './keyed-buckets.ts';
import type { KeyTableShape } from './key-rows.ts';

/** One set: sixteen keys. */
const SMALL: KeyTableShape = { sets: 1, keyBytes: 32 };
const LARGE: KeyTableShape = { sets: 256, keyBytes: 48 };
const BUILT = new URL('../../../../dist/dataplane/net/count/keyed-buckets.js', import.meta.url).href;

function workers(shape: KeyTableShape, slots: number): readonly KeyedBuckets[] {
  const memory = new SharedArrayBuffer(KeyedBuckets.bytes(shape));
  return Array.from({ length: slots }, (_, slot) => new KeyedBuckets(memory, shape, slot));
}

/** How many tokens can be taken at one moment. */
function drain(buckets: KeyedBuckets, key: string, rate: BucketRate, nowMs: number): number {
  let taken = 0;
  while (buckets.take(key, rate, nowMs) === 0) taken++;
  return taken;
}

test('a bucket begins full, is common to all workers, and tells when the next token is there', () => {
  const [a, b] = workers(SMALL, 2) as [KeyedBuckets, KeyedBuckets];
  const rate = new BucketRate(10, 1_000, 3);
  expect([a.take('k', rate, 0), b.take('k', rate, 0), a.take('k', rate, 0)]).toEqual([0, 0, 0]);
  expect([a.take('k', rate, 0), b.take('k', rate, 30)]).toEqual([100, 70]);
  expect(a.take('other', rate, 30)).toBe(0);
});

test('tokens come back one by one, up to the burst and no further', () => {
  const [buckets] = workers(SMALL, 1) as [KeyedBuckets];
  const rate = new BucketRate(10, 1_000, 3);
  expect(drain(buckets, 'k', rate, 1_000)).toBe(3);
  expect(drain(buckets, 'k', rate, 1_099.9)).toBe(0);
  expect(drain(buckets, 'k', rate, 1_100)).toBe(1);
  expect(drain(buckets, 'k', rate, 1_350)).toBe(2);
  // Half a token had gathered by then.
  expect(drain(buckets, 'k', rate, 1_400)).toBe(1);
  expect(drain(buckets, 'k', rate, 60_000)).toBe(3);
});

test.each([
  [1, 1, 1],
  [1, 86_400_000, 100],
  [5, 60_000, 1],
  [3, 1_000, 7],
  [100_000, 1_000, 1_000],
])('%d tokens in %d ms with a burst of %d', (average, periodMs, burst) => {
  const rate = new BucketRate(average, periodMs, burst);
  const [buckets] = workers(SMALL, 1) as [KeyedBuckets];
  expect(drain(buckets, 'k', rate, 5)).toBe(burst);
  const wait = buckets.take('k', rate, 5);
  expect(wait).toBeCloseTo(periodMs / average, 3);
  expect(buckets.take('k', rate, 5 + 0.999 * wait)).toBeGreaterThan(0);
  expect(drain(buckets, 'k', rate, 5 + wait + 0.001)).toBe(1);
});

test('moments of a clock that counts from 1970 do as well', () => {
  const nowMs = 1_790_000_000_000.25;
  const [a, b] = workers(SMALL, 2) as [KeyedBuckets, KeyedBuckets];
  const rate = new BucketRate(1, 1_000, 2);
  expect([drain(a, 'k', rate, nowMs), drain(b, 'k', rate, nowMs + 1_000)]).toEqual([2, 1]);
});

test('a rate that cannot be kept is refused', () => {
  for (const [average, periodMs, burst] of [
    [0, 1_000, 1],
    [1, 1_000, 0],
    [1, 86_400_000, 1_000_000],
    [Number.NaN, 1, 1],
    [-1, 1_000, 1],
    [1, Number.POSITIVE_INFINITY, 1],
  ] as const) {
    expect(() => new BucketRate(average, periodMs, burst)).toThrow(RangeError);
  }
});

test('whatever is asked and whenever, by whichever worker, it is what a plain bucket gives', () => {
  const [average, periodMs] = [4, 1_000];
  const step = fc.record({
    slot: fc.nat({ max: 2 }),
    key: fc.constantFrom('a', 'b', 'c', 'd'.repeat(40)),
    afterMs: fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.nat({ max: 10_000 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 5 }), (steps, burst) => {
      const rate = new BucketRate(average, periodMs, burst);
      const buckets = workers(SMALL, 3);
      // Tokens times the period, so that they are whole.
      const model = new Map<string, { level: number; atMs: number }>();
      let nowMs = 0;
      for (const { slot, key, afterMs } of steps) {
        nowMs += afterMs;
        const before = model.get(key) ?? { level: burst * periodMs, atMs: nowMs };
        const level = Math.min(burst * periodMs, before.level + (nowMs - before.atMs) * average);
        const wait = buckets[slot]!.take(key, rate, nowMs);
        expect(wait).toBe(level >= periodMs ? 0 : (periodMs - level) / average);
        model.set(key, { level: wait === 0 ? level - periodMs : level, atMs: nowMs });
      }
      expect(buckets[0]!.evictions).toBe(0);
    }),
  );
});

test('a new key takes the place of a full bucket, which nobody misses', () => {
  const [buckets] = workers(SMALL, 1) as [KeyedBuckets];
  const rate = new BucketRate(1, 1_000, 5);
  for (let index = 0; index < 16; index++) expect(drain(buckets, `k${index}`, rate, index)).toBe(5);
  // k0 is full at 5,000, k1 a millisecond later; new keys take the place of those that are.
  expect(drain(buckets, 'new', rate, 5_001)).toBe(5);
  expect(buckets.evictions).toBe(0);
  expect(drain(buckets, 'k2', rate, 5_001)).toBe(4);
  expect(drain(buckets, 'k0', rate, 5_001)).toBe(5);
  expect(buckets.evictions).toBe(0);
});

test('a flood of keys stays within the memory, and gives nobody back what was used up', () => {
  const [buckets] = workers(SMALL, 1) as [KeyedBuckets];
  const rate = new BucketRate(1, 1_000, 5);
  for (let index = 0; index < 15; index++) drain(buckets, `spent${index}`, rate, 0);
  for (let index = 0; index < 10_000; index++) expect(buckets.take(`flood${index}`, rate, 1)).toBe(0);
  // The flood had one row, and each of its keys took it from the one before.
  expect(buckets.evictions).toBe(9_999);
  for (let index = 0; index < 15; index++) expect(buckets.take(`spent${index}`, rate, 1)).toBe(999);
});

// ── several threads ────────────────────────────────────────────────────────────────────────────────────────────────

/** Waits until all are there, then asks for tokens of the keys in turns; answers with what it got by key. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.module).then(({ BucketRate, KeyedBuckets }) => {
  const { memory, shape, slot, gate, threads } = workerData;
  const buckets = new KeyedBuckets(memory, shape, slot);
  const cells = new Int32Array(gate);
  parentPort.on('message', ({ round, keys, attempts, nowMs, rate: [average, periodMs, burst] }) => {
    const rate = new BucketRate(average, periodMs, burst);
    const got = Object.fromEntries(keys.map((key) => [key, 0]));
    Atomics.add(cells, 0, 1);
    Atomics.notify(cells, 0);
    for (;;) {
      const here = Atomics.load(cells, 0);
      if (here >= threads * round) break;
      Atomics.wait(cells, 0, here);
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const key of keys) if (buckets.take(key, rate, nowMs) === 0) got[key]++;
    }
    parentPort.postMessage(got);
  });
  parentPort.postMessage('ready');
});
`;

const started: Worker[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((worker) => worker.terminate()));
});

interface Round {
  readonly keys: readonly string[];
  readonly attempts: number;
  readonly nowMs: number;
  readonly rate: readonly [average: number, periodMs: number, burst: number];
}

/** Threads that share a table; a round is the tokens they got together, by key. */
async function threads(
  shape: KeyTableShape,
  count: number,
): Promise<{ buckets: KeyedBuckets; play: (of: (slot: number) => Round) => Promise<ReadonlyMap<string, number>> }> {
  const memory = new SharedArrayBuffer(KeyedBuckets.bytes(shape));
  const gate = new SharedArrayBuffer(4);
  const heard = (worker: Worker): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const all = Array.from({ length: count }, (_, slot) => {
    const workerData = { module: BUILT, memory, shape, slot, gate, threads: count };
    const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [] });
    started.push(worker);
    return worker;
  });
  await Promise.all(all.map(heard));
  let round = 0;
  return {
    buckets: new KeyedBuckets(memory, shape, 0),
    async play(of) {
      round++;
      const answers = all.map(heard);
      for (const [slot, worker] of all.entries()) worker.postMessage({ round, ...of(slot) });
      const sums = new Map<string, number>();
      for (const answer of (await Promise.all(answers)) as Record<string, number>[]) {
        for (const [key, got] of Object.entries(answer)) sums.set(key, (sums.get(key) ?? 0) + got);
      }
      return sums;
    },
  };
}

test('threads that take at once get as many tokens as there are, now and after each refill', async () => {
  const { play } = await threads(LARGE, 4);
  const keys = ['10.0.0.1', '2001:db8::1', 'x'.repeat(80)];
  const rate = [1_000, 1_000, 20_000] as const;
  const expected = [20_000, 0, 700, 5_000, 1, 20_000];
  for (const [index, nowMs] of [10, 10, 710, 5_710, 5_711, 30_000].entries()) {
    const got = await play(() => ({ keys, attempts: 20_000, nowMs, rate }));
    expect([...got]).toEqual(keys.map((key) => [key, expected[index]]));
  }
});

test('a key that several threads bring at once gets one bucket', async () => {
  const { play, buckets } = await threads(LARGE, 4);
  const keys = Array.from({ length: 1_000 }, (_, index) => `client-${index}`);
  const turned = (slot: number): string[] => [...keys.slice(slot), ...keys.slice(0, slot)];
  const got = await play((slot) => ({ keys: turned(slot), attempts: 20, nowMs: 10, rate: [1, 1_000, 7] }));
  expect(got.size).toBe(1_000);
  expect(new Set(got.values())).toEqual(new Set([7]));
  expect(buckets.evictions).toBe(0);
});

test('while threads flood a table with keys, those that have used up their tokens get none', async () => {
  const { play, buckets } = await threads(SMALL, 4);
  const spent = ['one', 'two', 'three'];
  const rate = [1, 1_000, 100] as const;
  const before = await play(() => ({ keys: spent, attempts: 100, nowMs: 10, rate }));
  expect([...before.values()]).toEqual([100, 100, 100]);
  const got = await play((slot) => {
    const flood = Array.from({ length: 2_000 }, (_, index) => `flood-${slot}-${index}`);
    return { keys: [...flood, ...spent], attempts: 5, nowMs: 10, rate };
  });
  expect(spent.map((key) => got.get(key))).toEqual([0, 0, 0]);
  expect(buckets.evictions).toBeGreaterThan(4 * 2_000 - 16);
});
