// A connection to a server that belongs to one client connection, as the endpoint sees it: see http/client-bonds.ts. It
// takes one request at a time, as every connection of HTTP/1.1 does; what its client asks meanwhile, over HTTP/2, waits
// for it, since on another connection the client would be nobody.

import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { CREDENTIALS_OF_REQUEST, type BoundConnection, ClientBonds, credentialsOf } from '../http/client-bonds.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ClientInfo } from '../http/client-info.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { Waiter, type WaiterOwner } from './waiter.ts';

/**
 * While others wait for one of a limited number of connections, a client that asks nothing keeps its own for this long.
 */
const YIELD_MS = 1_000;

/** The endpoint as its bonds see it. */
export interface BondOwner<Connection> {
  readonly context: { readonly wheel: TimerWheel };
  readonly transport: { readonly dialTimeoutMs: number };
  /** What the bonds of a client know the server by. */
  readonly bondKey: object;
  /** One more request is in progress, on the connection. */
  startOn(connection: Connection, exchange: Exchange): void;
  /** Anew: its connection is gone. */
  send(exchange: Exchange): void;
  /** A request waits for one of a limited number of connections. */
  readonly isWanted: boolean;
  /** The server is surely about to close the connection, or has. */
  isStale(connection: Connection): boolean;
}

export class Bond<Connection extends { destroy(): void }> implements BoundConnection, WaiterOwner {
  readonly connection: Connection;
  private readonly owner: BondOwner<Connection>;
  private readonly client: ClientInfo;
  private readonly waiters: Waiter[] = [];
  private isIdle = false;
  private readonly yielding: Deadline;

  constructor(owner: BondOwner<Connection>, client: ClientInfo, connection: Connection) {
    this.owner = owner;
    this.client = client;
    this.connection = connection;
    this.yielding = new Deadline(() => connection.destroy());
    (client.bonds ??= new ClientBonds()).add(owner.bondKey, this);
  }

  /** Sends the request, or lets it wait its turn. False when it goes elsewhere. */
  take(exchange: Exchange): boolean {
    if (this.isIdle) {
      if (this.owner.isStale(this.connection)) {
        this.connection.destroy();
        return false;
      }
      this.start(exchange);
      return true;
    }
    // With credentials of its own a request is the same one on every connection.
    if (credentialsOf(exchange.requestHeaders) === CREDENTIALS_OF_REQUEST) return false;
    const waiter = new Waiter(this, exchange, null);
    exchange.responseSource = waiter;
    this.waiters.push(waiter);
    this.owner.context.wheel.arm(waiter.deadline, this.owner.transport.dialTimeoutMs);
    return true;
  }

  private start(exchange: Exchange): void {
    this.isIdle = false;
    this.owner.context.wheel.disarm(this.yielding);
    this.owner.startOn(this.connection, exchange);
  }

  /** The connection can take another request. */
  released(): void {
    const waiter = this.waiters.shift();
    if (waiter !== undefined) {
      this.owner.context.wheel.remove(waiter.deadline);
      this.start(waiter.exchange);
      return;
    }
    this.isIdle = true;
    // Otherwise it rests for as long as its client does, whose own idle timeout bounds that.
    if (this.owner.isWanted) this.yieldSoon();
  }

  /** True when the connection is idle: it closes shortly, unless its client asks something. */
  yieldSoon(): boolean {
    if (this.isIdle) this.owner.context.wheel.arm(this.yielding, YIELD_MS);
    return this.isIdle;
  }

  /** The connection is gone: what has waited for it goes elsewhere. */
  gone(): void {
    this.owner.context.wheel.remove(this.yielding);
    this.client.bonds?.remove(this.owner.bondKey);
    for (const waiter of this.waiters.splice(0)) {
      this.owner.context.wheel.remove(waiter.deadline);
      waiter.exchange.responseSource = null;
      this.owner.send(waiter.exchange);
    }
  }

  clientGone(): void {
    this.connection.destroy();
  }

  dropWaiter(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    this.owner.context.wheel.remove(waiter.deadline);
  }

  waitedTooLong(waiter: Waiter): void {
    this.dropWaiter(waiter);
    respondFailure(waiter.exchange, FAILURES.poolTimeout);
  }
}
