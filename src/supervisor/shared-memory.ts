// The memory that workers share with each other and the main thread, and how a dead worker's part of it is cleared.

import type { SharedState } from '../model/sync.ts';
import type { TlsSharedState } from '../model/tls.ts';
import { METRICS_BYTES } from '../observe/metrics.ts';
import { ConnectionLimits, connectionLimitsBytes } from '../dataplane/net/connection-limits.ts';
import { descriptorBytes, Descriptors } from '../dataplane/net/descriptors.ts';
import { EndpointTable, endpointTableMemory, type EndpointTableMemory } from '../dataplane/upstream/endpoint-table.ts';
import { clearConnectionBudget, connectionBudgetBytes } from '../dataplane/upstream/connection-budget.ts';

export class SharedMemory {
  readonly connections: ConnectionLimits;
  readonly endpoints: EndpointTable;
  readonly descriptors: Descriptors;
  readonly #workerSlots: number;
  readonly #connectionMemory: SharedArrayBuffer;
  readonly #budget: SharedArrayBuffer;
  readonly #descriptors: SharedArrayBuffer;
  readonly #accessLog: SharedArrayBuffer;
  readonly #accessLogCells: Int32Array;
  readonly #secret: Uint8Array;
  #tls: TlsSharedState;
  readonly #endpointMemory: EndpointTableMemory;

  /** As of SharedState. */
  constructor(workerSlots: number, secret: Uint8Array, tls: TlsSharedState) {
    this.#secret = secret;
    this.#tls = tls;
    this.#endpointMemory = endpointTableMemory(workerSlots);
    // Main writes health alone, and clears: no column is its own.
    this.endpoints = new EndpointTable(this.#endpointMemory, 0, workerSlots);
    this.#workerSlots = workerSlots;
    this.#connectionMemory = new SharedArrayBuffer(connectionLimitsBytes(workerSlots));
    this.#budget = new SharedArrayBuffer(connectionBudgetBytes(workerSlots));
    this.#descriptors = new SharedArrayBuffer(descriptorBytes(workerSlots));
    this.descriptors = new Descriptors(this.#descriptors, 0, workerSlots);
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
      descriptors: this.#descriptors,
      endpoints: this.#endpointMemory,
      accessLog: this.#accessLog,
      secret: this.#secret,
      tls: this.#tls,
    };
  }

  get ticketKeys(): Uint8Array {
    return this.#tls.ticketKeys;
  }

  /** For workers that start from now on. */
  setTicketKeys(ticketKeys: Uint8Array): void {
    this.#tls = { ...this.#tls, ticketKeys };
  }

  /** Access log bytes have left the process, or were dropped. */
  accessLogWritten(slot: number, bytes: number): void {
    Atomics.sub(this.#accessLogCells, slot, bytes);
  }

  /** The worker of this slot is dead; `endpointRows` are in use. */
  clearWorker(slot: number, endpointRows: number): void {
    this.endpoints.clearWorker(slot, endpointRows);
    this.connections.clearWorker(slot);
    this.descriptors.clearWorker(slot);
    clearConnectionBudget(this.#budget, slot, this.#workerSlots);
    Atomics.store(this.#accessLogCells, slot, 0);
  }
}
