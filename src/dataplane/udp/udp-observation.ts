// What a UDP session tells of itself while it lives and when it is over. Which of it is kept is decided in
// engine/connection-instrument.ts.

import type { ConnectionRecord } from '../../model/access-record.ts';
import type { UdpEnd } from './udp-end.ts';

/** Of one router on one entry point. */
export interface UdpObservation {
  opened(): void;
  /** Bytes of the client. */
  received(bytes: number): void;
  /** Bytes for the client. */
  sent(bytes: number): void;
  /** A server of this service has been chosen. */
  served(service: string): UdpServiceObservation;
  dialFailed(service: string, serverUrl: string, end: UdpEnd): void;
  /** It is over. */
  finished(record: ConnectionRecord): void;
}

export interface UdpServiceObservation {
  received(bytes: number): void;
  sent(bytes: number): void;
}

/** Datagrams that reached nobody. */
export type DatagramDropped = (entryPoint: string, reason: DropReason) => void;

/**
 * - `no_router`: the entry point has none
 * - `router_disabled`: its router has an error
 * - `sessions`: there are as many as may be, in all or of one address
 * - `backlog`: the server, or the client, does not take them fast enough, or its name has no address yet
 * - `draining`: of a new client, while the router stops
 */
export type DropReason = 'no_router' | 'router_disabled' | 'sessions' | 'backlog' | 'draining';
