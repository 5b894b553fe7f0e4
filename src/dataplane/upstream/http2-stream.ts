// One request on an HTTP/2 connection to a server: its body on the way out, its response on the way in. What the client does
// not take is held here, at most a window of it, so that a client that stalls holds up nobody else on the connection.
//
//   request   HEADERS ──body──▶ END_STREAM
//   response  1xx* ──▶ head ──body, held while the client is full──▶ END_STREAM ──▶ over
//   extended CONNECT: after a 2xx both are a tunnel
//   over before both have ended: RST_STREAM

import { heldMemory } from '../../core/held-memory.ts';
import { Deadline } from '../../core/timer-wheel.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type BodySink, type BodySource } from '../http/body.ts';
import type { Exchange, TunnelEnd } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { writeTrailers } from '../http2/trailers.ts';
import { InterimLimit } from '../http/interim-limit.ts';
import { hasNoBody } from '../http/message/status.ts';
import { webSocketAccept } from '../http/message/websocket.ts';
import { type DataSender, OutgoingStream } from '../http2/data-sender.ts';
import type { FrameOutput } from '../http2/frame-output.ts';
import type { HeaderBlockWriter } from '../http2/header-block-writer.ts';
import { HeldBytes } from '../http2/held-bytes.ts';
import { CANCEL, DEFAULT_WINDOW, PROTOCOL_ERROR } from '../http2/protocol.ts';
import { ReceiveWindow } from '../http2/receive-window.ts';
import type { ResponseOwner } from './connection-owner.ts';
import { KEPT_FOR_REFUSAL_BYTES } from './attempts.ts';
import { writeRequestHead } from './http2-request-head.ts';
import type { Http2ResponseReader } from '../http2/response-reader.ts';

/** What a response may be ahead of a client that keeps up; others get the first window. */
const MAX_STREAM_WINDOW = 512 * 1024;

/** The connection as its streams see it. */
export interface UpstreamStreamOwner {
  readonly endpoint: ResponseOwner;
  readonly output: FrameOutput;
  readonly sender: DataSender;
  readonly headers: HeaderBlockWriter;
  /** The sink of the stream wants a flush when the present read is over. */
  flushLater(stream: UpstreamHttp2Stream): void;
  /** Both sides have ended the stream. */
  completed(stream: UpstreamHttp2Stream): void;
  /** Ends the stream with an error code. */
  reset(stream: UpstreamHttp2Stream, code: number): void;
}

export class UpstreamHttp2Stream extends OutgoingStream implements BodySink, BodySource, TunnelEnd {
  /** Nothing more is sent or taken. */
  isClosed = false;
  /** The final response's head has come. */
  isAnswered = false;
  /** END_STREAM has come. */
  isResponseDone = false;
  readonly receiveWindow = new ReceiveWindow(DEFAULT_WINDOW, DEFAULT_WINDOW);
  private readonly owner: UpstreamStreamOwner;
  private exchange: Exchange | null;
  private isRequestDone = false;
  /** Of a request body with a known length: bytes still to come; -1 for others. */
  private requestLeft = -1;
  private requestTrailers: HeaderList | null = null;
  /** Made with the first interim response. */
  private interim: InterimLimit | null = null;
  private hasNoBody = false;
  /** Of a response with a known length: bytes still to come; -1 for others. */
  private responseLeft = -1;
  private incoming: HeldBytes | null = null;
  private isSinkReady = true;
  private responseTrailers: HeaderList | null = null;
  private isTunnel = false;
  private isTunnelEnded = false;
  /** For the response's head, then for a server that takes no more of a body; made when one is needed. */
  private deadline: Deadline | null = null;
  /** What it will have been when the deadline passes. */
  private late: Failure = FAILURES.upstreamResponseTimeout;

