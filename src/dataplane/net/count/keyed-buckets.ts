// Token buckets by key in shared memory, for limits on rates: exact over all workers, and bounded. How many tokens
// there are, how precise that is and what becomes of them when the table is full is told at KeyedBuckets.
//
// Memory: [start, evictions], a 64-bit value per row, then the keys as of KeyRows. Value: 11 bits of generation, which
// changes with the key, and 53 bits of the moment, 0 while the row has no bucket.

import { KeyRows, rowNumber, ROWS_PER_SET, type KeyTableShape } from './key-rows.ts';

const UNITS_PER_MS = 8_000;
const MOMENT_BITS = 53;
/** Of the time since the start, and of what a bucket takes to fill: their sum has room in a moment. */
const MAX_UNITS = 2 ** 52 - 1;
const ONE_GENERATION = 1n << BigInt(MOMENT_BITS);
const VACANT = 0;

const HEADER_CELLS = 2;
const START = 0;
const EVICTIONS = 1;

function momentOf(value: bigint): number {
  return Number(BigInt.asUintN(MOMENT_BITS, value));
}

/** How fast tokens come back and how many there can be; to be made once and used for many keys. */
export class BucketRate {
  readonly perToken: number;
  readonly depth: number;

  /**
   * `average` tokens in `periodMs`; a whole `burst` of at least 1. Throws a RangeError when filling a bucket takes
   * more than 17 years.
   */
  constructor(average: number, periodMs: number, burst: number) {
    this.perToken = Math.max(1, Math.round((periodMs / average) * UNITS_PER_MS));
    this.depth = this.perToken * burst;
    if (!(average > 0 && burst >= 1 && this.depth <= MAX_UNITS)) {
      throw new RangeError(`there is no bucket for ${average} tokens in ${periodMs} ms with a burst of ${burst}`);
    }
  }
}

/**
 * Keys are compared whole: no two share a bucket.
 *
 * Formula. A bucket has at most `burst` tokens, and begins with them; `average` tokens come back every `periodMs`, and
 * each take costs one. Instead of its tokens a bucket keeps the moment it will be full at:
 *
 *   perToken = periodMs / average        full(t) = max(fullAt, t)        tokens(t) = burst - (full(t) - t) / perToken
 *   take at t: where full(t) + perToken - t <= burst * perToken, fullAt becomes full(t) + perToken; otherwise refused
 *
 * So one number is the whole bucket, and a compare-and-swap of it is a take: of any number of workers that take at
 * once, as many succeed as there are tokens. Nothing is lost or given twice by a worker that is stopped or dies.
 *
 * Units and precision. Moments are whole eighths of a microsecond since the table was first used, for 17 years.
 * `perToken` is rounded to them once, so that a rate of 10,000 tokens per second is off by 0.06 % at most, one of
 * 100,000 by 0.6 %, and more than 8 million there cannot be. `burst` is exact at any rate.
 *
 * Full table. A key has its bucket in the one set of sixteen rows that its hash names. A new one takes the row of the
 * bucket that is full the earliest. Where that is full already nothing is lost, since a full bucket is what a key
 * without one has. Otherwise the key that is evicted has back what it had spent, which is the least of the sixteen: a
 * flood of new keys evicts its own, and whoever has used up a bucket stays without tokens. `evictions` counts these.
 *
 * A dead worker leaves nothing to give back: tokens are spent. It may have died with the lock of a set, under which
 * rows change their keys and no tokens are taken; `clearWorker` frees that.
 */
export class KeyedBuckets {
  private readonly header: BigUint64Array<SharedArrayBuffer>;
  private readonly values: BigUint64Array<SharedArrayBuffer>;
  private readonly keys: KeyRows;
  /** Moment 0 in the caller's milliseconds; NaN until the first take. */
  private originMs = Number.NaN;

