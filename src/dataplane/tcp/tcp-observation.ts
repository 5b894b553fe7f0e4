// What a TCP connection tells of itself while it lives and when it is over. Which of it is kept is decided in
// engine/instrument.ts.

import type { ConnectionRecord } from '../../model/access-record.ts';
import type { TcpEnd } from './tcp-end.ts';

/** Of one router on one entry point. */
export interface TcpObservation {
  opened(): void;
  /** Bytes of the client. */
  received(bytes: number): void;
  /** Bytes for the client. */
  sent(bytes: number): void;
  /** A server of this service has been chosen and is connected. */
  served(service: string): TcpServiceObservation;
  /** A server that could not be connected to. */
  dialFailed(service: string, serverUrl: string, end: TcpEnd): void;
  /** It is over. */
  finished(record: ConnectionRecord): void;
}

export interface TcpServiceObservation {
  received(bytes: number): void;
  sent(bytes: number): void;
}
