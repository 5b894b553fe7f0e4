// A client's TCP connection and the one to a server that belongs to it, from the router's decision to the last byte.
// Both directions end by themselves: an end is passed on once everything before it is.
//
//   START ──gates, pick──▶ DIALING ──connected──▶ OPEN ──one end──▶ HALF OPEN ──other end──▶ DEAD
//                             └─ failed: next server, or ──▶ DEAD

import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { Visits } from '../balance/count/visits.ts';
import type { EntryPointState } from '../downstream/entry-point-state.ts';
import { Reading } from '../net/fixed-read.ts';
import { renderProxyHeader, type ProxiedAddresses } from '../net/proxy-protocol.ts';
import type { TlsSession } from '../tls/tls-acceptor.ts';
import { TcpDial } from './tcp-dial.ts';
import { TCP_ENDS, type TcpEnd } from './tcp-end.ts';
import type { TcpEndpoint } from './tcp-endpoint.ts';
import type { TcpRoute } from './tcp-routing.ts';
import { TcpLeg } from './tcp-leg.ts';
import type { TcpServiceObservation } from './tcp-observation.ts';

/** Servers that are tried before the client is given up. */
const MAX_SERVERS = 5;
/** Turns that are looked at for a server that has not been tried. */
const MAX_TURNS = 100;
/** A client that is gone without a word is noticed after this time and some more. */
const CLIENT_KEEP_ALIVE_MS = 180_000;

/** Who connects. */
export interface TcpClient {
  readonly ip: string;
  readonly port: number;
  /** What a PROXY protocol header has said; null without one. */
  readonly proxied: ProxiedAddresses | null;
  readonly serverName: string;
  /** Null where the router does not end TLS. */
  readonly session: TlsSession | null;
  /** It has asked for TLS as PostgreSQL clients do. */
  readonly startTls: boolean;
  /** Of the connection limits. */
  readonly ticket: number;
}

/** The entry point as its TCP connections see it. */
export interface TcpConnectionContext {
  readonly entryPoint: EntryPointState;
  readonly wheel: TimerWheel;
  readonly closed: (connection: TcpConnection) => void;
}

export class TcpConnection {
  private readonly context: TcpConnectionContext;
  private readonly route: TcpRoute;
  private readonly client: TcpClient;
  private readonly deadline: Deadline;
  private readonly startWallMs = Date.now();
  private readonly startMs = performance.now();
  private readonly downstream: TcpLeg;
  private upstream: TcpLeg | null = null;
  private dial: TcpDial | null = null;
  private endpoint: TcpEndpoint | null = null;
  private observed: TcpServiceObservation | null = null;
  private readonly tickets: number[] = [];
  private readonly tried = new Set<TcpEndpoint>();
  private readonly visits = new Visits();
  /** Bytes that came before the server was there. */
  private pending: Buffer[] = [];
  private cause: TcpEnd | null = null;
  private patienceMs: number;
  private isTerminating = false;
  private hasFinished = false;

  /** `socket` may have bytes to read; nothing is read before a server is connected. */
  constructor(context: TcpConnectionContext, socket: net.Socket, client: TcpClient, route: TcpRoute) {
    this.context = context;
    this.client = client;
    this.route = route;
    this.deadline = new Deadline(() => this.expired());
    this.patienceMs = context.entryPoint.settings.spec.timeouts.tunnelIdleMs;
    socket.pause();
    socket.setKeepAlive(true, CLIENT_KEEP_ALIVE_MS);
    this.downstream = new TcpLeg(this, socket, new Reading(), client.session !== null, false);
    this.downstream.pause();
  }

  /** Of the connection limits. */
  get ticket(): number {
    return this.client.ticket;
  }

  start(): void {
    const { route, client } = this;
    route.observation.opened();
    if (route.service === null) {
      this.abort(TCP_ENDS.routerDisabled);
      return;
    }
    for (const gate of route.gates) {
      const ticket = gate.enter(client.ip);
      if (ticket < 0) {
        this.abort(gate.refusal);
        return;
      }
      this.tickets.push(ticket);
    }
    this.dialNext();
  }

  private dialNext(): void {
    const endpoint = this.pick();
    this.visits.settle(this.cause?.flag);
    if (endpoint === null) {
      this.abort(
        this.cause ?? (this.route.service?.hasServers === true ? TCP_ENDS.noHealthyServer : TCP_ENDS.noServer),
      );
      return;
    }
    this.tried.add(endpoint);
    this.endpoint = endpoint;
    const { startTls } = this.client;
    this.dial = new TcpDial(
      endpoint,
      {
        proxyHeader: this.proxyHeader(endpoint.transport.proxyProtocol),
        // Where the router has ended TLS, a server without it is spoken to in plain.
        startTls: startTls && (this.client.session === null || endpoint.server.isSecure),
      },
      this,
    );
    this.dial.start();
  }

  /** What tells a server who the client is, and where it has connected to. */
  private proxyHeader(version: 0 | 1 | 2): Buffer | null {
    if (version === 0) return null;
    const { ip, port, proxied } = this.client;
    const { socket } = this.downstream;
    return renderProxyHeader(version, {
      sourceIp: ip,
      sourcePort: port,
      destinationIp: proxied?.destinationIp ?? socket.localAddress ?? '',
      destinationPort: proxied?.destinationPort ?? socket.localPort ?? 0,
    });
  }

