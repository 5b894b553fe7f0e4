// The socket of an HTTP/1.1 connection to a server, and all the ways in which it ends: at rest, in the middle of what
// is owed, by a write that fails behind an answer that is still to be read. What is said over it is
// http1-connection.ts, which extends it.

import type net from 'node:net';
import { Deadline, type TimerWheel } from '../../../core/timer-wheel.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import { HeadReader } from '../../http1/head-reader.ts';
import { MessageWriter } from '../../http1/message-writer.ts';
import type { Reading, ReadTarget } from '../../net/fixed-read.ts';
import { hearOut, LAST_WORDS_MS } from '../../net/last-words.ts';
import type { Bond } from '../bond.ts';
import type { ConnectionOwner } from '../connection-owner.ts';

export const STATE_IDLE = 0;
export const STATE_AWAIT = 1;
export const STATE_BODY = 2;
export const STATE_TUNNEL = 3;
export const STATE_DEAD = 4;

export abstract class UpstreamHttp1Socket implements ReadTarget {
  protected readonly endpoint: ConnectionOwner<UpstreamHttp1Socket>;
  /** The client it belongs to; null for a connection that serves anybody. */
  abstract bond: Bond<UpstreamHttp1Socket> | null;
  /** When it was released last. */
  idleSinceMs: number;
  protected readonly wheel: TimerWheel;
  protected readonly socket: net.Socket;
  protected readonly reading: Reading;
  protected readonly head = new HeadReader();
  protected readonly writer: MessageWriter;
  protected readonly deadline: Deadline;
  protected state = STATE_IDLE;
  protected exchange: Exchange | null = null;
  /** Requests that were answered whole. */
  protected served = 0;
  protected requestDone = true;
  protected hasInterim = false;
  /** The server said something: trying again could do things twice. */
  protected hasAnswered = false;
  /** For how long it had rested when the present request came. */
  protected restedMs = 0;
  /** A write has failed: nothing more is sent, what the server has said before is read. */
  protected isBroken = false;
  private isPaused = false;
  private hasHeardOut = false;
  private hasReadEnd = false;
  /** Then: it had ended its side in order. */
  private hasEndedFirst = false;

  /** Over a connected socket that `reading` reads; reading is begun by who extends it. */
  constructor(endpoint: ConnectionOwner<UpstreamHttp1Socket>, socket: net.Socket, reading: Reading) {
    const { context, transport } = endpoint;
    this.endpoint = endpoint;
    this.wheel = context.wheel;
    this.socket = socket;
    this.reading = reading;
    this.idleSinceMs = context.wheel.nowMs;
    this.deadline = new Deadline(() => this.expired());
    this.writer = new MessageWriter(socket, context.wheel, transport.writeIdleTimeoutMs, () =>
      this.breakOff(FAILURES.upstreamWriteTimeout),
    );
  }

  // ── what is said over it ───────────────────────────────────────────────────────────────────────────────────────

  abstract onRead(chunk: Buffer, length: number): void;
  abstract onDrain(): void;
  /** The server has ended its side in order. */
  protected abstract ended(exchange: Exchange): void;

  /** It can take a request, as far as this side knows. */
  get isOpen(): boolean {
    return this.state === STATE_IDLE;
  }

  /** Kept without a request, for at most that long. */
  rest(ms: number): void {
    this.wheel.arm(this.deadline, ms);
  }

