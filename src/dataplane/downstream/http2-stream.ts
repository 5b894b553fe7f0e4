// One stream of an HTTP/2 client connection: an exchange, its request body on the way in and its response on the way
// out. Stages and upstream connections see the same Downstream as with HTTP/1.1. The stream is gone as soon as both
// sides have ended it or one has reset it; the connection then forgets it.
//
//   request   HEADERS ──▶ body, held until a sink wants it ──END_STREAM──▶ done
//   response  (none) ──head──▶ body, held while windows are shut ──▶ END_STREAM, or RST_STREAM when it broke off
//   both may go on at once; a response that ends first ends the request as well, with RST_STREAM(NO_ERROR)
//   extended CONNECT: after a 2xx both are a tunnel

import { heldMemory } from '../../core/held-memory.ts';
import type { DownstreamTimeouts } from '../../model/entry-point.ts';
import { IncomingStream, type StreamOwner } from '../http2/incoming-stream.ts';
import { CANCEL, INTERNAL_ERROR, NO_ERROR } from '../http2/protocol.ts';
import type { ReceiveWindow } from '../http2/receive-window.ts';
import { BODY_LENGTH, BODY_NONE, type BodySink } from '../http/body.ts';
import { beginExchange, failExchange, leaveExchange, runExchange } from './downstream-exchange.ts';
import type { Downstream, Exchange } from '../http/exchange.ts';
import type { ClientInfo } from '../http/client-info.ts';
import type { TunnelEnd } from '../http/body.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { writeTrailers } from '../http2/trailers.ts';
import { writeInformational, writeResponseHead, writeTunnelHead } from './http2-response-head.ts';
import { respondFailure } from '../http/respond.ts';
import type { DownstreamContext } from './downstream-connection.ts';
import { hasNoBody } from '../http/message/status.ts';
import { WEBSOCKET } from '../http/message/upgrade.ts';
import { addWebSocketKey, webSocketAccept } from '../http/message/websocket.ts';

const NEVER = Number.POSITIVE_INFINITY;

export interface DownstreamStreamOwner extends StreamOwner<Http2Stream> {
  readonly context: DownstreamContext;
  /** Request body bytes have gone on, whatever has become of their stream. */
  creditConnection(bytes: number): void;
  /** `stream.expire` wants to be called at that time of the wheel. */
  watch(atMs: number): void;
}

export class Http2Stream extends IncomingStream implements Downstream {
  protected readonly owner: DownstreamStreamOwner;
  private receivedBytes = 0;
  private sink: BodySink | null = null;
  /** The request has failed; what still comes of its body is dropped. */
  private isDiscarding = false;
  private hasNoBody = false;
  private trailers: HeaderList | null = null;
  private tunnel: TunnelEnd | null = null;
  private isTunnelFinished = false;
  private webSocketKey = '';
  /** Pause of the request body, or of the tunnel. */
  private idleAtMs = NEVER;
  /** Pause in taking the response. */
  private stallAtMs = NEVER;
  private totalAtMs = NEVER;

  constructor(owner: DownstreamStreamOwner, id: number, sendWindow: number) {
    super(id, sendWindow, null, null);
    this.owner = owner;
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its head is about to be read. */
  begin(client: ClientInfo): Exchange {
    return (this.exchange = beginExchange(this, client, this.owner.context));
  }

  /** The head is complete; `bodyBytes` is its Content-Length or -1. The exchange is handled later, by `start`. */
  open(bodyBytes: number, endStream: boolean, receiveWindow: ReceiveWindow | null): void {
    this.incomingLeft = bodyBytes;
    this.isPeerDone = endStream;
    this.receiveWindow = receiveWindow;
  }

  /** Hands the request to the stages, or answers it with the refusal. */
  start(refusal: Failure | null): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    const { context } = this.owner;
    const { timeouts, limits } = context.entryPoint.settings.spec;
    if (refusal !== null) {
      respondFailure(exchange, refusal);
      return;
    }
    exchange.maxRequestBytes = limits.maxBodyBytes;
    this.armTotal(this.isPeerDone ? timeouts.writeTotalMs : timeouts.readTotalMs);
    if (exchange.upgrade === WEBSOCKET) this.webSocketKey = addWebSocketKey(exchange.requestHeaders);
    runExchange(exchange, context);
  }

