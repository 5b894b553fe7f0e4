// Connects to one server: its addresses within the dial timeout, and everything that has to be said before the client's
// first byte. Each address is a try of its own:
//
//   CONNECT ──▶ (header) ──▶ ASK (PostgreSQL: may we speak TLS?) ──▶ SHAKE (TLS) ──▶ done
//      └──────────┴────────────┴──────────────────────────────────────┴──▶ next address, or failed

import net from 'node:net';
import tls from 'node:tls';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import { descriptors, isOwnFault } from '../net/descriptors.ts';
import { connectFixed, KEEP_ALIVE_MS, readPlainly, Reading, type ReadTarget } from '../net/fixed-read.ts';
import { isUntrusted, pinProblem } from '../tls/upstream-tls.ts';
import { AddressRace, type AddressTry, type RaceOwner } from '../upstream/dial/address-race.ts';
import { reasonOf } from '../upstream/dial/dial-reason.ts';
import type { Address } from '../upstream/name/address.ts';
import { SSL_REQUEST, SSL_REQUEST_ACCEPTED } from './postgres.ts';
import { TCP_ENDS, type TcpEnd } from './tcp-end.ts';
import type { TcpEndpoint } from './tcp-endpoint.ts';
import { messageOf } from '../../core/errors.ts';

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
  /** `reason` is for people: the address and what the system or OpenSSL said of it. */
  dialFailed(end: TcpEnd, reason: string): void;
}

export class TcpDial implements RaceOwner {
  readonly endpoint: TcpEndpoint;
  readonly options: DialOptions;
  readonly wheel: TimerWheel;
  private readonly result: DialResult;
  private readonly deadline: Deadline;
  private readonly race = new AddressRace(this);
  private secure: tls.ConnectionOptions | null = null;
  private isOver = false;
  private end: TcpEnd = TCP_ENDS.connectFailed;
  private reason = '';

  constructor(endpoint: TcpEndpoint, options: DialOptions, result: DialResult) {
    this.endpoint = endpoint;
    this.options = options;
    this.wheel = endpoint.context.wheel;
    this.result = result;
    this.deadline = new Deadline(() => {
      if (this.race.isStarved) {
        this.fail(
          TCP_ENDS.noResources,
          `${endpoint.server.host}: ${this.reason || 'no descriptor was left for a connection'}`,
        );
        return;
      }
      this.fail(
        TCP_ENDS.connectTimeout,
        `${endpoint.server.host}: no answer within ${endpoint.transport.dialTimeoutMs} ms`,
      );
    });
  }

  start(): void {
    const { context, transport, server } = this.endpoint;
    this.wheel.arm(this.deadline, transport.dialTimeoutMs);
    const addresses = context.resolver.addresses(server.host);
    if (addresses instanceof Promise) void addresses.then((found) => this.begin(found));
    else this.begin(addresses);
  }

  /** Gives up; nothing is called afterwards. */
  stop(): void {
    this.isOver = true;
    this.wheel.remove(this.deadline);
    this.race.stop();
  }

  private begin(addresses: readonly Address[]): void {
    if (this.isOver) return;
    const { endpoint } = this;
    if (addresses.length === 0) {
      this.fail(TCP_ENDS.dnsFailure, endpoint.context.resolver.problem(endpoint.server.host));
      return;
    }
    if (endpoint.server.isSecure) {
      try {
        const { tls: spec } = endpoint.transport;
        const { ALPNProtocols: _, ...options } = endpoint.context.tls.optionsFor(spec, endpoint.server.host, []);
        this.secure = options;
      } catch (error) {
        this.fail(TCP_ENDS.upstreamTls, `TLS cannot be used: ${messageOf(error)}`);
        return;
      }
    }
    const left = this.deadline.atMs - this.wheel.nowMs;
    this.race.start(endpoint.addressOrder.next(addresses, this.wheel.nowMs), Number.isFinite(left) ? left : 0);
  }

  private fail(end: TcpEnd, reason: string): void {
    if (this.isOver) return;
    this.stop();
    this.result.dialFailed(end, reason);
  }

  tryAddress(address: Address): AddressTry {
    return new TcpTry(this, address, this.secure);
  }

  /** TCP is there, and more has to be said. */
  answered(one: TcpTry): void {
    this.race.connected(one);
  }

  settled(one: TcpTry, socket: net.Socket, reading: Reading, isFixed: boolean): void {
    if (this.isOver) return;
    const { addressOrder, transport } = this.endpoint;
    if (!one.isConnected) this.race.connected(one);
    this.race.stop(one);
    this.isOver = true;
    this.wheel.remove(this.deadline);
    addressOrder.worked(one.address);
    // Each change costs four system calls.
    const { dialKeepAliveMs } = transport;
    if (!isFixed || dialKeepAliveMs !== KEEP_ALIVE_MS) socket.setKeepAlive(dialKeepAliveMs > 0, dialKeepAliveMs);
    this.result.connected(socket, reading, isFixed);
  }

  /** This process could not even begin. */
  hindered(one: TcpTry, reason: string): void {
    if (this.isOver) return;
    this.reason = reason;
    this.race.hindered(one);
  }

  lost(one: TcpTry, end: TcpEnd, reason: string): void {
    if (this.isOver) return;
    this.end = end;
    this.reason = reason;
    this.outrun(one.address);
    this.race.failed(one);
  }

  outrun(address: Address): void {
    this.endpoint.addressOrder.failed(address, this.wheel.nowMs);
  }

  exhausted(): void {
    this.fail(this.end, this.reason);
  }
}

