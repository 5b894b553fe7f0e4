// Limits on open client connections that hold for the process: of an entry point, and of one address over all entry
// points that have such a limit. Whoever is counted in gives back what it was given.

import type { DownstreamLimits } from '../../../model/entry-point.ts';
import { defineSharedTable } from '../../../core/shared-table.ts';
import type { EntryPointCounts } from './entry-point-counts.ts';
import { COUNT_REFUSED, COUNT_UNTRACKED, KeyedCounts, type KeyTableShape } from './keyed-counts.ts';

/** `tryOpen` refused the connection. */
export const CONNECTION_REFUSED = COUNT_REFUSED;

/** An address has 45 characters at most. */
const ADDRESSES: KeyTableShape = { sets: 4096, keyBytes: 48 };

/** Open connections by client address, for caps per address. */
export const addressCounts = defineSharedTable({
  name: 'addressCounts',
  bytes: ({ workerSlots }) => KeyedCounts.bytes(ADDRESSES, workerSlots),
  view: (memory, slot, workerSlots) => new KeyedCounts(memory, ADDRESSES, slot, workerSlots),
  clearWorker: (view, slot) => view.clearWorker(slot),
});

export class ConnectionLimits {
  private readonly entryPoints: EntryPointCounts;
  private readonly addresses: KeyedCounts;

  constructor(entryPoints: EntryPointCounts, addresses: KeyedCounts) {
    this.entryPoints = entryPoints;
    this.addresses = addresses;
  }

  /** Counts a connection in; returns a ticket for `close`, or CONNECTION_REFUSED when a cap is reached. */
  tryOpen(row: number, ip: string, limits: DownstreamLimits): number {
    if (!this.entryPoints.enter(row, limits.maxConnections)) return CONNECTION_REFUSED;
    if (limits.maxConnectionsPerIp <= 0) return COUNT_UNTRACKED;
    const ticket = this.addresses.enter(ip, limits.maxConnectionsPerIp);
    if (ticket === COUNT_REFUSED) this.entryPoints.leave(row);
    return ticket;
  }

  close(row: number, ticket: number): void {
    this.entryPoints.leave(row);
    this.addresses.leave(ticket);
  }
}