  handlerFailed(exchange: Exchange, error: unknown): void {
    failExchange(exchange, this.owner.context, error);
  }

  receive(chunk: Buffer, start: number, end: number): boolean {
    const exchange = this.exchange!;
    const bytes = end - start;
    if (!this.countIncoming(bytes)) return false;
    this.receivedBytes += bytes;
    exchange.requestBytes = this.receivedBytes;
    if (this.tunnel !== null) this.arm(this.timeouts.tunnelIdleMs);
    else if (this.sink !== null && this.isTooLarge(exchange)) this.failBody(exchange, FAILURES.bodyTooLarge);
    if (this.isDiscarding) this.credit(bytes);
    else this.take(chunk, start, end);
    return true;
  }

  /** Stages may have lowered the limit since the bytes came. */
  private isTooLarge(exchange: Exchange): boolean {
    return exchange.maxRequestBytes > 0 && this.receivedBytes > exchange.maxRequestBytes;
  }

  private get timeouts(): DownstreamTimeouts {
    return this.owner.context.entryPoint.settings.spec.timeouts;
  }

  protected get hasSink(): boolean {
    return this.sink !== null || this.tunnel !== null;
  }

  /** Frames of many streams share what was read: it has no owner. */
  protected pass(chunk: Buffer, start: number, end: number): void {
    if (this.tunnel !== null) this.isSinkReady = this.tunnel.write(chunk, start, end, null);
    else this.isSinkReady = this.sink!.write(chunk, start, end, null);
  }

  /** On the stream only while it is open. */
  credit(bytes: number): void {
    this.owner.creditConnection(bytes);
    if (this.isClosed || this.isPeerDone || this.receiveWindow === null) return;
    const increment = this.receiveWindow.give(bytes);
    if (increment > 0) this.owner.output.windowUpdate(this.id, increment);
  }

  /** END_STREAM has come; false when the body is shorter than Content-Length says. */
  endRequest(trailers: HeaderList | null): boolean {
    if (!this.endIncoming(trailers)) return false;
    this.idleAtMs = NEVER;
    if (this.tunnel === null) this.armTotal(this.timeouts.writeTotalMs);
    this.owner.flushLater(this);
    return true;
  }

  /** Trailers that may not be forwarded. */
  refuseTrailers(): void {
    this.isPeerDone = true;
    this.failBody(this.exchange!, FAILURES.badTrailer);
  }

  override deliver(): void {
    const exchange = this.exchange;
    if (exchange !== null && this.sink !== null && this.tunnel === null && this.isTooLarge(exchange)) {
      this.failBody(exchange, FAILURES.bodyTooLarge);
    } else super.deliver();
  }

  protected passPause(): void {
    if (this.incoming !== null) this.idleAtMs = NEVER;
    else if (this.tunnel === null) {
      const { readIdleMs, tunnelIdleMs } = this.timeouts;
      // Calls of gRPC stay open without a message for as long as they like, as tunnels do.
      if (this.isSinkReady) this.arm(this.exchange!.traffic === 'grpc' ? tunnelIdleMs : readIdleMs);
      else this.idleAtMs = NEVER;
      this.sink!.flush();
    }
  }

  protected passEnd(): void {
    if (this.tunnel !== null) {
      this.tunnel.finish();
      this.tunnelEnded();
    } else this.sink!.end(this.peerTrailers);
  }

