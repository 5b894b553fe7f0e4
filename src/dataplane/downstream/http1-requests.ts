// Requests of one HTTP/1.1 client as they come in, one after the other: each head becomes an exchange that the stages
// get, each body goes to whoever wants it, or is read to its end so that the next request can be. What goes out is
// http1-connection.ts, which extends it; below it is the socket, http1-socket.ts.

import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import { BODY_NONE, type BodySink } from '../http/body.ts';
import type { Downstream, Exchange } from '../http/exchange.ts';
import type { ClientInfo } from '../http/client-info.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { BodyReader } from '../http1/body-reader.ts';
import {
  REQUEST_AWAITED,
  REQUEST_BEGUN,
  REQUEST_COMPLETE,
  REQUEST_REFUSED,
  RequestHeadReader,
} from '../http1/request-head-reader.ts';
import { KEEP_ALIVE_CLOSE, KEEP_ALIVE_REQUESTED } from '../http1/request-parser.ts';
import { PREFACE } from '../http2/protocol.ts';
import { readPlainly } from '../net/fixed-read.ts';
import { beginExchange, failExchange, runExchange } from './downstream-exchange.ts';
import {
  type Http1DownstreamContext,
  Http1Socket,
  STATE_BUSY,
  STATE_CLOSED,
  STATE_DRAIN,
  STATE_HEAD,
  STATE_TUNNEL,
} from './http1-socket.ts';

const DRAIN_MS = 30_000;

/** The first line of the preface of HTTP/2 and the empty one behind it, which end like a head (RFC 9113 §3.4). */
export const PREFACE_HEAD = PREFACE.slice(0, PREFACE.indexOf('SM'));

/** Swallows the rest of a request body. */
const DISCARD: BodySink = {
  write: () => true,
  flush: () => {},
  end: () => {},
  abort: () => {},
};

export abstract class Http1Requests extends Http1Socket {
  protected readonly head = new RequestHeadReader();
  protected readonly body = new BodyReader();
  /** The present one; null between two. */
  protected exchange: Exchange | null = null;
  /** Who takes its body; null as long as nobody does. */
  protected bodySink: BodySink | null = null;
  /** Another request may follow the present one. */
  protected keepAlive = true;
  /** The client has said that this is its last request. */
  protected isLastOfClient = false;
  protected totalDeadline: Deadline | null = null;

  constructor(
    context: Http1DownstreamContext,
    socket: net.Socket,
    client: ClientInfo,
    ticket: number,
    canRefit: boolean,
  ) {
    super(context, socket, client, ticket, canRefit);
    readPlainly(socket, this, this.reading);
  }

  // ── what goes out ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The client's side of its exchanges. */
  protected abstract get downstream(): Downstream;
  /** Bytes of another protocol. */
  protected abstract feedTunnel(chunk: Buffer, start: number, end: number): void;

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected consumeFrom(chunk: Buffer, at: number, end: number): number {
    switch (this.state) {
      case STATE_HEAD:
        return this.readHead(chunk, at, end);
      case STATE_BUSY:
      case STATE_DRAIN:
        if (!this.body.isDone && this.bodySink !== null) return this.feedBody(chunk, at, end);
        this.hold(chunk, at, end);
        return end;
      case STATE_TUNNEL:
        this.feedTunnel(chunk, at, end);
        return end;
      default:
        this.lingerOn();
        return end;
    }
  }

  protected get wantsBytes(): boolean {
    if (this.state !== STATE_BUSY && this.state !== STATE_DRAIN) return true;
    return this.bodySink !== null && !this.body.isDone;
  }

  protected get isResting(): boolean {
    return this.state === STATE_HEAD && !this.head.isPartial;
  }

  /** Returns the index behind the head, or behind what has come of it. */
  private readHead(chunk: Buffer, start: number, end: number): number {
    const { head } = this;
    switch (head.readRequest(chunk, start, end, this.context.entryPoint.settings.spec.limits)) {
      case REQUEST_COMPLETE:
        return this.begin(chunk, end);
      case REQUEST_REFUSED:
        this.refuse(head.failure!); // It says why.
        return end;
      case REQUEST_BEGUN:
        // The header timeout counts from the first byte, and only for heads that do not come whole.
        this.arm(this.timeouts.headerMs);
        return head.next;
      case REQUEST_AWAITED:
        return head.next;
    }
  }

  private open(): Exchange {
    const exchange = beginExchange(this.downstream, this.client, this.context);
    this.context.wheel.disarm(this.deadline);
    this.exchange = exchange;
    this.state = STATE_BUSY;
    this.served++;
    this.bodySink = null;
    this.isLastOfClient = false;
    return exchange;
  }

  /** Answers bytes that are no request; what follows them is not looked at. */
  protected refuse(failure: Failure): void {
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
      // Only a body of unknown length can be wrong, and of such a one no rest is drained: the exchange is there.
      this.failBody(exchange!, sink, body.failure!);
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
  protected failBody(exchange: Exchange, sink: BodySink, failure: Failure): void {
    this.body.begin(BODY_NONE, 0);
    this.keepAlive = false;
    this.bodySink = null;
    if (exchange.failure === null) exchange.failure = failure;
    sink.abort(failure);
    respondFailure(exchange, failure);
  }

  // ── the end of a request ───────────────────────────────────────────────────────────────────────────────────────

  /** The exchange is over, or about to be. */
  protected forget(): void {
    this.exchange = null;
    if (this.totalDeadline !== null) this.context.wheel.disarm(this.totalDeadline);
  }

  protected drainRequest(): void {
    if (!this.keepAlive) {
      this.closeLingering();
      return;
    }
    this.bodySink = DISCARD;
    this.state = STATE_DRAIN;
    this.arm(DRAIN_MS);
    this.proceed();
  }

  protected nextRequest(): void {
    this.bodySink = null;
    this.rest();
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
}
