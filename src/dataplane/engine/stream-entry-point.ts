// An entry point in one worker: accepts connections, finds out what they speak, and drains.

import net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { DownstreamLimits, EntryPointSpec } from '../../model/entry-point.ts';
import { entryPointSettings, entryPointState, type EntryPointState } from '../downstream/entry-point-state.ts';
import { Http1Connection } from '../downstream/http1-connection.ts';
import { PREFACE_HEAD } from '../downstream/http1-requests.ts';
import type { Http1Socket } from '../downstream/http1-socket.ts';
import { Http2Connection } from '../downstream/http2-connection.ts';
import type { Exchange, ExchangeObserver } from '../http/exchange.ts';
import { identityOf, type ClientInfo } from '../http/client-info.ts';
import { listenOn } from '../net/accept-queue.ts';
import { closeDoor } from '../net/close-door.ts';
import { CONNECTION_REFUSED, type ConnectionLimits } from '../net/count/connection-limits.ts';
import { descriptors } from '../net/descriptors.ts';
import { KEEP_ALIVE_MS } from '../net/fixed-read.ts';
import type { ProxiedAddresses } from '../net/proxy-protocol.ts';
import { turns } from '../net/turns.ts';
import { TcpConnection, type TcpConnectionContext } from '../tcp/tcp-connection.ts';
import { TcpRouting, type TcpRoute } from '../tcp/tcp-routing.ts';
import type { TlsSession } from '../tls/tls-acceptor.ts';
import type { TlsHosts } from '../tls/tls-hosts.ts';
import type { TlsStore } from '../tls/tls-store.ts';
import { Arrival } from './arrival.ts';
import type { Admitted, ArrivalContext, ArrivalOutcome, Arriving, TcpArrival } from './arrival-outcome.ts';
import type { Challenges } from './challenges.ts';
import { HttpRouting } from './http-routing.ts';
import { ProxiedArrival } from './proxied-arrival.ts';
import { unmapped } from '../../core/ip.ts';

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

/** Of the connection limits. */
interface Ticketed extends OpenConnection {
  readonly ticket: number;
}

/** That many of the oldest connections are asked whether they rest. */
const MAX_ASKED = 256;

export class StreamEntryPoint {
  readonly plain: HttpRouting;
  readonly secure: HttpRouting;
  readonly tcp: TcpRouting;
  /** Of one that drains: settles when the port is given up, and another socket may have it. */
  doorClosed: Promise<void> = Promise.resolve();
  readonly #dependencies: EntryPointDependencies;
  readonly #state: EntryPointState;
  readonly #arrivals: ArrivalContext;
  readonly #tcpConnections: TcpConnectionContext;
  readonly #connections = new Set<OpenConnection>();
  #server: net.Server | null = null;
  /** Connections ever accepted. */
  #accepted = 0;
  #onEmpty: (() => void) | null = null;

