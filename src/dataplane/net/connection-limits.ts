// Open client connections over all workers, in shared memory: a total and a part per worker for each entry point, and a
// bounded table of client addresses for caps per address. The parts let the supervisor give back what a dead worker held.
//
// Entry point row: [total, (open) per worker]. Address bucket: [lock, 16 × row]; row: [hash, total, (open) per worker].
// A bucket is locked for the few instructions of a change, so the caps are exact.

import type { DownstreamLimits } from '../../model/entrypoint.ts';

/** At a time: rows are given out again when they are empty. */
export const MAX_ENTRY_POINTS = 64;
const BUCKETS = 4096;
const ROWS_PER_BUCKET = 16;

/** `tryOpen` refused the connection. */
export const CONNECTION_REFUSED = -1;
/** Open, and not counted by address. */
const UNTRACKED = 0;

export function connectionLimitsBytes(workerSlots: number): number {
  const entryPoints = MAX_ENTRY_POINTS * (1 + workerSlots);
  const addresses = BUCKETS * (1 + ROWS_PER_BUCKET * (2 + workerSlots));
  return (entryPoints + addresses) * Int32Array.BYTES_PER_ELEMENT;
}

/** FNV-1a; never 0. */
function hash(text: string): number {
  let value = 0x811c9dc5 | 0;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value | 1;
}

export class ConnectionLimits {
  private readonly cells: Int32Array;
  private readonly slot: number;
  private readonly workerSlots: number;
  private readonly addressBase: number;
  private readonly rowWidth: number;
  private readonly bucketWidth: number;

  constructor(memory: SharedArrayBuffer, slot: number, workerSlots: number) {
    this.cells = new Int32Array(memory);
    this.slot = slot;
    this.workerSlots = workerSlots;
    this.addressBase = MAX_ENTRY_POINTS * (1 + workerSlots);
    this.rowWidth = 2 + workerSlots;
    this.bucketWidth = 1 + ROWS_PER_BUCKET * this.rowWidth;
  }

  /** Counts a connection in; returns a ticket for `close`, or CONNECTION_REFUSED when a cap is reached. */
  tryOpen(row: number, ip: string, limits: DownstreamLimits): number {
    const total = row * (1 + this.workerSlots);
    const open = Atomics.add(this.cells, total, 1);
    if (limits.maxConnections > 0 && open >= limits.maxConnections) {
      Atomics.sub(this.cells, total, 1);
      return CONNECTION_REFUSED;
    }
    let ticket = UNTRACKED;
    if (limits.maxConnectionsPerIp > 0) {
      ticket = this.openAddress(ip, limits.maxConnectionsPerIp);
      if (ticket === CONNECTION_REFUSED) {
        Atomics.sub(this.cells, total, 1);
        return CONNECTION_REFUSED;
      }
    }
    Atomics.add(this.cells, total + 1 + this.slot, 1);
    return ticket;
  }

  close(row: number, ticket: number): void {
    const total = row * (1 + this.workerSlots);
    Atomics.sub(this.cells, total, 1);
    Atomics.sub(this.cells, total + 1 + this.slot, 1);
    this.leave(ticket);
  }

  /** Counts one more under a key; returns a ticket for `leave`, or CONNECTION_REFUSED when `max` are in. */
  enter(key: string, max: number): number {
    return this.openAddress(key, max);
  }

  leave(ticket: number): void {
    if (ticket === UNTRACKED) return;
    Atomics.sub(this.cells, ticket + 2 + this.slot, 1);
    Atomics.sub(this.cells, ticket + 1, 1);
  }

  /** Over all workers. */
  openOf(row: number): number {
    return Atomics.load(this.cells, row * (1 + this.workerSlots));
  }

  /** Of one worker, over all entry points. */
  openOfWorker(slot: number): number {
    let open = 0;
    for (let index = 0; index < MAX_ENTRY_POINTS; index++) {
      open += Atomics.load(this.cells, index * (1 + this.workerSlots) + 1 + slot);
    }
    return open;
  }

  /** Gives back what a dead worker held. For the supervisor, while the slot is vacant. */
  clearWorker(slot: number): void {
    for (let index = 0; index < MAX_ENTRY_POINTS; index++) {
      const total = index * (1 + this.workerSlots);
      const open = Atomics.exchange(this.cells, total + 1 + slot, 0);
      if (open !== 0) Atomics.sub(this.cells, total, open);
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const base = this.addressBase + bucket * this.bucketWidth;
      // The worker may have died while it held the lock.
      Atomics.compareExchange(this.cells, base, slot + 1, 0);
      for (let index = 0; index < ROWS_PER_BUCKET; index++) {
        const row = base + 1 + index * this.rowWidth;
        const open = Atomics.exchange(this.cells, row + 2 + slot, 0);
        if (open !== 0) Atomics.sub(this.cells, row + 1, open);
      }
    }
  }

  private openAddress(ip: string, max: number): number {
    const key = hash(ip);
    const base = this.addressBase + ((key >>> 4) % BUCKETS) * this.bucketWidth;
    while (Atomics.compareExchange(this.cells, base, 0, this.slot + 1) !== 0) {
      // Held for nanoseconds by another worker; the supervisor frees the lock of a dead one.
    }
    const ticket = this.claimRow(base, key, max);
    Atomics.store(this.cells, base, 0);
    return ticket;
  }

  private claimRow(base: number, key: number, max: number): number {
    let vacant = -1;
    for (let index = 0; index < ROWS_PER_BUCKET; index++) {
      const row = base + 1 + index * this.rowWidth;
      const open = Atomics.load(this.cells, row + 1);
      if (open <= 0) {
        if (vacant < 0) vacant = row;
      } else if (Atomics.load(this.cells, row) === key) {
        if (open >= max) return CONNECTION_REFUSED;
        return this.countIn(row);
      }
    }
    // Sixteen other addresses share the bucket: a cap that cannot be kept exactly is not enforced by guessing.
    if (vacant < 0) return UNTRACKED;
    Atomics.store(this.cells, vacant, key);
    return this.countIn(vacant);
  }

  private countIn(row: number): number {
    Atomics.add(this.cells, row + 1, 1);
    Atomics.add(this.cells, row + 2 + this.slot, 1);
    return row;
  }
}
