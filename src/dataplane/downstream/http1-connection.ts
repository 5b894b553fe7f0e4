// One client connection of an entry point: reads requests one after the other, hands each to the handler as an Exchange
// and writes the answers in order. Stages never see connection-level fields.
//
//   HEAD ──request head──▶ BUSY ──answered, body read──▶ HEAD          keep-alive
//    │                      ├──answered early──▶ DRAIN ──body read──▶ HEAD
//    │                      ├──101──▶ TUNNEL ──both ended──▶ CLOSED
//    └──malformed──▶ (answer) ──▶ LINGER ──peer closed or time──▶ CLOSED
//
// Pipelined bytes are held, and reading pauses, until the request before them is answered. Every wait has a deadline.

import { performance } from 'node:perf_hooks';
import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import type { DownstreamTimeouts } from '../../model/entry-point.ts';
import { PREFACE } from '../http2/protocol.ts';
import { readPlainly, Reading, refit, type ReadTarget } from '../net/fixed-read.ts';
import { resetSocket } from '../net/reset.ts';
import { BODY_CLOSE, BODY_NONE, type BodySink, type ChunkOwner } from '../http/body.ts';
import { BodyReader } from '../http1/body-reader.ts';
import { beginExchange, failExchange, leaveExchange, runExchange } from './downstream-exchange.ts';
import type { ClientInfo, Downstream, Exchange, TunnelEnd } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { FORBIDDEN_IN_HEAD } from '../http1/field-block.ts';
import { HEAD_COMPLETE, HEAD_MALFORMED, HEAD_PARTIAL, HEAD_REFUSED, HeadReader } from '../http1/head-reader.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { KEEP_ALIVE_CLOSE, KEEP_ALIVE_REQUESTED } from '../http1/request-parser.ts';
import { MessageWriter } from '../http1/message-writer.ts';
import {
  downstreamFraming,
  renderInformational,
  renderResponseHead,
  renderSwitchingHead,
} from '../http1/response-head.ts';
import { respondFailure } from '../http/respond.ts';
import {
  LINGER_MS,
  MAX_LINGER_MS,
  NEWCOMER_MS,
  type DownstreamConnection,
  type DownstreamContext,
} from './downstream-connection.ts';

const STATE_HEAD = 0;
const STATE_BUSY = 1;
const STATE_DRAIN = 2;
const STATE_TUNNEL = 3;
const STATE_LINGER = 4;
const STATE_CLOSED = 5;

/** A request body nobody wanted is read to its end to keep the connection, if that is known to be near. */
const MAX_DRAIN_BYTES = 256 * 1024;
const DRAIN_MS = 30_000;

export interface Http1DownstreamContext extends DownstreamContext {
  /**
   * The client has begun with the preface of HTTP/2: the first `PREFACE_HEAD.length` bytes are read, `chunk` follows.
   * The connection given lets go of the socket.
   */
  switchToHttp2(connection: Http1Connection, socket: net.Socket, chunk: Buffer): void;
}

/** The first line of the preface of HTTP/2 and the empty one behind it, which end like a head (RFC 9113 §3.4). */
export const PREFACE_HEAD = PREFACE.slice(0, PREFACE.indexOf('SM'));

