// A connection between accept and its protocol, on an entry point that has routers for TLS: its first bytes tell whether
// it is TLS at all, the ClientHello which certificate and options it gets, and ALPN the protocol inside.

import type net from 'node:net';
import type tls from 'node:tls';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import {
  beginsLikeTls,
  HELLO_MALFORMED,
  HELLO_PARTIAL,
  parseClientHello,
  type ClientHello,
} from '../net/client-hello.ts';
import type { HostCoverage } from '../match/route-table.ts';
import { FirstBytes, type FirstBytesReader } from '../net/first-bytes.ts';
import { ACME_TLS, type Challenges } from './challenges.ts';
import {
  acceptTls,
  ALERT_DECODE_ERROR,
  ALERT_INTERNAL_ERROR,
  ALERT_UNRECOGNIZED_NAME,
  refuseHello,
  type TlsResult,
  type TlsSession,
} from '../tls/tls-acceptor.ts';
import type { TlsStore } from '../tls/tls-store.ts';
import type { ProxiedAddresses } from '../net/proxy-protocol.ts';
import { carriedBy } from '../net/reset.ts';
import { hasReadEnd } from '../net/read-end.ts';
import { beginsLikeSslRequest, POSTGRES_PROTOCOL, SSL_REQUEST, SSL_REQUEST_ACCEPTED } from '../tcp/postgres.ts';
import type { TcpRouting, TcpRoute } from '../tcp/tcp-routing.ts';

/** What is known of a connection that has passed the limits. */
export interface Admitted {
  readonly ip: string;
  readonly port: number;
  /** Of the connection limits. */
  readonly ticket: number;
  /** What a PROXY protocol header has said; null without one. */
  readonly proxied: ProxiedAddresses | null;
}

/** The entry point as its arrivals see it. */
export interface ArrivalOwner {
  readonly name: string;
  readonly wheel: TimerWheel;
  readonly tls: TlsStore;
  readonly challenges: Challenges;
  /** For the first bytes, and again for the handshake. */
  readonly handshakeMs: number;
  /** See DownstreamContext. */
  readonly patienceMs: number;
  /** Of an options set's protocols, those that are served. */
  protocolsOf(offered: readonly string[]): readonly string[];
  servePlain(arrival: Arrival, socket: net.Socket): void;
  serveSecure(arrival: Arrival, socket: tls.TLSSocket, session: TlsSession): void;
  readonly tcp: TcpRouting;
  /** What HTTP routers over TLS say of a host. */
  coverage(serverName: string): HostCoverage;
  serveTcp(arrival: Arrival, socket: net.Socket, route: TcpRoute, how: TcpArrival): void;
  /** It ended before it had a protocol. `reason` as of TlsResult. */
  arrivalFailed(arrival: Arrival, reason: string): void;
}

/** How a TCP connection has come about. */
export interface TcpArrival {
  readonly serverName: string;
  /** Null where the router does not end TLS. */
  readonly session: TlsSession | null;
  /** It has asked for TLS as PostgreSQL clients do. */
  readonly startTls: boolean;
}

export class Arrival implements FirstBytesReader, TlsResult {
  readonly admitted: Admitted;
  private readonly owner: ArrivalOwner;
  private stage: { destroy(): void };
  /** What carries TLS. */
  private carrier: net.Socket | null = null;
  /** A PostgreSQL client was told to go on with TLS. */
  private startTls = false;
  /** The TCP router it goes to once TLS is there. */
  private route: TcpRoute | null = null;
  private hello: ClientHello | typeof HELLO_PARTIAL | typeof HELLO_MALFORMED | null = null;

  constructor(owner: ArrivalOwner, socket: net.Socket, admitted: Admitted) {
    this.owner = owner;
    this.admitted = admitted;
    this.stage = new FirstBytes(socket, owner.wheel, owner.handshakeMs, this);
  }

  isEnough(bytes: Buffer): boolean {
    if (this.mayStartTls && beginsLikeSslRequest(bytes)) return bytes.length >= SSL_REQUEST.length;
    if (!beginsLikeTls(bytes)) return true;
    this.hello = parseClientHello(bytes);
    return this.hello !== HELLO_PARTIAL;
  }

  private get mayStartTls(): boolean {
    return !this.startTls && this.owner.tcp.secure.size > 0;
  }

