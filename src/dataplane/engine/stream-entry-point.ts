// An entry point in one worker: accepts connections, finds out what they speak, and drains.

import net from 'node:net';
import type tls from 'node:tls';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import { IpSet } from '../../core/ip.ts';
import type { DownstreamLimits, EntryPointSpec } from '../../model/entry-point.ts';
import { KEEP_ALIVE_MS } from '../net/fixed-read.ts';
import { CONNECTION_REFUSED, type ConnectionLimits } from '../net/count/connection-limits.ts';
import { descriptors } from '../net/descriptors.ts';
import { listenOn } from '../net/accept-queue.ts';
import { closeDoor } from '../net/close-door.ts';
import { turns } from '../net/turns.ts';
import type { ProxiedAddresses } from '../net/proxy-protocol.ts';
import type { ClientInfo, Exchange, ExchangeObserver } from '../http/exchange.ts';
import { Http1Connection, PREFACE_HEAD } from '../downstream/http1-connection.ts';
import { Http1RequestParser } from '../http1/request-parser.ts';
import { Http2Connection } from '../downstream/http2-connection.ts';
import { Http2RequestReader } from '../http2/request-reader.ts';
import type { DownstreamConnection } from '../downstream/downstream-connection.ts';
import type { TlsSession } from '../tls/tls-acceptor.ts';
import type { TlsStore } from '../tls/tls-store.ts';
import type { HostCoverage } from '../match/route-table.ts';
import { TcpConnection, type TcpOwner } from '../tcp/tcp-connection.ts';
import { TcpRouting, type TcpRoute } from '../tcp/tcp-routing.ts';
import { Arrival, type Admitted, type ArrivalOwner, type TcpArrival } from './arrival.ts';
import type { Challenges } from './challenges.ts';
import { HttpRouting, type HttpRoutingOwner } from './http-routing.ts';
import { ProxiedArrival, type ProxiedArrivalOwner } from './proxied-arrival.ts';

/** Tells of handshakes that came to nothing. */
export type HandshakeFailed = (entryPoint: string, reason: string) => void;
/** Tells of PROXY protocol headers that were wrong, or not there. */
export type ProxyHeaderFailed = (entryPoint: string, reason: string) => void;

export interface EntryPointDependencies {
  readonly wheel: TimerWheel;
  readonly limits: ConnectionLimits;
  /** Of the shared connection table. */
  readonly row: number;
  readonly tls: TlsStore;
  readonly challenges: Challenges;
  readonly observerOf: (spec: EntryPointSpec) => ExchangeObserver;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly handshakeFailed: HandshakeFailed;
  readonly proxyHeaderFailed: ProxyHeaderFailed;
}

/** A connection, whatever it has become. */
interface OpenConnection {
  /** The worker stops accepting: go as soon as nothing is owed. */
  drain(): void;
  /** Of those that can rest: see DownstreamConnection. */
  readonly hasAsked?: boolean;
  closeIfResting?(): boolean;
  destroy(): void;
}

/** That many of the oldest connections are asked whether they rest. */
const MAX_ASKED = 256;

/** What an entry point can speak inside of TLS. */
const SERVED_PROTOCOLS = new Set(['h2', 'http/1.1']);

export class StreamEntryPoint implements ArrivalOwner, HttpRoutingOwner, ProxiedArrivalOwner, TcpOwner {
  spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  readonly tls: TlsStore;
  readonly challenges: Challenges;
  parser: Http1RequestParser;
  requestReader: Http2RequestReader;
  observer: ExchangeObserver;
  readonly handlerFailed: (exchange: Exchange, error: unknown) => void;
  readonly plain: HttpRouting;
  readonly secure: HttpRouting;
  readonly tcp: TcpRouting;
  isDraining = false;
  patienceMs = 0;
  /** Of one that drains: settles when the port is given up, and another socket may have it. */
  doorClosed: Promise<void> = Promise.resolve();
  readonly #dependencies: EntryPointDependencies;
  #trusted: IpSet;
  /** Peers that may speak for others. */
  #proxies: IpSet;
  readonly #connections = new Set<OpenConnection>();
  #server: net.Server | null = null;
  /** Connections ever accepted. */
  #accepted = 0;
  #onEmpty: (() => void) | null = null;

  constructor(spec: EntryPointSpec, dependencies: EntryPointDependencies) {
    this.spec = spec;
    this.#dependencies = dependencies;
    this.wheel = dependencies.wheel;
    this.tls = dependencies.tls;
    this.challenges = dependencies.challenges;
    this.observer = dependencies.observerOf(spec);
    this.handlerFailed = dependencies.handlerFailed;
    this.parser = new Http1RequestParser(spec);
    this.requestReader = new Http2RequestReader(spec);
    this.#trusted = new IpSet(spec.forwardedHeaders.trustedIps);
    this.#proxies = new IpSet(spec.proxyProtocol?.trustedIps ?? []);
    this.plain = new HttpRouting(this, null);
    this.secure = new HttpRouting(this, dependencies.tls.hostsOf(spec.name));
    this.tcp = new TcpRouting(spec.name);
  }

