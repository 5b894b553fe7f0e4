// The live state of one server in one worker: its connections, idle and busy, and the requests that wait for one. It is
// keyed by service and server, and carried from generation to generation while its specification is unchanged. A server that
// speaks HTTP/1.1 has a connection per request in progress; one of HTTP/2 shares connections between requests.

import type net from 'node:net';
import { performance } from 'node:perf_hooks';
import type { PassiveHealthCheckSpec, ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import { BODY_NONE } from '../http/body.ts';
import { CREDENTIALS_OF_CONNECTION, credentialsOf } from '../http/client-bonds.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { WEBSOCKET } from '../http/message/upgrade.ts';
import type { Reading } from '../net/fixed-read.ts';
import { attemptFailed, type AttemptOwner, isRepeatable } from './attempts.ts';
import { Bond, type BondOwner } from './bond.ts';
import type {
  ConnectionOwner,
  RestingPlace,
  SharedConnectionOwner,
  UpstreamContext,
  UpstreamSession,
} from './connection-owner.ts';
import { AddressOrder } from './dial/address-order.ts';
import { failureReason } from './failure-reason.ts';
import type { TracedServer } from './failure-trace.ts';
import { Dial, type DialOwner } from './dial/dial.ts';
import { UpstreamHttp1Connection } from './connection/http1-connection.ts';
import { UpstreamHttp2Connection } from './connection/http2-connection.ts';
import type { Address } from './name/address.ts';
import type { AddressFollower } from './name/resolver.ts';
import { KeepAliveAge } from './keep-alive-age.ts';
import { LateStart, type LateStartOwner, RESTED_MS } from './late-start.ts';
import { Waiter, type WaiterOwner } from './waiter.ts';

/** That many requests wait for one connection of HTTP/2; more of them open another. */
const MAX_PER_DIAL = 100;

/** What the service it belongs to wants of it; changes while connections stay. */
export interface EndpointSettings {
  /** Its row of the endpoint table; -1 for none. */
  readonly row: number;
  readonly passive: PassiveHealthCheckSpec | null;
  /** Called once per ejection by failed requests. */
  readonly ejected: () => void;
  /** Where its failures are told of; null for nowhere. */
  readonly trace: TracedServer | null;
}

/**
 * Connections beyond those that are kept rest for this long first: what many streams of HTTP/2 ask for at once they ask for again
 * at once, and a connection costs more than a request. bench/load, h2-16x16.
 */
const BURST_MS = 500;

/** Response times count the last this many answers. */
const MEAN_OF = 100;
/** A mean without a fresh answer for this long says nothing any more. */
const MEAN_LASTS_MS = 10_000;

export class Endpoint
  implements
    ConnectionOwner<UpstreamHttp1Connection>,
    SharedConnectionOwner<UpstreamHttp2Connection>,
    DialOwner,
    WaiterOwner,
    BondOwner<UpstreamHttp1Connection>,
    LateStartOwner,
    AddressFollower,
    AttemptOwner,
    RestingPlace
{
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  /** host:port as logs show it. */
  readonly address: string;
  /** Requests in progress in this worker. */
  inFlight = 0;
  tlsSession: UpstreamSession | null = null;
  /** Of the service and the server: what its load balancer knows it by. */
  readonly key: string;
  private readonly idle: UpstreamHttp1Connection[] = [];
  /** With the address of each. */
  private readonly all = new Map<UpstreamHttp1Connection, string>();
  /** Connections that belong to a client, by when they were released last. */
  private readonly bonds = new Set<Bond<UpstreamHttp1Connection>>();
  private readonly keepAliveAge = new KeepAliveAge();
  /** Connections of HTTP/2 that take requests, or did. */
  private readonly shared: UpstreamHttp2Connection[] = [];
  /** Open ones of HTTP/2, with those that take no more, and the address of each. */
  private readonly openShared = new Map<UpstreamHttp2Connection, string>();
  /** Their address is gone: they end with what they are doing. */
  private readonly stranded = new Set<UpstreamHttp1Connection>();
  private readonly dials = new Set<Dial>();
  /** The dial whose waiters go to the connection when it is ready. */
  private readonly opening = new Map<UpstreamHttp2Connection, Dial>();
  /** Requests may share a connection; false once an https server has chosen HTTP/1.1. */
  private mayShare: boolean;
  private readonly waiters: Waiter[] = [];
  private readonly maxIdle: number;
  private readonly maxWaiters: number;
  readonly addressOrder = new AddressOrder();
  private isRetired = false;
  private row = -1;
  private passive: PassiveHealthCheckSpec | null = null;
  private ejected: () => void = () => {};
  private trace: TracedServer | null = null;
  private meanMs = 0;
  private meanCount = 0;
  private meanAtMs = 0;
  private isWatching = false;

  constructor(key: string, server: ServerSpec, transport: UpstreamTransportSpec, context: UpstreamContext) {
    this.key = key;
    this.server = server;
    this.transport = transport;
    this.context = context;
    if (server.host.startsWith('@')) this.address = server.url;
    else this.address = server.host.includes(':') ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`;
    this.mayShare = server.scheme === 'h2c' || (server.scheme === 'https' && transport.isHttp2);
    this.maxIdle = Math.ceil(transport.maxIdleConnsPerHost / context.workerSlots);
    this.maxWaiters = Math.ceil(transport.maxPendingRequests / context.workerSlots);
    context.resolver.retain(server.host, this);
  }

  configure({ row, passive, ejected, trace }: EndpointSettings): void {
    this.row = row;
    this.passive = passive;
    this.ejected = ejected;
    this.trace = trace;
    this.showInFlight();
    this.showConnections();
  }

  /** Neither checks nor requests have found it down. */
  get isUp(): boolean {
    return this.row < 0 || this.context.table.isUp(this.row);
  }

  /** Requests in progress, in all workers where the server has a row. */
  get load(): number {
    return this.row < 0 ? this.inFlight : this.context.table.inFlight(this.row);
  }

  /** Mean time to the response head in this worker; 0 when it is not known, or not recent. */
  get responseMs(): number {
    return this.meanCount === 0 || this.context.wheel.nowMs - this.meanAtMs > MEAN_LASTS_MS ? 0 : this.meanMs;
  }

  private showInFlight(): void {
    if (this.row >= 0) this.context.table.setInFlight(this.row, this.inFlight);
  }

  private showConnections(): void {
    if (this.row >= 0) this.context.table.setConnections(this.row, this.all.size, this.openShared.size);
  }

  answered(exchange: Exchange): void {
    exchange.answered();
    this.measure(performance.now() - exchange.originStartMs);
    this.trace?.worked();
    if (this.passive !== null && exchange.status >= 500) this.countFailure();
  }

  brokeOff(failure: Failure, reason = ''): void {
    if (failure.side !== 'upstream') return;
    this.countFailure();
    this.tell(failure, reason);
  }

  /** `reason` is what the system said, '' for nothing. */
  private tell(failure: Failure, reason: string): void {
    const { trace, address, transport } = this;
    if (trace === null) return;
    trace.failed(failure.flag, failure.status, reason === '' ? failureReason(failure, address, transport) : reason);
  }

  /** The mean of the first answers, then one in which each further answer counts a hundredth. */
  private measure(ms: number): void {
    const { wheel } = this.context;
    if (wheel.nowMs - this.meanAtMs > MEAN_LASTS_MS) this.meanCount = 0;
    this.meanCount = Math.min(MEAN_OF, this.meanCount + 1);
    // Never 0, which means unknown.
    this.meanMs = Math.max(0.001, this.meanCount === 1 ? ms : this.meanMs + (ms - this.meanMs) / this.meanCount);
    this.meanAtMs = wheel.nowMs;
    if (this.row >= 0) this.context.table.setResponseMs(this.row, this.meanMs);
  }

  private countFailure(): void {
    const { passive } = this;
    if (passive === null || this.row < 0) return;
    if (this.context.table.countFailure(this.row, passive.failureWindowMs, passive.maxFailedAttempts)) this.ejected();
  }

  /** Sends the request on a kept connection, a new one, or when one is free. */
  send(exchange: Exchange): void {
    exchange.serviceUrl = this.server.url;
    exchange.serviceAddr = this.address;
    if (exchange.originStartMs === 0) exchange.originStartMs = performance.now();
    const { bonds } = exchange.client;
    // Only endpoints add to them, and what is added under an endpoint is its own.
    const bond = bonds === null ? undefined : (bonds.get(this) as Bond<UpstreamHttp1Connection> | undefined);
    if (bond !== undefined && bond.take(exchange)) return;
    if (credentialsOf(exchange.requestHeaders) === CREDENTIALS_OF_CONNECTION && this.server.scheme !== 'h2c') {
      this.sendBinding(exchange);
      return;
    }
    const connection = this.takeIdle();
    if (connection !== null) this.startOn(connection, exchange);
    else if (this.mayShare) this.sendShared(exchange);
    else this.sendFresh(exchange, false);
  }

  /** The connection that was released last, unless its server is about to close even that. */
  private takeIdle(): UpstreamHttp1Connection | null {
    const { idle } = this;
    if (idle.length === 0 || this.isStale(idle[idle.length - 1]!)) return null;
    return idle.pop()!;
  }

  isStale(connection: UpstreamHttp1Connection): boolean {
    return !this.keepAliveAge.isUsable(this.ageOf(connection), connection.announcedAgeMs);
  }

  private ageOf(connection: UpstreamHttp1Connection): number {
    return this.context.wheel.nowMs - connection.idleSinceMs;
  }

  startOn(connection: UpstreamHttp1Connection, exchange: Exchange): void {
    this.begin();
    if (this.ageOf(connection) <= RESTED_MS || isRepeatable(exchange)) connection.start(exchange);
    else new LateStart(this, connection, exchange);
  }

  notStarted(connection: UpstreamHttp1Connection): void {
    if (connection.isOpen) this.release(connection);
    else this.finish();
  }

  // ── connections that belong to a client ────────────────────────────────────────────────────────────────────────

  /**
   * A request whose credentials authenticate the connection: on one of HTTP/1.1 that nothing else was sent on, as far as the
   * limit leaves room for one. It is bound when the request starts. HTTP/2 has no such connections, and in clear text there is nothing else to speak.
   */
  private sendBinding(exchange: Exchange): void {
    const connection = this.transport.maxConnsPerHost > 0 ? this.takeIdle() : null;
    if (connection === null) this.sendFresh(exchange, false);
    else this.startOn(connection, exchange);
  }

  bind(connection: UpstreamHttp1Connection, exchange: Exchange): Bond<UpstreamHttp1Connection> | null {
    if (exchange.client.bonds?.get(this) !== undefined) return null;
    const bond = new Bond(this, exchange.client, connection);
    this.bonds.add(bond);
    return bond;
  }

  /** A request, here or in another worker, waits for one of a limited number of connections. */
  get isWanted(): boolean {
    return this.waiters.length > 0 || this.isWantedElsewhere();
  }

  /** Of the connections that belong to clients, the one that has rested longest goes to whoever waits. */
  private yieldBond(): void {
    for (const bond of this.bonds) if (bond.yieldSoon()) return;
  }

  /** One more request is in progress. */
  private begin(): void {
    this.inFlight++;
    this.showInFlight();
  }

  private finish(): void {
    this.inFlight--;
    this.showInFlight();
  }

  // ── connections for several requests ───────────────────────────────────────────────────────────────────────────

  private sendShared(exchange: Exchange): void {
    const { shared } = this;
    for (let index = 0; index < shared.length; index++) {
      const connection = shared[index]!;
      if (!connection.canTake) continue;
      if (exchange.upgrade !== '' && !canTunnel(connection, exchange)) this.sendApart(exchange);
      else {
        this.begin();
        connection.start(exchange);
      }
      return;
    }
    for (const dial of this.dials) {
      if (!dial.mayBeShared || dial.waiters.length >= MAX_PER_DIAL) continue;
      this.begin();
      this.waitFor(dial, exchange);
      return;
    }
    this.sendFresh(exchange, true);
  }

  /** A change of protocol that HTTP/2 has no words for, or this server's has not: in HTTP/1.1, if it has that. */
  private sendApart(exchange: Exchange): void {
    if (this.server.scheme === 'https') this.sendFresh(exchange, false);
    else {
      exchange.failure = FAILURES.upgradeRefused;
      this.tell(FAILURES.upgradeRefused, '');
      respondFailure(exchange, FAILURES.upgradeRefused);
    }
  }

  ready(connection: UpstreamHttp2Connection): void {
    const dial = this.opening.get(connection)!;
    this.opening.delete(connection);
    this.dials.delete(dial);
    this.shared.push(connection);
    // One that is fresh and takes nothing allows no stream, or is leaving: each try at another one counts.
    const isUseless = !connection.canTake;
    for (const { exchange } of dial.settle()) {
      this.finish();
      if (isUseless) {
        exchange.attempt.failed(FAILURES.upstreamRefused, true, false, true);
        this.failed(exchange);
      } else this.sendShared(exchange);
    }
    if (this.isRetired) connection.leave();
    else this.widened(connection);
  }

  finished(connection: UpstreamHttp2Connection): void {
    this.finish();
    this.widened(connection);
    if (this.isRetired || this.isWantedElsewhere()) connection.leave();
    else if (connection.isIdle) this.restShared(connection);
  }

  private restShared(connection: UpstreamHttp2Connection): void {
    if (this.shared.length > this.maxIdle) connection.leave();
    else if (this.transport.maxConnsPerHost > 0) this.watchBudget();
  }

  widened(connection: UpstreamHttp2Connection): void {
    while (this.waiters.length > 0 && connection.canTake) this.sendShared(this.takeWaiter()!.exchange);
  }

  leaving(connection: UpstreamHttp2Connection): void {
    const index = this.shared.indexOf(connection);
    if (index >= 0) this.shared.splice(index, 1);
  }

  gone(connection: UpstreamHttp2Connection, failure: Failure): void {
    this.leaving(connection);
    const dial = this.opening.get(connection);
    this.opening.delete(connection);
    // The dial gives back what it has taken of the budget.
    this.openShared.delete(connection);
    this.showConnections();
    if (dial !== undefined) dial.fail(failure);
    else this.giveBudget();
  }

  failed(exchange: Exchange, reason = ''): void {
    attemptFailed(exchange, this, reason);
  }

  repeat(exchange: Exchange): void {
    if (this.mayShare) this.sendShared(exchange);
    else this.sendFresh(exchange, false);
  }

  // ── new connections ────────────────────────────────────────────────────────────────────────────────────────────

  private sendFresh(exchange: Exchange, mayBeShared: boolean): void {
    if (this.transport.maxConnsPerHost > 0 && !this.takeBudget()) {
      this.wait(exchange);
      return;
    }
    this.openFor(exchange, mayBeShared);
  }

  private takeBudget(): boolean {
    const { maxConnsPerHost } = this.transport;
    if (this.context.budget.take(this.key, maxConnsPerHost)) return true;
    // What is idle and was not taken is too old to be used.
    if (this.idle.length === 0) return false;
    this.idle[0]!.destroy();
    return this.context.budget.take(this.key, maxConnsPerHost);
  }

  /** Opens a connection, which is within the limit, for the exchange. */
  private openFor(exchange: Exchange, mayBeShared: boolean): void {
    this.begin();
    const addresses = this.context.resolver.addresses(this.server.host);
    const dial = new Dial(this, mayBeShared);
    this.dials.add(dial);
    this.waitFor(dial, exchange);
    // Only the very first requests to a name wait: the resolver answers at once afterwards.
    if (addresses instanceof Promise) void addresses.then((found) => dial.start(found));
    else dial.start(addresses);
  }

  private waitFor(dial: Dial, exchange: Exchange): void {
    const waiter = new Waiter(this, exchange, dial);
    exchange.responseSource = waiter;
    dial.waiters.push(waiter);
  }

  connected(dial: Dial, socket: net.Socket, reading: Reading, isHttp2: boolean, address: Address): void {
    if (isHttp2) {
      this.mayShare = true;
      const connection = new UpstreamHttp2Connection(this, socket, reading);
      this.openShared.set(connection, address.host);
      this.showConnections();
      this.opening.set(connection, dial);
      return;
    }
    if (dial.mayBeShared) this.mayShare = false;
    this.dials.delete(dial);
    const connection = new UpstreamHttp1Connection(this, socket, reading);
    this.all.set(connection, address.host);
    this.showConnections();
    const [first, ...others] = dial.settle();
    if (first === undefined) {
      this.begin();
      this.release(connection);
    } else connection.start(first.exchange);
    for (const { exchange } of others) {
      this.finish();
      this.send(exchange);
    }
  }

  dialFailed(dial: Dial, failure: Failure, reason: string): void {
    if (!this.dials.delete(dial)) return;
    const connection = [...this.opening].find(([, its]) => its === dial)?.[0];
    if (connection === undefined) this.giveBudget();
    else {
      // It gives back what the dial has taken of the budget.
      this.opening.delete(connection);
      connection.destroy();
    }
    for (const { exchange } of dial.waiters.splice(0)) {
      this.finish();
      exchange.failureReason = reason;
      exchange.attempt.failed(failure, true, false, false);
      this.failed(exchange, reason);
    }
  }

  private giveBudget(): void {
    if (this.transport.maxConnsPerHost > 0) this.context.budget.give(this.key);
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────────────────────────

  private wait(exchange: Exchange): void {
    if (this.waiters.length >= this.maxWaiters) {
      this.tell(FAILURES.poolFull, '');
      respondFailure(exchange, FAILURES.poolFull);
      return;
    }
    const waiter = new Waiter(this, exchange, null);
    exchange.responseSource = waiter;
    this.waiters.push(waiter);
    this.context.wheel.arm(waiter.deadline, this.transport.dialTimeoutMs);
    this.yieldBond();
    this.context.budget.await(this.key, this.transport.maxConnsPerHost, this.onBudget);
  }

  /** Another worker, or this one, has closed a connection of this server. */
  private readonly onBudget = (): void => {
    while (this.waiters.length > 0 && this.context.budget.take(this.key, this.transport.maxConnsPerHost)) {
      const { exchange } = this.takeWaiter()!;
      this.openFor(exchange, this.mayShare && credentialsOf(exchange.requestHeaders) !== CREDENTIALS_OF_CONNECTION);
    }
    if (this.waiters.length > 0) this.context.budget.await(this.key, this.transport.maxConnsPerHost, this.onBudget);
  };

  dropWaiter(waiter: Waiter): void {
    if (waiter.dial !== null) {
      this.finish();
      waiter.dial.forget(waiter);
      return;
    }
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    this.context.wheel.remove(waiter.deadline);
  }

  waitedTooLong(waiter: Waiter): void {
    this.dropWaiter(waiter);
    this.tell(FAILURES.poolTimeout, '');
    respondFailure(waiter.exchange, FAILURES.poolTimeout);
  }

  private takeWaiter(): Waiter | null {
    const waiter = this.waiters.shift();
    if (waiter === undefined) return null;
    this.context.wheel.remove(waiter.deadline);
    return waiter;
  }

  // ── connections for one request at a time ──────────────────────────────────────────────────────────────────────

  /** The connection has finished a request and can take another. */
  release(connection: UpstreamHttp1Connection): void {
    this.finish();
    if (this.stranded.size > 0 && this.stranded.has(connection)) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = this.context.wheel.nowMs;
    const { bond } = connection;
    if (bond !== null) {
      if (this.isRetired) connection.destroy();
      else {
        this.bonds.delete(bond);
        this.bonds.add(bond);
        bond.released();
        if (this.transport.maxConnsPerHost > 0) this.watchBudget();
      }
      return;
    }
    const waiter = this.waiters.length > 0 ? this.takeWaiter() : null;
    if (waiter !== null) {
      this.begin();
      connection.start(waiter.exchange);
    } else if (this.isRetired || !this.hasRoomForIdle() || this.isWantedElsewhere()) {
      connection.destroy();
    } else {
      if (this.dials.size > 0 && this.feedStarving(connection)) return;
      this.idle.push(connection);
      this.context.resting.add(this);
      connection.rest(this.idle.length > this.maxIdle ? BURST_MS : this.transport.idleConnTimeoutMs);
      if (this.transport.maxConnsPerHost > 0) this.watchBudget();
    }
  }

  closeResting(): boolean {
    const connection = this.idle[0];
    if (connection !== undefined) {
      connection.destroy();
      return true;
    }
    const shared = this.shared.find(({ isIdle }) => isIdle);
    shared?.leave();
    if (shared === undefined) this.context.resting.delete(this);
    return shared !== undefined;
  }

  /** A request whose dial waits for a descriptor takes the connection that another one has done with. */
  private feedStarving(connection: UpstreamHttp1Connection): boolean {
    for (const dial of this.dials) {
      const waiter = dial.isStarved ? dial.waiters[0] : undefined;
      if (waiter === undefined) continue;
      // It stays among those in flight: it has been counted when it began to wait.
      dial.forget(waiter);
      connection.start(waiter.exchange);
      return true;
    }
    return false;
  }

  /** The name has other addresses now: nothing new goes where it pointed to. */
  addressesGone(isGone: (host: string) => boolean): void {
    for (const [connection, host] of this.all) {
      if (!isGone(host)) continue;
      if (this.idle.includes(connection)) connection.destroy();
      else this.stranded.add(connection);
    }
    for (const [connection, host] of this.openShared) if (isGone(host)) connection.leave();
  }

  /** What is too old to be used, and waits for its server to close it, makes room. */
  private hasRoomForIdle(): boolean {
    const { idle } = this;
    if (idle.length >= 2 * this.maxIdle && idle.length > 0 && this.isStale(idle[0]!)) idle[0]!.destroy();
    return idle.length < 2 * this.maxIdle;
  }

  /** With a limit over all workers an idle connection here may be what a request in another worker waits for. */
  private isWantedElsewhere(): boolean {
    return this.transport.maxConnsPerHost > 0 && this.context.budget.isAwaited(this.key);
  }

  /** Gives the connections that are idle already to workers that begin to wait, one for each time they ask. */
  private watchBudget(): void {
    if (this.isWatching) return;
    this.isWatching = true;
    this.context.budget.watch(this.key, () => {
      this.isWatching = false;
      if (this.isWantedElsewhere()) {
        const shared = this.shared.find(({ isIdle }) => isIdle);
        if (this.idle.length > 0) this.idle[0]!.destroy();
        else if (shared !== undefined) shared.leave();
        else this.yieldBond();
      }
      if (this.idle.length > 0 || this.bonds.size > 0 || this.shared.some(({ isIdle }) => isIdle)) this.watchBudget();
    });
  }

  /** The connection is gone. `exchange` is what it was serving. */
  closed(connection: UpstreamHttp1Connection, wasBusy: boolean): void {
    if (!this.all.delete(connection)) return;
    this.stranded.delete(connection);
    this.showConnections();
    if (wasBusy) this.finish();
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    this.giveBudget();
    const { bond } = connection;
    if (bond === null) return;
    this.bonds.delete(bond);
    bond.gone();
  }

  closedByServer(ageMs: number): void {
    this.keepAliveAge.closed(ageMs);
  }

  outlived(ageMs: number): void {
    this.keepAliveAge.survived(ageMs);
  }

  /** No generation uses this server any longer: idle connections close, busy ones after their response. */
  retire(): void {
    this.isRetired = true;
    if (this.row >= 0) {
      // The row may be another server's soon; what is still in progress is counted here alone.
      this.context.table.setInFlight(this.row, 0);
      this.context.table.setResponseMs(this.row, 0);
      this.context.table.setConnections(this.row, 0, 0);
      this.row = -1;
    }
    for (const connection of this.idle.splice(0)) connection.destroy();
    for (const bond of this.bonds) if (bond.yieldSoon()) bond.connection.destroy();
    for (const connection of this.shared.slice()) connection.leave();
    this.context.resolver.release(this.server.host, this);
    for (let waiter = this.takeWaiter(); waiter !== null; waiter = this.takeWaiter()) {
      respondFailure(waiter.exchange, FAILURES.noServer);
    }
  }
}

/** RFC 8441 is for WebSocket, and its request has no body. */
function canTunnel(connection: UpstreamHttp2Connection, exchange: Exchange): boolean {
  return connection.canTunnel && exchange.upgrade === WEBSOCKET && exchange.requestFraming === BODY_NONE;
}
