// Counts by key in shared memory, such as open connections by client address: exact over all workers, so that a limit
// holds for the process, and with each worker's part apart, so that a dead worker's can be given back.
//
// Int32 cells: [(total) per row, (count) per row of worker 0, of worker 1, …], then the keys as of KeyRows.

import { KeyRows, rowNumber, ROWS_PER_SET, type KeyTableShape } from './key-rows.ts';

export type { KeyTableShape } from './key-rows.ts';

/** In the place of a ticket: there are as many as may be. */
export const COUNT_REFUSED = -1;
/** A ticket of something that is let through and not counted. */
export const COUNT_UNTRACKED = 0;

/**
 * Keys are compared whole: no two are counted as one.
 *
 * The table is bounded. A row belongs to its key while something is counted there, then it is anybody's. Where sixteen
 * other keys with something in progress fill the one set of rows that a key can be in, it is let through and not
 * counted: a limit that cannot be kept exactly is not enforced by guessing.
 */
export class KeyedCounts {
  private readonly keys: KeyRows;
  private readonly totals: Int32Array<SharedArrayBuffer>;
  /** A column of rows per worker. */
  private readonly counts: Int32Array<SharedArrayBuffer>;
  /** First cell of this worker's column. */
  private readonly own: number;
  private readonly rows: number;

  static bytes(shape: KeyTableShape, workerSlots: number): number {
    const rows = shape.sets * ROWS_PER_SET;
    return (rows * (1 + workerSlots) + KeyRows.cells(shape)) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The memory has `bytes`; the main thread's view counts nothing in. */
  constructor(memory: SharedArrayBuffer, shape: KeyTableShape, slot: number, workerSlots: number) {
    const rows = shape.sets * ROWS_PER_SET;
    const size = rows * Int32Array.BYTES_PER_ELEMENT;
    this.totals = new Int32Array(memory, 0, rows);
    this.counts = new Int32Array(memory, size, rows * workerSlots);
    this.keys = new KeyRows(memory, size * (1 + workerSlots), shape, slot);
    this.own = slot * rows;
    this.rows = rows;
  }

  /**
   * Counts one more under the key, unless `max`, which is 1 or more, are counted there. Returns a ticket that is to
   * be given to `leave` once, or COUNT_REFUSED, the only negative one.
   */
  enter(key: string, max: number): number {
    const { keys } = this;
    const set = keys.load(key);
    keys.lock(set);
    const ticket = this.countIn(set, max);
    keys.unlock(set);
    return ticket;
  }

  leave(ticket: number): void {
    if (ticket === COUNT_UNTRACKED) return;
    const row = ticket - 1;
    // The total last: whoever finds it 0 finds no part of it left.
    Atomics.sub(this.counts, this.own + row, 1);
    Atomics.sub(this.totals, row, 1);
  }

  /** Gives back what a dead worker held. For the supervisor, while the slot is vacant. */
  clearWorker(slot: number): void {
    const first = slot * this.rows;
    for (let row = 0; row < this.rows; row++) {
      if (Atomics.load(this.counts, first + row) === 0) continue;
      Atomics.sub(this.totals, row, Atomics.exchange(this.counts, first + row, 0));
    }
    // Last: until then nobody takes a row that the worker was about to take.
    this.keys.clearWorker(slot);
  }

  private countIn(set: number, max: number): number {
    const { keys, totals } = this;
    let index = keys.find(set);
    if (index < 0) {
      index = this.vacantIn(set);
      if (index < 0) return COUNT_UNTRACKED;
      keys.setKey(set, index);
    }
    const row = rowNumber(set, index);
    if (Atomics.load(totals, row) >= max) return COUNT_REFUSED;
    Atomics.add(totals, row, 1);
    Atomics.add(this.counts, this.own + row, 1);
    return row + 1;
  }

  private vacantIn(set: number): number {
    const first = rowNumber(set, 0);
    for (let index = 0; index < ROWS_PER_SET; index++) if (Atomics.load(this.totals, first + index) <= 0) return index;
    return -1;
  }
}