  constructor(spec: EntryPointSpec, dependencies: EntryPointDependencies) {
    const { wheel, tls, challenges, handlerFailed } = dependencies;
    this.#dependencies = dependencies;
    const entryPoint = entryPointState(entryPointSettings(spec, dependencies.observerOf(spec)));
    this.#state = entryPoint;
    const closed = (connection: Ticketed): void => this.#left(connection, connection.ticket);
    const routing = (hosts: TlsHosts | null): HttpRouting => {
      const made: HttpRouting = new HttpRouting({
        entryPoint,
        wheel,
        challenges,
        hosts,
        handlerFailed,
        closed,
        switchToHttp2: (connection, socket, chunk) => this.#switchToHttp2(made, connection, socket, chunk),
      });
      return made;
    };
    this.plain = routing(null);
    this.secure = routing(tls.hostsOf(spec.name));
    this.tcp = new TcpRouting(spec.name);
    this.#tcpConnections = { entryPoint, wheel, closed };
    this.#arrivals = {
      entryPoint,
      wheel,
      tls,
      challenges,
      tcp: this.tcp,
      coverage: (serverName) => this.secure.routes.coverage(serverName),
      settled: (arrival, outcome) => this.#settle(arrival, outcome),
    };
  }

  get spec(): EntryPointSpec {
    return this.#state.settings.spec;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /**
   * The same socket with other options. Requests that begin from now on go by them, also on connections that are open;
   * whom to trust and what HTTP/2 has announced is settled when a connection begins.
   */
  update(spec: EntryPointSpec): void {
    this.#state.settings = entryPointSettings(spec, this.#dependencies.observerOf(spec));
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
    const ip = unmapped(address);
    const port = socket.remotePort ?? 0;
    const { limits } = this.spec;
    const isProxy = this.#isProxy(ip);
    // The clients of a proxy are limited by their own addresses.
    const ticket = this.#admit(socket, ip, isProxy ? { ...limits, maxConnectionsPerIp: 0 } : limits);
    if (ticket < 0) return;
    const admitted = { ip, port, ticket, proxied: null };
    if (isProxy) this.#connections.add(new ProxiedArrival(this.#arrivals, socket, admitted));
    else this.#arrive(socket, admitted);
  }

  #isProxy(ip: string): boolean {
    const { spec, proxies } = this.#state.settings;
    return spec.proxyProtocol !== null && (spec.proxyProtocol.insecure || proxies.has(ip));
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

  /** A client, by itself or for whom a proxy speaks: what it speaks is known, or its first bytes will tell. */
  #arrive(socket: net.Socket, admitted: Admitted): void {
    // A client that has vanished from a silent tunnel says nothing else.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
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
    // Where nobody is served in plain, a router that is to come, or has an error, is one of TLS as likely as not:
    // balancers that check the entry point by a handshake must not find it dead.
    const isBare = this.plain.routes.size === 0;
    if (hasTls || isBare || this.spec.tls !== null || this.#dependencies.challenges.awaitsHandshake) {
      this.#connections.add(new Arrival(this.#arrivals, socket, admitted));
      return;
    }
    this.#beginHttp(Http1Connection, socket, admitted, null);
  }

  /** What an arrival has become. */
  #settle(arrival: Arriving, outcome: ArrivalOutcome): void {
    const { admitted } = arrival;
    this.#connections.delete(arrival);
    switch (outcome.kind) {
      case 'proxied':
        this.#readmit(outcome.socket, admitted, outcome.addresses);
        return;
      case 'http1':
        this.#beginHttp(Http1Connection, outcome.socket, admitted, outcome.session);
        outcome.socket.resume();
        return;
      case 'http2':
        this.#beginHttp(Http2Connection, outcome.socket, admitted, outcome.session);
        outcome.socket.resume();
        return;
      case 'tcp':
        this.#beginTcp(outcome.socket, admitted, outcome.route, outcome.how);
        return;
      case 'gone': {
        const { handshakeFailed, proxyHeaderFailed } = this.#dependencies;
        const failed = outcome.during === 'handshake' ? handshakeFailed : proxyHeaderFailed;
        if (outcome.reason !== '') failed(this.spec.name, outcome.reason);
        this.#leave(admitted.ticket);
        this.#noteEmpty();
      }
    }
  }

  /** Counted anew, as its client's. */
  #readmit(socket: net.Socket, peer: Admitted, addresses: ProxiedAddresses | null): void {
    this.#leave(peer.ticket);
    const ip = addresses?.sourceIp ?? peer.ip;
    const ticket = this.#admit(socket, ip, this.spec.limits);
    if (ticket < 0) {
      this.#noteEmpty();
      return;
    }
    this.#arrive(socket, { ip, port: addresses?.sourcePort ?? peer.port, ticket, proxied: addresses });
    socket.resume();
  }

  #beginHttp(
    Connection: typeof Http1Connection | typeof Http2Connection,
    socket: net.Socket,
    admitted: Admitted,
    session: TlsSession | null,
  ): void {
    const routing = session === null ? this.plain : this.secure;
    const client = this.#clientOf(admitted, session);
    // What OpenSSL reads cannot be read in another way.
    this.#connections.add(new Connection(routing, socket, client, admitted.ticket, session === null));
  }

  #clientOf({ ip, port }: Admitted, session: TlsSession | null): ClientInfo {
    const { spec, trusted } = this.#state.settings;
    return {
      ip,
      port,
      scheme: session === null ? 'http' : 'https',
      tls: session,
      isTrusted: spec.forwardedHeaders.insecure || trusted.has(ip),
      bonds: null,
      identity: identityOf(session),
    };
  }

  #beginTcp(socket: net.Socket, { ip, port, ticket, proxied }: Admitted, route: TcpRoute, how: TcpArrival): void {
    const connection = new TcpConnection(this.#tcpConnections, socket, { ip, port, ticket, proxied, ...how }, route);
    this.#connections.add(connection);
    connection.start();
  }

  #switchToHttp2(routing: HttpRouting, connection: Http1Socket, socket: net.Socket, chunk: Buffer): void {
    const { client, ticket, canRefit } = connection;
    const successor = new Http2Connection(routing, socket, client, ticket, canRefit);
    this.#connections.delete(connection);
    this.#connections.add(successor);
    successor.skipPreface(PREFACE_HEAD.length);
    successor.onRead(chunk, chunk.length);
    if (this.#state.isDraining) successor.drain();
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
   * Ends the connection that has been there longest without a request in progress; false when there is none. Who has
   * never asked is a client refused.
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

  /**
   * Goes on accepting. Every answer says that it is the last, and idle connections go after `patienceMs` of
   * DownstreamContext.
   */
  leave(patienceMs: number): void {
    const state = this.#state;
    if (state.isDraining) return;
    state.isDraining = true;
    state.patienceMs = patienceMs;
    for (const connection of this.#connections) connection.drain();
  }

  /**
   * Stops accepting and lets requests finish, as `leave` says. Settles when the last connection is gone. `isShared` as
   * of Door.
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
