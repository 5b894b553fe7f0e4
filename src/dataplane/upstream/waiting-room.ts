// Requests that wait for one of a limited number of connections to a server, and the limit itself, which holds for all
// workers: who has idle connections gives them to who waits, here or in another worker.

import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import type { UpstreamPeer } from './connection-owner.ts';
import type { EndpointStatistics } from './endpoint-statistics.ts';
import { Waiter, type WaiterOwner } from './waiter.ts';

/** The endpoint as it sees it. */
export interface WaitingRoomOwner {
  /** Name of the limit. */
  readonly key: string;
  /** A connection is within the limit by now: opens one for the request. */
  openFor(exchange: Exchange): void;
  /** Closes the idle connection that has rested longest; false when there is none. */
  closeOldest(): boolean;
  /** Closes an idle connection, whatever it speaks, or lets one that belongs to a client close soon. */
  giveUpIdle(): void;
  /** One that belongs to a client goes soon. */
  yieldBond(): void;
  /** There are connections that somebody else could want. */
  readonly hasResting: boolean;
}

export class WaitingRoom implements WaiterOwner {
  private readonly peer: UpstreamPeer;
  private readonly statistics: EndpointStatistics;
  private readonly owner: WaitingRoomOwner;
  private readonly waiters: Waiter[] = [];
  private readonly maxWaiters: number;
  private isWatching = false;

  constructor(peer: UpstreamPeer, statistics: EndpointStatistics, owner: WaitingRoomOwner) {
    this.peer = peer;
    this.statistics = statistics;
    this.owner = owner;
    this.maxWaiters = Math.ceil(peer.transport.maxPendingRequests / peer.context.workerSlots);
  }

  // ── the limit ──────────────────────────────────────────────────────────────────────────────────────────────────

  get isLimited(): boolean {
    return this.peer.transport.maxConnsPerHost > 0;
  }

  /** True when one more connection may be opened; it counts until `give`. */
  take(): boolean {
    if (!this.isLimited) return true;
    const { owner } = this;
    const { maxConnsPerHost } = this.peer.transport;
    const { budget } = this.peer.context;
    if (budget.take(owner.key, maxConnsPerHost)) return true;
    // What is idle and was not taken is too old to be used.
    return owner.closeOldest() && budget.take(owner.key, maxConnsPerHost);
  }

  /** A connection, or the dial for one, is gone. */
  give(): void {
    if (this.isLimited) this.peer.context.budget.give(this.owner.key);
  }

  /** An idle connection here may be what a request in another worker waits for. */
  get isWantedElsewhere(): boolean {
    return this.isLimited && this.peer.context.budget.isAwaited(this.owner.key);
  }

  /** A request, here or in another worker, waits. */
  get isWanted(): boolean {
    return this.waiters.length > 0 || this.isWantedElsewhere;
  }

  /** Gives the connections that are idle already to workers that begin to wait, one for each time they ask. */
  watch(): void {
    if (!this.isLimited || this.isWatching) return;
    this.isWatching = true;
    this.peer.context.budget.watch(this.owner.key, () => {
      this.isWatching = false;
      if (this.isWantedElsewhere) this.owner.giveUpIdle();
      if (this.owner.hasResting) this.watch();
    });
  }

  // ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────

  get isEmpty(): boolean {
    return this.waiters.length === 0;
  }

  /** The request waits until a connection is free, or it has waited for as long as a dial may take. */
  wait(exchange: Exchange): void {
    if (this.waiters.length >= this.maxWaiters) {
      this.statistics.tell(FAILURES.poolFull, '');
      respondFailure(exchange, FAILURES.poolFull);
      return;
    }
    const waiter = new Waiter(this, exchange, null);
    exchange.responseSource = waiter;
    this.waiters.push(waiter);
    const { context, transport } = this.peer;
    context.wheel.arm(waiter.deadline, transport.dialTimeoutMs);
    this.owner.yieldBond();
    context.budget.await(this.owner.key, transport.maxConnsPerHost, this.onBudget);
  }

  /** Another worker, or this one, has closed a connection of this server. */
  private readonly onBudget = (): void => {
    const { owner } = this;
    const { context, transport } = this.peer;
    while (!this.isEmpty && context.budget.take(owner.key, transport.maxConnsPerHost)) owner.openFor(this.next()!);
    if (!this.isEmpty) context.budget.await(owner.key, transport.maxConnsPerHost, this.onBudget);
  };

  /** The one that has waited longest, which waits no more; null when nobody does. */
  next(): Exchange | null {
    const waiter = this.waiters.shift();
    if (waiter === undefined) return null;
    this.peer.context.wheel.remove(waiter.deadline);
    return waiter.exchange;
  }

  dropWaiter(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    this.peer.context.wheel.remove(waiter.deadline);
  }

  waitedTooLong(waiter: Waiter): void {
    this.dropWaiter(waiter);
    this.statistics.tell(FAILURES.poolTimeout, '');
    respondFailure(waiter.exchange, FAILURES.poolTimeout);
  }

  retire(): void {
    for (let exchange = this.next(); exchange !== null; exchange = this.next()) {
      respondFailure(exchange, FAILURES.noServer);
    }
  }
}
