// Connections of HTTP/2 to one server, each shared by the requests of this worker.

import type net from 'node:net';
import type { ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import { BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { WEBSOCKET } from '../http/message/upgrade.ts';
import type { Reading } from '../net/fixed-read.ts';
import type { SharedConnectionOwner, UpstreamContext, UpstreamPeer } from './connection-owner.ts';
import { UpstreamHttp2Connection } from './connection/http2-connection.ts';
import type { EndpointStatistics } from './endpoint-statistics.ts';
import type { Waiter } from './waiter.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** The dial whose requests wait for a connection that is not ready. */
export interface OpeningDial {
  /** Returns the requests that have waited. */
  settle(): Waiter[];
  fail(failure: Failure): void;
}

/** The endpoint as it sees them. */
export interface SharedConnectionsOwner extends UpstreamPeer {
  sendShared(exchange: Exchange): void;
  /** A change of protocol that HTTP/2 has no words for, or this server's has not. */
  sendApart(exchange: Exchange): void;
  failed(exchange: Exchange): void;
  /** The dial is over: its connection takes requests, or is gone. */
  dialOver(dial: OpeningDial): void;
}

export class SharedConnections implements SharedConnectionOwner<UpstreamHttp2Connection> {
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  private readonly statistics: EndpointStatistics;
  private readonly waiting: WaitingRoom;
  private readonly owner: SharedConnectionsOwner;
  /** Those that take requests, or did. */
  private readonly shared: UpstreamHttp2Connection[] = [];
  /** Open ones, with those that take no more, and the address of each. */
  private readonly open = new Map<UpstreamHttp2Connection, string>();
  /** The dial whose waiters go to the connection when it is ready. */
  private readonly opening = new Map<UpstreamHttp2Connection, OpeningDial>();
  private readonly maxIdle: number;
  private isRetired = false;

  constructor(owner: SharedConnectionsOwner, statistics: EndpointStatistics, waiting: WaitingRoom) {
    const { server, transport, context } = owner;
    this.server = server;
    this.transport = transport;
    this.context = context;
    this.owner = owner;
    this.statistics = statistics;
    this.waiting = waiting;
    this.maxIdle = Math.ceil(transport.maxIdleConnsPerHost / context.workerSlots);
  }

  /** The socket is a connection from now on, and takes requests when the server has introduced itself. */
  add(socket: net.Socket, reading: Reading, host: string, dial: OpeningDial): void {
    const connection = new UpstreamHttp2Connection(this, socket, reading);
    this.open.set(connection, host);
    this.statistics.http2Open(this.open.size);
    this.opening.set(connection, dial);
  }

  /** Sends the request on the first one that takes it; false when none does. */
  send(exchange: Exchange): boolean {
    const { shared } = this;
    for (let index = 0; index < shared.length; index++) {
      const connection = shared[index]!;
      if (!connection.canTake) continue;
      if (exchange.upgrade !== '' && !canTunnel(connection, exchange)) this.owner.sendApart(exchange);
      else {
        this.statistics.begin();
        connection.start(exchange);
      }
      return true;
    }
    return false;
  }

  /** Ends the connection that the dial has made and that is not ready; false when there is none. */
  dropOpening(dial: OpeningDial): boolean {
    const connection = [...this.opening].find(([, its]) => its === dial)?.[0];
    if (connection === undefined) return false;
    this.opening.delete(connection);
    connection.destroy();
    return true;
  }

  /** One without a request takes no more; false when there is none. */
  leaveIdle(): boolean {
    const idle = this.shared.find(({ isIdle }) => isIdle);
    idle?.leave();
    return idle !== undefined;
  }

  get hasIdle(): boolean {
    return this.shared.some(({ isIdle }) => isIdle);
  }

  // ── what connections report ────────────────────────────────────────────────────────────────────────────────────

  ready(connection: UpstreamHttp2Connection): void {
    const dial = this.opening.get(connection)!;
    this.opening.delete(connection);
    this.owner.dialOver(dial);
    this.shared.push(connection);
    // One that is fresh and takes nothing allows no stream, or is leaving: each try at another one counts.
    const isUseless = !connection.canTake;
    for (const { exchange } of dial.settle()) {
      this.statistics.finish();
      if (isUseless) {
        exchange.attempt.failed(FAILURES.upstreamRefused, true, false, true);
        this.owner.failed(exchange);
      } else this.owner.sendShared(exchange);
    }
    if (this.isRetired) connection.leave();
    else this.widened(connection);
  }

  finished(connection: UpstreamHttp2Connection): void {
    this.statistics.finish();
    this.widened(connection);
    if (this.isRetired || this.waiting.isWantedElsewhere) connection.leave();
    else if (connection.isIdle) {
      if (this.shared.length > this.maxIdle) connection.leave();
      else this.waiting.watch();
    }
  }

  widened(connection: UpstreamHttp2Connection): void {
    while (!this.waiting.isEmpty && connection.canTake) this.owner.sendShared(this.waiting.next()!);
  }

  leaving(connection: UpstreamHttp2Connection): void {
    const index = this.shared.indexOf(connection);
    if (index >= 0) this.shared.splice(index, 1);
  }

  gone(connection: UpstreamHttp2Connection, failure: Failure): void {
    this.leaving(connection);
    const dial = this.opening.get(connection);
    this.opening.delete(connection);
    this.open.delete(connection);
    this.statistics.http2Open(this.open.size);
    // The dial gives back what it has taken of the limit.
    if (dial !== undefined) dial.fail(failure);
    else this.waiting.give();
  }

  answered(exchange: Exchange): void {
    this.statistics.answered(exchange);
  }

  failed(exchange: Exchange): void {
    this.owner.failed(exchange);
  }

  addressesGone(isGone: (host: string) => boolean): void {
    for (const [connection, host] of this.open) if (isGone(host)) connection.leave();
  }

  retire(): void {
    this.isRetired = true;
    for (const connection of this.shared.slice()) connection.leave();
  }
}

/** RFC 8441 is for WebSocket, and its request has no body. */
function canTunnel(connection: UpstreamHttp2Connection, exchange: Exchange): boolean {
  return connection.canTunnel && exchange.upgrade === WEBSOCKET && exchange.requestFraming === BODY_NONE;
}
