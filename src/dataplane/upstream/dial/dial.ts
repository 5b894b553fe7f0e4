// One attempt to connect to a server: its addresses, TLS where the server wants it, and the protocol that ALPN has
// chosen. Requests wait here for the connection; more than one does when it may turn out to be one of HTTP/2.

import type net from 'node:net';
import type tls from 'node:tls';
import { Deadline, type TimerWheel } from '../../../core/timer-wheel.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import { isOwnFault } from '../../net/descriptors.ts';
import type { Reading } from '../../net/fixed-read.ts';
import { isUntrusted } from '../../tls/upstream-tls.ts';
import { AddressDial } from './address-dial.ts';
import { AddressRace, type AddressTry, type RaceOwner } from './address-race.ts';
import type { AddressOrder } from './address-order.ts';
import type { UpstreamPeer, UpstreamSession } from '../connection-owner.ts';
import { reasonOf } from './dial-reason.ts';
import type { Address } from '../name/address.ts';
import type { Waiter, WaiterQueue } from '../waiter.ts';
import { messageOf } from '../../../core/errors.ts';

const HTTP1 = ['http/1.1'];
const EITHER = ['h2', 'http/1.1'];

/** The endpoint as its dials see it. */
export interface DialOwner extends UpstreamPeer {
  readonly addressOrder: AddressOrder;
  /** The last one the server gave, to be resumed; null for none. */
  tlsSession: UpstreamSession | null;
  /**
   * The socket is the owner's now; `isHttp2` is what the server speaks, and `address` where it is. The dial waits on
   * until `settle` or `fail`.
   */
  connected(dial: Dial, socket: net.Socket, reading: Reading, isHttp2: boolean, address: Address): void;
  /** `reason` is for people: the address and what the system or OpenSSL said of it. */
  dialFailed(dial: Dial, failure: Failure, reason: string): void;
}

export class Dial implements RaceOwner, WaiterQueue {
  /** Its connection may serve several requests at once. */
  readonly mayBeShared: boolean;
  readonly waiters: Waiter[] = [];
  readonly owner: DialOwner;
  readonly wheel: TimerWheel;
  private readonly deadline: Deadline;
  private readonly race = new AddressRace(this);
  private secure: tls.ConnectionOptions | null = null;
  private failure: Failure = FAILURES.connectFailed;
  private reason = '';
  private isOver = false;

  /**
   * Of an https server, `mayBeShared` offers it HTTP/2; one that is spoken to in clear text is known to have it. From
   * now on the dial timeout runs, over the look-up of the name as well.
   */
  constructor(owner: DialOwner, mayBeShared: boolean) {
    this.owner = owner;
    this.wheel = owner.context.wheel;
    this.mayBeShared = mayBeShared;
    this.deadline = new Deadline(() => this.expired());
    this.wheel.arm(this.deadline, owner.transport.dialTimeoutMs);
  }

  /** Tries the addresses within one dial timeout. */
  start(addresses: readonly Address[]): void {
    if (this.isOver) return;
    const { owner } = this;
    if (addresses.length === 0) {
      this.fail(FAILURES.dnsFailure, owner.context.resolver.problem(owner.server.host));
      return;
    }
    if (owner.server.scheme === 'https') {
      try {
        const protocols = this.mayBeShared ? EITHER : HTTP1;
        this.secure = owner.context.tls.optionsFor(owner.transport.tls, owner.server.host, protocols);
      } catch (error) {
        this.fail(FAILURES.upstreamTls, `TLS cannot be used: ${messageOf(error)}`);
        return;
      }
    }
    const left = this.deadline.atMs - this.wheel.nowMs;
    this.race.start(owner.addressOrder.next(addresses, this.wheel.nowMs), Number.isFinite(left) ? left : 0);
  }

  tryAddress(address: Address): AddressTry {
    return new DialTry(this, address, this.secure);
  }

  /** The address took the connection; with TLS, a handshake follows. */
  answered(one: DialTry): void {
    this.race.connected(one);
  }

  settled(one: DialTry, socket: net.Socket, isHttp2: boolean): void {
    if (this.isOver) return;
    if (!one.isConnected) this.race.connected(one);
    this.race.stop(one);
    this.owner.addressOrder.worked(one.address);
    this.owner.connected(this, socket, one.reading, isHttp2, one.address);
  }

  /** It waits for what this process lacks: a connection that another request has done with would serve as well. */
  get isStarved(): boolean {
    return this.race.isStarved;
  }

  /** This process could not even begin. */
  hindered(one: DialTry, reason: string): void {
    if (this.isOver) return;
    this.reason = reason;
    this.race.hindered(one);
  }

  lost(one: DialTry, failure: Failure, reason: string): void {
    if (this.isOver) return;
    this.failure = failure;
    this.reason = reason;
    this.owner.addressOrder.failed(one.address, this.wheel.nowMs);
    this.race.failed(one);
  }

  outrun(address: Address): void {
    this.owner.addressOrder.failed(address, this.wheel.nowMs);
  }

  exhausted(): void {
    this.fail(this.failure, this.reason);
  }

  private expired(): void {
    const { host } = this.owner.server;
    if (this.isStarved) {
      this.fail(FAILURES.noResources, `${host}: ${this.reason || 'no descriptor was left for a connection'}`);
      return;
    }
    this.fail(FAILURES.connectTimeout, `${host}: no answer within ${this.owner.transport.dialTimeoutMs} ms`);
  }

  /** The connection can take requests: nothing is left to wait for. Returns the requests that have waited. */
  settle(): Waiter[] {
    this.isOver = true;
    this.wheel.remove(this.deadline);
    return this.waiters.splice(0);
  }

  fail(failure: Failure, reason = ''): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wheel.remove(this.deadline);
    this.race.stop();
    this.owner.dialFailed(this, failure, reason);
  }

  forget(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    if (this.waiters.length === 0 && !this.mayBeShared) this.fail(FAILURES.connectFailed);
  }
}

/** One address of it. */
class DialTry extends AddressDial {
  private readonly dial: Dial;

  constructor(dial: Dial, address: Address, secure: tls.ConnectionOptions | null) {
    const { owner } = dial;
    const { transport, tlsSession } = owner;
    const isResumable = secure !== null && tlsSession !== null && tlsSession.context === secure.secureContext;
    super(address, {
      port: owner.server.port,
      secure: isResumable ? { ...secure, session: tlsSession.ticket } : secure,
      tls: transport.tls,
    });
    this.dial = dial;
    if (secure === null) return;
    this.socket.on('session', (ticket: Buffer) => {
      owner.tlsSession = { context: secure.secureContext, ticket };
    });
  }

  protected override answered(): void {
    this.dial.answered(this);
  }

  protected override usable(socket: net.Socket, protocol: string): void {
    this.dial.settled(this, socket, protocol === 'h2' || this.dial.owner.server.scheme === 'h2c');
  }

  protected override closed(error: Error | null): void {
    const { owner } = this.dial;
    const reason = reasonOf(this.address, owner.server.port, error);
    if (isOwnFault(error)) {
      this.dial.hindered(this, reason);
      return;
    }
    if (this.isConnected) {
      // A session the server no longer takes must not stand in the way of the next attempt.
      owner.tlsSession = null;
      const isBad = error !== null && isUntrusted(error);
      this.dial.lost(this, isBad ? FAILURES.upstreamUntrusted : FAILURES.upstreamTls, reason);
      return;
    }
    const code = error !== null && 'code' in error ? error.code : '';
    this.dial.lost(this, code === 'ECONNREFUSED' ? FAILURES.connectRefused : FAILURES.connectFailed, reason);
  }
}
