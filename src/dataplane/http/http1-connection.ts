// One client connection of an entry point: reads requests one after the other, hands each to the handler as an Exchange
// and writes the answers in order. It owns the framing of both directions; stages never see connection-level fields.
//
//   HEAD ──request head──▶ BUSY ──answered, body read──▶ HEAD          keep-alive
//    │                      ├──answered early──▶ DRAIN ──body read──▶ HEAD
//    │                      ├──101──▶ TUNNEL ──both ended──▶ CLOSED
//    └──malformed──▶ (answer) ──▶ LINGER ──peer closed or time──▶ CLOSED
//
// Pipelined bytes are held, and reading pauses, until the request before them is answered. Every wait has a deadline.

import type net from 'node:net';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import { readPlainly, Reading, refit, releaseSlab, type ReadTarget } from '../net/fixed-read.ts';
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type BodyFraming, type BodySink } from './body.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import {
  Exchange,
  type ClientInfo,
  type Downstream,
  type ExchangeObserver,
  type Handler,
  type TunnelEnd,
} from './exchange.ts';
import { FAILURES, type Failure } from './failure.ts';
import type { HeaderList } from './header-list.ts';
import { Http1RequestParser, KEEP_ALIVE_CLOSE, KEEP_ALIVE_REQUESTED } from './http1-request-parser.ts';
import { downstreamFraming, renderInformational, renderResponseHead, renderSwitchingHead } from './response-head.ts';
import { respondFailure } from './respond.ts';

const STATE_HEAD = 0;
const STATE_BUSY = 1;
const STATE_DRAIN = 2;
const STATE_TUNNEL = 3;
const STATE_LINGER = 4;
const STATE_CLOSED = 5;

/** First look for the end of a head; a body in the same read is not turned into a string for it. */
const HEAD_WINDOW = 4096;
/** Body bytes up to here join the head or each other in one write as text: one system call, no Buffer. */
const SMALL_WRITE = 8 * 1024;
const OUTBOX_BYTES = 32 * 1024;
/** A client that takes bytes more slowly than the upstream gives them costs this much and no more. */
const HIGH_WATER_BYTES = 128 * 1024;
/** A request body nobody wanted is read up to here to keep the connection. */
const MAX_DRAIN_BYTES = 256 * 1024;
const LINGER_MS = 2_000;
const MAX_LINGER_BYTES = 1024 * 1024;

/** What all connections of an entry point in one worker share. */
export interface Http1ServerContext {
  readonly spec: EntryPointSpec;
  readonly wheel: TimerWheel;
  readonly parser: Http1RequestParser;
  readonly observer: ExchangeObserver;
  /** Replaced when a generation is swapped; read per request. */
  handler: Handler;
  isDraining: boolean;
  /** The connection is gone. */
  closed(connection: Http1Connection): void;
  /** A handler threw: a defect of ours or of a plugin. */
  handlerFailed(exchange: Exchange, error: unknown): void;
}

/** Swallows the rest of a request body. */
class DiscardSink implements BodySink {
  write(): boolean {
    return true;
  }
  flush(): void {}
  end(): void {}
  abort(): void {}
}
const DISCARD = new DiscardSink();

export class Http1Connection implements Downstream, ReadTarget {
  readonly client: ClientInfo;
  /** Claimed by the entry point's accounting. */
  readonly ticket: number;
  private readonly context: Http1ServerContext;
  private socket: net.Socket;
  private readonly reading = new Reading();
  private readonly deadline: Deadline;
  private writeDeadline: Deadline | null = null;
  private totalDeadline: Deadline | null = null;
  private state = STATE_HEAD;
  private isPlain = true;
  private isPaused = false;
  private isConsuming = false;
  private keepAlive = true;
  private served = 0;
  private readonly openedMs: number;
  /** Begin of a head whose end has not arrived. */
  private partial = '';
  /** Bytes read before anyone wanted them: the begin of a body, or pipelined requests. */
  private held: Buffer | null = null;
  private exchange: Exchange | null = null;
  private bodyDone = true;
  private bodyRemaining = 0;
  private decoder: ChunkedDecoder | null = null;
  private bodySink: BodySink | null = null;
  private drained = 0;
  private framing: BodyFraming = BODY_NONE;
  private responseRemaining = 0;
  /** Text that waits to leave with what follows it. */
  private outbox = '';
  private tunnel: TunnelEnd | null = null;
  private tunnelEnds = 0;
  private stalledBytes = 0;

