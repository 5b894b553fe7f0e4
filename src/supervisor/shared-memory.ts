// The memory that workers share with each other and the main thread, and how a dead worker's part of it is cleared.

import { allocateTables, SharedTables, type TableMemory } from '../core/shared-table.ts';
import type { SharedState } from '../model/message/sync.ts';
import type { TlsSharedState } from '../model/tls.ts';
import { METRICS_BYTES } from '../observe/metrics.ts';
import { SHARED_TABLES, type ListedTables } from '../dataplane/engine/shared-tables.ts';

export class SharedMemory {
  /** The main thread's views. */
  readonly tables: ListedTables;
  readonly #memory: TableMemory;
  readonly #fallback: TlsSharedState['fallback'];

  /** As of SharedState. */
  constructor(workerSlots: number, fallback: TlsSharedState['fallback']) {
    this.#fallback = fallback;
    this.#memory = allocateTables(SHARED_TABLES, { workerSlots });
    this.tables = new SharedTables(SHARED_TABLES, this.#memory, 0, workerSlots);
  }

  /** For a new worker; its metrics block is its own and fresh. */
  forWorker(ticketKeys: Uint8Array, secret: Uint8Array): SharedState {
    return {
      metrics: new SharedArrayBuffer(METRICS_BYTES),
      tables: this.#memory,
      secret,
      tls: { ticketKeys, fallback: this.#fallback },
    };
  }

  /** The worker of this slot is dead. */
  clearWorker(slot: number): void {
    this.tables.clearWorker(slot);
  }
}
