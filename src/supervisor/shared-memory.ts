// The memory that workers share with each other and the main thread, and how a dead worker's part of it is cleared.

import { randomBytes } from 'node:crypto';
import type { SharedState } from '../model/sync.ts';
import { METRICS_BYTES } from '../observe/metrics.ts';
import { ConnectionLimits, connectionLimitsBytes } from '../dataplane/net/connection-limits.ts';
import { clearConnectionBudget, connectionBudgetBytes } from '../dataplane/upstream/connection-budget.ts';

export class SharedMemory {
  readonly connections: ConnectionLimits;
  readonly #workerSlots: number;
  readonly #connectionMemory: SharedArrayBuffer;
  readonly #budget: SharedArrayBuffer;
  readonly #accessLog: SharedArrayBuffer;
  readonly #accessLogCells: Int32Array;
  readonly #secret = randomBytes(32);

  constructor(workerSlots: number) {
    this.#workerSlots = workerSlots;
    this.#connectionMemory = new SharedArrayBuffer(connectionLimitsBytes(workerSlots));
    this.#budget = new SharedArrayBuffer(connectionBudgetBytes(workerSlots));
    this.#accessLog = new SharedArrayBuffer(workerSlots * Int32Array.BYTES_PER_ELEMENT);
    this.#accessLogCells = new Int32Array(this.#accessLog);
    // The slot is never written through this view: main only reads and clears.
    this.connections = new ConnectionLimits(this.#connectionMemory, 0, workerSlots);
  }

  /** For a new worker; its metrics block is its own and fresh. */
  forWorker(): SharedState {
    return {
      metrics: new SharedArrayBuffer(METRICS_BYTES),
      connections: this.#connectionMemory,
      budget: this.#budget,
      accessLog: this.#accessLog,
      secret: this.#secret,
    };
  }

  /** Access log bytes have left the process, or were dropped. */
  accessLogWritten(slot: number, bytes: number): void {
    Atomics.sub(this.#accessLogCells, slot, bytes);
  }

  /** The worker of this slot is dead. */
  clearWorker(slot: number): void {
    this.connections.clearWorker(slot);
    clearConnectionBudget(this.#budget, slot, this.#workerSlots);
    Atomics.store(this.#accessLogCells, slot, 0);
  }
}
