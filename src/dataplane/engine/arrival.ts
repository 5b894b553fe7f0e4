// A connection between accept and its protocol, on an entry point that has routers for TLS: its first bytes tell
// whether it is TLS at all, the ClientHello which certificate and options it gets, and ALPN the protocol inside.

import type net from 'node:net';
import type tls from 'node:tls';
import {
  beginsLikeTls,
  HELLO_MALFORMED,
  HELLO_PARTIAL,
  parseClientHello,
  type ClientHello,
} from '../net/client-hello.ts';
import { FirstBytes, type FirstBytesReader } from '../net/first-bytes.ts';
import type { Admitted, ArrivalContext, Arriving } from './arrival-outcome.ts';
import { ACME_TLS } from './challenges.ts';
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
import { carriedBy } from '../net/reset.ts';
import { hasReadEnd } from '../net/read-end.ts';
import { beginsLikeSslRequest, POSTGRES_PROTOCOL, SSL_REQUEST, SSL_REQUEST_ACCEPTED } from '../tcp/postgres.ts';
import type { TcpRoute } from '../tcp/tcp-routing.ts';

/** What an entry point can speak inside of TLS. */
const SERVED_PROTOCOLS = new Set(['h2', 'http/1.1']);

export class Arrival implements Arriving, FirstBytesReader, TlsResult {
  readonly admitted: Admitted;
  private readonly context: ArrivalContext;
  private stage: { destroy(): void };
  /** What carries TLS. */
  private carrier: net.Socket | null = null;
  /** A PostgreSQL client was told to go on with TLS. */
  private startTls = false;
  /** The TCP router it goes to once TLS is there. */
  private route: TcpRoute | null = null;
  private hello: ClientHello | typeof HELLO_PARTIAL | typeof HELLO_MALFORMED | null = null;

  constructor(context: ArrivalContext, socket: net.Socket, admitted: Admitted) {
    this.context = context;
    this.admitted = admitted;
    this.stage = new FirstBytes(socket, context.wheel, this.handshakeMs, this);
  }

  /** For the first bytes, and again for the handshake. */
  private get handshakeMs(): number {
    return this.context.entryPoint.settings.spec.timeouts.headerMs;
  }

  isEnough(bytes: Buffer): boolean {
    if (this.mayStartTls && beginsLikeSslRequest(bytes)) return bytes.length >= SSL_REQUEST.length;
    if (!beginsLikeTls(bytes)) return true;
    this.hello = parseClientHello(bytes);
    return this.hello !== HELLO_PARTIAL;
  }

  private get mayStartTls(): boolean {
    return !this.startTls && this.context.tcp.secure.size > 0;
  }

  take(bytes: Buffer, socket: net.Socket): void {
    const { hello, context } = this;
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
    const challenge = this.startTls ? null : context.challenges.choose(hello.serverName, hello.protocols);
    const route = challenge === null ? this.chooseRoute(hello) : null;
    if (route?.tls?.passthrough === true) {
      const how = { serverName: hello.serverName, session: null, startTls: this.startTls };
      context.settled(this, { kind: 'tcp', socket, route, how });
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
                ? choice.options.protocols.filter((protocol) => SERVED_PROTOCOLS.has(protocol))
                : this.tcpProtocols(choice.options.protocols),
        timeoutMs: this.handshakeMs,
      },
      context.wheel,
      this,
    );
  }

  /** No TLS: a PostgreSQL client that would like it, a TCP router's, or HTTP. */
  private takePlain(bytes: Buffer, socket: net.Socket): void {
    const { context } = this;
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
      this.stage = new FirstBytes(socket, context.wheel, this.handshakeMs, this);
      socket.resume();
      return;
    }
    const route = context.tcp.plain.match({ serverName: '', protocols: [], clientIp: this.admitted.ip });
    if (route === null) context.settled(this, { kind: 'http1', socket, session: null });
    else context.settled(this, { kind: 'tcp', socket, route, how: { serverName: '', session: null, startTls: false } });
  }

  private chooseRoute({ serverName, protocols }: ClientHello): TcpRoute | null {
    const { tcp, coverage } = this.context;
    if (tcp.secure.size === 0) return null;
    const connection = { serverName, protocols, clientIp: this.admitted.ip };
    return this.startTls ? tcp.secure.match(connection) : tcp.chooseSecure(connection, coverage(serverName));
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
    const { tls, entryPoint } = this.context;
    try {
      const localIp = this.admitted.proxied?.destinationIp ?? socket.localAddress ?? '';
      const choice =
        route === null
          ? tls.choose(entryPoint.settings.spec.name, hello.serverName, localIp)
          : tls.chooseWith(route.tls?.options ?? '', hello.serverName, localIp);
      return choice ?? 'unknown_name';
    } catch {
      return 'certificate';
    }
  }

  private abandon(socket: net.Socket, reason: string): void {
    this.stage = socket;
    socket.once('close', () => this.failed(reason));
  }

  gone(): void {
    this.failed('');
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
    const { route, startTls, context } = this;
    if (route !== null) {
      context.settled(this, { kind: 'tcp', socket, route, how: { serverName: session.serverName, session, startTls } });
    } else context.settled(this, { kind: session.protocol === 'h2' ? 'http2' : 'http1', socket, session });
  }

  failed(reason: string): void {
    this.context.settled(this, { kind: 'gone', during: 'handshake', reason });
  }

  drain(): void {
    if (this.context.entryPoint.patienceMs === 0) this.destroy();
  }

  destroy(): void {
    this.stage.destroy();
  }
}
