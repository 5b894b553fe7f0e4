// The socket of an HTTP/1.1 client, and how the connection over it rests and ends: bytes that came before anyone wanted
// them, pauses, reads that are made faster for who stays, and ends that do not take an answer away from a client that
// has not read it. What is said over it is http1-requests.ts and http1-connection.ts, which extend it: bytes, and whom
// they are for, would have to be passed on between three objects otherwise.

import { performance } from 'node:perf_hooks';
import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import type { DownstreamTimeouts } from '../../model/entry-point.ts';
import type { ClientInfo } from '../http/client-info.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { MessageWriter } from '../http1/message-writer.ts';
import { Reading, refit, type ReadTarget } from '../net/fixed-read.ts';
import { resetSocket } from '../net/reset.ts';
import {
  LINGER_MS,
  MAX_LINGER_MS,
  NEWCOMER_MS,
  type DownstreamConnection,
  type DownstreamContext,
} from './downstream-connection.ts';

export const STATE_HEAD = 0;
export const STATE_BUSY = 1;
export const STATE_DRAIN = 2;
export const STATE_TUNNEL = 3;
export const STATE_LINGER = 4;
export const STATE_CLOSED = 5;

export interface Http1DownstreamContext extends DownstreamContext {
  /**
   * The client has begun with the preface of HTTP/2: the first `PREFACE_HEAD.length` bytes are read, `chunk` follows.
   * The connection given lets go of the socket.
   */
  switchToHttp2(connection: Http1Socket, socket: net.Socket, chunk: Buffer): void;
}

export abstract class Http1Socket implements DownstreamConnection, ReadTarget {
  readonly client: ClientInfo;
  readonly ticket: number;
  /** Reads may be made faster; see fixed-read.ts. */
  canRefit: boolean;
  protected readonly context: Http1DownstreamContext;
  protected socket: net.Socket;
  protected readonly reading = new Reading();
  protected readonly writer: MessageWriter;
  protected readonly deadline: Deadline;
  protected state = STATE_HEAD;
  /** Requests that have begun. */
  protected served = 0;
  protected readonly openedMs: number;
  /** Bytes read before anyone wanted them: the begin of a body, or pipelined requests. */
  protected held: Buffer | null = null;
  private isPaused = false;
  private isConsuming = false;
  private lingerUntilMs = 0;

  /** Reading is begun by who extends it. */
  constructor(
    context: Http1DownstreamContext,
    socket: net.Socket,
    client: ClientInfo,
    ticket: number,
    canRefit: boolean,
  ) {
    this.context = context;
    this.socket = socket;
    this.client = client;
    this.ticket = ticket;
    this.canRefit = canRefit;
    context.wheel.touch(performance.now());
    this.openedMs = context.wheel.nowMs;
    this.deadline = new Deadline(() => this.expired());
    this.writer = new MessageWriter(socket, context.wheel, this.timeouts.writeIdleMs, () =>
      this.clientGone(FAILURES.clientStalled),
    );
    const { isDraining, patienceMs } = context.entryPoint;
    this.arm(isDraining && patienceMs > 0 ? patienceMs : this.timeouts.headerMs);
  }

  // ── what is said over it ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * Reads the bytes from `at` on; returns the index behind those that are done with, or `end` when the rest was held.
   */
  protected abstract consumeFrom(chunk: Buffer, at: number, end: number): number;
  /** Somebody takes what is read next. */
  protected abstract get wantsBytes(): boolean;
  /** A second request, or a second message through a tunnel, has come. */
  protected abstract get hasStayed(): boolean;
  /** Nothing has begun to come. */
  protected abstract get isResting(): boolean;
  /** The deadline is over. */
  protected abstract expired(): void;
  /** The client left, or cannot be served any longer. */
  protected abstract clientGone(failure: Failure): void;
  abstract onDrain(): void;
  abstract onEnd(): void;
  abstract onClose(): void;

  protected get timeouts(): DownstreamTimeouts {
    return this.context.entryPoint.settings.spec.timeouts;
  }

  protected arm(ms: number): void {
    this.context.wheel.arm(this.deadline, ms);
  }

