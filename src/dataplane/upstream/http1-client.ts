// One connection to a server: writes a request, reads its response, and is kept for the next one when both ended where
// they said. It owns the upstream side's framing; anything unexpected destroys it, and a destroyed connection never
// returns to the endpoint's idle list.
//
//   DIALING ──▶ IDLE ◀──▶ AWAIT (request sent or being sent) ──head──▶ BODY ──▶ IDLE | DEAD
//                           └──101──▶ TUNNEL ──▶ DEAD

import type net from 'node:net';
import type tls from 'node:tls';
import { Deadline } from '../../core/timer-wheel.ts';
import { BODY_CLOSE, BODY_LENGTH, BODY_NONE, type BodyFraming, type BodySink, type BodySource } from '../http/body.ts';
import { BodyReader } from '../http/body-reader.ts';
import type { Exchange, TunnelEnd } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { HEAD_COMPLETE, HEAD_PARTIAL, HEAD_TOO_LARGE, HeadReader } from '../http/head-reader.ts';
import type { HeaderList } from '../http/header-list.ts';
import { MessageWriter, type ChunkOwner } from '../http/message-writer.ts';
import { respondFailure } from '../http/respond.ts';
import { hasNoBody } from '../http/status.ts';
import { connectFixed, Reading, type ReadTarget } from '../net/fixed-read.ts';
import { isUntrusted, pinProblem } from '../tls/upstream-tls.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { renderRequestHead } from './request-head.ts';
import type { Address } from './resolver.ts';

const STATE_DIALING = 0;
const STATE_IDLE = 1;
const STATE_AWAIT = 2;
const STATE_BODY = 3;
const STATE_TUNNEL = 4;
const STATE_DEAD = 5;

const ALPN_PROTOCOLS = ['http/1.1'];
/** An upstream that answers with interim responses only is broken or hostile. */
const MAX_INFORMATIONAL = 10;

export class Http1ClientConnection implements ReadTarget, BodySink, BodySource, TunnelEnd {
  private readonly endpoint: ConnectionOwner<Http1ClientConnection>;
  private readonly reading = new Reading();
  private readonly head = new HeadReader();
  private readonly body = new BodyReader();
  private readonly deadline: Deadline;
  private writer: MessageWriter | null = null;
  private socket: net.Socket | null = null;
  private state = STATE_DIALING;
  private exchange: Exchange | null = null;
  private addresses: readonly Address[] = [];
  private served = 0;
  private isPaused = false;
  private requestDone = true;
  /** Memory of the request body's chunk being written. */
  private bodyOwner: ChunkOwner | null = null;
  private informational = 0;
  /** The server said something: trying again could do things twice. */
  private hasAnswered = false;
  private framing: BodyFraming = BODY_NONE;
  private keepAlive = true;
  /** TCP is there and TLS is not yet. */
  private isShakingHands = false;

  constructor(endpoint: ConnectionOwner<Http1ClientConnection>) {
    this.endpoint = endpoint;
    this.deadline = new Deadline(() => this.expired());
  }

  /** The exchange this connection is opened for; `dial` or `failDial` follows. */
  assign(exchange: Exchange): void {
    this.exchange = exchange;
    exchange.responseSource = this;
  }