  static bytes(shape: KeyTableShape): number {
    const values = HEADER_CELLS + shape.sets * ROWS_PER_SET;
    return values * BigUint64Array.BYTES_PER_ELEMENT + KeyRows.cells(shape) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The memory has `bytes`. */
  constructor(memory: SharedArrayBuffer, shape: KeyTableShape, slot: number) {
    const rows = shape.sets * ROWS_PER_SET;
    const first = HEADER_CELLS * BigUint64Array.BYTES_PER_ELEMENT;
    this.header = new BigUint64Array(memory, 0, HEADER_CELLS);
    this.values = new BigUint64Array(memory, first, rows);
    this.keys = new KeyRows(memory, first + rows * BigUint64Array.BYTES_PER_ELEMENT, shape, slot);
  }

  /**
   * Takes a token: 0 when there was one, otherwise nothing is taken and it is the milliseconds until there is.
   * `nowMs` is of one clock for all workers, which never goes back and is never negative (`performance.now()` alone
   * is each thread's own). A key goes with one rate: whoever changes the rate changes the key.
   */
  take(key: string, rate: BucketRate, nowMs: number): number {
    const { keys, values } = this;
    const now = this.momentAt(nowMs);
    const set = keys.load(key);
    for (;;) {
      const index = keys.find(set);
      if (index < 0) {
        this.begin(set, now);
        continue;
      }
      const row = rowNumber(set, index);
      const seen = Atomics.load(values, row);
      const fullAt = momentOf(seen);
      // The key after the value: where the row has gone to another since, its value has changed, and the swap fails.
      if (fullAt === VACANT || !keys.hasKey(set, index)) {
        this.begin(set, now);
        continue;
      }
      const next = Math.max(fullAt, now) + rate.perToken;
      const early = next - rate.depth - now;
      if (early > 0) return early / UNITS_PER_MS;
      if (Atomics.compareExchange(values, row, seen, seen + BigInt(next - fullAt)) === seen) return 0;
    }
  }

  /** Buckets that had to go before they were full. */
  get evictions(): number {
    return Number(Atomics.load(this.header, EVICTIONS));
  }

  /** For the supervisor, while the slot is vacant. */
  clearWorker(slot: number): void {
    this.keys.clearWorker(slot);
  }

  private momentAt(nowMs: number): number {
    if (Number.isNaN(this.originMs)) {
      // At least a millisecond before now, as moment 0 stands for no bucket.
      const mine = BigInt(Math.floor(nowMs) + 1);
      const first = Atomics.compareExchange(this.header, START, 0n, mine);
      this.originMs = Number(first === 0n ? mine : first) - 2;
    }
    return Math.min(MAX_UNITS, Math.max(1, Math.floor((nowMs - this.originMs) * UNITS_PER_MS)));
  }

  /**
   * Gives the loaded key a row of the set with a full bucket, unless it has one. One worker at a time: it never gets
   * two.
   */
  private begin(set: number, now: number): void {
    const { keys, values } = this;
    keys.lock(set);
    let index = keys.find(set);
    if (index < 0) {
      index = this.vacate(set, now);
      keys.setKey(set, index);
    }
    const row = rowNumber(set, index);
    const value = Atomics.load(values, row);
    // Takes with the key begin here. A worker that died on its way here has left the row without a bucket.
    if (momentOf(value) === VACANT) Atomics.store(values, row, value + BigInt(now));
    keys.unlock(set);
  }

  /** A row of the set without a bucket, from which nobody can take; under the lock. */
  private vacate(set: number, now: number): number {
    const { values } = this;
    for (;;) {
      let index = 0;
      let seen = 0n;
      let earliest = Number.POSITIVE_INFINITY;
      for (let at = 0; at < ROWS_PER_SET; at++) {
        const value = Atomics.load(values, rowNumber(set, at));
        const fullAt = momentOf(value);
        if (fullAt === VACANT) return at;
        if (fullAt >= earliest) continue;
        earliest = fullAt;
        seen = value;
        index = at;
      }
      const vacant = BigInt.asUintN(64, ((seen >> BigInt(MOMENT_BITS)) + 1n) * ONE_GENERATION);
      // Somebody may take from it at this moment: then it is not the earliest any more.
      if (Atomics.compareExchange(values, rowNumber(set, index), seen, vacant) !== seen) continue;
      if (earliest > now) Atomics.add(this.header, EVICTIONS, 1n);
      return index;
    }
  }
}
