// What all threads know of every server: a row of shared memory each. The main thread says which server has which row
// and whether active checks find it up; workers count their requests in progress, note how long answers take, and count
// failures together. A worker writes to its own column alone, so that a dead worker's part can be cleared.
//
// Float64 rows: [(milliseconds to the response head, mean) per worker], and behind them all
// Int32 rows:   [isDown, failures, windowStart, isEjected, (in flight) per worker,
//                (connections of HTTP/1.1) per worker, (connections of HTTP/2) per worker]

import { defineSharedTable } from '../../core/shared-table.ts';

/**
 * Servers beyond this many are served all the same, without shared state: nothing is known of them but by each worker.
 */
export const MAX_ENDPOINTS = 131_072;

const HEADER = 4;
/** Figures of each worker. */
const COLUMNS = 3;
const DOWN = 0;
const FAILURES = 1;
const WINDOW_START = 2;
const EJECTED = 3;

export function endpointTableBytes(workerSlots: number): number {
  return MAX_ENDPOINTS * rowBytes(workerSlots);
}

function rowBytes(workerSlots: number): number {
  return workerSlots * Float64Array.BYTES_PER_ELEMENT + (HEADER + COLUMNS * workerSlots) * Int32Array.BYTES_PER_ELEMENT;
}

/** Milliseconds that all threads count from the same moment; wraps after 24 days, which differences survive. */
function sharedNow(): number {
  return Math.floor(performance.timeOrigin + performance.now()) | 0;
}

export class EndpointTable {
  private readonly counts: Int32Array<SharedArrayBuffer>;
  private readonly times: Float64Array<SharedArrayBuffer>;
  private readonly width: number;
  private readonly slot: number;
  private readonly workerSlots: number;
  /** Rows ever given out, for whoever gives them out: those above have never been written. */
  usedRows = 0;

  /** The main thread's slot is never written. The memory has as many rows as there is room for, none included. */
  constructor(memory: SharedArrayBuffer, slot: number, workerSlots: number) {
    const rows = Math.floor(memory.byteLength / rowBytes(workerSlots));
    const timesBytes = rows * workerSlots * Float64Array.BYTES_PER_ELEMENT;
    this.times = new Float64Array(memory, 0, rows * workerSlots);
    this.counts = new Int32Array(memory, timesBytes, rows * (HEADER + COLUMNS * workerSlots));
    this.width = HEADER + COLUMNS * workerSlots;
    this.slot = slot;
    this.workerSlots = workerSlots;
  }

  isUp(row: number): boolean {
    const at = row * this.width;
    return Atomics.load(this.counts, at + DOWN) === 0 && Atomics.load(this.counts, at + EJECTED) === 0;
  }

  /** Of active checks. */
  setDown(row: number, isDown: boolean): void {
    Atomics.store(this.counts, row * this.width + DOWN, isDown ? 1 : 0);
  }

  isEjected(row: number): boolean {
    return Atomics.load(this.counts, row * this.width + EJECTED) === 1;
  }

  /** The server may be asked again, and starts without a failure. */
  readmit(row: number): void {
    const at = row * this.width;
    Atomics.store(this.counts, at + FAILURES, 0);
    Atomics.store(this.counts, at + EJECTED, 0);
  }

  /** Counts a failed request; true for the one that ejects the server. */
  countFailure(row: number, windowMs: number, max: number): boolean {
    const { counts } = this;
    const at = row * this.width;
    const now = sharedNow();
    const start = Atomics.load(counts, at + WINDOW_START);
    if (Atomics.load(counts, at + FAILURES) === 0 || ((now - start) | 0) >= windowMs) {
      // Whoever comes second finds the new window and counts in it.
      if (Atomics.compareExchange(counts, at + WINDOW_START, start, now) === start) {
        Atomics.store(counts, at + FAILURES, 0);
      }
    }
    if (Atomics.add(counts, at + FAILURES, 1) + 1 < max) return false;
    return Atomics.exchange(counts, at + EJECTED, 1) === 0;
  }

  /** Requests in progress in this worker. */
  setInFlight(row: number, count: number): void {
    this.counts[row * this.width + HEADER + this.slot] = count;
  }

  /** Requests in progress in all workers. */
  inFlight(row: number): number {
    return this.sum(row, 0);
  }

  /** Open connections of this worker. */
  setConnections(row: number, http1: number, http2: number): void {
    const at = row * this.width + HEADER + this.slot;
    this.counts[at + this.workerSlots] = http1;
    this.counts[at + 2 * this.workerSlots] = http2;
  }

  /** Open connections of all workers. */
  connections(row: number): { http1: number; http2: number } {
    return { http1: this.sum(row, 1), http2: this.sum(row, 2) };
  }

  private sum(row: number, column: number): number {
    const first = row * this.width + HEADER + column * this.workerSlots;
    let sum = 0;
    for (let slot = 0; slot < this.workerSlots; slot++) sum += this.counts[first + slot]!;
    return sum;
  }

  setResponseMs(row: number, meanMs: number): void {
    this.times[row * this.workerSlots + this.slot] = meanMs;
  }

  /** Mean over the workers that know; 0 when none does. */
  responseMs(row: number): number {
    let sum = 0;
    let count = 0;
    for (let slot = 0; slot < this.workerSlots; slot++) {
      const mean = this.times[row * this.workerSlots + slot]!;
      if (mean === 0) continue;
      sum += mean;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }

  /** For a row that is given to another server, and before that for no one. */
  clear(row: number): void {
    const at = row * this.width;
    this.counts.fill(0, at, at + this.width);
    this.times.fill(0, row * this.workerSlots, (row + 1) * this.workerSlots);
  }

  /** What a dead worker had in progress. For the thread that gives out rows. */
  clearWorker(slot: number): void {
    for (let row = 0; row < this.usedRows; row++) {
      for (let column = 0; column < COLUMNS; column++) {
        this.counts[row * this.width + HEADER + column * this.workerSlots + slot] = 0;
      }
      this.times[row * this.workerSlots + slot] = 0;
    }
  }
}

export const endpointTable = defineSharedTable({
  name: 'endpoints',
  bytes: ({ workerSlots }) => endpointTableBytes(workerSlots),
  view: (memory, slot, workerSlots) => new EndpointTable(memory, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});