  constructor(owner: UpstreamStreamOwner, id: number, sendWindow: number, exchange: Exchange) {
    super(id, sendWindow);
    this.owner = owner;
    this.exchange = exchange;
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
    if (exchange.requestFraming === BODY_LENGTH) this.requestLeft = exchange.requestLength;
    // The server may refuse the request when some of its body is here already (RFC 9113 §8.7).
    exchange.keepBody(KEPT_FOR_REFUSAL_BYTES, false);
    exchange.readBody(this);
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    if (this.isClosed || this.isRequestDone) return true;
    let size = end - start;
    if (this.requestLeft >= 0) {
      // A body longer than announced would be a malformed message.
      if (size > this.requestLeft) size = this.requestLeft;
      this.requestLeft -= size;
    }
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
    if (this.requestLeft > 0) {
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
      if (this.isResponseDone) this.owner.completed(this);
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
    this.hasNoBody = hasNoBody(exchange.method, reader.status);
    if (endStream && !this.hasNoBody && length > 0) return false;
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
    else exchange.responseFraming = endStream || this.hasNoBody ? BODY_NONE : BODY_CHUNKED;
    exchange.responseLength = length < 0 ? 0 : length;
    this.responseLeft = this.hasNoBody ? 0 : length;
    if (reader.isEventStream && exchange.traffic === 'http') exchange.traffic = 'sse';
    // A hook may have given the response up, and a filter ended the exchange.
    if (!exchange.runResponseHooks() || this.exchange !== exchange) return true;
    exchange.responseSink.startResponse(exchange);
    if (this.exchange !== exchange) return true;
    if (endStream) this.endResponse(null);
    else this.owner.flushLater(this);
    return true;
  }

  /** Body bytes; false when there are more than may come (RFC 9113 §8.1.1). */
  receive(chunk: Buffer, start: number, end: number): boolean {
    const exchange = this.exchange!;
    if (this.isTunnel) exchange.originBytes += end - start;
    else {
      if (!this.isAnswered) return false;
      if (this.responseLeft >= 0) {
        this.responseLeft -= end - start;
        if (this.responseLeft < 0) return false;
      }
      exchange.originBytes += end - start;
    }
    if (this.incoming === null && this.isSinkReady) {
      this.pass(exchange, chunk, start, end);
      if (this.exchange === exchange) this.owner.flushLater(this);
    } else {
      (this.incoming ??= new HeldBytes()).append(chunk, start, end);
      if (heldMemory.isOver) {
        this.owner.reset(this, CANCEL);
        this.breakOff(FAILURES.memoryFull, false, false);
      }
    }
    return true;
  }

  private pass(exchange: Exchange, chunk: Buffer, start: number, end: number): void {
    const sink = this.isTunnel ? exchange.downstream : exchange.responseSink;
    // Frames of many streams share what was read.
    this.isSinkReady = sink.write(chunk, start, end, null);
    this.credit(end - start);
  }

  /** Bytes have gone on, or were none of the body's: the server may send more. */
  credit(bytes: number): void {
    // All that is left may come already.
    if (this.isClosed || this.isResponseDone || this.responseLeft === 0) return;
    let increment = this.receiveWindow.give(bytes);
    if (increment === 0) return;
    if (this.isSinkReady) increment += this.receiveWindow.widen(MAX_STREAM_WINDOW);
    this.owner.output.windowUpdate(this.id, increment);
  }

  /** END_STREAM has come; false when the body is shorter than announced. */
  endResponse(trailers: HeaderList | null): boolean {
    if (!this.isAnswered || (!this.hasNoBody && this.responseLeft > 0)) return false;
    this.isResponseDone = true;
    this.responseTrailers = trailers;
    if (this.incoming === null) this.complete();
    return true;
  }

  /** Passes on what is held, as far as the client takes it; then the end, or a flush. */
  deliver(): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    while (this.incoming !== null && this.isSinkReady) {
      const piece = this.incoming.first!;
      const { start, end } = piece;
      this.pass(exchange, piece.memory, start, end);
      // Closed by what the bytes have brought about.
      if (this.exchange !== exchange || this.incoming === null) return;
      this.incoming.consume(end - start);
      if (this.incoming.length === 0) this.incoming = null;
    }
    if (this.incoming === null && this.isResponseDone) this.complete();
    else if (this.isTunnel) exchange.downstream.flush();
    else exchange.responseSink.flush();
  }

  private complete(): void {
    const exchange = this.exchange!;
    if (this.isTunnel) {
      if (this.isTunnelEnded) return;
      this.isTunnelEnded = true;
      exchange.downstream.end(null);
      if (this.isRequestDone && !this.isClosed) this.owner.completed(this);
      return;
    }
    const sink = exchange.responseSink;
    const trailers = this.responseTrailers;
    this.exchange = null;
    exchange.responseSource = null;
    // Back to the endpoint first: ending the response may begin the client's next request.
    if (this.isRequestDone) this.owner.completed(this);
    else this.owner.reset(this, CANCEL);
    sink.end(trailers);
  }

  /** The client has room again. */
  resume(): void {
    this.isSinkReady = true;
    this.deliver();
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
    if (this.isResponseDone && this.isRequestDone) this.owner.completed(this);
    else this.owner.reset(this, CANCEL);
  }

  /** The connection has closed the stream: gives back what it holds. */
  close(): void {
    this.isClosed = true;
    this.owner.sender.remove(this);
    if (this.deadline !== null) this.owner.endpoint.context.wheel.remove(this.deadline);
    this.incoming?.clear();
    this.incoming = null;
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
    this.owner.reset(this, CANCEL);
    this.breakOff(this.late, false, false);
  }
}
