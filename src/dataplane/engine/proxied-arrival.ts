// A connection that another proxy passes on, until its PROXY protocol header has said for whom. Only peers that may speak for
// others get here; the header is taken away, and whoever comes next sees the client's bytes alone.

import type net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import { FirstBytes, type FirstBytesReader } from '../net/first-bytes.ts';
import {
  parseProxyHeader,
  PROXY_MALFORMED,
  PROXY_NONE,
  PROXY_PARTIAL,
  type ProxiedAddresses,
  type ProxyHeaderResult,
} from '../net/proxy-protocol.ts';
import type { Admitted } from './arrival.ts';

/** The entry point as its proxied arrivals see it. */
export interface ProxiedArrivalOwner {
  readonly wheel: TimerWheel;
  /** For the header. */
  readonly handshakeMs: number;
  /** See DownstreamContext. */
  readonly patienceMs: number;
  /** A connection without a header is refused. */
  readonly isProxyHeaderRequired: boolean;
  /** Null when the peer speaks for itself. The socket is paused. */
  proxied(arrival: ProxiedArrival, socket: net.Socket, addresses: ProxiedAddresses | null): void;
  /** The connection is gone. `reason` is short and stable, for metrics; '' when nothing has come: a probe of the port. */
  proxyHeaderFailed(arrival: ProxiedArrival, reason: string): void;
}

export class ProxiedArrival implements FirstBytesReader {
  /** With the peer's own address. */
  readonly admitted: Admitted;
  private readonly owner: ProxiedArrivalOwner;
  private readonly first: FirstBytes;
  private header: ProxyHeaderResult | null = null;

  constructor(owner: ProxiedArrivalOwner, socket: net.Socket, admitted: Admitted) {
    this.owner = owner;
    this.admitted = admitted;
    this.first = new FirstBytes(socket, owner.wheel, owner.handshakeMs, this);
  }

  isEnough(bytes: Buffer): boolean {
    this.header = parseProxyHeader(bytes);
    return this.header !== PROXY_PARTIAL;
  }

  take(_bytes: Buffer, socket: net.Socket): void {
    const { header, owner } = this;
    if (header === PROXY_MALFORMED || (header === PROXY_NONE && owner.isProxyHeaderRequired)) {
      socket.on('error', ignore);
      socket.once('close', () => owner.proxyHeaderFailed(this, header === PROXY_NONE ? 'missing' : 'malformed'));
      socket.destroy();
      return;
    }
    if (header === null || typeof header === 'string') {
      owner.proxied(this, socket, null);
      return;
    }
    socket.read(header.length);
    owner.proxied(this, socket, header.addresses);
  }

  gone(): void {
    this.owner.proxyHeaderFailed(this, this.header === null ? '' : 'cut_off');
  }

  /** Nothing is owed to a client that has not asked anything; in patience it may. */
  drain(): void {
    if (this.owner.patienceMs === 0) this.destroy();
  }

  destroy(): void {
    this.first.destroy();
  }
}

function ignore(): void {}
