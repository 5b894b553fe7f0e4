// What all threads know of every service, and of every child of one that divides: a row of shared memory each, found by
// its key. What is counted are requests, TCP connections or UDP sessions. A worker adds to its own column of a row,
// without atomics, since nobody else writes there; the main thread sums the columns.
//
// Float64 cells, per worker a column of rows:
//   [requests, in flight, milliseconds, (latency) per bucket, (failures) per kind]
// Int32 cells, and behind them the keys as of KeyRows:
//   [(uses in total) per row, (times given out) per row, then a column of uses per worker]

import { defineSharedTable } from '../../../core/shared-table.ts';
import { FAILURES } from '../../http/failure.ts';
import { KeyRows, rowNumber, ROWS_PER_SET, type KeyTableShape } from '../../net/count/key-rows.ts';

/** Upper bounds in milliseconds, of requests; what is slower stands in one bucket more. */
export const LATENCY_BOUNDS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;
/** As many, of connections and sessions: up to a day. */
export const DURATION_BOUNDS_MS = [
  10, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
] as const satisfies { readonly length: (typeof LATENCY_BOUNDS_MS)['length'] };

/** A server has answered, and with a status of 5xx. */
export const SERVER_ERROR = 'server_error';
/** Beside those of requests, what connections end with; see `TCP_ENDS`. */
const OF_CONNECTIONS = ['upstream_starttls_refused'];
const OF_REQUESTS = Object.values(FAILURES).filter(({ side }) => side === 'upstream');
/** What counts as a failure of a service, by the flags of the access log. What a client does wrong does not. */
export const FAILURE_KINDS: readonly string[] = [
  SERVER_ERROR,
  ...OF_REQUESTS.map(({ flag }) => flag),
  ...OF_CONNECTIONS,
];
const KIND_OF: ReadonlyMap<string, number> = new Map(FAILURE_KINDS.map((flag, index) => [flag, index]));

export const REQUESTS = 0;
export const IN_FLIGHT = 1;
export const MILLISECONDS = 2;
export const BUCKETS = 3;
export const FAILED = BUCKETS + LATENCY_BOUNDS_MS.length + 1;
/** Cells of a row in one column. */
export const WIDTH = FAILED + FAILURE_KINDS.length;

/** So many services, and children of services, are asked at a time. */
const SHAPE: KeyTableShape = { sets: 1024, keyBytes: 64 };

/** In the place of a row: there is no room for one. */
export const NO_ROW = -1;

/** What a child of a service that divides is filed under; names have no line ends. */
export function shareKey(service: string, child: string): string {
  return `${service}\n${child}`;
}

export class ServiceTable {
  /** Columns of all workers. */
  readonly cells: Float64Array<SharedArrayBuffer>;
  readonly workerSlots: number;
  readonly rows: number;
  private readonly uses: Int32Array<SharedArrayBuffer>;
  private readonly keys: KeyRows;
  private readonly slot: number;

  static bytes(shape: KeyTableShape, workerSlots: number): number {
    const rows = shape.sets * ROWS_PER_SET;
    return (
      rows * WIDTH * workerSlots * Float64Array.BYTES_PER_ELEMENT +
      (rows * (2 + workerSlots) + KeyRows.cells(shape)) * Int32Array.BYTES_PER_ELEMENT
    );
  }

  constructor(memory: SharedArrayBuffer, shape: KeyTableShape, slot: number, workerSlots: number) {
    const rows = shape.sets * ROWS_PER_SET;
    this.cells = new Float64Array(memory, 0, rows * WIDTH * workerSlots);
    const { byteLength } = this.cells;
    this.uses = new Int32Array(memory, byteLength, rows * (2 + workerSlots));
    this.keys = new KeyRows(memory, byteLength + this.uses.byteLength, shape, slot);
    this.rows = rows;
    this.slot = slot;
    this.workerSlots = workerSlots;
  }

  /** First cell of a row in the worker's column. */
  at(row: number, slot = this.slot): number {
    return (slot * this.rows + row) * WIDTH;
  }

  /**
   * The row of the key, for as long as this worker counts there; NO_ROW when sixteen others that are in use fill the
   * one set it can be in: then it is not counted. One that nobody uses keeps its key and its counts until another key
   * needs it.
   */
  claim(key: string): number {
    const { keys, uses } = this;
    const set = keys.load(key);
    keys.lock(set);
    let index = keys.find(set);
    if (index < 0) {
      index = this.unusedIn(set);
      if (index >= 0) {
        this.empty(rowNumber(set, index));
        keys.setKey(set, index);
      }
    }
    const row = index < 0 ? NO_ROW : rowNumber(set, index);
    if (row !== NO_ROW) {
      Atomics.add(uses, row, 1);
      Atomics.add(uses, this.ownUse(row, this.slot), 1);
    }
    keys.unlock(set);
    return row;
  }

  /** This worker counts there no more, and nothing of it is in progress. */
  release(row: number): void {
    // The total last: whoever finds it 0 finds nobody who writes.
    Atomics.sub(this.uses, this.ownUse(row, this.slot), 1);
    Atomics.sub(this.uses, row, 1);
  }

  /**
   * Calls with the row of the key, and how often it has been given out: it belongs to the key as long as the call
   * lasts.
   */
  read<T>(key: string, reader: (row: number, times: number) => T): T {
    const { keys } = this;
    const set = keys.load(key);
    keys.lock(set);
    const index = keys.find(set);
    const row = index < 0 ? NO_ROW : rowNumber(set, index);
    const result = reader(row, row === NO_ROW ? 0 : this.uses[this.rows + row]!);
    keys.unlock(set);
    return result;
  }

  /** Gives back what a dead worker had in use and in progress; what it has counted stays. */
  clearWorker(slot: number): void {
    for (let row = 0; row < this.rows; row++) {
      const own = this.ownUse(row, slot);
      if (Atomics.load(this.uses, own) === 0) continue;
      this.cells[this.at(row, slot) + IN_FLIGHT] = 0;
      Atomics.sub(this.uses, row, Atomics.exchange(this.uses, own, 0));
    }
    this.keys.clearWorker(slot);
  }

  private ownUse(row: number, slot: number): number {
    return (2 + slot) * this.rows + row;
  }

  private unusedIn(set: number): number {
    const first = rowNumber(set, 0);
    for (let index = 0; index < ROWS_PER_SET; index++) if (Atomics.load(this.uses, first + index) <= 0) return index;
    return -1;
  }

  private empty(row: number): void {
    for (let slot = 0; slot < this.workerSlots; slot++)
      this.cells.fill(0, this.at(row, slot), this.at(row, slot) + WIDTH);
    Atomics.add(this.uses, this.rows + row, 1);
  }
}

/** Index of a failure among FAILURE_KINDS by its flag; -1 for one that is not the service's. */
export function kindOf(flag: string): number {
  return KIND_OF.get(flag) ?? -1;
}

/** Cell of the bucket that the duration belongs to. */
export function bucketOf(ms: number, bounds: readonly number[] = LATENCY_BOUNDS_MS): number {
  let index = 0;
  while (index < bounds.length && ms > bounds[index]!) index++;
  return BUCKETS + index;
}

export const serviceTable = defineSharedTable({
  name: 'services',
  bytes: ({ workerSlots }) => ServiceTable.bytes(SHAPE, workerSlots),
  view: (memory, slot, workerSlots) => new ServiceTable(memory, SHAPE, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});