  readBody(sink: BodySink): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.requestFraming === BODY_NONE || this.isEndPassed) return;
    this.sink = sink;
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // Once, and not to a client that has begun to send without waiting (RFC 9110 §10.1.1).
      if (this.receivedBytes === 0 && !this.isPeerDone) {
        writeInformational(this.owner.headers, 100, null, this.id, this.lastFrame);
      }
    }
    this.deliver();
  }

  resumeBody(): void {
    this.resume();
  }

  /** The request turned out too large or too slow while its body was being read. */
  private failBody(exchange: Exchange, failure: Failure): void {
    const { sink } = this;
    this.sink = null;
    this.isDiscarding = true;
    this.idleAtMs = NEVER;
    if (exchange.failure === null) exchange.failure = failure;
    sink?.abort(failure);
    respondFailure(exchange, failure);
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────────────────────

  startResponse(exchange: Exchange): void {
    if (this.isClosed) return;
    if (exchange.upgrade !== '' && exchange.status < 300) {
      this.refuseTunnel(exchange);
      return;
    }
    exchange.isResponseStarted = true;
    this.hasNoBody = hasNoBody(exchange.method, exchange.status) || exchange.responseFraming === BODY_NONE;
    this.outgoingLeft = !this.hasNoBody && exchange.responseFraming === BODY_LENGTH ? exchange.responseLength : -1;
    writeResponseHead(this.owner.headers, exchange, this.id, false, this.lastFrame);
  }

  /** To the client of an extended CONNECT, a 2xx would say that the server speaks the protocol from here on. */
  private refuseTunnel(exchange: Exchange): void {
    exchange.dropSource();
    exchange.upgrade = '';
    respondFailure(exchange, FAILURES.upgradeRefused);
  }

  sendInformational(status: number, _reason: string, headers: HeaderList): void {
    if (this.isClosed) return;
    writeInformational(this.owner.headers, status, headers, this.id, this.lastFrame);
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    const exchange = this.exchange;
    if (exchange === null || this.isClosed || this.hasNoBody) return true;
    const size = this.countOutgoing(end - start);
    if (size === 0) return true;
    exchange.responseBytes += size;
    if (this.tunnel !== null) this.arm(this.timeouts.tunnelIdleMs);
    if (this.owner.sender.write(this, chunk, start, start + size)) return true;
    if (this.stallAtMs === NEVER) this.armStall();
    if (heldMemory.isOver) this.hurry();
    return false;
  }

  /** Frames leave by themselves when the turn of the event loop is over. */
  flush(): void {}

  end(trailers: HeaderList | null): void {
    const exchange = this.exchange;
    if (exchange === null || this.isClosed || this.isEnding) return;
    if (this.outgoingLeft > 0) {
      this.abort(FAILURES.internal);
      return;
    }
    this.trailers = trailers !== null && trailers.count > 0 && !this.hasNoBody ? trailers : null;
    this.owner.sender.end(this);
  }

  /** Called when everything held has been framed. */
  sendEnd(): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    if (this.trailers === null) this.owner.output.endStream(this.id, this.lastFrame);
    else writeTrailers(this.owner.headers, this.trailers, this.id, this.lastFrame);
    this.stallAtMs = NEVER;
    if (this.tunnel !== null) {
      this.tunnelEnded();
      return;
    }
    this.finish(exchange);
    if (this.isPeerDone) this.owner.completed(this);
    // RFC 9113 §8.1: the rest of the request is of no use, and the response is not to be discarded.
    else this.owner.reset(this, NO_ERROR);
  }

  /** The client takes bytes again. */
  hasRoom(): void {
    this.stallAtMs = NEVER;
    if (this.tunnel !== null) this.tunnel.resume();
    else this.exchange?.responseSource?.resume();
  }

  abort(failure: Failure): void {
    const exchange = this.exchange;
    if (exchange !== null) {
      if (exchange.failure === null) exchange.failure = failure;
      this.finish(exchange);
    }
    if (!this.isClosed) this.owner.reset(this, failure.status === 499 ? CANCEL : INTERNAL_ERROR);
  }

  private finish(exchange: Exchange): void {
    this.forget();
    exchange.finish();
  }

  /** The exchange is over, or about to be. */
  private forget(): void {
    this.exchange = null;
    this.totalAtMs = this.idleAtMs = this.stallAtMs = NEVER;
  }

  // ── tunnel ─────────────────────────────────────────────────────────────────────────────────────────────────────

  startTunnel(exchange: Exchange, upstream: TunnelEnd): void {
    const accept = exchange.responseHeaders.get('sec-websocket-accept');
    if (this.webSocketKey !== '' && accept !== webSocketAccept(this.webSocketKey)) {
      this.refuseTunnel(exchange);
      return;
    }
    exchange.isResponseStarted = true;
    exchange.status = 200;
    exchange.responseHeaders.delete('sec-websocket-accept');
    this.tunnel = upstream;
    this.isSinkReady = true;
    this.totalAtMs = NEVER;
    writeTunnelHead(this.owner.headers, exchange, this.id, this.lastFrame);
    this.arm(this.timeouts.tunnelIdleMs);
    this.deliver();
  }

  resumeTunnel(): void {
    this.resume();
  }

  /** One direction has ended. */
  private tunnelEnded(): void {
    if (!this.isTunnelFinished) {
      this.isTunnelFinished = true;
      return;
    }
    const { exchange, tunnel } = this;
    this.tunnel = null;
    if (exchange !== null) this.finish(exchange);
    this.owner.completed(this);
    tunnel?.destroy();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The client has ended the stream or is gone: stops the upstream's work and records the exchange. */
  cancel(failure: Failure): void {
    const { exchange, sink, tunnel } = this;
    if (exchange === null) return;
    this.sink = null;
    this.tunnel = null;
    this.forget();
    leaveExchange(exchange, failure, tunnel, sink)();
  }

  /** Acts on deadlines that have passed; returns the next one. */
  expire(nowMs: number): number {
    const exchange = this.exchange;
    if (exchange === null) return NEVER;
    if (this.totalAtMs <= nowMs) {
      if (!this.isPeerDone && !exchange.isResponseStarted) this.failBody(exchange, FAILURES.requestTimeout);
      else this.giveUp(FAILURES.clientStalled);
    } else if (this.idleAtMs <= nowMs) {
      if (this.tunnel !== null) this.giveUp(FAILURES.tunnelIdle);
      else this.failBody(exchange, FAILURES.requestTimeout);
    } else if (this.stallAtMs <= nowMs) {
      if (this.hasProgressed) this.armStall();
      else this.giveUp(FAILURES.clientStalled);
    }
    return Math.min(this.totalAtMs, this.idleAtMs, this.stallAtMs);
  }

  protected giveUp(failure: Failure): void {
    this.cancel(failure);
    if (!this.isClosed) this.owner.reset(this, CANCEL);
  }

  private armStall(): void {
    const ms = this.timeouts.writeIdleMs;
    if (ms <= 0) return;
    this.hasProgressed = false;
    this.stallAtMs = this.owner.context.wheel.nowMs + ms;
    this.owner.watch(this.stallAtMs);
  }

  /** There is no room for what waits: the client takes some of it now, or is given up. */
  private hurry(): void {
    const { wheel } = this.owner.context;
    this.hasProgressed = false;
    this.stallAtMs = wheel.nowMs;
    this.owner.watch(wheel.nowMs);
  }

  private arm(ms: number): void {
    if (ms <= 0) return;
    this.idleAtMs = this.owner.context.wheel.nowMs + ms;
    this.owner.watch(this.idleAtMs);
  }

  private armTotal(ms: number): void {
    this.totalAtMs = ms <= 0 ? NEVER : this.owner.context.wheel.nowMs + ms;
    if (ms > 0) this.owner.watch(this.totalAtMs);
  }
}
