// Connects to one server: its addresses in turn within the dial timeout, and everything that has to be said before the
// client's first byte.
//
//   CONNECT ──▶ (header) ──▶ ASK (PostgreSQL: may we speak TLS?) ──▶ SHAKE (TLS) ──▶ done
//      └──────────┴────────────┴──────────────────────────────────────┴──▶ next address, or failed

import net from 'node:net';
import tls from 'node:tls';
import { Deadline } from '../../core/timer-wheel.ts';
import { connectFixed, KEEP_ALIVE_MS, readPlainly, Reading, type ReadTarget } from '../net/fixed-read.ts';
import { isUntrusted, pinProblem } from '../tls/upstream-tls.ts';
import type { Address } from '../upstream/resolver.ts';
import { SSL_REQUEST, SSL_REQUEST_ACCEPTED } from './postgres.ts';
import { TCP_ENDS, type TcpEnd } from './tcp-end.ts';
import type { TcpEndpoint } from './tcp-endpoint.ts';

const STATE_CONNECT = 0;
const STATE_ASK = 1;
const STATE_SHAKE = 2;
const STATE_DONE = 3;

export interface DialOptions {
  /** Sent first; null for none. */
  readonly proxyHeader: Buffer | null;
  /** Ask the server for TLS as PostgreSQL clients do. */
  readonly startTls: boolean;
}

export interface DialResult {
  /** The socket reads plain data events unless `isFixed`; it belongs to whoever calls `readPlainly` next. */
  connected(socket: net.Socket, reading: Reading, isFixed: boolean): void;
  dialFailed(end: TcpEnd): void;
}

export class TcpDial implements ReadTarget {
  private readonly endpoint: TcpEndpoint;
  private readonly options: DialOptions;
  private readonly result: DialResult;
  private readonly deadline: Deadline;
  private reading = new Reading();
  private socket: net.Socket | null = null;
  private addresses: readonly Address[] = [];
  private state = STATE_CONNECT;
  private last: TcpEnd = TCP_ENDS.connectFailed;

  constructor(endpoint: TcpEndpoint, options: DialOptions, result: DialResult) {
    this.endpoint = endpoint;
    this.options = options;
    this.result = result;
    this.deadline = new Deadline(() => this.fail(TCP_ENDS.connectTimeout));
  }

  start(): void {
    const { context, transport, server } = this.endpoint;
    context.wheel.arm(this.deadline, transport.dialTimeoutMs);
    const addresses = context.resolver.addresses(server.host);
    if (addresses instanceof Promise) void addresses.then((found) => this.begin(found));
    else this.begin(addresses);
  }

  /** Gives up; nothing is called afterwards. */
  stop(): void {
    if (this.state === STATE_DONE) return;
    this.state = STATE_DONE;
    this.endpoint.context.wheel.remove(this.deadline);
    this.socket?.destroy();
  }

  private begin(addresses: readonly Address[]): void {
    if (this.state === STATE_DONE) return;
    if (addresses.length === 0) {
      this.fail(TCP_ENDS.dnsFailure);
      return;
    }
    const first = this.endpoint.takeTurn(addresses.length);
    this.addresses = [...addresses.slice(first), ...addresses.slice(0, first)];
    this.dialNext();
  }

  private fail(end: TcpEnd): void {
    if (this.state === STATE_DONE) return;
    this.stop();
    this.result.dialFailed(end);
  }

  private dialNext(): void {
    const [address, ...rest] = this.addresses;
    if (address === undefined) {
      this.fail(this.last);
      return;
    }
    this.addresses = rest;
    this.state = STATE_CONNECT;
    this.reading = new Reading();
    const { server } = this.endpoint;
    const where = { host: address.host, port: server.port, family: address.family };
    const hasPreamble = this.options.proxyHeader !== null || this.options.startTls;
    if (!server.isSecure) {
      const socket = connectFixed(where, this, this.reading);
      this.socket = socket;
      socket.once('connect', () => this.greet(socket));
    } else if (hasPreamble) {
      // TLS is put over the connection later, which it must not have begun to read into fixed memory.
      const socket = net.connect({ ...where, noDelay: true, allowHalfOpen: true, autoSelectFamily: false });
      this.socket = socket;
      readPlainly(socket, this, this.reading);
      socket.once('connect', () => this.greet(socket));
    } else this.dialSecurely(where);
  }