  protected pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    // Memory for the next read would wait with it, for as long as a client that does not read.
    this.reading.useShared();
    this.socket.pause();
  }

  protected unpause(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.socket.resume();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** From now on a write that fails does not take away what the server has said before. */
  protected hearOut(): void {
    if (this.hasHeardOut) return;
    this.hasHeardOut = true;
    hearOut(this.socket, (hasEnded) => this.writeFailed(hasEnded));
  }

  /** The server has broken off, in most cases behind an answer. */
  private writeFailed(hasEnded: boolean): void {
    this.isBroken = true;
    this.hasEndedFirst = hasEnded;
    this.requestDone = false;
    this.writer.dispose();
    // After the end nothing more is to be heard: it was a reset.
    if (this.hasReadEnd) this.lost(FAILURES.upstreamReset);
    else if (this.state === STATE_AWAIT) this.wheel.arm(this.deadline, LAST_WORDS_MS);
    else if (this.state !== STATE_BODY) this.lost(FAILURES.upstreamReset);
  }

  /**
   * libuv says the same of a reset that comes with the last bytes as of an orderly end, and half a body would pass for
   * the whole. The kernel knows: after a reset even a write of nothing fails, and `onClose` gets the error. A Unix
   * socket fails like that after any end, and has no resets.
   */
  onEnd(): void {
    const { exchange, socket } = this;
    if (exchange === null) {
      this.closedAtRest();
      return;
    }
    if (this.isBroken) {
      // The failed write has taken the news of a reset away: only an end that came before it is one.
      if (this.hasEndedFirst) this.ended(exchange);
      else this.lost(FAILURES.upstreamReset);
      return;
    }
    // A tunnel whose other direction has ended takes no write; it has nothing that could pass for whole either.
    if (socket.writableEnded || this.endpoint.server.host.startsWith('@')) {
      this.ended(exchange);
      return;
    }
    this.hasReadEnd = true;
    if (socket.writableLength === 0) socket.write('');
    setImmediate(() => {
      if (this.exchange === exchange && socket.errored === null) this.ended(exchange);
    });
  }

  /** The server has closed it, which it will do with others of that age. */
  private closedAtRest(): void {
    if (this.state === STATE_IDLE && this.served > 0) {
      this.endpoint.closedByServer(this.wheel.nowMs - this.idleSinceMs);
    }
    this.destroy();
  }

  onClose(error: Error | null): void {
    if (this.exchange === null) this.closedAtRest();
    else this.lost(error === null ? FAILURES.upstreamClosed : FAILURES.upstreamReset);
  }

  /** The connection ended while something was owed, or while idle. */
  protected lost(failure: Failure): void {
    if (this.state === STATE_DEAD) return;
    this.breakOff(failure);
  }

  /** Ends the exchange with the failure: by an answer when none has begun, visibly otherwise. */
  protected breakOff(failure: Failure): void {
    const exchange = this.exchange;
    const isUntouched = this.state === STATE_AWAIT && !this.head.isPartial && !this.hasAnswered && !this.hasInterim;
    // On another connection the client would be somebody else.
    const wasReused = this.served > 0 && this.bond === null;
    if (isUntouched && this.served > 0 && failure.isEndOfConnection) this.endpoint.closedByServer(this.restedMs);
    this.exchange = null;
    this.destroy(exchange !== null);
    if (exchange === null) return;
    exchange.attempt.failed(failure, isUntouched, wasReused, false);
    this.endpoint.failed(exchange);
  }

  private expired(): void {
    switch (this.state) {
      case STATE_AWAIT:
        this.breakOff(this.isBroken ? FAILURES.upstreamReset : FAILURES.upstreamResponseTimeout);
        return;
      case STATE_BODY:
        this.breakOff(FAILURES.upstreamReadTimeout);
        return;
      case STATE_IDLE:
        this.endpoint.outlived(this.wheel.nowMs - this.idleSinceMs);
        this.destroy();
        return;
      default:
    }
  }

  /** `wasBusy`: it counts among the endpoint's requests in flight. */
  destroy(wasBusy = this.exchange !== null): void {
    if (this.state === STATE_DEAD) return;
    this.state = STATE_DEAD;
    this.exchange = null;
    this.wheel.remove(this.deadline);
    this.writer.dispose();
    this.head.reset();
    this.socket.destroy();
    this.endpoint.closed(this, wasBusy);
  }
}
