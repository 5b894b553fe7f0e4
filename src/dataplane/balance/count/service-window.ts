// Reads the counts of one service, or of one child, over all workers; those of TCP and UDP are read as those of HTTP
// are. Each window has its own beginning, which its last reading is: several readers of one service see the same
// requests, each in its own time.

import {
  BUCKETS,
  FAILED,
  FAILURE_KINDS,
  IN_FLIGHT,
  LATENCY_BOUNDS_MS,
  MILLISECONDS,
  NO_ROW,
  REQUESTS,
  WIDTH,
  type ServiceTable,
} from './service-table.ts';

/** What has come to its end since the last reading; `inFlight` is of now. */
export interface ServiceReading {
  /** Connections of a TCP service, sessions of a UDP service. */
  readonly requests: number;
  /** By FAILURE_KINDS; those that did not occur are left out. */
  readonly failures: ReadonlyMap<string, number>;
  /**
   * Requests that a server was asked for, by LATENCY_BOUNDS_MS and one bucket more; all connections and sessions by
   * DURATION_BOUNDS_MS.
   */
  readonly latency: readonly number[];
  /** Of these together. */
  readonly latencySumMs: number;
  readonly inFlight: number;
}

export class ServiceWindow {
  readonly #table: ServiceTable;
  readonly #key: string;
  #before = new Float64Array(WIDTH);
  /** Of the row: another number says that its counts began anew. */
  #times = 0;

  /**
   * `key` is the service's name, or its key of another protocol, or a `shareKey` of one of them. What was counted
   * before belongs to no reading.
   */
  constructor(table: ServiceTable, key: string) {
    this.#table = table;
    this.#key = key;
    this.take();
  }

  take(): ServiceReading {
    const now = this.#read();
    const before = this.#before;
    this.#before = now;
    const since = (cell: number): number => now[cell]! - before[cell]!;
    const failures = new Map<string, number>();
    for (const [index, kind] of FAILURE_KINDS.entries()) {
      const count = since(FAILED + index);
      if (count > 0) failures.set(kind, count);
    }
    return {
      requests: since(REQUESTS),
      failures,
      latency: Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, (_, index) => since(BUCKETS + index)),
      latencySumMs: since(MILLISECONDS),
      inFlight: now[IN_FLIGHT]!,
    };
  }

  /** Sums of all workers. */
  #read(): Float64Array<ArrayBuffer> {
    const table = this.#table;
    const sums = new Float64Array(WIDTH);
    const times = table.read(this.#key, (row, given) => {
      if (row === NO_ROW) return 0;
      for (let slot = 0; slot < table.workerSlots; slot++) {
        const at = table.at(row, slot);
        for (let cell = 0; cell < WIDTH; cell++) sums[cell]! += table.cells[at + cell]!;
      }
      return given;
    });
    if (times !== this.#times) this.#before = new Float64Array(WIDTH);
    this.#times = times;
    return sums;
  }
}
