// The connection of a check: it goes where requests go, over all addresses of the server, and speaks TLS where they do.

import type net from 'node:net';
import type tls from 'node:tls';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import { isOwnFault } from '../../dataplane/net/descriptors.ts';
import type { Reading } from '../../dataplane/net/fixed-read.ts';
import { isUntrusted } from '../../dataplane/tls/upstream-tls.ts';
import { AddressDial } from '../../dataplane/upstream/dial/address-dial.ts';
import { AddressRace, type AddressTry, type RaceOwner } from '../../dataplane/upstream/dial/address-race.ts';
import type { Address } from '../../dataplane/upstream/name/address.ts';
import type { UpstreamTlsSpec } from '../../model/service.ts';
import type { ProbeContext } from './probe.ts';
import { messageOf } from '../../core/errors.ts';

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  /** Of the service's transport; null for a check without TLS. */
  readonly tls: UpstreamTlsSpec | null;
  /** Offered in the handshake; empty for no offer at all. */
  readonly protocols: readonly string[];
}

export interface ProbeDialResult {
  /** Whoever calls `readPlainly` with `reading` next has the socket. */
  connected(socket: net.Socket, reading: Reading): void;
  failed(reason: string): void;
}

export class ProbeDial implements RaceOwner {
  readonly wheel: TimerWheel;
  readonly target: ProbeTarget;
  private readonly context: ProbeContext;
  private readonly result: ProbeDialResult;
  private readonly race = new AddressRace(this);
  private secure: tls.ConnectionOptions | null = null;
  private reason = '';
  private isOver = false;

  constructor(target: ProbeTarget, context: ProbeContext, result: ProbeDialResult) {
    this.target = target;
    this.context = context;
    this.wheel = context.wheel;
    this.result = result;
  }

  /** The check keeps the time: `timeoutMs` is what is left of it. */
  start(timeoutMs: number): void {
    const addresses = this.context.resolver.addresses(this.target.host);
    if (addresses instanceof Promise) void addresses.then((found) => this.begin(found, timeoutMs));
    else this.begin(addresses, timeoutMs);
  }

  private begin(addresses: readonly Address[], timeoutMs: number): void {
    if (this.isOver) return;
    const { host, tls: spec, protocols } = this.target;
    if (addresses.length === 0) {
      this.fail(this.context.resolver.problem(host));
      return;
    }
    if (spec !== null) {
      try {
        this.secure = this.context.tls.optionsFor(spec, host, [...protocols]);
        if (protocols.length === 0) delete this.secure.ALPNProtocols;
      } catch (error) {
        this.fail(`TLS cannot be used: ${messageOf(error)}`);
        return;
      }
    }
    this.race.start(addresses, timeoutMs);
  }

  tryAddress(address: Address): AddressTry {
    return new ProbeTry(this, address, this.secure);
  }

  answered(one: ProbeTry): void {
    this.race.connected(one);
  }

  settled(one: ProbeTry, socket: net.Socket): void {
    if (this.isOver) return;
    this.isOver = true;
    this.race.stop(one);
    this.result.connected(socket, one.reading);
  }

  lost(one: ProbeTry, reason: string): void {
    if (this.isOver) return;
    this.reason = reason;
    this.race.failed(one);
  }

  /** This process could not even begin. */
  hindered(one: ProbeTry): void {
    if (!this.isOver) this.race.hindered(one);
  }

  /** It waits for what this process lacks. */
  get isStarved(): boolean {
    return this.race.isStarved;
  }

  outrun(): void {}

  exhausted(): void {
    this.fail(this.reason);
  }

  private fail(reason: string): void {
    this.stop();
    this.result.failed(reason);
  }

  stop(): void {
    this.isOver = true;
    this.race.stop();
  }
}

class ProbeTry extends AddressDial {
  private readonly dial: ProbeDial;

  constructor(dial: ProbeDial, address: Address, secure: tls.ConnectionOptions | null) {
    super(address, { port: dial.target.port, secure, tls: dial.target.tls });
    this.dial = dial;
  }

  protected override answered(): void {
    this.dial.answered(this);
  }

  protected override usable(socket: net.Socket): void {
    this.dial.settled(this, socket);
  }

  protected override closed(error: Error | null): void {
    if (isOwnFault(error)) this.dial.hindered(this);
    else this.dial.lost(this, reasonOf(error));
  }
}

/** In the words of verdicts. */
function reasonOf(error: Error | null): string {
  const code = error !== null && 'code' in error ? String(error.code) : '';
  if (error !== null && isUntrusted(error)) {
    return `its certificate is not trusted (${code === 'SERVER_UNTRUSTED' ? error.message : code})`;
  }
  return code === 'ECONNREFUSED' ? 'the connection was refused' : `no connection (${code || 'closed'})`;
}
