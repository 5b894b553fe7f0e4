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
import { FirstBytes, type FirstBytesReader } from '../net/first-bytes.ts';
import { ACME_TLS, type Challenges } from './challenges.ts';
import { acceptTls, refuseServerName, type TlsResult, type TlsSession } from '../tls/tls-acceptor.ts';
import type { TlsStore } from '../tls/tls-store.ts';
import type { ProxiedAddresses } from '../net/proxy-protocol.ts';

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
  /** See ServerContext. */
  readonly patienceMs: number;
  /** Of an options set's protocols, those that are served. */
  protocolsOf(offered: readonly string[]): readonly string[];
  servePlain(arrival: Arrival, socket: net.Socket): void;
  serveSecure(arrival: Arrival, socket: tls.TLSSocket, session: TlsSession): void;
  /** It ended before it had a protocol. `reason` as of TlsResult. */
  arrivalFailed(arrival: Arrival, reason: string): void;
}

export class Arrival implements FirstBytesReader, TlsResult {
  readonly admitted: Admitted;
  private readonly owner: ArrivalOwner;
  private stage: { destroy(): void };
  private hello: ClientHello | typeof HELLO_PARTIAL | typeof HELLO_MALFORMED | null = null;

  constructor(owner: ArrivalOwner, socket: net.Socket, admitted: Admitted) {
    this.owner = owner;
    this.admitted = admitted;
    this.stage = new FirstBytes(socket, owner.wheel, owner.handshakeMs, this);
  }

  isEnough(bytes: Buffer): boolean {
    if (!beginsLikeTls(bytes)) return true;
    this.hello = parseClientHello(bytes);
    return this.hello !== HELLO_PARTIAL;
  }

  take(_bytes: Buffer, socket: net.Socket): void {
    const { hello, owner } = this;
    this.hello = null;
    if (hello === null || hello === HELLO_PARTIAL) {
      owner.servePlain(this, socket);
      return;
    }
    if (hello === HELLO_MALFORMED) {
      this.abandon(socket, 'malformed');
      socket.destroy();
      return;
    }
    const challenge = owner.challenges.choose(hello.serverName, hello.protocols);
    const choice = challenge ?? this.choose(hello, socket);
    if (typeof choice === 'string') {
      this.abandon(socket, choice);
      refuseServerName(socket);
      return;
    }
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
              : owner.protocolsOf(choice.options.protocols),
        timeoutMs: owner.handshakeMs,
      },
      owner.wheel,
      this,
    );
  }

  /** Returns the reason when there is nothing to choose. */
  private choose(hello: ClientHello, socket: net.Socket): NonNullable<ReturnType<TlsStore['choose']>> | string {
    try {
      const localIp = this.admitted.proxied?.destinationIp ?? socket.localAddress ?? '';
      return this.owner.tls.choose(this.owner.name, hello.serverName, localIp) ?? 'unknown_name';
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
    if (session.protocol === ACME_TLS) {
      // All that was to be shown has been (RFC 8737 §4).
      this.abandon(socket, '');
      socket.on('error', () => {});
      socket.end(() => socket.destroy());
      return;
    }
    this.owner.serveSecure(this, socket, session);
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