  // ── bytes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    this.consume(chunk, 0, length);
    // Worth the cost of a faster socket. bench/load, connection per request: a fifth slower when every connection is
    // refitted.
    if (this.canRefit && !this.isPaused && this.hasStayed) {
      const fitted = refit(this.socket, this, this.reading);
      if (fitted !== null) {
        this.canRefit = false;
        this.socket = fitted;
        this.writer.socket = fitted;
      }
    }
  }

  private consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    this.isConsuming = true;
    while (at < end) at = this.consumeFrom(chunk, at, end);
    this.isConsuming = false;
  }

  protected hold(chunk: Buffer, start: number, end: number): void {
    if (!heldMemory.take(end - start)) {
      this.clientGone(FAILURES.memoryFull);
      return;
    }
    const bytes = Buffer.from(chunk.subarray(start, end));
    this.held = this.held === null ? bytes : Buffer.concat([this.held, bytes]);
    this.pause();
  }

  protected takeHeld(): Buffer | null {
    const { held } = this;
    if (held !== null) heldMemory.give(held.length);
    this.held = null;
    return held;
  }

  /** Goes on with held bytes as far as someone wants them, and reads on when none are left. */
  protected proceed(): void {
    while (this.held !== null && !this.isConsuming && this.wantsBytes) {
      const bytes = this.takeHeld()!;
      this.consume(bytes, 0, bytes.length);
    }
    if (this.held === null) this.unpause();
  }

  protected pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.socket.pause();
  }

  private unpause(): void {
    if (!this.isPaused || this.state === STATE_CLOSED) return;
    this.isPaused = false;
    this.socket.resume();
  }

  // ── between two requests ───────────────────────────────────────────────────────────────────────────────────────

  /** The next request may come. */
  protected rest(): void {
    this.state = STATE_HEAD;
    this.reading.useShared();
    const { isDraining, patienceMs } = this.context.entryPoint;
    if (isDraining && patienceMs === 0) {
      this.close();
      return;
    }
    // Said before the drain began, the answer did not tell the client to go elsewhere.
    this.arm(isDraining ? patienceMs : this.timeouts.idleMs);
    if (this.held !== null || this.isPaused) this.proceed();
  }

  drain(): void {
    if (!this.isResting) return;
    const { patienceMs } = this.context.entryPoint;
    if (patienceMs > 0) this.arm(patienceMs);
    else this.close();
  }

  get hasAsked(): boolean {
    return this.served > 0;
  }

  closeIfResting(): boolean {
    if (!this.isResting || this.held !== null) return false;
    if (!this.hasAsked && this.context.wheel.nowMs - this.openedMs < NEWCOMER_MS) return false;
    this.destroy();
    return true;
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing is owed, and all that was sent has been read. */
  protected close(): void {
    if (this.held !== null || this.isPaused) this.closeLingering();
    else this.closeSoon();
  }

  /** Once everything written has left. */
  protected closeSoon(): void {
    this.state = STATE_LINGER;
    this.arm(LINGER_MS);
    this.socket.destroySoon();
  }

  /**
   * Ends our side and reads on for a while: closing with unread bytes makes the kernel send a reset, which can take the
   * answer away from the client before it has read it (RFC 9112 §9.6). Not a number of bytes ends it but time: a client
   * that reads only when it has written everything gets its answer, too.
   */
  protected closeLingering(): void {
    this.state = STATE_LINGER;
    this.takeHeld();
    this.reading.useShared();
    this.lingerUntilMs = this.context.wheel.nowMs + MAX_LINGER_MS;
    this.arm(LINGER_MS);
    this.socket.end();
    this.unpause();
  }

  /** The client goes on sending what nobody wants; while draining, its time is not prolonged. */
  protected lingerOn(): void {
    const { nowMs } = this.context.wheel;
    if (!this.context.entryPoint.isDraining) this.arm(Math.max(1, Math.min(LINGER_MS, this.lingerUntilMs - nowMs)));
  }

  /** The client is given up: what it has not taken is forgotten at once. */
  protected reset(): void {
    this.state = STATE_CLOSED;
    resetSocket(this.socket);
  }

  destroy(): void {
    this.state = STATE_CLOSED;
    this.socket.destroy();
  }
}
