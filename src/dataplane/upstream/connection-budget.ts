// Limits on open connections to one server that hold for the process: a row of shared memory per server, with the total
// and each worker's part of it, so that a dead worker's part can be given back. Only servers with a limit have a row.
//
// Row: [hash, hash, total, calls, (open, waiting) per worker]; `calls` moves whenever a worker begins to wait. The
// table is open-addressed and rows are never freed; when it is full a server's limit is divided evenly between the
// workers instead.

import { fnv1a } from '../../core/hash.ts';
import { defineSharedTable } from '../../core/shared-table.ts';

const ROWS = 4096;
const HEADER = 4;
const TOTAL = 2;
const CALLS = 3;
const WAKE_MS = 1_000;
/** Ends the watch of a service that is gone: nobody waits for it any more. */
const WATCH_MS = 30_000;

/** Another beginning than FNV_BASIS: two hashes of 32 bits tell keys apart. */
const SECOND_BASIS = 0x12345678;

export function connectionBudgetBytes(workerSlots: number): number {
  return ROWS * (HEADER + 2 * workerSlots) * Int32Array.BYTES_PER_ELEMENT;
}

export class ConnectionBudget {
  private readonly cells: Int32Array<SharedArrayBuffer>;
  private readonly width: number;
  private readonly slot: number;
  private readonly workerSlots: number;
  private readonly rows = new Map<string, number>();
  /** Open connections of keys that found no row. */
  private readonly unlisted = new Map<string, number>();
  private readonly waiting = new Set<string>();
  /** By key: the calls that `watch` has told of. */
  private readonly answered = new Map<string, number>();

  constructor(memory: SharedArrayBuffer, slot: number, workerSlots: number) {
    this.cells = new Int32Array(memory);
    this.width = HEADER + 2 * workerSlots;
    this.slot = slot;
    this.workerSlots = workerSlots;
  }

  /** True when one more connection is within the limit; it is then counted until `give`. */
  take(key: string, max: number): boolean {
    const row = this.rowOf(key);
    if (row < 0) {
      const open = this.unlisted.get(key) ?? 0;
      if (open >= Math.max(1, Math.floor(max / this.workerSlots))) return false;
      this.unlisted.set(key, open + 1);
      return true;
    }
    if (Atomics.add(this.cells, row + TOTAL, 1) >= max) {
      Atomics.sub(this.cells, row + TOTAL, 1);
      return false;
    }
    Atomics.add(this.cells, row + HEADER + 2 * this.slot, 1);
    return true;
  }

  give(key: string): void {
    const row = this.rowOf(key);
    if (row < 0) {
      this.unlisted.set(key, Math.max(0, (this.unlisted.get(key) ?? 0) - 1));
      return;
    }
    Atomics.sub(this.cells, row + HEADER + 2 * this.slot, 1);
    Atomics.sub(this.cells, row + TOTAL, 1);
    Atomics.notify(this.cells, row + TOTAL);
  }

  /**
   * Calls back once, after any worker has given a connection back or a second has passed; soon when one is free
   * already.
   */
  await(key: string, max: number, ready: () => void): void {
    if (this.waiting.has(key)) return;
    this.waiting.add(key);
    const row = this.rowOf(key);
    const done = (): void => {
      this.waiting.delete(key);
      if (row >= 0) Atomics.store(this.cells, row + HEADER + 2 * this.slot + 1, 0);
      ready();
    };
    if (row < 0) {
      setTimeout(done, WAKE_MS).unref();
      return;
    }
    Atomics.store(this.cells, row + HEADER + 2 * this.slot + 1, 1);
    Atomics.add(this.cells, row + CALLS, 1);
    Atomics.notify(this.cells, row + CALLS);
    // Another worker may have given one back since it was refused here.
    const total = Atomics.load(this.cells, row + TOTAL);
    const wait = total < max ? null : Atomics.waitAsync(this.cells, row + TOTAL, total, WAKE_MS);
    if (wait?.async === true) void wait.value.then(done);
    else queueMicrotask(done);
  }

  /**
   * For a worker with idle connections: calls back once, when a request in another worker waits or begins to, or after
   * a while. A wait that has been told of is not told again; who is still without a connection afterwards waits anew.
   */
  watch(key: string, wanted: () => void): void {
    const row = this.rowOf(key);
    if (row < 0) return;
    // Read before the question: who begins to wait behind it moves the cell.
    const calls = Atomics.load(this.cells, row + CALLS);
    const isOpen = calls !== this.answered.get(key) && this.isAwaited(key);
    const wait = isOpen ? null : Atomics.waitAsync(this.cells, row + CALLS, calls, WATCH_MS);
    const done = (): void => {
      this.answered.set(key, Atomics.load(this.cells, row + CALLS));
      wanted();
    };
    if (wait?.async === true) void wait.value.then(done);
    else queueMicrotask(done);
  }

  /** A request in another worker waits for a connection of this server. */
  isAwaited(key: string): boolean {
    const row = this.rowOf(key);
    if (row < 0) return false;
    for (let slot = 0; slot < this.workerSlots; slot++) {
      if (slot !== this.slot && Atomics.load(this.cells, row + HEADER + 2 * slot + 1) > 0) return true;
    }
    return false;
  }

  /** Gives back what a dead worker held. For the supervisor, while the worker's slot is vacant. */
  clearWorker(slot: number): void {
    const { cells, width } = this;
    for (let row = 0; row < ROWS * width; row += width) {
      if (cells[row] === 0) continue;
      const open = Atomics.exchange(cells, row + HEADER + 2 * slot, 0);
      Atomics.store(cells, row + HEADER + 2 * slot + 1, 0);
      if (open === 0) continue;
      Atomics.sub(cells, row + TOTAL, open);
      Atomics.notify(cells, row + TOTAL);
    }
  }

  private rowOf(key: string): number {
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    // 0 marks a free row.
    const found = this.claimRow(fnv1a(key) | 1, fnv1a(key, SECOND_BASIS) | 1);
    this.rows.set(key, found);
    return found;
  }

  private claimRow(first: number, second: number): number {
    for (let probe = 0; probe < ROWS; probe++) {
      const row = (((first >>> 0) + probe) % ROWS) * this.width;
      const owner = Atomics.compareExchange(this.cells, row, 0, first);
      if (owner === 0 || owner === first) {
        const other = Atomics.compareExchange(this.cells, row + 1, 0, second);
        if (other === 0 || other === second) return row;
      }
    }
    return -1;
  }
}

export const connectionBudget = defineSharedTable({
  name: 'connectionBudget',
  bytes: ({ workerSlots }) => connectionBudgetBytes(workerSlots),
  view: (memory, slot, workerSlots) => new ConnectionBudget(memory, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});
