// One server of a service in one worker: where a request to it goes. It is keyed by service and server, and carried
// from generation to generation while its specification is unchanged. A server that speaks HTTP/1.1 has a connection
// per request in progress (http1-pool.ts); one of HTTP/2 shares connections between requests (shared-connections.ts).
// Those being opened are in dials.ts, what waits for one of a limited number in waiting-room.ts, and what is counted in
// endpoint-statistics.ts.

import { performance } from 'node:perf_hooks';
import type { ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import { CREDENTIALS_OF_CONNECTION, credentialsOf } from '../http/client-bonds.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { attemptFailed, type AttemptOwner } from './attempts.ts';
import type { RestingPlace, UpstreamContext, UpstreamPeer } from './connection-owner.ts';
import { Dials, type CreateDial } from './dials.ts';
import { EndpointStatistics, type EndpointSettings } from './endpoint-statistics.ts';
import { Http1Pool } from './http1-pool.ts';
import type { AddressFollower } from './name/resolver.ts';
import { SharedConnections } from './shared-connections.ts';
import { WaitingRoom } from './waiting-room.ts';

export class Endpoint implements UpstreamPeer, AddressFollower, AttemptOwner, RestingPlace {
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  /** host:port as logs show it. */
  readonly address: string;
  /** Of the service and the server: what its load balancer knows it by. */
  readonly key: string;
  private readonly statistics: EndpointStatistics;
  private readonly waiting: WaitingRoom;
  private readonly pool: Http1Pool;
  private readonly shared: SharedConnections;
  private readonly dials: Dials;

  constructor(
    key: string,
    server: ServerSpec,
    transport: UpstreamTransportSpec,
    context: UpstreamContext,
    createDial?: CreateDial,
  ) {
    this.key = key;
    this.server = server;
    this.transport = transport;
    this.context = context;
    if (server.host.startsWith('@')) this.address = server.url;
    else this.address = server.host.includes(':') ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`;
    const statistics = new EndpointStatistics(this, this.address);
    const waiting = new WaitingRoom(this, statistics, this);
    const pool = new Http1Pool(this, statistics, waiting);
    const shared = new SharedConnections(this, statistics, waiting);
    this.statistics = statistics;
    this.waiting = waiting;
    this.pool = pool;
    this.shared = shared;
    this.dials = new Dials(this, { statistics, waiting, pool, shared }, createDial);
    context.resolver.retain(server.host, this);
  }

  configure(settings: EndpointSettings): void {
    this.statistics.configure(settings);
  }

  get isUp(): boolean {
    return this.statistics.isUp;
  }

  get load(): number {
    return this.statistics.load;
  }

  /** A connection is wanted that this process has no means for. */
  get isStarved(): boolean {
    return this.dials.isStarved;
  }

  get responseMs(): number {
    return this.statistics.responseMs;
  }

  // ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends the request on a kept connection, a new one, or when one is free. */
  send(exchange: Exchange): void {
    exchange.serviceUrl = this.server.url;
    exchange.serviceAddr = this.address;
    if (exchange.originStartMs === 0) exchange.originStartMs = performance.now();
    const { pool } = this;
    if (exchange.client.bonds !== null && pool.takeBound(exchange)) return;
    if (credentialsOf(exchange.requestHeaders) === CREDENTIALS_OF_CONNECTION && this.server.scheme !== 'h2c') {
      this.sendBinding(exchange);
      return;
    }
    const connection = pool.takeIdle();
    if (connection !== null) pool.startOn(connection, exchange);
    else this.repeat(exchange);
  }

  /**
   * A request whose credentials authenticate the connection: on one of HTTP/1.1 that nothing else was sent on, as far
   * as the limit leaves room for one. It is bound when the request starts. HTTP/2 has no such connections, and in clear
   * text there is nothing else to speak.
   */
  private sendBinding(exchange: Exchange): void {
    const connection = this.waiting.isLimited ? this.pool.takeIdle() : null;
    if (connection === null) this.sendFresh(exchange, false);
    else this.pool.startOn(connection, exchange);
  }

  /** On a connection that other requests use as well. */
  sendShared(exchange: Exchange): void {
    if (!this.shared.send(exchange) && !this.dials.join(exchange)) this.sendFresh(exchange, true);
  }

  /** In HTTP/1.1, if the server has that. */
  sendApart(exchange: Exchange): void {
    if (this.server.scheme === 'https') this.sendFresh(exchange, false);
    else {
      exchange.failure = FAILURES.upgradeRefused;
      this.statistics.tell(FAILURES.upgradeRefused, '');
      respondFailure(exchange, FAILURES.upgradeRefused);
    }
  }

  private sendFresh(exchange: Exchange, mayBeShared: boolean): void {
    if (this.waiting.take()) this.dials.open(exchange, mayBeShared);
    else this.waiting.wait(exchange);
  }

  openFor(exchange: Exchange): void {
    const isBinding = credentialsOf(exchange.requestHeaders) === CREDENTIALS_OF_CONNECTION;
    this.dials.open(exchange, this.dials.mayShare && !isBinding);
  }

  // ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────────

  failed(exchange: Exchange, reason = ''): void {
    attemptFailed(exchange, this, reason);
  }

  brokeOff(failure: Failure, reason: string): void {
    this.statistics.brokeOff(failure, reason);
  }

  repeat(exchange: Exchange): void {
    if (this.dials.mayShare) this.sendShared(exchange);
    else this.sendFresh(exchange, false);
  }

  // ── between its parts ──────────────────────────────────────────────────────────────────────────────────────────

  feedStarving(connection: Parameters<Dials['feedStarving']>[0]): boolean {
    return this.dials.feedStarving(connection);
  }

  dialOver(dial: Parameters<Dials['over']>[0]): void {
    this.dials.over(dial);
  }

  rests(): void {
    this.context.resting.add(this);
  }

  closeResting(): boolean {
    if (this.pool.closeOldest() || this.shared.leaveIdle()) return true;
    this.context.resting.delete(this);
    return false;
  }

  closeOldest(): boolean {
    return this.pool.closeOldest();
  }

  giveUpIdle(): void {
    if (!this.pool.closeOldest() && !this.shared.leaveIdle()) this.pool.yieldBond();
  }

  yieldBond(): void {
    this.pool.yieldBond();
  }

  get hasResting(): boolean {
    return this.pool.hasResting || this.shared.hasIdle;
  }

  /** The name has other addresses now: nothing new goes where it pointed to. */
  addressesGone(isGone: (host: string) => boolean): void {
    this.pool.addressesGone(isGone);
    this.shared.addressesGone(isGone);
  }

  /** No generation uses this server any longer: idle connections close, busy ones after their response. */
  retire(): void {
    this.statistics.retire();
    this.pool.retire();
    this.shared.retire();
    this.context.resolver.release(this.server.host, this);
    this.waiting.retire();
  }
}
