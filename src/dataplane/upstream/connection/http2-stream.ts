// One request on an HTTP/2 connection to a server: its body on the way out, its response on the way in. What the client
// does not take is held here, at most a window of it, so that a client that stalls holds up nobody else on the
// connection.
//
//   request   HEADERS ──body──▶ END_STREAM
//   response  1xx* ──▶ head ──body, held while the client is full──▶ END_STREAM ──▶ over
//   extended CONNECT: after a 2xx both are a tunnel
//   over before both have ended: RST_STREAM

import { Deadline } from '../../../core/timer-wheel.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type BodySink, type BodySource } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { TunnelEnd } from '../../http/body.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { writeTrailers } from '../../http2/trailers.ts';
import { InterimLimit } from '../../http/interim-limit.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { webSocketAccept } from '../../http/message/websocket.ts';
import { IncomingStream, type StreamOwner } from '../../http2/incoming-stream.ts';
import { CANCEL, DEFAULT_WINDOW, PROTOCOL_ERROR } from '../../http2/protocol.ts';
import { ReceiveWindow } from '../../http2/receive-window.ts';
import type { ResponseOwner } from '../connection-owner.ts';
import { KEPT_FOR_REFUSAL_BYTES } from '../attempts.ts';
import { writeRequestHead } from './http2-request-head.ts';
import type { Http2ResponseReader } from '../../http2/response-reader.ts';

/** What a response may be ahead of a client that keeps up; others get the first window. */
const MAX_STREAM_WINDOW = 512 * 1024;

export interface UpstreamStreamOwner extends StreamOwner<UpstreamHttp2Stream> {
  readonly endpoint: ResponseOwner;
}

export class UpstreamHttp2Stream extends IncomingStream implements BodySink, BodySource, TunnelEnd {
  /** The final response's head has come. */
  isAnswered = false;
  protected readonly owner: UpstreamStreamOwner;
  private isRequestDone = false;
  private requestTrailers: HeaderList | null = null;
  /** Made with the first interim response. */
  private interim: InterimLimit | null = null;
  private isTunnel = false;
  /** For the response's head, then for a server that takes no more of a body; made when one is needed. */
  private deadline: Deadline | null = null;
  /** What it will have been when the deadline passes. */
  private late: Failure = FAILURES.upstreamResponseTimeout;

