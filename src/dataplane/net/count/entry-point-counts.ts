// Open client connections of each entry point over all workers, in shared memory: a total that caps are kept by, and
// each worker's part of it, so that the supervisor can give back what a dead worker held.
//
// Row: [total, (open) per worker].

import { defineSharedTable } from '../../../core/shared-table.ts';

/** At a time: rows are given out again when they are empty. */
export const MAX_ENTRY_POINTS = 64;

export class EntryPointCounts {
  private readonly cells: Int32Array;
  private readonly width: number;
  private readonly slot: number;

  constructor(memory: SharedArrayBuffer, slot: number, workerSlots: number) {
    this.cells = new Int32Array(memory);
    this.width = 1 + workerSlots;
    this.slot = slot;
  }

  /** Counts a connection of this worker in, unless `max` are open; 0 for no limit. */
  enter(row: number, max: number): boolean {
    const total = row * this.width;
    const open = Atomics.add(this.cells, total, 1);
    if (max > 0 && open >= max) {
      Atomics.sub(this.cells, total, 1);
      return false;
    }
    Atomics.add(this.cells, total + 1 + this.slot, 1);
    return true;
  }

  leave(row: number): void {
    const total = row * this.width;
    Atomics.sub(this.cells, total, 1);
    Atomics.sub(this.cells, total + 1 + this.slot, 1);
  }

  /** Over all workers. */
  openOf(row: number): number {
    return Atomics.load(this.cells, row * this.width);
  }

  /** Of one worker, over all entry points. */
  openOfWorker(slot: number): number {
    let open = 0;
    for (let row = 0; row < MAX_ENTRY_POINTS; row++) open += Atomics.load(this.cells, row * this.width + 1 + slot);
    return open;
  }

  clearWorker(slot: number): void {
    for (let row = 0; row < MAX_ENTRY_POINTS; row++) {
      const total = row * this.width;
      const open = Atomics.exchange(this.cells, total + 1 + slot, 0);
      if (open !== 0) Atomics.sub(this.cells, total, open);
    }
  }
}

export const entryPointCounts = defineSharedTable({
  name: 'entryPointCounts',
  bytes: ({ workerSlots }) => MAX_ENTRY_POINTS * (1 + workerSlots) * Int32Array.BYTES_PER_ELEMENT,
  view: (memory, slot, workerSlots) => new EntryPointCounts(memory, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});
