// The connections of one door of the internal entry point. However many come, the newest is served: at a bound, the one
// that has been idle longest makes room, so that nobody who only keeps connections open can keep a health check out.

import type net from 'node:net';

/** Of a connection between requests, and of one whose head is not complete. */
const IDLE_MS = 5_000;

/** Options of every server of a door. */
export const SERVER_TIMES = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: IDLE_MS,
  requestTimeout: 30_000,
  keepAliveTimeout: IDLE_MS,
  connectionsCheckingInterval: 1_000,
} as const;

export const MAX_CONNECTIONS = 256;
/** Of one client, where clients have addresses. */
const MAX_PER_ADDRESS = 64;

interface Open {
  readonly address: string;
  /** Requests without a complete answer. */
  requests: number;
}

export class DoorConnections {
  /** In the order of their last change: the first of those without a request has been idle longest. */
  readonly #open = new Map<net.Socket, Open>();
  readonly #max: number;
  readonly #maxPerAddress: number;

  constructor(max = MAX_CONNECTIONS, maxPerAddress = MAX_PER_ADDRESS) {
    this.#max = max;
    this.#maxPerAddress = maxPerAddress;
  }

  get size(): number {
    return this.#open.size;
  }

  add(socket: net.Socket): void {
    // Clients of a Unix socket have none.
    const address = socket.remoteAddress ?? '';
    const isOfAddress = (one: Open): boolean => one.address === address;
    const ofAddress = [...this.#open.values()].filter(isOfAddress).length;
    if (address !== '' && ofAddress >= this.#maxPerAddress) this.#evict(isOfAddress);
    else if (this.#open.size >= this.#max) this.#evict(() => true);
    this.#open.set(socket, { address, requests: 0 });
    socket.once('close', () => this.#open.delete(socket));
  }

  begin(socket: net.Socket): void {
    this.#change(socket, 1);
  }

  end(socket: net.Socket): void {
    this.#change(socket, -1);
  }

  #change(socket: net.Socket, requests: number): void {
    const one = this.#open.get(socket);
    if (one === undefined) return;
    one.requests += requests;
    this.#open.delete(socket);
    this.#open.set(socket, one);
  }

  /**
   * Without an idle one, the oldest: a client that does not read its answers is no better than one that does not ask.
   */
  #evict(isCandidate: (one: Open) => boolean): void {
    const candidates = [...this.#open].filter(([, one]) => isCandidate(one));
    const [socket] = candidates.find(([, one]) => one.requests === 0) ?? candidates[0]!;
    this.#open.delete(socket);
    socket.destroy();
  }
}
