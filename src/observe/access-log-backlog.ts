// Bytes of access log lines that workers have sent and the writer has not written yet, in shared memory: a worker
// that is too far ahead drops lines instead.
//
// Int32 cells: one per worker slot.

import { defineSharedTable } from '../core/shared-table.ts';

export class AccessLogBacklog {
  readonly #cells: Int32Array;
  readonly #slot: number;

  constructor(memory: SharedArrayBuffer, slot: number) {
    this.#cells = new Int32Array(memory);
    this.#slot = slot;
  }

  /** Of this worker. */
  get bytes(): number {
    return Atomics.load(this.#cells, this.#slot);
  }

  /** This worker has sent lines. */
  sent(bytes: number): void {
    Atomics.add(this.#cells, this.#slot, bytes);
  }

  /** Lines of a worker have left the process, or were dropped. */
  written(slot: number, bytes: number): void {
    Atomics.sub(this.#cells, slot, bytes);
  }

  clearWorker(slot: number): void {
    Atomics.store(this.#cells, slot, 0);
  }
}

export const accessLogBacklog = defineSharedTable({
  name: 'accessLogBacklog',
  bytes: ({ workerSlots }) => workerSlots * Int32Array.BYTES_PER_ELEMENT,
  view: (memory, slot) => new AccessLogBacklog(memory, slot),
  clearWorker: (view, slot) => view.clearWorker(slot),
});
