// What becomes of an accepted connection: each arrival settles once, with one of these.

import type net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointState } from '../downstream/entry-point-state.ts';
import type { HostCoverage } from '../match/route-table.ts';
import type { ProxiedAddresses } from '../net/proxy-protocol.ts';
import type { TcpRoute, TcpRouting } from '../tcp/tcp-routing.ts';
import type { TlsSession } from '../tls/tls-acceptor.ts';
import type { TlsStore } from '../tls/tls-store.ts';
import type { Challenges } from './challenges.ts';

/** What is known of a connection that has passed the limits. */
export interface Admitted {
  readonly ip: string;
  readonly port: number;
  /** Of the connection limits. */
  readonly ticket: number;
  /** What a PROXY protocol header has said; null without one. */
  readonly proxied: ProxiedAddresses | null;
}

/** How a TCP connection has come about. */
export interface TcpArrival {
  readonly serverName: string;
  /** Null where the router does not end TLS. */
  readonly session: TlsSession | null;
  /** It has asked for TLS as PostgreSQL clients do. */
  readonly startTls: boolean;
}

export type ArrivalOutcome =
  /** Its PROXY protocol header is read: the client arrives, `addresses` being null when the peer speaks for itself. */
  | { readonly kind: 'proxied'; readonly socket: net.Socket; readonly addresses: ProxiedAddresses | null }
  /** `session` is null without TLS. */
  | { readonly kind: 'http1' | 'http2'; readonly socket: net.Socket; readonly session: TlsSession | null }
  | { readonly kind: 'tcp'; readonly socket: net.Socket; readonly route: TcpRoute; readonly how: TcpArrival }
  /**
   * It is gone: refused, answered with a challenge's certificate, or left by its client. `reason` is short and stable,
   * for metrics; '' when there is nothing to count.
   */
  | { readonly kind: 'gone'; readonly during: 'proxyHeader' | 'handshake'; readonly reason: string };

/** A connection that has not settled. Sockets come out of it paused. */
export interface Arriving {
  readonly admitted: Admitted;
  /** The worker stops accepting: nothing is owed to a client that has not asked anything; in patience it may. */
  drain(): void;
  destroy(): void;
}

/** The entry point as its arrivals see it. */
export interface ArrivalContext {
  readonly entryPoint: EntryPointState;
  readonly wheel: TimerWheel;
  readonly tls: TlsStore;
  readonly challenges: Challenges;
  readonly tcp: TcpRouting;
  /** What HTTP routers over TLS say of a host. */
  readonly coverage: (serverName: string) => HostCoverage;
  readonly settled: (arrival: Arriving, outcome: ArrivalOutcome) => void;
}