/** By octet: a request may begin with it. Methods are tokens (RFC 9110 §9.1); CR is for the empty line before one. */
const BEGINS_REQUEST: readonly boolean[] = Array.from({ length: 256 }, (_, octet) =>
  /^[\r!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(String.fromCharCode(octet)),
);

/** Swallows the rest of a request body. */
const DISCARD: BodySink = {
  write: () => true,
  flush: () => {},
  end: () => {},
  abort: () => {},
};

export class Http1Connection implements Downstream, DownstreamConnection, ReadTarget {
  readonly client: ClientInfo;
  readonly ticket: number;
  private readonly context: Http1DownstreamContext;
  private socket: net.Socket;
  private readonly reading = new Reading();
  private readonly head = new HeadReader();
  private readonly body = new BodyReader();
  private readonly writer: MessageWriter;
  private readonly deadline: Deadline;
  private totalDeadline: Deadline | null = null;
  private state = STATE_HEAD;
  /** Reads may be made faster; see fixed-read.ts. */
  canRefit: boolean;
  private isPaused = false;
  private isConsuming = false;
  private keepAlive = true;
  private served = 0;
  /** An empty line before the next request has come. */
  private hasSkippedLine = false;
  private readonly openedMs: number;
  /** Bytes read before anyone wanted them: the begin of a body, or pipelined requests. */
  private held: Buffer | null = null;
  private exchange: Exchange | null = null;
  private bodySink: BodySink | null = null;
  /** The client has said that this is its last request. */
  private isLastOfClient = false;
  private lingerUntilMs = 0;
  private tunnel: TunnelEnd | null = null;
  private tunnelEnds = 0;
  private tunnelReads = 0;

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
    this.writer = new MessageWriter(socket, context.wheel, context.entryPoint.settings.spec.timeouts.writeIdleMs, () =>
      this.clientGone(FAILURES.clientStalled),
    );
    readPlainly(socket, this, this.reading);
    this.arm(
      context.entryPoint.isDraining && context.entryPoint.patienceMs > 0
        ? context.entryPoint.patienceMs
        : context.entryPoint.settings.spec.timeouts.headerMs,
    );
  }

  private get timeouts(): DownstreamTimeouts {
    return this.context.entryPoint.settings.spec.timeouts;
  }

  private arm(ms: number): void {
    this.context.wheel.arm(this.deadline, ms);
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    this.consume(chunk, 0, length);
    if (this.canRefit && !this.isPaused && this.hasStayed()) {
      const fitted = refit(this.socket, this, this.reading);
      if (fitted !== null) {
        this.canRefit = false;
        this.socket = fitted;
        this.writer.socket = fitted;
      }
    }
  }

  /**
   * A connection that sends a second request, or a second message through its tunnel, stays: worth the cost of a faster socket.
   * bench/load, connection per request: a fifth slower when every connection is refitted. A tunnel one of whose directions
   * has ended keeps the socket that knows.
   */
  private hasStayed(): boolean {
    if (this.state === STATE_TUNNEL) return this.tunnelReads > 1 && this.tunnelEnds === 0;
    return this.state <= STATE_BUSY && this.served > 1;
  }

  private consume(chunk: Buffer, start: number, end: number): void {
    let at = start;
    this.isConsuming = true;
    while (at < end) {
      if (this.state === STATE_HEAD) at = this.readHead(chunk, at, end);
      else if (this.state === STATE_BUSY || this.state === STATE_DRAIN) {
        if (this.body.isDone || this.bodySink === null) {
          this.hold(chunk, at, end);
          break;
        }
        at = this.feedBody(chunk, at, end);
      } else if (this.state === STATE_TUNNEL) {
        this.feedTunnel(chunk, at, end);
        break;
      } else {
        this.lingerOn();
        break;
      }
    }
    this.isConsuming = false;
  }

  /** Returns the index behind the head, or `end` when it is incomplete or refused. */
  private readHead(chunk: Buffer, start: number, end: number): number {
    const head = this.head;
    const limits = this.context.entryPoint.settings.spec.limits;
    let at = start;
    if (!head.isPartial) {
      // RFC 9112 §2.2: an empty line before a request is ignored. One, however it arrives.
      if (chunk[at] === 13 && chunk[at + 1] === 10 && at + 1 < end && !this.hasSkippedLine) {
        this.hasSkippedLine = true;
        at += 2;
      }
      if (at >= end) return end;
      if (!BEGINS_REQUEST[chunk[at]!]) {
        // A TLS hello, or any other protocol: waiting for the rest of a head would keep the client waiting for nothing.
        this.refuse(FAILURES.badRequestLine);
        return end;
      }
      // The header timeout counts from the first byte, and only for heads that do not come whole.
    } else if (head.isLoneCr && chunk[at] === 10 && !this.hasSkippedLine) {
      this.hasSkippedLine = true;
      head.reset();
      return at + 1;
    }
    const wasPartial = head.isPartial;
    const outcome = head.read(chunk, at, end, limits.maxHeaderBytes);
    if (outcome === HEAD_COMPLETE) return this.begin(chunk, end);
    if (outcome === HEAD_PARTIAL) {
      if (head.received > limits.maxLineBytes && !head.hasLine) {
        head.reset();
        this.refuse(FAILURES.targetTooLong);
      } else if (FORBIDDEN_IN_HEAD.test(chunk.latin1Slice(at, end))) {
        const isInFields = head.hasLine;
        head.reset();
        this.refuse(isInFields ? FAILURES.badHeader : FAILURES.badRequestLine);
      } else if (!wasPartial) this.arm(this.timeouts.headerMs);
    } else if (outcome === HEAD_MALFORMED) this.refuse(FAILURES.badHeader);
    else if (outcome === HEAD_REFUSED) this.refuse(FAILURES.memoryFull);
    else {
      const firstLine = head.text.indexOf('\r\n');
      this.refuse(firstLine < 0 || firstLine > limits.maxLineBytes ? FAILURES.targetTooLong : FAILURES.headersTooLarge);
    }
    return end;
  }

  private open(): Exchange {
    const exchange = beginExchange(this, this.client, this.context);
    this.context.wheel.disarm(this.deadline);
    this.exchange = exchange;
    this.state = STATE_BUSY;
    this.hasSkippedLine = false;
    this.served++;
    this.bodySink = null;
    this.isLastOfClient = false;
    return exchange;
  }

  /** Answers bytes that are no request; what follows them is not looked at. */
  private refuse(failure: Failure): void {
    const exchange = this.open();
    this.body.begin(BODY_NONE, 0);
    this.keepAlive = false;
    respondFailure(exchange, failure);
  }

  private begin(chunk: Buffer, end: number): number {
    const context = this.context;
    const head = this.head;
    const bodyStart = head.next;
    if (head.length === PREFACE_HEAD.length && this.served === 0 && head.text.startsWith(PREFACE_HEAD)) {
      this.handOver(chunk.subarray(bodyStart, end));
      return end;
    }
    const exchange = this.open();
    const { parser, spec } = context.entryPoint.settings;
    const failure = parser.parse(head.text, 0, head.length, exchange);
    head.text = '';
    if (failure !== null) {
      // The body's extent is unknown: nothing behind the head may be taken for a request.
      this.body.begin(BODY_NONE, 0);
      this.keepAlive = false;
      if (bodyStart < end) this.hold(chunk, bodyStart, end);
      respondFailure(exchange, failure);
      return end;
    }
    const { limits, timeouts } = spec;
    exchange.maxRequestBytes = limits.maxBodyBytes;
    this.isLastOfClient =
      parser.keepAlive === KEEP_ALIVE_CLOSE ||
      (exchange.minorVersion === 0 && parser.keepAlive !== KEEP_ALIVE_REQUESTED);
    this.keepAlive =
      !context.entryPoint.isDraining &&
      !this.isLastOfClient &&
      (limits.keepAliveMaxRequests === 0 || this.served < limits.keepAliveMaxRequests) &&
      (limits.keepAliveMaxTimeMs === 0 || exchange.startMs - this.openedMs < limits.keepAliveMaxTimeMs);
    this.body.begin(exchange.requestFraming, exchange.requestLength);
    this.armTotal(this.body.isDone ? timeouts.writeTotalMs : timeouts.readTotalMs);
    runExchange(exchange, context);
    return bodyStart;
  }

  /** The client speaks HTTP/2 with prior knowledge (RFC 9113 §3.3). */
  private handOver(rest: Buffer): void {
    this.state = STATE_CLOSED;
    this.head.reset();
    this.context.wheel.remove(this.deadline);
    this.writer.dispose();
    this.context.switchToHttp2(this, this.socket, rest);
  }

  handlerFailed(exchange: Exchange, error: unknown): void {
    failExchange(exchange, this.context, error);
  }

  private hold(chunk: Buffer, start: number, end: number): void {
    if (!heldMemory.take(end - start)) {
      this.clientGone(FAILURES.memoryFull);
      return;
    }
    const bytes = Buffer.from(chunk.subarray(start, end));
    this.held = this.held === null ? bytes : Buffer.concat([this.held, bytes]);
    this.pause();
  }

  private takeHeld(): Buffer | null {
    const { held } = this;
    if (held !== null) heldMemory.give(held.length);
    this.held = null;
    return held;
  }

  /** Goes on with held bytes as far as someone wants them, and reads on when none are left. */
  private proceed(): void {
    while (this.held !== null && !this.isConsuming && this.wantsBytes()) {
      const bytes = this.takeHeld()!;
      this.consume(bytes, 0, bytes.length);
    }
    if (this.held === null) this.unpause();
  }

  private wantsBytes(): boolean {
    switch (this.state) {
      case STATE_BUSY:
      case STATE_DRAIN:
        return this.bodySink !== null && !this.body.isDone;
      default:
        return true;
    }
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
    if (exchange === null || this.body.isDone) return;
    this.bodySink = sink;
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // Once, and not to a client that has begun to send without waiting (RFC 9110 §10.1.1).
      if (this.held === null) this.writer.writeHead('HTTP/1.1 100 Continue\r\n\r\n');
    }
    if (this.body.isLong) this.reading.useSlabs();
    this.resumeBody();
  }

  resumeBody(): void {
    if (this.bodySink === null || this.body.isDone) return;
    this.arm(this.timeouts.readIdleMs);
    this.proceed();
  }

  /** Returns the index behind the bytes that belong to the body. */
  private feedBody(chunk: Buffer, start: number, end: number): number {
    // Null while the rest of a body is drained.
    const exchange = this.exchange;
    const sink = this.bodySink!;
    const body = this.body;
    const at = body.feed(chunk, start, end, this.reading, sink, exchange === null ? 0 : exchange.maxRequestBytes);
    if (exchange !== null) exchange.requestBytes = body.bytes;
    // The sink may have ended the exchange, even the connection.
    if (this.exchange !== exchange && this.state !== STATE_DRAIN) return at < 0 ? end : at;
    if (at < 0) {
      this.failBody(this.exchange, sink, body.failure!);
      return end;
    }
    if (this.state === STATE_DRAIN) {
      if (body.isDone) this.nextRequest();
      return at;
    }
    if (body.isDone) {
      this.reading.useShared();
      this.context.wheel.disarm(this.deadline);
      this.armTotal(this.timeouts.writeTotalMs);
      sink.end(body.trailers);
    } else if (body.isSinkReady) {
      this.arm(this.timeouts.readIdleMs);
      sink.flush();
    } else {
      this.context.wheel.disarm(this.deadline);
      this.pause();
    }
    return at;
  }

  /** The request turned out malformed, too large or too slow while its body was being read. */
  private failBody(exchange: Exchange | null, sink: BodySink, failure: Failure): void {
    this.body.begin(BODY_NONE, 0);
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
    const framing = downstreamFraming(exchange);
    // HTTP/1.0 has no trailers to announce.
    if (exchange.minorVersion === 0) exchange.responseHeaders.delete('trailer');
    // Nobody knows whether a client that waits for 100 will still send its body; a rest that is large, or whose length nobody
    // knows, is not worth reading. The client has to be told: it may have its next request ready (RFC 9112 §9.6).
    if (
      framing === BODY_CLOSE ||
      this.context.entryPoint.isDraining ||
      (!this.body.isDone && (exchange.expectsContinue || !this.body.isRestWithin(MAX_DRAIN_BYTES)))
    ) {
      this.keepAlive = false;
    }
    this.writer.begin(
      renderResponseHead(exchange, framing, this.keepAlive, exchange.startWallMs),
      framing,
      exchange.responseLength,
    );
  }

  sendInformational(status: number, reason: string, headers: HeaderList): void {
    // RFC 9110 §15.2: a 1.0 client knows no 1xx.
    if (this.exchange?.minorVersion === 1) {
      this.writer.writeHead(renderInformational(status, reason, headers.render()));
    }
  }

  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    const exchange = this.exchange;
    if (exchange === null) return true;
    if (this.state === STATE_TUNNEL) this.arm(this.timeouts.tunnelIdleMs);
    exchange.responseBytes += this.writer.write(chunk, start, end, owner);
    return this.writer.hasRoom();
  }

  flush(): void {
    this.writer.flush();
  }

  end(trailers: HeaderList | null): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    if (this.state === STATE_TUNNEL) {
      this.writer.flush();
      this.socket.end();
      this.tunnelEnded();
      return;
    }
    // Also to clients that have not said they want them: they may drop what they do not know (RFC 9110 §6.5.1).
    if (!this.writer.end(trailers)) {
      this.abort(FAILURES.internal);
      return;
    }
    this.finish(exchange);
    if (!this.body.isDone) this.drainRequest();
    else if (this.keepAlive) this.nextRequest();
    else if (this.isLastOfClient && exchange.failure?.side !== 'downstream') this.close();
    else this.closeLingering();
  }

  abort(failure: Failure): void {
    const exchange = this.exchange;
    if (exchange !== null) {
      if (exchange.failure === null) exchange.failure = failure;
      // What was written of the response leaves; no end follows, and the close tells the client so.
      this.writer.flush();
      this.finish(exchange);
    }
    if (this.state === STATE_CLOSED) return;
    if (this.writer.isCloseDelimited) {
      // An orderly close would be the end of the body: only a reset says that it was cut short.
      this.state = STATE_CLOSED;
      resetSocket(this.socket);
      return;
    }
    this.state = STATE_LINGER;
    this.arm(LINGER_MS);
    this.socket.destroySoon();
  }

  private finish(exchange: Exchange): void {
    this.forget();
    exchange.finish();
  }

  /** The exchange is over, or about to be. */
  private forget(): void {
    this.exchange = null;
    if (this.totalDeadline !== null) this.context.wheel.disarm(this.totalDeadline);
  }

  private drainRequest(): void {
    if (!this.keepAlive) {
      this.closeLingering();
      return;
    }
    this.bodySink = DISCARD;
    this.state = STATE_DRAIN;
    this.arm(DRAIN_MS);
    this.proceed();
  }

  private nextRequest(): void {
    this.state = STATE_HEAD;
    this.bodySink = null;
    this.reading.useShared();
    if (this.context.entryPoint.isDraining) {
      // Said before the drain began, the answer did not tell the client to go elsewhere.
      if (this.context.entryPoint.patienceMs > 0) this.arm(this.context.entryPoint.patienceMs);
      else {
        this.close();
        return;
      }
    } else this.arm(this.timeouts.idleMs);
    if (this.held !== null || this.isPaused) this.proceed();
  }

  // ── tunnel ─────────────────────────────────────────────────────────────────────────────────────────────────────

  startTunnel(exchange: Exchange, upstream: TunnelEnd): void {
    exchange.isResponseStarted = true;
    this.tunnel = upstream;
    this.state = STATE_TUNNEL;
    this.keepAlive = false;
    this.writer.begin(renderSwitchingHead(exchange), BODY_CLOSE, 0);
    this.writer.flush();
    this.arm(this.timeouts.tunnelIdleMs);
    this.proceed();
  }

  private feedTunnel(chunk: Buffer, start: number, end: number): void {
    this.tunnelReads++;
    if (this.exchange !== null) this.exchange.requestBytes += end - start;
    this.arm(this.timeouts.tunnelIdleMs);
    if (!this.tunnel!.write(chunk, start, end, null)) this.pause();
  }

  resumeTunnel(): void {
    this.proceed();
  }

  private tunnelEnded(): void {
    if (++this.tunnelEnds < 2) return;
    if (this.exchange !== null) this.finish(this.exchange);
    this.state = STATE_LINGER;
    this.arm(LINGER_MS);
    this.socket.destroySoon();
    this.tunnel?.destroy();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  onDrain(): void {
    this.writer.drained();
    if (this.tunnel !== null) this.tunnel.resume();
    else this.exchange?.responseSource?.resume();
  }

  onEnd(): void {
    switch (this.state) {
      case STATE_TUNNEL:
        // Fails after a reset that came with the last bytes, which looks like a FIN: then `onClose` ends the other side.
        if (!this.socket.writableEnded) this.socket.write('');
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
    if (this.totalDeadline !== null) wheel.remove(this.totalDeadline);
    this.writer.dispose();
    this.head.reset();
    this.takeHeld();
    this.client.bonds?.dissolve();
    this.context.closed(this);
  }

  /** The client left, or cannot be served any longer: stops the upstream's work and records the exchange. */
  private clientGone(failure: Failure): void {
    const exchange = this.exchange;
    if (exchange === null) {
      if (this.state !== STATE_CLOSED) this.destroy();
      return;
    }
    const { bodySink, tunnel } = this;
    this.bodySink = null;
    this.tunnel = null;
    this.forget();
    const tellOthers = leaveExchange(exchange, failure, tunnel, bodySink);
    if (failure === FAILURES.clientGone) this.destroy();
    else this.reset();
    tellOthers();
  }

  private expired(): void {
    switch (this.state) {
      case STATE_HEAD:
        if (this.head.isPartial) {
          this.head.reset();
          this.refuse(FAILURES.requestTimeout);
        } else this.close();
        return;
      case STATE_BUSY:
        if (this.bodySink !== null && !this.body.isDone) {
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
        this.reset();
    }
  }

  private armTotal(ms: number): void {
    if (ms <= 0 && this.totalDeadline === null) return;
    this.totalDeadline ??= new Deadline(() => this.totalExpired());
    this.context.wheel.arm(this.totalDeadline, ms);
  }

  private totalExpired(): void {
    if (this.exchange === null || this.state === STATE_TUNNEL) return;
    if (!this.body.isDone && this.bodySink !== null) {
      this.failBody(this.exchange, this.bodySink, FAILURES.requestTimeout);
    } else this.clientGone(FAILURES.clientStalled);
  }

  drain(): void {
    if (this.state !== STATE_HEAD || this.head.isPartial) return;
    if (this.context.entryPoint.patienceMs > 0) this.arm(this.context.entryPoint.patienceMs);
    else this.close();
  }

  get hasAsked(): boolean {
    return this.served > 0;
  }

  closeIfResting(): boolean {
    if (this.state !== STATE_HEAD || this.head.isPartial || this.held !== null) return false;
    if (!this.hasAsked && this.context.wheel.nowMs - this.openedMs < NEWCOMER_MS) return false;
    this.destroy();
    return true;
  }

  private close(): void {
    if (this.held !== null || this.isPaused) {
      this.closeLingering();
      return;
    }
    this.state = STATE_LINGER;
    this.arm(LINGER_MS);
    this.socket.destroySoon();
  }

  /**
   * Ends our side and reads on for a while: closing with unread bytes makes the kernel send a reset, which can take the
   * answer away from the client before it has read it (RFC 9112 §9.6). Not a number of bytes ends it but time: a client that
   * reads only when it has written everything gets its answer, too.
   */
  private closeLingering(): void {
    this.state = STATE_LINGER;
    this.takeHeld();
    this.reading.useShared();
    this.lingerUntilMs = this.context.wheel.nowMs + MAX_LINGER_MS;
    this.arm(LINGER_MS);
    this.socket.end();
    this.unpause();
  }

  /** The client goes on sending what nobody wants; while draining, its time is not prolonged. */
  private lingerOn(): void {
    const { nowMs } = this.context.wheel;
    if (!this.context.entryPoint.isDraining) this.arm(Math.max(1, Math.min(LINGER_MS, this.lingerUntilMs - nowMs)));
  }

  /** The client is given up: what it has not taken is forgotten at once. */
  private reset(): void {
    this.state = STATE_CLOSED;
    resetSocket(this.socket);
  }

  destroy(): void {
    this.state = STATE_CLOSED;
    this.socket.destroy();
  }
}