  constructor(context: Http1ServerContext, socket: net.Socket, client: ClientInfo, ticket: number, canRefit: boolean) {
    this.context = context;
    this.socket = socket;
    this.client = client;
    this.ticket = ticket;
    this.isPlain = canRefit;
    this.openedMs = context.wheel.nowMs;
    this.deadline = new Deadline(() => this.expired());
    readPlainly(socket, this, this.reading);
    context.wheel.arm(this.deadline, context.spec.timeouts.headerMs);
  }

  /** Neither a request nor a part of one is under way. */
  get isIdle(): boolean {
    return this.state === STATE_HEAD && this.partial === '';
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    this.consume(chunk, 0, length);
    // A connection that sends a second request stays: worth the cost of a faster socket. bench/load, connection per
    // request: 20 % slower when every connection is refitted.
    if (this.isPlain && this.served > 1 && !this.isPaused && this.state <= STATE_BUSY) {
      const fitted = refit(this.socket, this, this.reading);
      if (fitted !== null) {
        this.isPlain = false;
        this.socket = fitted;
      }
    }
  }

  private consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    this.isConsuming = true;
    while (at < end) {
      if (this.state === STATE_HEAD) at = this.readHead(chunk, at, end);
      else if (this.state === STATE_BUSY || this.state === STATE_DRAIN) {
        if (this.bodyDone || this.bodySink === null) {
          this.hold(chunk, at, end);
          break;
        }
        at = this.feedBody(chunk, at, end);
      } else if (this.state === STATE_TUNNEL) {
        this.feedTunnel(chunk, at, end);
        break;
      } else {
        this.drained += end - at;
        if (this.drained > MAX_LINGER_BYTES) this.destroy();
        break;
      }
    }
    this.isConsuming = false;
  }

  /** Returns the index behind the head, or `end` when it is incomplete or refused. */
  private readHead(chunk: Buffer, start: number, end: number): number {
    const known = this.partial.length;
    let text: string;
    let blank: number;
    if (known === 0) {
      let first = start;
      // RFC 9112 §2.2: an empty line before a request is ignored.
      if (chunk[first] === 13 && chunk[first + 1] === 10) first += 2;
      if (first === end) return end;
      text = chunk.latin1Slice(first, Math.min(end, first + HEAD_WINDOW));
      blank = text.indexOf('\r\n\r\n');
      if (blank < 0 && end > first + HEAD_WINDOW) {
        text = chunk.latin1Slice(first, end);
        blank = text.indexOf('\r\n\r\n');
      }
      if (blank >= 0) return this.begin(text, blank + 4, chunk, first + blank + 4, end);
    } else {
      text = this.partial + chunk.latin1Slice(start, end);
      if (known === 1 && text === '\r\n') {
        this.partial = '';
        return end;
      }
      blank = text.indexOf('\r\n\r\n', Math.max(0, known - 3));
      if (blank >= 0) {
        this.partial = '';
        return this.begin(text, blank + 4, chunk, start + blank + 4 - known, end);
      }
    }
    const failure = this.judgePartial(text);
    if (failure !== null) {
      this.partial = '';
      this.refuse(failure);
      return end;
    }
    if (known === 0) this.context.wheel.arm(this.deadline, this.context.spec.timeouts.headerMs);
    this.partial = text;
    return end;
  }

  /** What can already be said against an incomplete head. */
  private judgePartial(text: string): Failure | null {
    const limits = this.context.spec.limits;
    const firstLine = text.indexOf('\r\n');
    if (firstLine < 0 && text.length > limits.maxLineBytes) return FAILURES.targetTooLong;
    if (text.length > limits.maxHeaderBytes) return FAILURES.headersTooLarge;
    // Line ends that are none would otherwise wait for the header timeout.
    return /(?:^|[^\r])\n|\r[^\n]/.test(text) ? FAILURES.badHeader : null;
  }

  private open(): Exchange {
    const exchange = new Exchange(this, this.client);
    exchange.startMs = performance.now();
    exchange.startWallMs = Date.now();
    exchange.entryPointName = this.context.spec.name;
    exchange.observer = this.context.observer;
    this.context.wheel.touch(exchange.startMs);
    this.context.wheel.disarm(this.deadline);
    this.exchange = exchange;
    this.state = STATE_BUSY;
    this.served++;
    this.framing = BODY_NONE;
    this.bodySink = null;
    this.drained = 0;
    return exchange;
  }

  private refuse(failure: Failure): void {
    const exchange = this.open();
    this.bodyDone = true;
    this.keepAlive = false;
    respondFailure(exchange, failure);
  }

  private begin(text: string, headLength: number, chunk: Buffer, bodyStart: number, end: number): number {
    const context = this.context;
    const exchange = this.open();
    const parser = context.parser;
    const failure =
      headLength > context.spec.limits.maxHeaderBytes
        ? FAILURES.headersTooLarge
        : parser.parse(text, 0, headLength, exchange);
    const limits = context.spec.limits;
    this.keepAlive =
      !context.isDraining &&
      parser.keepAlive !== KEEP_ALIVE_CLOSE &&
      (exchange.minorVersion === 1 || parser.keepAlive === KEEP_ALIVE_REQUESTED) &&
      (limits.keepAliveMaxRequests === 0 || this.served < limits.keepAliveMaxRequests) &&
      (limits.keepAliveMaxTimeMs === 0 || exchange.startMs - this.openedMs < limits.keepAliveMaxTimeMs);
    if (failure !== null) {
      // The body's extent is unknown: nothing behind the head may be taken for a request.
      this.bodyDone = true;
      this.keepAlive = false;
      if (bodyStart < end) this.hold(chunk, bodyStart, end);
      respondFailure(exchange, failure);
      return end;
    }
    this.bodyDone = exchange.requestFraming === BODY_NONE;
    if (!this.bodyDone) {
      this.bodyRemaining = exchange.requestLength;
      this.decoder = exchange.requestFraming === BODY_CHUNKED ? new ChunkedDecoder() : null;
    }
    this.armTotal(context.spec.timeouts.readTotalMs);
    try {
      const waiting = context.handler(exchange);
      if (waiting !== undefined) waiting.catch((error: unknown) => this.handlerFailed(exchange, error));
    } catch (error) {
      this.handlerFailed(exchange, error);
    }
    return bodyStart;
  }

  private handlerFailed(exchange: Exchange, error: unknown): void {
    this.context.handlerFailed(exchange, error);
    exchange.responseSource?.cancel(FAILURES.internal);
    respondFailure(exchange, FAILURES.internal);
  }

  private hold(chunk: Buffer, start: number, end: number): void {
    const bytes = Buffer.from(chunk.subarray(start, end));
    this.held = this.held === null ? bytes : Buffer.concat([this.held, bytes]);
    this.pause();
  }

  private releaseHeld(): void {
    while (
      this.held !== null &&
      !this.isConsuming &&
      (this.state === STATE_HEAD || this.bodySink !== null || this.tunnel !== null)
    ) {
      if (this.state === STATE_BUSY && this.bodyDone) return;
      const bytes = this.held;
      this.held = null;
      this.consume(bytes, 0, bytes.length);
    }
    if (this.held === null) this.unpause();
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.socket.pause();
  }

  private unpause(): void {
    if (!this.isPaused || this.state === STATE_CLOSED) return;
    this.isPaused = false;
    this.socket.resume();
  }

  // ── request body ───────────────────────────────────────────────────────────────────────────────────────────────

  readBody(sink: BodySink): void {
    const exchange = this.exchange;
    if (exchange === null || this.bodyDone) return;
    this.bodySink = sink;
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // Once, and not to a client that has begun to send without waiting (RFC 9110 §10.1.1).
      if (this.held === null) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
    if (this.bodyRemaining > SMALL_WRITE || this.decoder !== null) this.reading.useSlabs();
    this.context.wheel.arm(this.deadline, this.context.spec.timeouts.readIdleMs);
    if (this.held !== null) this.releaseHeld();
    else this.unpause();
  }

  resumeBody(): void {
    if (this.bodySink === null || this.bodyDone) return;
    this.context.wheel.arm(this.deadline, this.context.spec.timeouts.readIdleMs);
    if (this.held !== null) this.releaseHeld();
    else this.unpause();
  }

  claimBody(): boolean {
    return this.reading.claim();
  }

  /** Returns the index behind the bytes that belong to the body. */
  private feedBody(chunk: Buffer, start: number, end: number): number {
    // Null while the rest of a body is drained.
    const exchange = this.exchange;
    const sink = this.bodySink!;
    let ready: boolean;
    let at: number;
    if (this.decoder === null) {
      at = Math.min(end, start + this.bodyRemaining);
      this.bodyRemaining -= at - start;
      if (exchange !== null) exchange.requestBytes += at - start;
      if (this.bodyRemaining === 0) this.bodyDone = true;
      ready = sink.write(chunk, start, at);
    } else {
      at = this.decoder.feed(chunk, start, end, sink);
      if (exchange !== null) exchange.requestBytes = this.decoder.dataBytes;
      const max = this.context.spec.limits.maxBodyBytes;
      const excess = this.decoder.dataBytes + this.decoder.chunkRemaining > max && max > 0;
      if (at < 0 || excess) {
        this.failBody(exchange, sink, excess ? FAILURES.bodyTooLarge : this.decoder.failure!);
        return end;
      }
      this.bodyDone = this.decoder.isDone;
      ready = this.decoder.isSinkReady;
    }
    // The sink may have ended the exchange, or even the connection.
    if (this.exchange !== exchange && this.state !== STATE_DRAIN) return at;
    if (this.state === STATE_DRAIN) {
      this.drained += at - start;
      if (this.bodyDone) this.nextRequest();
      else if (this.drained > MAX_DRAIN_BYTES) this.closeLingering();
      return at;
    }
    if (this.bodyDone) {
      this.reading.useShared();
      this.context.wheel.disarm(this.deadline);
      this.armTotal(this.context.spec.timeouts.writeTotalMs);
      sink.end(this.decoder?.trailers ?? null);
    } else if (ready) {
      this.context.wheel.arm(this.deadline, this.context.spec.timeouts.readIdleMs);
      sink.flush();
    } else {
      this.context.wheel.disarm(this.deadline);
      this.pause();
    }
    return at;
  }

  /** The request turned out malformed, too large or too slow while its body was being passed on. */
  private failBody(exchange: Exchange | null, sink: BodySink, failure: Failure): void {
    this.bodyDone = true;
    this.keepAlive = false;
    this.bodySink = null;
    if (exchange === null) {
      this.closeLingering();
      return;
    }
    if (exchange.failure === null) exchange.failure = failure;
    sink.abort(failure);
    respondFailure(exchange, failure);
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────────────────────

  startResponse(exchange: Exchange): void {
    exchange.isResponseStarted = true;
    this.framing = downstreamFraming(exchange);
    if (this.framing === BODY_CLOSE) this.keepAlive = false;
    if (!this.bodyDone) {
      // Nobody knows whether a client that waits for 100 will still send its body; a large rest is not worth reading.
      if (exchange.expectsContinue || this.bodyRemaining > MAX_DRAIN_BYTES) this.keepAlive = false;
    }
    if (this.context.isDraining) this.keepAlive = false;
    this.responseRemaining = exchange.responseLength;
    this.outbox += renderResponseHead(exchange, this.framing, this.keepAlive, exchange.startWallMs);
    if (this.framing === BODY_NONE) this.responseRemaining = 0;
  }

  sendInformational(status: number, reason: string, headers: HeaderList): void {
    // RFC 9110 §15.2: a 1.0 client knows no 1xx.
    if (this.exchange?.minorVersion === 1)
      this.socket.write(renderInformational(status, reason, headers.render()), 'latin1');
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    const exchange = this.exchange;
    let size = end - start;
    if (exchange === null || this.framing === BODY_NONE || size === 0) return true;
    if (this.framing === BODY_LENGTH) {
      // A body longer than its announced length would be read as the next response.
      if (size > this.responseRemaining) size = this.responseRemaining;
      this.responseRemaining -= size;
    }
    exchange.responseBytes += size;
    if (size <= SMALL_WRITE) {
      const text = chunk.latin1Slice(start, start + size);
      this.outbox += this.framing === BODY_CHUNKED ? `${size.toString(16)}\r\n${text}\r\n` : text;
      if (this.outbox.length >= OUTBOX_BYTES) this.flush();
    } else {
      this.writeLarge(chunk, start, start + size);
    }
    return this.hasRoom();
  }

  private writeLarge(chunk: Buffer, start: number, end: number): void {
    const socket = this.socket;
    const isChunked = this.framing === BODY_CHUNKED;
    if (isChunked) this.outbox += `${(end - start).toString(16)}\r\n`;
    socket.cork();
    if (this.outbox !== '') {
      socket.write(this.outbox, 'latin1');
      this.outbox = '';
    }
    const claimed = this.exchange!.responseSource?.claim() === true;
    if (claimed) socket.write(chunk.subarray(start, end), () => releaseSlab(chunk));
    else socket.write(Buffer.from(chunk.subarray(start, end)));
    if (isChunked) socket.write('\r\n', 'latin1');
    socket.uncork();
  }

  private hasRoom(): boolean {
    if (this.socket.writableLength < HIGH_WATER_BYTES) return true;
    this.writeDeadline ??= new Deadline(() => this.writeExpired());
    this.stalledBytes = this.socket.writableLength;
    this.context.wheel.arm(this.writeDeadline, this.context.spec.timeouts.writeIdleMs);
    return false;
  }

  flush(): void {
    if (this.outbox === '') return;
    this.socket.write(this.outbox, 'latin1');
    this.outbox = '';
  }

  end(trailers: HeaderList | null): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    if (this.state === STATE_TUNNEL) {
      this.flush();
      this.socket.end();
      this.tunnelEnded();
      return;
    }
    if (this.framing === BODY_CHUNKED) {
      this.outbox += trailers === null || !exchange.acceptsTrailers ? '0\r\n\r\n' : `0\r\n${trailers.render()}\r\n`;
    } else if (this.framing === BODY_LENGTH && this.responseRemaining > 0) {
      // Shorter than announced: the client must not take it for complete.
      this.abort(FAILURES.internal);
      return;
    }
    this.flush();
    this.finish(exchange);
    if (!this.bodyDone) this.drainRequest();
    else if (this.keepAlive) this.nextRequest();
    else if (exchange.failure?.side === 'downstream') this.closeLingering();
    else this.close();
  }

  abort(failure: Failure): void {
    const exchange = this.exchange;
    if (exchange !== null) {
      if (exchange.failure === null) exchange.failure = failure;
      // What was sent of the response is sent; no end follows, and the reset tells the client so.
      if (this.state === STATE_TUNNEL) this.flush();
      this.finish(exchange);
    }
    this.destroy();
  }

  private finish(exchange: Exchange): void {
    this.exchange = null;
    this.totalDeadline === null || this.context.wheel.disarm(this.totalDeadline);
    exchange.endMs = performance.now();
    exchange.isFinished = true;
    exchange.responseSource = null;
    exchange.observer?.finished(exchange);
  }

  private drainRequest(): void {
    this.bodySink = DISCARD;
    if (!this.keepAlive) {
      this.closeLingering();
      return;
    }
    this.state = STATE_DRAIN;
    this.context.wheel.arm(this.deadline, LINGER_MS);
    if (this.held !== null) this.releaseHeld();
    else this.unpause();
  }

  private nextRequest(): void {
    this.state = STATE_HEAD;
    this.decoder = null;
    this.bodySink = null;
    this.bodyDone = true;
    this.reading.useShared();
    if (this.context.isDraining) {
      this.close();
      return;
    }
    this.context.wheel.arm(this.deadline, this.context.spec.timeouts.idleMs);
    if (this.held !== null) {
      if (!this.isConsuming) this.releaseHeld();
    } else if (this.isPaused) this.unpause();
  }

  // ── tunnel ─────────────────────────────────────────────────────────────────────────────────────────────────────

  startTunnel(exchange: Exchange, upstream: TunnelEnd): void {
    exchange.isResponseStarted = true;
    this.tunnel = upstream;
    this.state = STATE_TUNNEL;
    this.keepAlive = false;
    this.framing = BODY_CLOSE;
    this.socket.write(renderSwitchingHead(exchange), 'latin1');
    this.context.wheel.arm(this.deadline, this.context.spec.timeouts.tunnelIdleMs);
    this.releaseHeld();
  }

  private feedTunnel(chunk: Buffer, start: number, end: number): void {
    this.exchange!.requestBytes += end - start;
    this.context.wheel.arm(this.deadline, this.context.spec.timeouts.tunnelIdleMs);
    if (!this.tunnel!.write(chunk, start, end)) this.pause();
  }

  /** The upstream half has room again. */
  resumeTunnel(): void {
    this.unpause();
  }

  private tunnelEnded(): void {
    if (++this.tunnelEnds < 2) return;
    if (this.exchange !== null) this.finish(this.exchange);
    this.state = STATE_LINGER;
    this.socket.destroySoon();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  onDrain(): void {
    if (this.writeDeadline !== null) this.context.wheel.disarm(this.writeDeadline);
    if (this.tunnel !== null) this.tunnel.resume();
    else this.exchange?.responseSource?.resume();
  }

  onEnd(): void {
    switch (this.state) {
      case STATE_TUNNEL:
        this.tunnel!.finish();
        this.tunnelEnded();
        return;
      case STATE_BUSY:
        this.clientGone(FAILURES.clientGone);
        return;
      default:
        // Nothing more can come and nothing is owed: end our side, which closes the connection.
        this.state = STATE_LINGER;
        this.socket.destroySoon();
    }
  }

  onClose(): void {
    this.clientGone(FAILURES.clientGone);
    this.state = STATE_CLOSED;
    const wheel = this.context.wheel;
    wheel.remove(this.deadline);
    if (this.writeDeadline !== null) wheel.remove(this.writeDeadline);
    if (this.totalDeadline !== null) wheel.remove(this.totalDeadline);
    this.held = null;
    this.context.closed(this);
  }

  /** The client left, or cannot be served any longer: stops the upstream's work and records the exchange. */
  private clientGone(failure: Failure): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (this.state !== STATE_CLOSED) this.destroy();
      return;
    }
    if (exchange.failure === null) exchange.failure = failure;
    if (!exchange.isResponseStarted) exchange.status = failure.status;
    const source = exchange.responseSource;
    const sink = this.bodySink;
    const tunnel = this.tunnel;
    this.finish(exchange);
    this.bodySink = null;
    this.tunnel = null;
    this.destroy();
    tunnel?.destroy();
    sink?.abort(failure);
    source?.cancel(failure);
  }

  private expired(): void {
    switch (this.state) {
      case STATE_HEAD:
        if (this.partial !== '') {
          this.partial = '';
          this.refuse(FAILURES.requestTimeout);
        } else this.close();
        return;
      case STATE_BUSY:
        if (this.exchange !== null && this.bodySink !== null && !this.bodyDone) {
          this.failBody(this.exchange, this.bodySink, FAILURES.requestTimeout);
        }
        return;
      case STATE_DRAIN:
        this.closeLingering();
        return;
      case STATE_TUNNEL:
        this.clientGone(FAILURES.tunnelIdle);
        return;
      default:
        this.destroy();
    }
  }

  private writeExpired(): void {
    const left = this.socket.writableLength;
    if (left === 0 || this.state === STATE_CLOSED) return;
    if (left < this.stalledBytes) {
      // Slow, but moving.
      this.stalledBytes = left;
      this.context.wheel.arm(this.writeDeadline!, this.context.spec.timeouts.writeIdleMs);
    } else this.clientGone(FAILURES.clientStalled);
  }

  private armTotal(ms: number): void {
    if (ms <= 0 && this.totalDeadline === null) return;
    this.totalDeadline ??= new Deadline(() => this.totalExpired());
    this.context.wheel.arm(this.totalDeadline, ms);
  }

  private totalExpired(): void {
    if (this.exchange === null || this.state === STATE_TUNNEL) return;
    if (!this.bodyDone && this.bodySink !== null) this.failBody(this.exchange, this.bodySink, FAILURES.requestTimeout);
    else this.clientGone(FAILURES.clientStalled);
  }

  /** Called once when the worker stops accepting: idle connections go, the others after their answer. */
  drain(): void {
    this.keepAlive = false;
    if (this.isIdle) this.close();
  }

  private close(): void {
    if (this.held !== null || this.isPaused) {
      this.closeLingering();
      return;
    }
    this.state = STATE_LINGER;
    this.context.wheel.arm(this.deadline, LINGER_MS);
    this.socket.destroySoon();
  }

  /**
   * Ends our side and reads on for a while: closing with unread bytes makes the kernel send a reset, which can take the
   * answer away from the client before it has read it (RFC 9112 §9.6).
   */
  private closeLingering(): void {
    this.state = STATE_LINGER;
    this.held = null;
    this.drained = 0;
    this.context.wheel.arm(this.deadline, LINGER_MS);
    this.socket.end();
    this.unpause();
  }

  destroy(): void {
    this.state = STATE_CLOSED;
    this.socket.destroy();
  }
}