  // ── dialing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Tries the addresses in order within one dial timeout. */
  dial(addresses: readonly Address[]): void {
    if (this.state === STATE_DEAD) return;
    this.addresses = addresses;
    this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.dialTimeoutMs);
    this.dialNext();
  }

  private dialNext(): void {
    const address = this.addresses[0]!;
    this.addresses = this.addresses.slice(1);
    const { server } = this.endpoint;
    const where = { host: address.host, port: server.port, family: address.family };
    if (server.scheme === 'https') {
      this.dialSecurely(where);
      return;
    }
    const socket = connectFixed(where, this, this.reading);
    this.socket = socket;
    socket.once('connect', () => this.connected());
  }

  private dialSecurely(where: { host: string; port: number; family: 4 | 6 }): void {
    const { endpoint } = this;
    const spec = endpoint.transport.tls;
    let options: tls.ConnectionOptions;
    try {
      options = endpoint.context.tls.optionsFor(spec, endpoint.server.host, ALPN_PROTOCOLS);
    } catch {
      this.failDial(FAILURES.upstreamTls);
      return;
    }
    const context = options.secureContext;
    if (endpoint.tlsSession?.context === context) options.session = endpoint.tlsSession?.ticket;
    // Given options, the socket is one of TLS.
    const socket = connectFixed(where, this, this.reading, options) as tls.TLSSocket;
    this.socket = socket;
    socket.on('session', (ticket) => {
      endpoint.tlsSession = { context, ticket };
    });
    socket.once('connect', () => {
      this.isShakingHands = true;
    });
    socket.once('secureConnect', () => {
      const problem = pinProblem(spec, socket.getPeerCertificate());
      if (problem === null) this.connected();
      else socket.destroy(problem);
    });
  }

  private connected(): void {
    if (this.state !== STATE_DIALING) return;
    const { wheel } = this.endpoint.context;
    wheel.disarm(this.deadline);
    this.writer = new MessageWriter(this.socket!, wheel, this.endpoint.transport.writeIdleTimeoutMs, () =>
      this.breakOff(FAILURES.upstreamWriteTimeout),
    );
    this.state = STATE_IDLE;
    const exchange = this.exchange;
    if (exchange !== null) this.start(exchange);
  }

  failDial(failure: Failure): void {
    const exchange = this.exchange;
    this.exchange = null;
    this.destroy(true);
    if (exchange !== null) this.endpoint.failed(exchange, failure, false);
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────────────────────

  start(exchange: Exchange): void {
    const writer = this.writer!;
    this.exchange = exchange;
    exchange.responseSource = this;
    this.state = STATE_AWAIT;
    this.informational = 0;
    writer.begin(renderRequestHead(exchange, this.endpoint.server), exchange.requestFraming, exchange.requestLength);
    if (exchange.requestFraming === BODY_NONE) {
      this.requestDone = true;
      writer.flush();
      this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.responseHeaderTimeoutMs);
      return;
    }
    this.requestDone = false;
    this.endpoint.context.wheel.disarm(this.deadline);
    const { downstream } = exchange;
    this.bodyOwner = { claim: () => downstream.claimBody() };
    downstream.readBody(this);
    if (this.exchange === exchange) writer.flush();
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    if (this.state === STATE_DEAD) return true;
    const writer = this.writer!;
    writer.write(chunk, start, end, this.bodyOwner);
    if (this.state === STATE_TUNNEL) writer.flush();
    return writer.hasRoom();
  }

  flush(): void {
    if (this.state !== STATE_DEAD) this.writer?.flush();
  }

  /** The request is complete. */
  end(trailers: HeaderList | null): void {
    if (this.state === STATE_DEAD) return;
    this.writer!.end(trailers);
    this.requestDone = true;
    this.bodyOwner = null;
    if (this.state === STATE_AWAIT) {
      this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.responseHeaderTimeoutMs);
    }
  }

  /** The request will not be completed: the server must not take it for whole. */
  abort(): void {
    this.cancel();
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    switch (this.state) {
      case STATE_AWAIT:
        this.readHead(chunk, 0, length);
        return;
      case STATE_BODY:
        this.readBody(chunk, 0, length);
        return;
      case STATE_TUNNEL:
        this.exchange!.originBytes += length;
        if (!this.exchange!.downstream.write(chunk, 0, length)) this.pause();
        this.exchange?.downstream.flush();
        return;
      default:
        // Bytes nobody asked for: the next client would get them as an answer.
        this.destroy();
    }
  }

  private readHead(chunk: Buffer, start: number, end: number): void {
    const { transport, context } = this.endpoint;
    const { head } = this;
    const { parser } = context;
    let at = start;
    do {
      const outcome = head.read(chunk, at, end, transport.maxResponseHeaderBytes);
      if (outcome === HEAD_PARTIAL) return;
      const exchange = this.exchange!;
      const headers = exchange.responseHeaders;
      const failure =
        outcome === HEAD_COMPLETE
          ? parser.parse(head.text, head.length, exchange.method, transport.maxResponseHeaderCount, headers)
          : outcome === HEAD_TOO_LARGE
            ? FAILURES.upstreamHeadersTooLarge
            : FAILURES.upstreamBadResponse;
      head.text = '';
      at = head.next;
      if (failure !== null) {
        this.hasAnswered = true;
        this.breakOff(failure);
        return;
      }
      if (parser.status === 101) {
        this.switchProtocols(exchange, chunk, at, end);
        return;
      }
      if (parser.status >= 200) {
        this.beginResponse(exchange, chunk, at, end);
        return;
      }
      if (++this.informational > MAX_INFORMATIONAL) {
        this.breakOff(FAILURES.upstreamBadResponse);
        return;
      }
      // 100 is ours to give, and was given when the body was first wanted.
      if (parser.status !== 100) exchange.downstream.sendInformational(parser.status, parser.reason, headers);
      headers.clear();
    } while (at < end);
  }

  private beginResponse(exchange: Exchange, chunk: Buffer, at: number, end: number): void {
    const parser = this.endpoint.context.parser;
    const wheel = this.endpoint.context.wheel;
    exchange.status = parser.status;
    exchange.reason = parser.reason;
    exchange.originStatus = parser.status;
    this.endpoint.answered(exchange);
    exchange.responseFraming = parser.framing;
    exchange.responseLength = parser.length < 0 ? 0 : parser.length;
    if (parser.isEventStream && exchange.traffic === 'http') exchange.traffic = 'sse';
    if (this.endpoint.context.keepOriginHeaders) exchange.originHeaders = exchange.responseHeaders.clone();
    this.keepAlive = parser.keepAlive;
    const { body } = this;
    this.framing = hasNoBody(exchange.method, parser.status) ? BODY_NONE : parser.framing;
    body.begin(this.framing, exchange.responseLength);
    this.state = STATE_BODY;
    if (!exchange.runResponseHooks()) return;
    exchange.responseSink.startResponse(exchange);
    // A filter may have ended the exchange.
    if (this.exchange !== exchange) return;
    if (body.isDone) {
      this.complete(exchange, end - at, null);
      return;
    }
    if (body.remaining > end - at || this.framing !== BODY_LENGTH) this.reading.useSlabs();
    if (at < end) this.readBody(chunk, at, end);
    else {
      wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
      exchange.responseSink.flush();
    }
  }

  private readBody(chunk: Buffer, start: number, end: number): void {
    const exchange = this.exchange!;
    const { body } = this;
    const sink = exchange.responseSink;
    const before = body.bytes;
    const at = body.feed(chunk, start, end, sink, 0);
    exchange.originBytes += body.bytes - before;
    // The sink may have ended the exchange: the client left.
    if (this.exchange !== exchange) return;
    if (at < 0) {
      this.breakOff(FAILURES.upstreamBadResponse);
      return;
    }
    if (body.isDone) {
      this.complete(exchange, end - at, body.trailers);
      return;
    }
    sink.flush();
    if (this.exchange !== exchange) return;
    if (body.isSinkReady) this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
    else {
      this.endpoint.context.wheel.disarm(this.deadline);
      this.pause();
    }
  }

  /** `extra` bytes follow what should be the end: then nothing about this connection can be believed any more. */
  private complete(exchange: Exchange, extra: number, trailers: HeaderList | null): void {
    const sink = exchange.responseSink;
    this.exchange = null;
    this.served++;
    this.reading.useShared();
    exchange.responseSource = null;
    this.endpoint.context.wheel.disarm(this.deadline);
    // Back to the endpoint first: ending the response may begin the client's next request, which can use it.
    if (extra === 0 && this.keepAlive && this.requestDone && this.framing !== BODY_CLOSE) {
      this.state = STATE_IDLE;
      this.unpause();
      this.endpoint.release(this);
    } else this.destroy(true);
    sink.end(trailers);
  }

  private switchProtocols(exchange: Exchange, chunk: Buffer, at: number, end: number): void {
    const parser = this.endpoint.context.parser;
    if (exchange.upgrade === '' || parser.upgrade !== exchange.upgrade) {
      this.breakOff(FAILURES.upgradeRefused);
      return;
    }
    exchange.status = 101;
    exchange.reason = parser.reason;
    exchange.originStatus = 101;
    if (this.endpoint.context.keepOriginHeaders) exchange.originHeaders = exchange.responseHeaders.clone();
    this.state = STATE_TUNNEL;
    this.endpoint.context.wheel.disarm(this.deadline);
    this.writer!.begin('', BODY_CLOSE, 0);
    if (!exchange.runResponseHooks()) return;
    exchange.downstream.startTunnel(exchange, this);
    if (at < end && this.exchange === exchange) {
      exchange.originBytes += end - at;
      if (!exchange.downstream.write(chunk, at, end)) this.pause();
      exchange.downstream.flush();
    }
  }

  /** The client has room again. */
  resume(): void {
    if (this.state === STATE_BODY) {
      this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
    }
    this.unpause();
  }

  claim(): boolean {
    return this.reading.claim();
  }

  /** The client is gone, or its request is broken: stop the server's work. */
  cancel(): void {
    this.exchange = null;
    this.destroy(true);
  }

  /** The client's side of the tunnel has ended. */
  finish(): void {
    this.flush();
    this.socket?.end();
  }

  /** Kept without a request. */
  rest(): void {
    this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.idleConnTimeoutMs);
  }

  private pause(): void {
    if (this.isPaused || this.socket === null) return;
    this.isPaused = true;
    this.socket.pause();
  }

  private unpause(): void {
    if (!this.isPaused || this.socket === null) return;
    this.isPaused = false;
    this.socket.resume();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  onDrain(): void {
    this.writer?.drained();
    if (this.exchange === null) return;
    if (this.state === STATE_TUNNEL) this.exchange.downstream.resumeTunnel();
    else this.exchange.downstream.resumeBody();
  }

  /**
   * libuv says the same of a reset that comes with the last bytes as of an orderly end, and half a body would pass for the
   * whole. The kernel knows: after a reset even a write of nothing fails, and `onClose` gets the error. A Unix socket fails
   * like that after any end, and has no resets.
   */
  onEnd(): void {
    const { exchange, socket } = this;
    if (exchange === null || socket === null) {
      this.destroy();
      return;
    }
    // A tunnel whose other direction has ended takes no write; it has nothing that could pass for whole either.
    if (socket.writableEnded || this.endpoint.server.host.startsWith('@')) {
      this.ended(exchange);
      return;
    }
    if (socket.writableLength === 0) socket.write('');
    setImmediate(() => {
      if (this.exchange === exchange && socket.errored === null) this.ended(exchange);
    });
  }

  private ended(exchange: Exchange): void {
    if (this.state === STATE_TUNNEL) exchange.downstream.end(null);
    else if (this.state === STATE_BODY && this.framing === BODY_CLOSE) this.complete(exchange, 0, null);
    else this.lost(FAILURES.upstreamClosed);
  }

  onClose(error: Error | null): void {
    if (this.state === STATE_DIALING) {
      this.dialFailed(error);
      return;
    }
    this.lost(error === null ? FAILURES.upstreamClosed : FAILURES.upstreamReset);
  }

  private dialFailed(error: Error | null): void {
    if (this.exchange !== null && this.addresses.length > 0) {
      this.isShakingHands = false;
      this.dialNext();
      return;
    }
    if (this.isShakingHands) {
      // A session the server no longer takes must not stand in the way of the next attempt.
      this.endpoint.tlsSession = null;
      this.failDial(error !== null && isUntrusted(error) ? FAILURES.upstreamUntrusted : FAILURES.upstreamTls);
      return;
    }
    const code = error !== null && 'code' in error ? error.code : '';
    this.failDial(code === 'ECONNREFUSED' ? FAILURES.connectRefused : FAILURES.connectFailed);
  }

  /** The connection ended while something was owed, or while idle. */
  private lost(failure: Failure): void {
    if (this.state === STATE_DEAD) return;
    this.breakOff(failure);
  }

  /** Ends the exchange with the failure: by an answer when none has begun, visibly otherwise. */
  private breakOff(failure: Failure): void {
    const exchange = this.exchange;
    const isUntouched =
      this.state === STATE_AWAIT && !this.head.isPartial && !this.hasAnswered && this.informational === 0;
    const wasReused = this.served > 0;
    this.exchange = null;
    this.destroy(exchange !== null);
    if (exchange === null) return;
    if (isUntouched) this.endpoint.failed(exchange, failure, wasReused);
    else {
      exchange.responseSource = null;
      this.endpoint.brokeOff(failure);
      respondFailure(exchange, failure);
    }
  }

  private expired(): void {
    switch (this.state) {
      case STATE_DIALING:
        this.addresses = [];
        this.failDial(FAILURES.connectTimeout);
        return;
      case STATE_AWAIT:
        this.breakOff(FAILURES.upstreamResponseTimeout);
        return;
      case STATE_BODY:
        this.breakOff(FAILURES.upstreamReadTimeout);
        return;
      case STATE_IDLE:
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
    const wheel = this.endpoint.context.wheel;
    wheel.remove(this.deadline);
    this.writer?.dispose();
    this.socket?.destroy();
    this.endpoint.closed(this, wasBusy);
  }
}
