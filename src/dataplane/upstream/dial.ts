// One attempt to connect to a server: its addresses in order, TLS where the server wants it, and the protocol that ALPN has
// chosen. Requests wait here for the connection; more than one does when it may turn out to be one of HTTP/2.

import type net from 'node:net';
import type tls from 'node:tls';
import { Deadline } from '../../core/timer-wheel.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { connectFixed, Reading, type ReadTarget } from '../net/fixed-read.ts';
import { isUntrusted, pinProblem } from '../tls/upstream-tls.ts';
import type { UpstreamPeer } from './connection-owner.ts';
import type { Address } from './resolver.ts';
import type { Waiter, WaitingRoom } from './waiter.ts';

const HTTP1 = ['http/1.1'];
const EITHER = ['h2', 'http/1.1'];

/** The endpoint as its dials see it. */
export interface DialOwner extends UpstreamPeer {
  /** The socket is the owner's now; `isHttp2` is what the server speaks. The dial waits on until `settle` or `fail`. */
  connected(dial: Dial, socket: net.Socket, reading: Reading, isHttp2: boolean): void;
  dialFailed(dial: Dial, failure: Failure): void;
}

export class Dial implements ReadTarget, WaitingRoom {
  /** Its connection may serve several requests at once. */
  readonly mayBeShared: boolean;
  readonly waiters: Waiter[] = [];
  private readonly owner: DialOwner;
  private readonly deadline: Deadline;
  private readonly reading = new Reading();
  private addresses: readonly Address[] = [];
  private socket: net.Socket | null = null;
  /** TCP is there and TLS is not yet. */
  private isShakingHands = false;
  private isOver = false;

  /** Of an https server, `mayBeShared` offers it HTTP/2; one that is spoken to in clear text is known to have it. */
  constructor(owner: DialOwner, mayBeShared: boolean) {
    this.owner = owner;
    this.mayBeShared = mayBeShared;
    this.deadline = new Deadline(() => this.fail(FAILURES.connectTimeout));
  }

  /** Tries the addresses in order within one dial timeout. */
  start(addresses: readonly Address[]): void {
    if (this.isOver) return;
    this.addresses = addresses;
    this.owner.context.wheel.arm(this.deadline, this.owner.transport.dialTimeoutMs);
    this.next();
  }

  private next(): void {
    const address = this.addresses[0]!;
    this.addresses = this.addresses.slice(1);
    const { server } = this.owner;
    const where = { host: address.host, port: server.port, family: address.family };
    if (server.scheme === 'https') {
      this.secure(where);
      return;
    }
    const socket = connectFixed(where, this, this.reading);
    this.socket = socket;
    socket.once('connect', () => this.connected(socket, server.scheme === 'h2c'));
  }

  private secure(where: { host: string; port: number; family: 4 | 6 }): void {
    const { owner } = this;
    const spec = owner.transport.tls;
    let options: tls.ConnectionOptions;
    try {
      options = owner.context.tls.optionsFor(spec, owner.server.host, this.mayBeShared ? EITHER : HTTP1);
    } catch {
      this.fail(FAILURES.upstreamTls);
      return;
    }
    const context = options.secureContext;
    if (owner.tlsSession?.context === context) options.session = owner.tlsSession?.ticket;
    // Given options, the socket is one of TLS.
    const socket = connectFixed(where, this, this.reading, options) as tls.TLSSocket;
    this.socket = socket;
    socket.on('session', (ticket) => {
      owner.tlsSession = { context, ticket };
    });
    socket.once('connect', () => {
      this.isShakingHands = true;
    });
    socket.once('secureConnect', () => {
      const problem = pinProblem(spec, socket.getPeerCertificate());
      if (problem === null) this.connected(socket, socket.alpnProtocol === 'h2');
      else socket.destroy(problem);
    });
  }

  private connected(socket: net.Socket, isHttp2: boolean): void {
    if (this.isOver) return;
    this.addresses = [];
    this.owner.connected(this, socket, this.reading, isHttp2);
  }

  /** The connection can take requests: nothing is left to wait for. Returns the requests that have waited. */
  settle(): Waiter[] {
    this.isOver = true;
    this.owner.context.wheel.remove(this.deadline);
    return this.waiters.splice(0);
  }

  fail(failure: Failure): void {
    if (this.isOver) return;
    this.isOver = true;
    this.owner.context.wheel.remove(this.deadline);
    this.socket?.destroy();
    this.owner.dialFailed(this, failure);
  }

  forget(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    if (this.waiters.length === 0 && !this.mayBeShared) this.fail(FAILURES.connectFailed);
  }

  onRead(): void {
    // Bytes nobody asked for: the next client would get them as an answer.
    this.socket?.destroy();
  }

  onDrain(): void {}

  onEnd(): void {
    this.socket?.destroy();
  }

  onClose(error: Error | null): void {
    if (this.isOver) return;
    if (this.addresses.length > 0) {
      this.isShakingHands = false;
      this.next();
      return;
    }
    if (this.isShakingHands) {
      // A session the server no longer takes must not stand in the way of the next attempt.
      this.owner.tlsSession = null;
      this.fail(error !== null && isUntrusted(error) ? FAILURES.upstreamUntrusted : FAILURES.upstreamTls);
      return;
    }
    const code = error !== null && 'code' in error ? error.code : '';
    this.fail(code === 'ECONNREFUSED' ? FAILURES.connectRefused : FAILURES.connectFailed);
  }
}
