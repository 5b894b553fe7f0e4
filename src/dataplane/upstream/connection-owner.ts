// What an upstream connection knows of its surroundings: the endpoint that opened it and what all endpoints share.

import type { SecureContext } from 'node:tls';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/failure.ts';
import type { Bond } from './bond.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import type { EndpointTable } from './endpoint-table.ts';
import type { Http1ResponseParser } from '../http1/response-parser.ts';
import type { UpstreamTls } from '../tls/upstream-tls.ts';
import type { FailureTrace } from './failure-trace.ts';
import type { Resolver } from './name/resolver.ts';

/** Where connections rest until they are needed. */
export interface RestingPlace {
  /** Ends one of them; false when there is none. */
  closeResting(): boolean;
}

/** What all endpoints of a worker share. */
export interface UpstreamContext {
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  readonly parser: Http1ResponseParser;
  readonly tls: UpstreamTls;
  /** Share of the process-wide limits that this worker may use. */
  readonly workerSlots: number;
  readonly budget: ConnectionBudget;
  readonly table: EndpointTable;
  /** Endpoints that have, or had, connections without a request. */
  readonly resting: Set<RestingPlace>;
  /** Requests have shown that a server is down: this worker and the others must know. */
  readonly ejected: (service: string, endpoint: string) => void;
  /** Null where failures are told of in another way, as of checks. */
  readonly trace: FailureTrace | null;
  /** Someone wants the origin's fields as they came, after middlewares have changed them. */
  readonly keepOriginHeaders: boolean;
}

/** A TLS session. It goes on with the identities of its first handshake: only under the same context is it the same. */
export interface UpstreamSession {
  readonly context: SecureContext | undefined;
  readonly ticket: Buffer;
}

/** A server, and how it is spoken to. */
export interface UpstreamPeer {
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
}

/** The endpoint as its connections see it, whatever they speak. */
export interface ResponseOwner extends UpstreamPeer {
  /** The head of a response has arrived; its status is the exchange's. */
  answered(exchange: Exchange): void;
  /** The attempt has failed: the exchange's Attempt says how. The connection has let go of the exchange. */
  failed(exchange: Exchange): void;
}

/** The endpoint as connections see it that serve one request at a time. */
export interface ConnectionOwner<Connection extends { destroy(): void }> extends ResponseOwner {
  /**
   * The connection turns out to authenticate its user: it belongs to the client of the exchange from now on. Null when
   * that one has a connection of its own already; then this one is nobody's, and ends with the exchange.
   */
  bind(connection: Connection, exchange: Exchange): Bond<Connection> | null;
  /** The server has closed a connection that had rested for so long. */
  closedByServer(ageMs: number): void;
  /** A connection has rested for as long as it may, and the server has not closed it. */
  outlived(ageMs: number): void;
  /** The connection has finished a request and can take another. */
  release(connection: Connection): void;
  /** The connection is gone; `wasBusy` when it counted among the requests in flight. */
  closed(connection: Connection, wasBusy: boolean): void;
}

/** The endpoint as its shared connections see it. */
export interface SharedConnectionOwner<Connection> extends ResponseOwner {
  /** It takes requests now. */
  ready(connection: Connection): void;
  /** A request is over. */
  finished(connection: Connection): void;
  /** It may take more requests than before. */
  widened(connection: Connection): void;
  /** It takes no more requests; those in progress go on. */
  leaving(connection: Connection): void;
  /** It is gone; the requests in progress break off next. */
  gone(connection: Connection, failure: Failure): void;
}