  /** TCP is there. */
  private greet(socket: net.Socket): void {
    if (socket !== this.socket || this.state === STATE_DONE) return;
    const { proxyHeader, startTls } = this.options;
    if (proxyHeader !== null) socket.write(proxyHeader);
    if (startTls) {
      this.state = STATE_ASK;
      socket.write(SSL_REQUEST);
    } else if (this.endpoint.server.isSecure) this.secure(socket);
    else this.settle(socket, true);
  }

  /** The server's answer to the request for TLS. */
  onRead(chunk: Buffer, length: number): void {
    const { socket } = this;
    if (this.state !== STATE_ASK || socket === null) return;
    // One byte and no more: what came with it would have come without TLS (CVE-2021-23222).
    if (length !== 1 || chunk[0] !== SSL_REQUEST_ACCEPTED) {
      this.fail(TCP_ENDS.startTlsRefused);
      return;
    }
    if (this.endpoint.server.isSecure) this.secure(socket);
    else this.settle(socket, true);
  }

  private optionsOfTls(): tls.ConnectionOptions | null {
    const { endpoint } = this;
    try {
      const { ALPNProtocols: _, ...options } = endpoint.context.tls.optionsFor(
        endpoint.transport.tls,
        endpoint.server.host,
        [],
      );
      const ticket = endpoint.tlsSession?.context === options.secureContext ? endpoint.tlsSession?.ticket : undefined;
      return ticket === undefined ? options : { ...options, session: ticket };
    } catch {
      this.fail(TCP_ENDS.upstreamTls);
      return null;
    }
  }

  private dialSecurely(where: { host: string; port: number; family: 4 | 6 }): void {
    const options = this.optionsOfTls();
    if (options === null) return;
    const socket = connectFixed(where, this, this.reading, options) as tls.TLSSocket; // Given options, it is one of TLS.
    this.socket = socket;
    socket.once('connect', () => {
      if (socket === this.socket && this.state === STATE_CONNECT) this.state = STATE_SHAKE;
    });
    this.awaitHandshake(socket, options, true);
  }

  private secure(plain: net.Socket): void {
    const options = this.optionsOfTls();
    if (options === null) return;
    plain.removeAllListeners();
    plain.on('error', ignore);
    this.state = STATE_SHAKE;
    const socket = tls.connect({ ...options, socket: plain });
    this.socket = socket;
    this.reading = new Reading();
    readPlainly(socket, this, this.reading);
    this.awaitHandshake(socket, options, false);
  }

  private awaitHandshake(socket: tls.TLSSocket, options: tls.ConnectionOptions, isFixed: boolean): void {
    const { endpoint } = this;
    socket.on('session', (ticket) => {
      endpoint.tlsSession = { context: options.secureContext, ticket };
    });
    socket.once('secureConnect', () => {
      if (socket !== this.socket || this.state === STATE_DONE) return;
      const problem = pinProblem(endpoint.transport.tls, socket.getPeerCertificate());
      if (problem === null) this.settle(socket, isFixed);
      else socket.destroy(problem);
    });
  }

  private settle(socket: net.Socket, isFixed: boolean): void {
    const { context, transport } = this.endpoint;
    this.state = STATE_DONE;
    context.wheel.remove(this.deadline);
    // Each change costs four system calls.
    const { dialKeepAliveMs } = transport;
    if (!isFixed || dialKeepAliveMs !== KEEP_ALIVE_MS) socket.setKeepAlive(dialKeepAliveMs > 0, dialKeepAliveMs);
    this.result.connected(socket, this.reading, isFixed);
  }

  onEnd(): void {
    this.socket?.destroy();
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    if (this.state === STATE_DONE) return;
    this.last = this.reasonOf(error);
    this.dialNext();
  }

  private reasonOf(error: Error | null): TcpEnd {
    if (this.state === STATE_SHAKE) {
      // A session the server no longer takes must not stand in the way of the next attempt.
      this.endpoint.tlsSession = null;
      return error !== null && isUntrusted(error) ? TCP_ENDS.upstreamUntrusted : TCP_ENDS.upstreamTls;
    }
    if (this.state === STATE_ASK) return TCP_ENDS.startTlsRefused;
    const code = error !== null && 'code' in error ? error.code : '';
    return code === 'ECONNREFUSED' ? TCP_ENDS.connectRefused : TCP_ENDS.connectFailed;
  }
}

function ignore(): void {}