  take(bytes: Buffer, socket: net.Socket): void {
    const { hello, owner } = this;
    this.hello = null;
    if (hello === null || hello === HELLO_PARTIAL) {
      this.takePlain(bytes, socket);
      return;
    }
    if (hello === HELLO_MALFORMED) {
      this.abandon(socket, 'malformed');
      refuseHello(socket, ALERT_DECODE_ERROR);
      return;
    }
    const challenge = this.startTls ? null : owner.challenges.choose(hello.serverName, hello.protocols);
    const route = challenge === null ? this.chooseRoute(hello) : null;
    if (route?.tls?.passthrough === true) {
      owner.serveTcp(this, socket, route, { serverName: hello.serverName, session: null, startTls: this.startTls });
      return;
    }
    if (route === null && this.startTls) {
      this.abandon(socket, 'unknown_name');
      refuseHello(socket, ALERT_UNRECOGNIZED_NAME);
      return;
    }
    this.route = route;
    const choice = challenge ?? this.choose(hello, route, socket);
    if (typeof choice === 'string') {
      this.abandon(socket, choice);
      refuseHello(socket, choice === 'certificate' ? ALERT_INTERNAL_ERROR : ALERT_UNRECOGNIZED_NAME);
      return;
    }
    if (hasReadEnd(socket)) {
      // It cannot say the rest of a handshake any more.
      this.abandon(socket, 'closed');
      socket.destroy();
      return;
    }
    this.carrier = socket;
    this.stage = acceptTls(
      socket,
      {
        ...choice,
        serverName: hello.serverName,
        // To a client that offers none, none is answered.
        protocols:
          challenge !== null
            ? challenge.options.protocols
            : hello.protocols.length === 0
              ? []
              : route === null
                ? owner.protocolsOf(choice.options.protocols)
                : this.tcpProtocols(choice.options.protocols),
        timeoutMs: owner.handshakeMs,
      },
      owner.wheel,
      this,
    );
  }

  /** No TLS: a PostgreSQL client that would like it, a TCP router's, or HTTP. */
  private takePlain(bytes: Buffer, socket: net.Socket): void {
    const { owner } = this;
    const isRequest = this.mayStartTls && bytes.length >= SSL_REQUEST.length && beginsLikeSslRequest(bytes);
    // Bytes behind the request would be read as if they had come over TLS (CVE-2021-23222).
    if (this.startTls || (isRequest && bytes.length > SSL_REQUEST.length)) {
      this.abandon(socket, 'malformed');
      socket.destroy();
      return;
    }
    if (isRequest) {
      socket.read(SSL_REQUEST.length);
      socket.write(Buffer.from([SSL_REQUEST_ACCEPTED]));
      this.startTls = true;
      this.stage = new FirstBytes(socket, owner.wheel, owner.handshakeMs, this);
      socket.resume();
      return;
    }
    const route = owner.tcp.plain.match({ serverName: '', protocols: [], clientIp: this.admitted.ip });
    if (route === null) owner.servePlain(this, socket);
    else owner.serveTcp(this, socket, route, { serverName: '', session: null, startTls: false });
  }

  private chooseRoute({ serverName, protocols }: ClientHello): TcpRoute | null {
    const { tcp } = this.owner;
    if (tcp.secure.size === 0) return null;
    const connection = { serverName, protocols, clientIp: this.admitted.ip };
    return this.startTls ? tcp.secure.match(connection) : tcp.chooseSecure(connection, this.owner.coverage(serverName));
  }

  /** What is spoken inside is the server's affair. */
  private tcpProtocols(offered: readonly string[]): readonly string[] {
    const usable = offered.filter((protocol) => protocol !== ACME_TLS);
    return this.startTls ? [POSTGRES_PROTOCOL, ...usable] : usable;
  }

  /** Returns the reason when there is nothing to choose. */
  private choose(
    hello: ClientHello,
    route: TcpRoute | null,
    socket: net.Socket,
  ): NonNullable<ReturnType<TlsStore['choose']>> | string {
    const { tls, name } = this.owner;
    try {
      const localIp = this.admitted.proxied?.destinationIp ?? socket.localAddress ?? '';
      const choice =
        route === null
          ? tls.choose(name, hello.serverName, localIp)
          : tls.chooseWith(route.tls?.options ?? '', hello.serverName, localIp);
      return choice ?? 'unknown_name';
    } catch {
      return 'certificate';
    }
  }

  private abandon(socket: net.Socket, reason: string): void {
    this.stage = socket;
    socket.once('close', () => this.owner.arrivalFailed(this, reason));
  }

  gone(): void {
    this.owner.arrivalFailed(this, '');
  }

  secured(socket: tls.TLSSocket, session: TlsSession): void {
    carriedBy(socket, this.carrier!);
    if (session.protocol === ACME_TLS) {
      // All that was to be shown has been (RFC 8737 §4).
      this.abandon(socket, '');
      socket.on('error', () => {});
      socket.end(() => socket.destroy());
      return;
    }
    const { route, startTls, owner } = this;
    if (route === null) owner.serveSecure(this, socket, session);
    else owner.serveTcp(this, socket, route, { serverName: session.serverName, session, startTls });
  }

  failed(reason: string): void {
    this.owner.arrivalFailed(this, reason);
  }

  /** Nothing is owed to a client that has not asked anything; in patience it may. */
  drain(): void {
    if (this.owner.patienceMs === 0) this.destroy();
  }

  destroy(): void {
    this.stage.destroy();
  }
}