/** One address of it. */
class TcpTry implements AddressTry, ReadTarget {
  readonly address: Address;
  isConnected = false;
  private readonly dial: TcpDial;
  private readonly secure: tls.ConnectionOptions | null;
  private reading = new Reading();
  private socket: net.Socket;
  private state = STATE_CONNECT;

  constructor(dial: TcpDial, address: Address, secure: tls.ConnectionOptions | null) {
    this.dial = dial;
    this.secure = secure;
    this.address = address;
    const where = { host: address.host, port: dial.endpoint.server.port, family: address.family };
    const hasPreamble = dial.options.proxyHeader !== null || dial.options.startTls;
    if (secure !== null && !hasPreamble) {
      const options = this.resumed(secure);
      const socket = connectFixed(where, this, this.reading, options) as tls.TLSSocket; // Given options, it is one of TLS.
      this.socket = socket;
      socket.once('connect', () => {
        this.state = STATE_SHAKE;
        dial.answered(this);
      });
      this.awaitHandshake(socket, options, true);
      return;
    }
    if (secure === null) this.socket = connectFixed(where, this, this.reading);
    else {
      // TLS is put over the connection later, which it must not have begun to read into fixed memory.
      this.socket = net.connect({ ...where, noDelay: true, allowHalfOpen: true, autoSelectFamily: false });
      readPlainly(this.socket, this, this.reading);
    }
    this.socket.once('connect', () => this.greet());
  }

  abandon(): void {
    this.state = STATE_DONE;
    this.socket.destroy();
  }

  /** TCP is there. */
  private greet(): void {
    if (this.state === STATE_DONE) return;
    const { socket } = this;
    const { proxyHeader, startTls } = this.dial.options;
    if (proxyHeader !== null) socket.write(proxyHeader);
    if (startTls) {
      this.state = STATE_ASK;
      this.dial.answered(this);
      socket.write(SSL_REQUEST);
    } else if (this.secure !== null) {
      this.dial.answered(this);
      this.shake(this.secure);
    } else this.settle(socket, true);
  }

  /** The server's answer to the request for TLS. */
  onRead(chunk: Buffer, length: number): void {
    if (this.state !== STATE_ASK) return;
    // One byte and no more: what came with it would have come without TLS (CVE-2021-23222).
    if (length !== 1 || chunk[0] !== SSL_REQUEST_ACCEPTED) {
      this.lost(
        TCP_ENDS.startTlsRefused,
        new Error('the server does not speak TLS when asked as PostgreSQL clients do'),
      );
      this.socket.destroy();
    } else if (this.secure !== null) this.shake(this.secure);
    else this.settle(this.socket, true);
  }

  private resumed(options: tls.ConnectionOptions): tls.ConnectionOptions {
    const { tlsSession } = this.dial.endpoint;
    const isResumable = tlsSession !== null && tlsSession.context === options.secureContext;
    return isResumable ? { ...options, session: tlsSession.ticket } : options;
  }

  private shake(secure: tls.ConnectionOptions): void {
    const plain = this.socket;
    const options = this.resumed(secure);
    plain.removeAllListeners();
    plain.on('error', ignore);
    plain.once('close', serverGone);
    this.state = STATE_SHAKE;
    const socket = tls.connect({ ...options, socket: plain });
    this.socket = socket;
    this.reading = new Reading();
    readPlainly(socket, this, this.reading);
    this.awaitHandshake(socket, options, false);
  }

  private awaitHandshake(socket: tls.TLSSocket, options: tls.ConnectionOptions, isFixed: boolean): void {
    const { endpoint } = this.dial;
    socket.on('session', (ticket) => {
      endpoint.tlsSession = { context: options.secureContext, ticket };
    });
    socket.once('secureConnect', () => {
      if (this.state === STATE_DONE) return;
      const problem = pinProblem(endpoint.transport.tls, socket.getPeerCertificate());
      if (problem === null) this.settle(socket, isFixed);
      else socket.destroy(problem);
    });
  }

  private settle(socket: net.Socket, isFixed: boolean): void {
    this.state = STATE_DONE;
    this.dial.settled(this, socket, this.reading, isFixed);
  }

  onEnd(): void {
    this.socket.destroy();
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    if (this.state === STATE_DONE || !isOwnFault(error)) {
      this.lost(this.endOf(error), error);
      return;
    }
    this.state = STATE_DONE;
    this.dial.hindered(this, reasonOf(this.address, this.dial.endpoint.server.port, error));
  }

  private lost(end: TcpEnd, error: Error | null): void {
    if (this.state === STATE_DONE) return;
    this.state = STATE_DONE;
    this.dial.lost(this, end, reasonOf(this.address, this.dial.endpoint.server.port, error));
  }

  private endOf(error: Error | null): TcpEnd {
    if (this.state === STATE_SHAKE) {
      // A session the server no longer takes must not stand in the way of the next attempt.
      this.dial.endpoint.tlsSession = null;
      return error !== null && isUntrusted(error) ? TCP_ENDS.upstreamUntrusted : TCP_ENDS.upstreamTls;
    }
    if (this.state === STATE_ASK) return TCP_ENDS.startTlsRefused;
    const code = error !== null && 'code' in error ? error.code : '';
    return code === 'ECONNREFUSED' ? TCP_ENDS.connectRefused : TCP_ENDS.connectFailed;
  }
}

function ignore(): void {}

/** What `connectFixed` and `readPlainly` would have counted, but for the listeners that are gone. */
function serverGone(): void {
  descriptors.serverClosed();
}
