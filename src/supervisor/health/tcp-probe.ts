// One server's health as a connection tells it: that there is one, that TLS can be spoken on it, or what the server
// answers to a few bytes. Every check has a connection of its own.

import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import type { UpstreamTlsSpec } from '../../model/service.ts';
import type { TcpHealthCheckSpec, TcpServerSpec } from '../../model/tcp.ts';
import { readPlainly, type Reading, type ReadTarget } from '../../dataplane/net/fixed-read.ts';
import { INCONCLUSIVE, type Probe, type ProbeContext, type Verdict } from './probe.ts';
import { ProbeDial } from './probe-dial.ts';

/** The wheel turns every 50 ms; what is later than this says that the thread was held up. */
const MAX_LATE_MS = 250;
/** Of an answer, in a verdict. */
const MAX_SHOWN = 40;

export class TcpProbe implements Probe {
  readonly #spec: TcpHealthCheckSpec;
  readonly #server: TcpServerSpec;
  readonly #tls: UpstreamTlsSpec;
  readonly #context: ProbeContext;
  readonly #expected: Buffer;
  readonly #deadline: Deadline;
  #socket: net.Socket | null = null;
  #dialing: ProbeDial | null = null;
  #received = Buffer.alloc(0);
  #isConnected = false;
  #dueMs = 0;
  #done: ((verdict: Verdict) => void) | null = null;

  /** `tls` is the transport's. */
  constructor(spec: TcpHealthCheckSpec, server: TcpServerSpec, tls: UpstreamTlsSpec, context: ProbeContext) {
    this.#spec = spec;
    this.#server = server;
    this.#tls = tls;
    this.#context = context;
    this.#expected = Buffer.from(spec.expect);
    this.#deadline = new Deadline(() => this.#expired());
    context.resolver.retain(server.host);
  }

  check(done: (verdict: Verdict) => void): void {
    this.#done = done;
    this.#received = Buffer.alloc(0);
    this.#isConnected = false;
    this.#arm(this.#spec.timeoutMs);
    this.#dial();
  }

  stop(): void {
    this.#done = null;
    this.#context.wheel.remove(this.#deadline);
    this.#context.resolver.release(this.#server.host);
    this.#drop();
  }

  #arm(ms: number): void {
    const { wheel } = this.#context;
    this.#dueMs = wheel.nowMs + ms;
    wheel.arm(this.#deadline, ms);
  }

  /** A main thread that was held up has not read what servers have long answered. */
  #expired(): void {
    const lateMs = this.#context.wheel.nowMs - this.#dueMs;
    if (lateMs > MAX_LATE_MS) {
      this.#arm(Math.min(lateMs, this.#spec.timeoutMs));
      return;
    }
    const done = this.#done;
    // Behind the reads that are due in this turn.
    setImmediate(() => {
      if (done !== null && this.#done === done && this.#deadline.atMs === Number.POSITIVE_INFINITY) {
        const isStarved = this.#dialing?.isStarved === true;
        this.#settle(
          isStarved
            ? INCONCLUSIVE
            : this.#isConnected
              ? `no expected answer within ${this.#spec.timeoutMs} ms`
              : `no connection within ${this.#spec.timeoutMs} ms`,
        );
      }
    });
  }

  #dial(): void {
    const { isSecure, host } = this.#server;
    const port = this.#spec.port === 0 ? this.#server.port : this.#spec.port;
    const dial = new ProbeDial({ host, port, tls: isSecure ? this.#tls : null, protocols: [] }, this.#context, {
      connected: (socket, reading) => {
        this.#dialing = null;
        this.#own(socket, reading);
      },
      failed: (reason) => {
        this.#dialing = null;
        this.#settle(reason);
      },
    });
    this.#dialing = dial;
    dial.start(this.#deadline.atMs - this.#context.wheel.nowMs);
  }

  #own(socket: net.Socket, reading: Reading): void {
    this.#socket = socket;
    // What a connection says after it was given up is not this check's.
    const isCurrent = (): boolean => this.#socket === socket;
    const target: ReadTarget = {
      onRead: (chunk, length) => isCurrent() && this.#onRead(chunk, length),
      onEnd: () => isCurrent() && this.#settle(this.#unexpected('the connection was closed without an answer')),
      onDrain: () => {},
      onClose: (error) => isCurrent() && this.#onClose(error),
    };
    readPlainly(socket, target, reading);
    this.#connected(socket);
  }

  #connected(socket: net.Socket): void {
    this.#isConnected = true;
    if (this.#spec.send !== '') socket.write(this.#spec.send);
    if (this.#expected.length === 0) this.#settle(null);
  }

  #onRead(chunk: Buffer, length: number): void {
    // Some more than is compared, to be shown when it is another answer.
    const room = this.#expected.length + MAX_SHOWN - this.#received.length;
    this.#received = Buffer.concat([this.#received, chunk.subarray(0, Math.min(length, room))]);
    const compared = Math.min(this.#received.length, this.#expected.length);
    if (this.#received.compare(this.#expected, 0, compared, 0, compared) !== 0) {
      this.#settle(this.#unexpected('the answer is another one'));
    } else if (compared === this.#expected.length) this.#settle(null);
  }

  #unexpected(reason: string): string {
    if (this.#received.length === 0) return reason;
    return `the answer begins with ${JSON.stringify(this.#received.toString('latin1').slice(0, MAX_SHOWN))}`;
  }

  #onClose(error: Error | null): void {
    const code = error !== null && 'code' in error ? String(error.code) : '';
    this.#settle(this.#unexpected(`the connection failed (${code || 'closed'})`));
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#dialing?.stop();
    this.#dialing = null;
    socket?.destroy();
  }

  #settle(verdict: Verdict): void {
    const done = this.#done;
    this.#done = null;
    this.#context.wheel.remove(this.#deadline);
    this.#drop();
    done?.(verdict);
  }
}
