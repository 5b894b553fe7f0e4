// The live state of one server in one worker: its connections, idle and busy, and the requests that wait for one. It is
// keyed by service and server, and carried from generation to generation while its specification is unchanged.

import { performance } from 'node:perf_hooks';
import type { PassiveHealthCheckSpec, ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import type { BodySource } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import { Http1ClientConnection } from './http1-client.ts';
import type { Address } from './resolver.ts';
import type { ConnectionOwner, UpstreamContext, UpstreamSession } from './connection-owner.ts';

/** Methods whose repetition has no further effect (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** A request that waits for a connection; its client may leave meanwhile. */
class Waiter implements BodySource {
  readonly exchange: Exchange;
  readonly deadline: Deadline;
  private readonly endpoint: Endpoint;

  constructor(endpoint: Endpoint, exchange: Exchange) {
    this.endpoint = endpoint;
    this.exchange = exchange;
    this.deadline = new Deadline(() => {
      endpoint.dropWaiter(this);
      respondFailure(exchange, FAILURES.poolTimeout);
    });
  }

  resume(): void {}
  claim(): boolean {
    return false;
  }
  cancel(): void {
    this.endpoint.dropWaiter(this);
  }
}

/** What the service it belongs to wants of it; changes while connections stay. */
export interface EndpointSettings {
  /** Its row of the endpoint table; -1 for none. */
  readonly row: number;
  readonly passive: PassiveHealthCheckSpec | null;
  /** Called once per ejection by failed requests. */
  readonly ejected: () => void;
}

/** Response times count the last this many answers. */
const MEAN_OF = 100;
/** A mean without a fresh answer for this long says nothing any more. */
const MEAN_LASTS_MS = 10_000;

export class Endpoint implements ConnectionOwner<Http1ClientConnection> {
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  /** host:port as logs show it. */
  readonly address: string;
  /** Requests in progress in this worker. */
  inFlight = 0;
  tlsSession: UpstreamSession | null = null;
  private readonly key: string;
  private readonly idle: Http1ClientConnection[] = [];
  private readonly all = new Set<Http1ClientConnection>();
  private readonly waiters: Waiter[] = [];
  private readonly maxIdle: number;
  private readonly maxWaiters: number;
  private nextAddress = 0;
  private isRetired = false;
  private row = -1;
  private passive: PassiveHealthCheckSpec | null = null;
  private ejected: () => void = () => {};
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
    this.maxIdle = Math.ceil(transport.maxIdleConnsPerHost / context.workerSlots);
    this.maxWaiters = Math.ceil(transport.maxPendingRequests / context.workerSlots);
    context.resolver.retain(server.host);
  }

  configure({ row, passive, ejected }: EndpointSettings): void {
    this.row = row;
    this.passive = passive;
    this.ejected = ejected;
    this.showInFlight();
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

  answered(exchange: Exchange): void {
    this.measure(performance.now() - exchange.originStartMs);
    if (this.passive !== null && exchange.status >= 500) this.countFailure();
  }

  brokeOff(failure: Failure): void {
    if (failure.side === 'upstream') this.countFailure();
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

  get openConnections(): number {
    return this.all.size;
  }

  /** Sends the request on a kept connection, a new one, or when one is free. */
  send(exchange: Exchange): void {
    exchange.serviceUrl = this.server.url;
    exchange.serviceAddr = this.address;
    if (exchange.originStartMs === 0) exchange.originStartMs = performance.now();
    const connection = this.idle.pop();
    if (connection !== undefined) {
      this.inFlight++;
      this.showInFlight();
      connection.start(exchange);
      return;
    }
    this.sendFresh(exchange);
  }

  private sendFresh(exchange: Exchange): void {
    if (this.transport.maxConnsPerHost > 0 && !this.context.budget.take(this.key, this.transport.maxConnsPerHost)) {
      this.wait(exchange);
      return;
    }
    this.openFor(exchange);
  }

  /** Opens a connection, which is within the limit, for the exchange. */
  private openFor(exchange: Exchange): void {
    this.inFlight++;
    this.showInFlight();
    const addresses = this.context.resolver.addresses(this.server.host);
    const connection = new Http1ClientConnection(this);
    this.all.add(connection);
    connection.assign(exchange);
    // Only the very first requests to a name wait: the resolver answers at once afterwards.
    if (addresses instanceof Promise) void addresses.then((found) => this.dial(connection, found));
    else this.dial(connection, addresses);
  }

  private dial(connection: Http1ClientConnection, addresses: readonly Address[]): void {
    if (addresses.length === 0) {
      connection.failDial(FAILURES.dnsFailure);
      return;
    }
    const first = this.nextAddress++ % addresses.length;
    connection.dial([...addresses.slice(first), ...addresses.slice(0, first)]);
  }

  private wait(exchange: Exchange): void {
    if (this.waiters.length >= this.maxWaiters) {
      respondFailure(exchange, FAILURES.poolFull);
      return;
    }
    const waiter = new Waiter(this, exchange);
    exchange.responseSource = waiter;
    this.waiters.push(waiter);
    this.context.wheel.arm(waiter.deadline, this.transport.dialTimeoutMs);
    this.context.budget.await(this.key, this.transport.maxConnsPerHost, this.onBudget);
  }

  /** Another worker, or this one, has closed a connection of this server. */
  private readonly onBudget = (): void => {
    while (this.waiters.length > 0 && this.context.budget.take(this.key, this.transport.maxConnsPerHost)) {
      this.openFor(this.takeWaiter()!.exchange);
    }
    if (this.waiters.length > 0) this.context.budget.await(this.key, this.transport.maxConnsPerHost, this.onBudget);
  };

  dropWaiter(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    this.context.wheel.remove(waiter.deadline);
  }

  private takeWaiter(): Waiter | null {
    const waiter = this.waiters.shift();
    if (waiter === undefined) return null;
    this.context.wheel.remove(waiter.deadline);
    return waiter;
  }

  /** The connection has finished a request and can take another. */
  release(connection: Http1ClientConnection): void {
    this.inFlight--;
    this.showInFlight();
    const waiter = this.waiters.length > 0 ? this.takeWaiter() : null;
    if (waiter !== null) {
      this.inFlight++;
      this.showInFlight();
      connection.start(waiter.exchange);
    } else if (this.isRetired || this.idle.length >= this.maxIdle || this.isWantedElsewhere()) {
      connection.destroy();
    } else {
      this.idle.push(connection);
      connection.rest();
      if (this.transport.maxConnsPerHost > 0) this.watchBudget();
    }
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
      if (this.idle.length > 0 && this.isWantedElsewhere()) this.idle[0]!.destroy();
      if (this.idle.length > 0) this.watchBudget();
    });
  }

  /** The connection is gone. `exchange` is what it was serving. */
  closed(connection: Http1ClientConnection, wasBusy: boolean): void {
    if (!this.all.delete(connection)) return;
    if (wasBusy) {
      this.inFlight--;
      this.showInFlight();
    }
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    if (this.transport.maxConnsPerHost > 0) this.context.budget.give(this.key);
  }

  /**
   * A connection failed before it gave any byte of a response. An idempotent request without a body goes once to a fresh
   * connection when a kept one turned out to be dead; everything else is the client's to know. Once also where the
   * second connection is a kept one after all, because the request had to wait for it.
   */
  failed(exchange: Exchange, failure: Failure, wasReused: boolean): void {
    exchange.responseSource = null;
    if (
      failure.retry === 'reused' &&
      wasReused &&
      exchange.retryAttempts === 0 &&
      IDEMPOTENT.has(exchange.method) &&
      exchange.requestFraming === 0 &&
      exchange.upgrade === '' &&
      !exchange.isFinished
    ) {
      exchange.retryAttempts++;
      this.sendFresh(exchange);
      return;
    }
    this.brokeOff(failure);
    respondFailure(exchange, failure);
  }

  /** No generation uses this server any longer: idle connections close, busy ones after their response. */
  retire(): void {
    this.isRetired = true;
    if (this.row >= 0) {
      // The row may be another server's soon; what is still in progress is counted here alone.
      this.context.table.setInFlight(this.row, 0);
      this.context.table.setResponseMs(this.row, 0);
      this.row = -1;
    }
    for (const connection of this.idle.splice(0)) connection.destroy();
    this.context.resolver.release(this.server.host);
    for (let waiter = this.takeWaiter(); waiter !== null; waiter = this.takeWaiter()) {
      respondFailure(waiter.exchange, FAILURES.noServer);
    }
  }
}
