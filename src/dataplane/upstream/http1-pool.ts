// Connections of HTTP/1.1 to one server, which serve one request at a time: those that are idle, those that belong to a
// client, and how long they are kept.

import type net from 'node:net';
import type { ServerSpec, UpstreamTransportSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Reading } from '../net/fixed-read.ts';
import { isRepeatable } from './attempts.ts';
import { Bond, type BondOwner } from './bond.ts';
import type { ConnectionOwner, UpstreamContext, UpstreamPeer } from './connection-owner.ts';
import { UpstreamHttp1Connection } from './connection/http1-connection.ts';
import type { EndpointStatistics } from './endpoint-statistics.ts';
import { KeepAliveAge } from './keep-alive-age.ts';
import { LateStart, type LateStartOwner, RESTED_MS } from './late-start.ts';
import type { WaitingRoom } from './waiting-room.ts';

/**
 * Connections beyond those that are kept rest for this long first: what many streams of HTTP/2 ask for at once they ask
 * for again at once, and a connection costs more than a request. bench/load, h2-16x16.
 */
const BURST_MS = 500;

/** The endpoint as it sees it. */
export interface Http1PoolOwner extends UpstreamPeer {
  /** Anew: the connection is gone. */
  send(exchange: Exchange): void;
  failed(exchange: Exchange): void;
  /** A request whose dial waits for a descriptor takes the connection; false when there is none. */
  feedStarving(connection: UpstreamHttp1Connection): boolean;
  /** A connection is idle. */
  rests(): void;
}

export class Http1Pool
  implements
    ConnectionOwner<UpstreamHttp1Connection>,
    BondOwner<UpstreamHttp1Connection>,
    LateStartOwner<UpstreamHttp1Connection>
{
  readonly server: ServerSpec;
  readonly transport: UpstreamTransportSpec;
  readonly context: UpstreamContext;
  /** What the bonds of a client know the server by. */
  readonly bondKey: object;
  private readonly statistics: EndpointStatistics;
  private readonly waiting: WaitingRoom;
  private readonly owner: Http1PoolOwner;
  private readonly idle: UpstreamHttp1Connection[] = [];
  /** With the address of each. */
  private readonly all = new Map<UpstreamHttp1Connection, string>();
  /** Connections that belong to a client, by when they were released last. */
  private readonly bonds = new Set<Bond<UpstreamHttp1Connection>>();
  /** Their address is gone: they end with what they are doing. */
  private readonly stranded = new Set<UpstreamHttp1Connection>();
  private readonly keepAliveAge = new KeepAliveAge();
  private readonly maxIdle: number;
  private isRetired = false;

  constructor(owner: Http1PoolOwner, statistics: EndpointStatistics, waiting: WaitingRoom) {
    const { server, transport, context } = owner;
    this.server = server;
    this.transport = transport;
    this.context = context;
    this.bondKey = owner;
    this.owner = owner;
    this.statistics = statistics;
    this.waiting = waiting;
    this.maxIdle = Math.ceil(transport.maxIdleConnsPerHost / context.workerSlots);
  }

  /** The socket, over which nothing has been said, is a connection from now on. */
  add(socket: net.Socket, reading: Reading, host: string): UpstreamHttp1Connection {
    const connection = new UpstreamHttp1Connection(this, socket, reading);
    this.all.set(connection, host);
    this.statistics.http1Open(this.all.size);
    return connection;
  }

  // ── idle ones ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The connection that was released last, unless its server is about to close even that. */
  takeIdle(): UpstreamHttp1Connection | null {
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
    this.statistics.begin();
    if (this.ageOf(connection) <= RESTED_MS || isRepeatable(exchange)) connection.start(exchange);
    else new LateStart(this, connection, exchange);
  }

  notStarted(connection: UpstreamHttp1Connection): void {
    if (connection.isOpen) this.release(connection);
    else this.statistics.finish();
  }

  send(exchange: Exchange): void {
    this.owner.send(exchange);
  }

  release(connection: UpstreamHttp1Connection): void {
    this.statistics.finish();
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
        this.waiting.watch();
      }
      return;
    }
    const next = this.waiting.isEmpty ? null : this.waiting.next();
    if (next !== null) {
      this.statistics.begin();
      connection.start(next);
    } else if (this.isRetired || !this.hasRoomForIdle() || this.waiting.isWantedElsewhere) {
      connection.destroy();
    } else if (!this.owner.feedStarving(connection)) {
      this.idle.push(connection);
      this.owner.rests();
      connection.rest(this.idle.length > this.maxIdle ? BURST_MS : this.transport.idleConnTimeoutMs);
      this.waiting.watch();
    }
  }

  /** What is too old to be used, and waits for its server to close it, makes room. */
  private hasRoomForIdle(): boolean {
    const { idle } = this;
    if (idle.length >= 2 * this.maxIdle && idle.length > 0 && this.isStale(idle[0]!)) idle[0]!.destroy();
    return idle.length < 2 * this.maxIdle;
  }

  /** Of the idle ones, the one that has rested longest; false when there is none. */
  closeOldest(): boolean {
    const connection = this.idle[0];
    connection?.destroy();
    return connection !== undefined;
  }

  /** Some could be given to who waits. */
  get hasResting(): boolean {
    return this.idle.length > 0 || this.bonds.size > 0;
  }

  // ── those that belong to a client ──────────────────────────────────────────────────────────────────────────────

  bind(connection: UpstreamHttp1Connection, exchange: Exchange): Bond<UpstreamHttp1Connection> | null {
    if (exchange.client.bonds?.get(this.bondKey) !== undefined) return null;
    const bond = new Bond(this, exchange.client, connection);
    this.bonds.add(bond);
    return bond;
  }

  /** False when the client has no connection of its own, or the request goes elsewhere. */
  takeBound(exchange: Exchange): boolean {
    const { bonds } = exchange.client;
    if (bonds === null) return false;
    // Only pools add to them, and what is added under an endpoint is its pool's.
    const bond = bonds.get(this.bondKey) as Bond<UpstreamHttp1Connection> | undefined;
    return bond?.take(exchange) === true;
  }

  get isWanted(): boolean {
    return this.waiting.isWanted;
  }

  /** The one that has rested longest goes to whoever waits. */
  yieldBond(): void {
    for (const bond of this.bonds) if (bond.yieldSoon()) return;
  }

  // ── what connections report ────────────────────────────────────────────────────────────────────────────────────

  answered(exchange: Exchange): void {
    this.statistics.answered(exchange);
  }

  failed(exchange: Exchange): void {
    this.owner.failed(exchange);
  }

  closed(connection: UpstreamHttp1Connection, wasBusy: boolean): void {
    if (!this.all.delete(connection)) return;
    this.stranded.delete(connection);
    this.statistics.http1Open(this.all.size);
    if (wasBusy) this.statistics.finish();
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    this.waiting.give();
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

  /** Nothing new goes to these addresses. */
  addressesGone(isGone: (host: string) => boolean): void {
    for (const [connection, host] of this.all) {
      if (!isGone(host)) continue;
      if (this.idle.includes(connection)) connection.destroy();
      else this.stranded.add(connection);
    }
  }

  /** Idle ones close, busy ones after their response. */
  retire(): void {
    this.isRetired = true;
    for (const connection of this.idle.splice(0)) connection.destroy();
    for (const bond of this.bonds) if (bond.yieldSoon()) bond.connection.destroy();
  }
}