  /** The next in turn that has not been tried. */
  private pick(): TcpEndpoint | null {
    if (this.tried.size >= MAX_SERVERS) return null;
    // Others take turns, too: the picker may come back to one that was tried.
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      this.visits.begin();
      const endpoint = this.route.service?.pick(this.visits) ?? null;
      if (endpoint === null || !this.tried.has(endpoint)) return endpoint;
    }
    return null;
  }

  dialFailed(end: TcpEnd, reason: string): void {
    const { endpoint, route } = this;
    this.dial = null;
    if (endpoint !== null) {
      route.observation.dialFailed(endpoint.service, endpoint.server.url, end);
      endpoint.failed(end.flag, reason);
    }
    this.cause = end;
    this.dialNext();
  }

  connected(socket: net.Socket, reading: Reading, isFixed: boolean): void {
    const endpoint = this.endpoint!;
    const { downstream } = this;
    this.dial = null;
    this.cause = null;
    const upstream = new TcpLeg(this, socket, reading, endpoint.server.isSecure, isFixed);
    this.upstream = upstream;
    endpoint.opened();
    this.observed = this.route.observation.served(endpoint.service);
    downstream.peer = upstream;
    upstream.peer = downstream;
    for (const chunk of this.takePending()) {
      this.carried(downstream, chunk.length);
      socket.write(chunk);
    }
    this.touch();
    if (downstream.hasEnded) this.ended(downstream);
    downstream.resume();
  }

  // ── what the sides say ─────────────────────────────────────────────────────────────────────────────────────────

  carried(leg: TcpLeg, bytes: number): void {
    const { observation } = this.route;
    this.touch();
    if (leg === this.downstream) {
      observation.received(bytes);
      this.observed?.received(bytes);
    } else {
      observation.sent(bytes);
      this.observed?.sent(bytes);
    }
  }

  early(chunk: Buffer): void {
    if (heldMemory.take(chunk.length)) this.pending.push(chunk);
    else this.abort(TCP_ENDS.memoryFull);
  }

  private takePending(): readonly Buffer[] {
    const { pending } = this;
    this.pending = [];
    for (const { length } of pending) heldMemory.give(length);
    return pending;
  }

  overfull(): void {
    this.abort(TCP_ENDS.memoryFull);
  }

  ended(leg: TcpLeg): void {
    const other = leg.peer;
    if (other === null) return; // Passed on once there is another side.
    if (other.hasEnded && other.isFlushed) {
      // Nothing is left in either direction, and closing says so.
      other.destroy();
      return;
    }
    other.finish(() => {
      if (!other.hasEnded) this.startTermination(leg);
    });
  }

  /** One direction is over, and its end has been passed on. */
  private startTermination(leg: TcpLeg): void {
    const { transport } = this.endpoint!;
    const delayMs = leg === this.downstream ? transport.clientEndDelayMs : transport.serverEndDelayMs;
    if (delayMs < 0) return;
    this.isTerminating = true;
    this.patienceMs = Math.max(1, delayMs);
    this.touch();
  }

  private touch(): void {
    this.context.wheel.arm(this.deadline, this.patienceMs);
  }

  private expired(): void {
    this.abort(this.isTerminating ? TCP_ENDS.halfOpen : TCP_ENDS.idle);
  }

  closed(leg: TcpLeg, error: Error | null): void {
    const { downstream, upstream } = this;
    const other = leg === downstream ? upstream : downstream;
    if (leg === downstream && this.dial !== null) {
      this.cause = TCP_ENDS.clientGone;
      this.dial.stop();
      this.dial = null;
    }
    // In order it closes when both directions have ended.
    if ((error !== null || !leg.hasEnded) && this.cause === null) {
      this.cause = leg === downstream ? TCP_ENDS.clientReset : TCP_ENDS.upstreamReset;
      // What came before an end is whole, whatever happens to the connection afterwards.
      if (leg.hasEnded) other?.close();
      else other?.reset();
    }
    if (downstream.isClosed && (upstream === null || upstream.isClosed)) this.finish();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private finish(): void {
    if (this.hasFinished) return;
    this.hasFinished = true;
    this.takePending();
    const { context, client, route, endpoint } = this;
    context.wheel.remove(this.deadline);
    if (this.upstream !== null) endpoint?.closed();
    this.visits.end(this.cause?.flag ?? '');
    for (const [index, ticket] of this.tickets.entries()) route.gates[index]!.leave(ticket);
    route.observation.finished({
      protocol: 'TCP',
      startWallMs: this.startWallMs,
      durationMs: performance.now() - this.startMs,
      entryPointName: context.entryPoint.settings.spec.name,
      routerName: route.name,
      serviceName: endpoint?.service ?? route.service?.name ?? '',
      serviceUrl: endpoint?.server.url ?? '',
      clientIp: client.ip,
      clientPort: client.port,
      serverName: client.serverName,
      isPassthrough: route.tls?.passthrough === true,
      tlsVersion: client.session?.version ?? '',
      tlsCipher: client.session?.cipher ?? '',
      tlsClientSubject: client.session?.clientSubject ?? '',
      receivedBytes: this.downstream.bytesRead,
      sentBytes: this.upstream?.bytesRead ?? 0,
      responseFlag: this.cause?.flag ?? '',
    });
    context.closed(this);
  }

  private abort(cause: TcpEnd): void {
    this.cause = cause;
    this.dial?.stop();
    this.dial = null;
    this.downstream.destroy();
    this.upstream?.destroy();
  }

  /** The worker stops accepting: what is open goes on until it ends, or the worker's time is over. */
  drain(): void {}

  /** The worker ends: there is no time to hear of the sockets' ends. */
  destroy(): void {
    this.abort(this.cause ?? TCP_ENDS.drained);
    this.finish();
  }
}