  get name(): string {
    return this.spec.name;
  }

  get handshakeMs(): number {
    return this.spec.timeouts.headerMs;
  }

  get tunnelIdleMs(): number {
    return this.spec.timeouts.tunnelIdleMs;
  }

  get isProxyHeaderRequired(): boolean {
    return this.spec.proxyProtocol?.required === true;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /**
   * The same socket with other options. Requests that begin from now on go by them, also on connections that are open; whom
   * to trust and what HTTP/2 has announced is settled when a connection begins.
   */
  update(spec: EntryPointSpec): void {
    this.spec = spec;
    this.parser = new Http1RequestParser(spec);
    this.requestReader = new Http2RequestReader(spec);
    this.observer = this.#dependencies.observerOf(spec);
    this.#trusted = new IpSet(spec.forwardedHeaders.trustedIps);
    this.#proxies = new IpSet(spec.proxyProtocol?.trustedIps ?? []);
    this.plain.update();
    this.secure.update();
  }

  /** Accepts on a handle this worker alone owns. Settles when the kernel listens. */
  listen(handle: object): Promise<void> {
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      listenOn(server, { _handle: handle }, () => {
        server.removeListener('error', reject);
        // Accept errors such as EMFILE: the connection is lost, the listener lives.
        server.on('error', () => {});
        resolve();
      });
    });
  }

  #accept(socket: net.Socket): void {
    const address = socket.remoteAddress;
    this.#accepted++;
    if (address === undefined) {
      socket.destroy();
      return;
    }
    turns.accepted();
    const ip = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    const port = socket.remotePort ?? 0;
    if (this.#isProxy(ip)) {
      // Its clients are limited by their own addresses.
      const ticket = this.#admit(socket, ip, { ...this.spec.limits, maxConnectionsPerIp: 0 });
      if (ticket < 0) return;
      this.#connections.add(new ProxiedArrival(this, socket, { ip, port, ticket, proxied: null }));
      return;
    }
    const ticket = this.#admit(socket, ip, this.spec.limits);
    if (ticket >= 0) this.#serve(socket, { ip, port, ticket, proxied: null });
  }

  #isProxy(ip: string): boolean {
    const { proxyProtocol } = this.spec;
    return proxyProtocol !== null && (proxyProtocol.insecure || this.#proxies.has(ip));
  }

  /** Returns a ticket; a negative one says that the connection is refused, and gone. */
  #admit(socket: net.Socket, ip: string, limits: DownstreamLimits): number {
    if (!descriptors.admitClient()) {
      socket.resetAndDestroy();
      return CONNECTION_REFUSED;
    }
    const ticket = this.#dependencies.limits.tryOpen(this.#dependencies.row, ip, limits);
    // Before a byte is read there is nothing to answer to: a reset costs an attacker's target the least.
    if (ticket < 0) {
      descriptors.clientLeft();
      socket.resetAndDestroy();
    }
    return ticket;
  }

  #serve(socket: net.Socket, admitted: Admitted): void {
    // A client that has vanished from a silent tunnel says nothing else.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const { ticket } = admitted;
    const { tcp } = this;
    const hasTls = this.secure.routes.size > 0 || tcp.secure.size > 0;
    if (!hasTls && tcp.plain.size > 0) {
      // Nothing is read before: the server may be the one who speaks first.
      const route = tcp.plain.match({ serverName: '', protocols: [], clientIp: admitted.ip });
      if (route !== null) {
        this.#beginTcp(socket, admitted, route, { serverName: '', session: null, startTls: false });
        return;
      }
    }
    // Where nobody is served in plain, a router that is to come, or has an error, is one of TLS as likely as not: balancers that
    // check the entry point by a handshake must not find it dead.
    const isBare = this.plain.routes.size === 0;
    if (hasTls || isBare || this.spec.tls !== null || this.challenges.awaitsHandshake) {
      this.#connections.add(new Arrival(this, socket, admitted));
      return;
    }
    this.#connections.add(new Http1Connection(this.plain, socket, this.#clientOf(admitted, null), ticket, true));
  }

  #clientOf({ ip, port }: Admitted, session: TlsSession | null): ClientInfo {
    return {
      ip,
      port,
      scheme: session === null ? 'http' : 'https',
      tls: session,
      isTrusted: this.spec.forwardedHeaders.insecure || this.#trusted.has(ip),
      bonds: null,
    };
  }

  proxied(arrival: ProxiedArrival, socket: net.Socket, addresses: ProxiedAddresses | null): void {
    const { ip, port, ticket } = arrival.admitted;
    const client = { ip: addresses?.sourceIp ?? ip, port: addresses?.sourcePort ?? port, proxied: addresses };
    this.#connections.delete(arrival);
    this.#leave(ticket);
    const own = this.#admit(socket, client.ip, this.spec.limits);
    if (own < 0) return this.#noteEmpty();
    this.#serve(socket, { ...client, ticket: own });
    socket.resume();
  }

  proxyHeaderFailed(arrival: ProxiedArrival, reason: string): void {
    if (reason !== '') this.#dependencies.proxyHeaderFailed(this.name, reason);
    this.#left(arrival, arrival.admitted.ticket);
  }

  protocolsOf(offered: readonly string[]): readonly string[] {
    return offered.filter((protocol) => SERVED_PROTOCOLS.has(protocol));
  }

  servePlain(arrival: Arrival, socket: net.Socket): void {
    const { admitted } = arrival;
    const client = this.#clientOf(admitted, null);
    this.#connections.delete(arrival);
    this.#connections.add(new Http1Connection(this.plain, socket, client, admitted.ticket, true));
    socket.resume();
  }

  serveSecure(arrival: Arrival, socket: tls.TLSSocket, session: TlsSession): void {
    const { admitted } = arrival;
    const client = this.#clientOf(admitted, session);
    this.#connections.delete(arrival);
    const Connection = session.protocol === 'h2' ? Http2Connection : Http1Connection;
    this.#connections.add(new Connection(this.secure, socket, client, admitted.ticket, false));
    socket.resume();
  }

  coverage(serverName: string): HostCoverage {
    return this.secure.routes.coverage(serverName);
  }

  serveTcp(arrival: Arrival, socket: net.Socket, route: TcpRoute, how: TcpArrival): void {
    this.#connections.delete(arrival);
    this.#beginTcp(socket, arrival.admitted, route, how);
  }

  #beginTcp(socket: net.Socket, { ip, port, ticket, proxied }: Admitted, route: TcpRoute, how: TcpArrival): void {
    const connection = new TcpConnection(this, socket, { ip, port, ticket, proxied, ...how }, route);
    this.#connections.add(connection);
    connection.start();
  }

  tcpClosed(connection: TcpConnection, ticket: number): void {
    this.#left(connection, ticket);
  }

  arrivalFailed(arrival: Arrival, reason: string): void {
    if (reason !== '') this.#dependencies.handshakeFailed(this.name, reason);
    this.#left(arrival, arrival.admitted.ticket);
  }

  switchToHttp2(routing: HttpRouting, connection: Http1Connection, socket: net.Socket, chunk: Buffer): void {
    const { client, ticket, canRefit } = connection;
    const successor = new Http2Connection(routing, socket, client, ticket, canRefit);
    this.#connections.delete(connection);
    this.#connections.add(successor);
    successor.skipPreface(PREFACE_HEAD.length);
    successor.onRead(chunk, chunk.length);
    if (this.isDraining) successor.drain();
  }

  closed(connection: DownstreamConnection): void {
    this.#left(connection, connection.ticket);
  }

  #left(connection: OpenConnection, ticket: number): void {
    this.#connections.delete(connection);
    this.#leave(ticket);
    this.#noteEmpty();
  }

  /** Gives back what `#admit` took. */
  #leave(ticket: number): void {
    descriptors.clientLeft();
    this.#dependencies.limits.close(this.#dependencies.row, ticket);
  }

  /**
   * Ends the connection that has been there longest without a request in progress; false when there is none. Who has never
   * asked is a client refused.
   */
  closeResting(): boolean {
    let asked = 0;
    this.#dependencies.wheel.touch(performance.now());
    for (const connection of this.#connections) {
      if (connection.closeIfResting?.() === true) {
        if (connection.hasAsked === false) descriptors.noteRefusal();
        return true;
      }
      if (++asked === MAX_ASKED) return false;
    }
    return false;
  }

  #noteEmpty(): void {
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Goes on accepting. Every answer says that it is the last, and idle connections go after `patienceMs` of DownstreamContext. */
  leave(patienceMs: number): void {
    if (this.isDraining) return;
    this.isDraining = true;
    this.patienceMs = patienceMs;
    for (const connection of this.#connections) connection.drain();
  }

  /**
   * Stops accepting and lets requests finish, as `leave` says. Settles when the last connection is gone. `isShared` as of Door.
   */
  async drain(patienceMs: number, isShared = true): Promise<void> {
    this.leave(patienceMs);
    this.doorClosed = this.#closeDoor(isShared);
    await this.doorClosed;
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  async #closeDoor(isShared: boolean): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    await closeDoor({ server, accepted: () => this.#accepted, isShared });
  }

  /** Breaks off what is still open; returns how many connections that were. */
  destroy(): number {
    const count = this.#connections.size;
    for (const connection of this.#connections) connection.destroy();
    return count;
  }
}
