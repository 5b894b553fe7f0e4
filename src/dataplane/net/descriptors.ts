// Descriptors of this process: how many sockets its clients and its servers may have. Both take from one number, over
// all workers, which is less than the system's limit: what else needs descriptors, files, name servers, the internal
// entry point, must never find none. Where they run out, connections that only rest go first; then clients are refused,
// and requests wait for a connection to a server.
//
// Shared cells: [limit, refusals, clients per slot …, servers per slot …]. A slot has one writer, its worker.

import { defineSharedTable } from '../../core/shared-table.ts';

const LIMIT = 0;
const REFUSALS = 1;
const SLOTS = 2;
/** Part of the limit that clients leave to servers. */
const SERVERS_SHARE = 20;
const MIN_FOR_SERVERS = 8;

export function descriptorBytes(workerSlots: number): number {
  return (SLOTS + 2 * workerSlots) * Int32Array.BYTES_PER_ELEMENT;
}

export class Descriptors {
  private readonly cells: Int32Array;
  private readonly workerSlots: number;
  private readonly slot: number;
  /** Ends a connection that rests; false when there is none. Set by whoever has them. */
  closeResting: () => boolean = () => false;

  constructor(memory: SharedArrayBuffer, slot: number, workerSlots: number) {
    this.cells = new Int32Array(memory);
    this.slot = slot;
    this.workerSlots = workerSlots;
  }

  /** For the main thread, before workers start; 0 for no limit. */
  setLimit(limit: number): void {
    Atomics.store(this.cells, LIMIT, limit);
  }

  get limit(): number {
    return Atomics.load(this.cells, LIMIT);
  }

  /** Connections of clients that were refused for want of a descriptor. */
  get refusals(): number {
    return Atomics.load(this.cells, REFUSALS);
  }

  get open(): { readonly clients: number; readonly servers: number } {
    let clients = 0;
    let servers = 0;
    for (let slot = 0; slot < this.workerSlots; slot++) {
      clients += Atomics.load(this.cells, SLOTS + slot);
      servers += Atomics.load(this.cells, SLOTS + this.workerSlots + slot);
    }
    return { clients, servers };
  }

  /** A client has connected; false when it has to go. */
  admitClient(): boolean {
    const { limit } = this;
    if (limit > 0) {
      const { clients, servers } = this.open;
      const forServers = Math.max(MIN_FOR_SERVERS, Math.floor(limit / SERVERS_SHARE), servers);
      if (clients + forServers >= limit && !this.closeResting()) {
        this.noteRefusal();
        return false;
      }
    }
    Atomics.add(this.cells, SLOTS + this.slot, 1);
    return true;
  }

  noteRefusal(): void {
    Atomics.add(this.cells, REFUSALS, 1);
  }

  clientLeft(): void {
    Atomics.sub(this.cells, SLOTS + this.slot, 1);
  }

  /** Whether a connection to a server may be opened now; makes room where something rests. */
  hasRoomForServer(): boolean {
    const { limit } = this;
    if (limit <= 0) return true;
    const { clients, servers } = this.open;
    return clients + servers < limit || this.closeResting();
  }

  serverOpened(): void {
    Atomics.add(this.cells, SLOTS + this.workerSlots + this.slot, 1);
  }

  serverClosed(): void {
    Atomics.sub(this.cells, SLOTS + this.workerSlots + this.slot, 1);
  }

  /** The worker is dead, and with it its sockets. */
  clearWorker(slot: number): void {
    Atomics.store(this.cells, SLOTS + slot, 0);
    Atomics.store(this.cells, SLOTS + this.workerSlots + slot, 0);
  }
}

export const descriptorTable = defineSharedTable({
  name: 'descriptors',
  bytes: ({ workerSlots }) => descriptorBytes(workerSlots),
  view: (memory, slot, workerSlots) => new Descriptors(memory, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});

/** Of this thread; a worker puts that of the process in its place. */
export let descriptors = new Descriptors(new SharedArrayBuffer(descriptorBytes(1)), 0, 1);

export function useDescriptors(own: Descriptors): void {
  descriptors = own;
}

/** System errors that say something about this process or machine, and nothing about the server. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

export function isOwnFault(error: Error | null): boolean {
  return error !== null && 'code' in error && typeof error.code === 'string' && OWN_FAULTS.has(error.code);
}
