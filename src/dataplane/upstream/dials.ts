// Connections to one server that are being opened, and the requests that wait for each of them.

import type net from 'node:net';
import type { ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Failure } from '../http/failure.ts';
import type { Reading } from '../net/fixed-read.ts';
import type { UpstreamContext, UpstreamPeer, UpstreamSession } from './connection-owner.ts';
import type { UpstreamHttp1Connection } from './connection/http1-connection.ts';
import { AddressOrder } from './dial/address-order.ts';
import { Dial, type DialOwner } from './dial/dial.ts';
import type { EndpointStatistics } from './endpoint-statistics.ts';
import type { Http1Pool } from './http1-pool.ts';
import type { Address } from './name/address.ts';
import type { OpeningDial, SharedConnections } from './shared-connections.ts';
import { Waiter, type WaiterOwner, type WaiterQueue } from './waiter.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** That many requests wait for one connection of HTTP/2; more of them open another. */
const MAX_PER_DIAL = 100;

/** The endpoint as they see it. */
export interface DialsOwner extends UpstreamPeer {
  /** Anew. */
  send(exchange: Exchange): void;
  failed(exchange: Exchange, reason: string): void;
}

/** A connection that is being opened: see Dial. */
export interface Dialing extends OpeningDial, WaiterQueue {
  readonly mayBeShared: boolean;
  readonly waiters: Waiter[];
  readonly isStarved: boolean;
  start(addresses: readonly Address[]): void;
}

export type CreateDial = (owner: DialOwner, mayBeShared: boolean) => Dialing;

export class Dials implements DialOwner, WaiterOwner {
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  readonly addressOrder = new AddressOrder();
  tlsSession: UpstreamSession | null = null;
  /** Requests may share a connection; false once an https server has chosen HTTP/1.1. */
  mayShare: boolean;
  private readonly owner: DialsOwner;
  private readonly statistics: EndpointStatistics;
  private readonly waiting: WaitingRoom;
  private readonly pool: Http1Pool;
  private readonly shared: SharedConnections;
  private readonly create: CreateDial;
  private readonly dials = new Set<Dialing>();

  constructor(
    owner: DialsOwner,
    parts: { statistics: EndpointStatistics; waiting: WaitingRoom; pool: Http1Pool; shared: SharedConnections },
    create: CreateDial = (its, mayBeShared) => new Dial(its, mayBeShared),
  ) {
    const { server, transport, context } = owner;
    this.server = server;
    this.transport = transport;
    this.context = context;
    this.owner = owner;
    this.statistics = parts.statistics;
    this.waiting = parts.waiting;
    this.pool = parts.pool;
    this.shared = parts.shared;
    this.create = create;
    this.mayShare = server.scheme === 'h2c' || (server.scheme === 'https' && transport.isHttp2);
  }

  /** Opens a connection, which is within the limit, for the exchange. */
  open(exchange: Exchange, mayBeShared: boolean): void {
    const { resolver } = this.context;
    const addresses = resolver.addresses(this.server.host);
    const dial = this.create(this, mayBeShared);
    this.dials.add(dial);
    this.wait(dial, exchange);
    // Only the very first requests to a name wait: the resolver answers at once afterwards.
    if (addresses instanceof Promise) void addresses.then((found) => dial.start(found));
    else dial.start(addresses);
  }

  /** The request waits for a connection that is being opened already; false when there is none for it. */
  join(exchange: Exchange): boolean {
    for (const dial of this.dials) {
      if (!dial.mayBeShared || dial.waiters.length >= MAX_PER_DIAL) continue;
      this.wait(dial, exchange);
      return true;
    }
    return false;
  }

  private wait(dial: Dialing, exchange: Exchange): void {
    this.statistics.begin();
    const waiter = new Waiter(this, exchange, dial);
    exchange.responseSource = waiter;
    dial.waiters.push(waiter);
  }

  connected(dial: Dialing, socket: net.Socket, reading: Reading, isHttp2: boolean, address: Address): void {
    if (isHttp2) {
      this.mayShare = true;
      this.shared.add(socket, reading, address.host, dial);
      return;
    }
    if (dial.mayBeShared) this.mayShare = false;
    this.dials.delete(dial);
    const connection = this.pool.add(socket, reading, address.host);
    const [first, ...others] = dial.settle();
    if (first === undefined) {
      this.statistics.begin();
      this.pool.release(connection);
    } else connection.start(first.exchange);
    for (const { exchange } of others) {
      this.statistics.finish();
      this.owner.send(exchange);
    }
  }

  dialFailed(dial: Dialing, failure: Failure, reason: string): void {
    if (!this.dials.delete(dial)) return;
    // A connection that there is gives back itself what the dial has taken of the limit.
    if (!this.shared.dropOpening(dial)) this.waiting.give();
    for (const { exchange } of dial.waiters.splice(0)) {
      this.statistics.finish();
      exchange.failureReason = reason;
      exchange.attempt.failed(failure, true, false, false);
      this.owner.failed(exchange, reason);
    }
  }

  /** Its connection takes requests. */
  over(dial: OpeningDial): void {
    this.dials.delete(dial as Dialing); // What shared connections know of a dial.
  }

  /** Some wait for what this process lacks. */
  get isStarved(): boolean {
    for (const dial of this.dials) if (dial.isStarved) return true;
    return false;
  }

  /** A request whose dial waits for a descriptor takes the connection that another one has done with. */
  feedStarving(connection: UpstreamHttp1Connection): boolean {
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

  dropWaiter(waiter: Waiter): void {
    this.statistics.finish();
    waiter.dial!.forget(waiter); // Each one here waits for a dial.
  }

  /** The dial has a deadline of its own. */
  waitedTooLong(): void {}
}