  constructor(owner: UpstreamStreamOwner, id: number, sendWindow: number, exchange: Exchange) {
    super(id, sendWindow, exchange, new ReceiveWindow(DEFAULT_WINDOW, DEFAULT_WINDOW));
    this.owner = owner;
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────────────────────

  start(): void {
    const exchange = this.exchange!;
    const { owner } = this;
    exchange.responseSource = this;
    const isTunnel = exchange.upgrade !== '';
    const endStream = exchange.requestFraming === BODY_NONE && !isTunnel;
    writeRequestHead(owner.headers, exchange, owner.endpoint.server, this.id, endStream, this.lastFrame);
    if (exchange.requestFraming === BODY_NONE) {
      this.isRequestDone = endStream;
      this.armHead();
      return;
    }
    if (exchange.requestFraming === BODY_LENGTH) this.outgoingLeft = exchange.requestLength;
    // The server may refuse the request when some of its body is here already (RFC 9113 §8.7).
    exchange.keepBody(KEPT_FOR_REFUSAL_BYTES, false);
    exchange.readBody(this);
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    if (this.isClosed || this.isRequestDone) return true;
    const size = this.countOutgoing(end - start);
    if (size === 0) return true;
    if (this.owner.sender.write(this, chunk, start, start + size)) return true;
    this.armStall();
    return false;
  }

  /** Frames leave by themselves when the turn of the event loop is over. */
  flush(): void {}

  /** The request is complete. */
  end(trailers: HeaderList | null): void {
    if (this.isClosed || this.isRequestDone || this.isEnding) return;
    if (this.outgoingLeft > 0) {
      this.cancel();
      return;
    }
    this.requestTrailers = trailers !== null && trailers.count > 0 ? trailers : null;
    this.owner.sender.end(this);
  }

  /** Called when everything held has been framed. */
  sendEnd(): void {
    if (this.isClosed) return;
    if (this.requestTrailers === null) this.owner.output.endStream(this.id, this.lastFrame);
    else writeTrailers(this.owner.headers, this.requestTrailers, this.id, this.lastFrame);
    this.isRequestDone = true;
    if (this.isTunnel) {
      if (this.isPeerDone) this.owner.completed(this);
    } else if (!this.isAnswered) this.armHead();
    else this.disarm();
  }

  /** The server takes bytes again. */
  hasRoom(): void {
    this.disarm();
    if (this.isTunnel) this.exchange?.downstream.resumeTunnel();
    else if (!this.isRequestDone) this.exchange?.downstream.resumeBody();
  }

  /** The request will not be completed: the server must not take it for whole. */
  abort(): void {
    this.cancel();
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where fields of the next head go. */
  get responseHeaders(): HeaderList {
    return this.exchange!.responseHeaders;
  }

  /** A head has been read; false when it may not come. */
  readHead(reader: Http2ResponseReader, endStream: boolean): boolean {
    const exchange = this.exchange!;
    if (reader.status >= 200) return this.beginResponse(exchange, reader, endStream);
    this.interim ??= new InterimLimit();
    if (endStream || !this.interim.allow(this.owner.endpoint.context.wheel.nowMs)) return false;
    // 100 is ours to give, and was given when the body was first wanted.
    if (reader.status !== 100) exchange.downstream.sendInformational(reader.status, '', exchange.responseHeaders);
    exchange.responseHeaders.clear();
    return true;
  }

  private beginResponse(exchange: Exchange, reader: Http2ResponseReader, endStream: boolean): boolean {
    const { endpoint } = this.owner;
    const length = reader.contentLength;
    const isBodiless = hasNoBody(exchange.method, reader.status);
    if (endStream && !isBodiless && length > 0) return false;
    this.isAnswered = true;
    if (this.isRequestDone) this.disarm();
    exchange.status = reader.status;
    exchange.reason = '';
    exchange.originStatus = reader.status;
    endpoint.answered(exchange);
    if (endpoint.context.keepOriginHeaders) exchange.originHeaders = exchange.responseHeaders.clone();
    if (exchange.upgrade !== '') {
      if (reader.status < 300 && !endStream) {
        this.beginTunnel(exchange);
        return true;
      }
      this.end(null);
    }
    if (length >= 0) exchange.responseFraming = BODY_LENGTH;
    else exchange.responseFraming = endStream || isBodiless ? BODY_NONE : BODY_CHUNKED;
    exchange.responseLength = length < 0 ? 0 : length;
    this.incomingLeft = isBodiless ? 0 : length;
    if (reader.isEventStream && exchange.traffic === 'http') exchange.traffic = 'sse';
    // A hook may have given the response up, and a filter ended the exchange.
    if (!exchange.runResponseHooks() || this.exchange !== exchange) return true;
    exchange.responseSink.startResponse(exchange);
    if (this.exchange !== exchange) return true;
    if (endStream) this.endResponse(null);
    else this.owner.flushLater(this);
    return true;
  }

  receive(chunk: Buffer, start: number, end: number): boolean {
    const bytes = end - start;
    if (!this.isTunnel && (!this.isAnswered || !this.countIncoming(bytes))) return false;
    this.exchange!.originBytes += bytes;
    this.take(chunk, start, end);
    return true;
  }

  protected get hasSink(): boolean {
    return true;
  }

  /** Frames of many streams share what was read: it has no owner. */
  protected pass(chunk: Buffer, start: number, end: number): void {
    const exchange = this.exchange!;
    const sink = this.isTunnel ? exchange.downstream : exchange.responseSink;
    this.isSinkReady = sink.write(chunk, start, end, null);
  }

  credit(bytes: number): void {
    // All that is left may come already.
    if (this.isClosed || this.isPeerDone || this.incomingLeft === 0) return;
    const receiveWindow = this.receiveWindow!;
    let increment = receiveWindow.give(bytes);
    if (increment === 0) return;
    if (this.isSinkReady) increment += receiveWindow.widen(MAX_STREAM_WINDOW);
    this.owner.output.windowUpdate(this.id, increment);
  }

  /** END_STREAM has come; false when the body is shorter than announced. */
  endResponse(trailers: HeaderList | null): boolean {
    if (!this.isAnswered || !this.endIncoming(trailers)) return false;
    if (this.incoming === null) this.finishPassing();
    return true;
  }

  protected passPause(): void {
    const exchange = this.exchange!;
    if (this.isTunnel) exchange.downstream.flush();
    else exchange.responseSink.flush();
  }

  protected passEnd(): void {
    const exchange = this.exchange!;
    if (this.isTunnel) {
      exchange.downstream.end(null);
      if (this.isRequestDone && !this.isClosed) this.owner.completed(this);
      return;
    }
    const sink = exchange.responseSink;
    const trailers = this.peerTrailers;
    this.exchange = null;
    exchange.responseSource = null;
    // Back to the endpoint first: ending the response may begin the client's next request.
    if (this.isRequestDone) this.owner.completed(this);
    else this.owner.reset(this, CANCEL);
    sink.end(trailers);
  }

  // ── tunnel ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** For the client's side, the answer to the handshake it began; see RFC 8441 §5. */
  private beginTunnel(exchange: Exchange): void {
    const key = exchange.requestHeaders.get('sec-websocket-key') ?? '';
    exchange.status = 101;
    exchange.responseHeaders.set('Sec-WebSocket-Accept', webSocketAccept(key));
    this.isTunnel = true;
    this.disarm();
    if (!exchange.runResponseHooks() || this.exchange !== exchange) return;
    exchange.downstream.startTunnel(exchange, this);
  }

  /** The client's side of the tunnel has ended. */
  finish(): void {
    this.end(null);
  }

  destroy(): void {
    this.cancel();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The client is gone, or its request is broken: stop the server's work. */
  cancel(): void {
    if (this.isClosed) return;
    this.exchange = null;
    if (this.isPeerDone && this.isRequestDone) this.owner.completed(this);
    else this.owner.reset(this, CANCEL);
  }

  override close(): number {
    if (this.deadline !== null) this.owner.endpoint.context.wheel.remove(this.deadline);
    return super.close();
  }

  /** The server wants no more of the request, whose response is there. */
  stopRequest(): void {
    this.isRequestDone = true;
    this.owner.sender.remove(this);
    this.disarm();
  }

  /**
   * The stream is closed, and the attempt with it. `isUnseen`: the server has surely not acted on the request.
   */
  breakOff(failure: Failure, wasReused: boolean, isUnseen: boolean): void {
    const exchange = this.exchange;
    this.exchange = null;
    if (exchange === null) return;
    const isUntouched = !this.isAnswered && this.interim === null;
    exchange.attempt.failed(failure, isUntouched, wasReused, isUnseen && !this.isAnswered);
    this.owner.endpoint.failed(exchange);
  }

  protected giveUp(failure: Failure): void {
    this.owner.reset(this, CANCEL);
    this.breakOff(failure, false, false);
  }

  /** Ends the stream for what the server did wrong on it. */
  breakResponse(failure: Failure): void {
    if (this.isClosed) return;
    this.owner.reset(this, PROTOCOL_ERROR);
    this.breakOff(failure, false, false);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** From the end of the request to the response's head. */
  private armHead(): void {
    this.arm(this.owner.endpoint.transport.responseHeaderTimeoutMs, FAILURES.upstreamResponseTimeout);
  }

  private armStall(): void {
    this.hasProgressed = false;
    this.arm(this.owner.endpoint.transport.writeIdleTimeoutMs, FAILURES.upstreamWriteTimeout);
  }

  private arm(ms: number, late: Failure): void {
    this.disarm();
    if (ms <= 0) return;
    this.late = late;
    this.deadline ??= new Deadline(() => this.expired());
    this.owner.endpoint.context.wheel.arm(this.deadline, ms);
  }

  private disarm(): void {
    if (this.deadline !== null) this.owner.endpoint.context.wheel.disarm(this.deadline);
  }

  private expired(): void {
    if (this.isClosed) return;
    if (this.late === FAILURES.upstreamWriteTimeout && this.hasProgressed) {
      // Slow, but moving.
      this.armStall();
      return;
    }
    this.giveUp(this.late);
  }
}
