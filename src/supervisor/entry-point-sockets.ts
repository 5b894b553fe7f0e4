// The bound sockets of entry points and their rows of the connection table. A socket is opened before the snapshot that
// needs it is published, and given up when no worker uses it any more; a row is given out again when its last
// connection is gone.

import { SignalboxError, messageOf } from '../core/errors.ts';
import type { EntryPointSpec, ListenAddress } from '../model/entry-point.ts';
import type { SnapshotDelta } from '../model/snapshot.ts';
import type { ListenerInit, NewSockets } from '../model/message/sync.ts';
import { MAX_ENTRY_POINTS, type EntryPointCounts } from '../dataplane/net/count/entry-point-counts.ts';
import {
  bindSocket,
  duplicateSockets,
  type BoundSocket,
  type SocketHandle,
} from '../dataplane/net/listening-socket.ts';

/**
 * Worker that has the UDP sockets: several that read from one would split its sessions. Its replacement gets them anew.
 */
const UDP_SLOT = 0;

/** Binds, or finds what was bound for the entry point before this process began. Rejects with a SignalboxError. */
export type OpenSocket = (spec: EntryPointSpec) => Promise<BoundSocket>;

export const bindOwn: OpenSocket = ({ name, address, reusePort }) => bindSocket(name, address, reusePort);

interface OpenEntryPoint extends BoundSocket {
  readonly row: number;
}

export interface SocketChanges {
  /** For the worker of a slot. */
  forWorker(slot: number): NewSockets;
  /** Gives up the sockets that are not needed any more; call it when every worker has applied the delta or is gone. */
  release(): void;
}

export class EntryPointSockets {
  readonly #connections: EntryPointCounts;
  readonly #open: OpenSocket;
  readonly #duplicate: typeof duplicateSockets;
  readonly #inForce = new Map<string, OpenEntryPoint>();
  /** Opened for a snapshot that is still to come. */
  readonly #prepared = new Map<string, OpenEntryPoint>();

  constructor(connections: EntryPointCounts, open: OpenSocket, duplicate = duplicateSockets) {
    this.#connections = connections;
    this.#open = open;
    this.#duplicate = duplicate;
  }

  /** Rejects with a SignalboxError when the address cannot be had. */
  async prepare(spec: EntryPointSpec): Promise<void> {
    this.discard(spec.name);
    const row = this.#freeRow(spec.name);
    const twin = this.#twinOf(spec);
    if (twin !== null) {
      throw new SignalboxError(
        'ERR_LISTEN_ADDRESS_IN_USE',
        `entryPoints.${spec.name}.address: the entry point "${twin}" has this address; each needs one of its own`,
      );
    }
    this.#prepared.set(spec.name, { ...(await this.#open(spec)), row });
  }

  /**
   * Each worker needs a descriptor of its own, and a process for a moment to get it: whether that can be had is to be
   * known before the change is under way. Rejects with a SignalboxError, and gives up what was prepared.
   */
  async tryDuplicate(name: string): Promise<void> {
    const socket = this.#prepared.get(name);
    if (socket === undefined) return;
    try {
      const copies = await this.#duplicate([{ fd: socket.handle.fd, protocol: socket.address.protocol }]);
      for (const copy of copies as readonly SocketHandle[]) copy.close();
    } catch (error) {
      this.discard(name);
      const reason = messageOf(error);
      throw new SignalboxError('ERR_LISTEN_FAILED', `entryPoints.${name}.address: ${reason}`, { cause: error });
    }
  }

  /** Gives up what was prepared for the entry point. */
  discard(name: string): void {
    this.#prepared.get(name)?.handle.close();
    this.#prepared.delete(name);
  }

  /** Puts everything that was prepared into force. */
  commitAll(): void {
    for (const [name, socket] of this.#prepared) this.#inForce.set(name, socket);
    this.#prepared.clear();
  }

  /** Puts what was prepared for entry points of the delta into force. */
  apply(delta: SnapshotDelta): SocketChanges {
    const opened: [string, OpenEntryPoint][] = [];
    const leaving: OpenEntryPoint[] = [];
    const leave = (name: string): void => {
      const socket = this.#inForce.get(name);
      if (socket !== undefined) leaving.push(socket);
      this.#inForce.delete(name);
    };
    for (const name of delta.removed.entryPoints ?? []) leave(name);
    for (const name of Object.keys(delta.changed.entryPoints ?? {})) {
      const fresh = this.#prepared.get(name);
      if (fresh === undefined) continue;
      leave(name);
      this.#prepared.delete(name);
      this.#inForce.set(name, fresh);
      opened.push([name, fresh]);
    }
    return {
      forWorker: (slot) => ({ rows: rowsOf(opened), listeners: listenersFor(slot, opened) }),
      release: () => {
        for (const { handle } of leaving) handle.close();
      },
    };
  }

  /** For a worker that starts. */
  forWorker(slot: number): NewSockets {
    return { rows: rowsOf(this.#inForce), listeners: listenersFor(slot, this.#inForce) };
  }

  addressOf(name: string): ListenAddress | null {
    return this.#inForce.get(name)?.address ?? null;
  }

  /** What is bound, by entry point. */
  all(): ReadonlyMap<string, BoundSocket> {
    return this.#inForce;
  }

  /** Open connections by entry point. */
  openConnections(): ReadonlyMap<string, number> {
    return new Map([...this.#inForce].map(([name, { row }]) => [name, this.#connections.openOf(row)]));
  }

  /** Gives up all sockets; connections are still counted. Workers may hold theirs. */
  close(): void {
    for (const { handle } of [...this.#inForce.values(), ...this.#prepared.values()]) handle.close();
    this.#prepared.clear();
  }

  /** Of sockets that do not listen yet, the kernel binds two to one address. */
  #twinOf(spec: EntryPointSpec): string | null {
    for (const [name, { address }] of this.#prepared) if (sharesAddress(address, spec.address)) return name;
    return null;
  }

  #freeRow(name: string): number {
    const used = new Set([...this.#inForce.values(), ...this.#prepared.values()].map(({ row }) => row));
    for (let row = 0; row < MAX_ENTRY_POINTS; row++) {
      if (!used.has(row) && this.#connections.openOf(row) === 0) return row;
    }
    throw new SignalboxError(
      'ERR_LISTEN_FAILED',
      `entryPoints.${name}: there may be ${MAX_ENTRY_POINTS} entry points at a time, counting those that are removed and still finish requests`,
    );
  }
}

/** Both cannot be bound by one process. */
export function sharesAddress(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port === 0 || one.port !== other.port || one.protocol !== other.protocol) return false;
  return one.host === other.host || isWildcard(one.host) || isWildcard(other.host);
}

function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

function rowsOf(sockets: Iterable<readonly [string, OpenEntryPoint]>): Readonly<Record<string, number>> {
  return Object.fromEntries([...sockets].map(([name, { row }]) => [name, row]));
}

function listenersFor(slot: number, sockets: Iterable<readonly [string, OpenEntryPoint]>): readonly ListenerInit[] {
  return [...sockets]
    .filter(([, { address }]) => address.protocol === 'tcp' || slot === UDP_SLOT)
    .map(([entryPoint, { handle, address }]) => ({ entryPoint, fd: handle.fd, protocol: address.protocol }));
}
