// One connection to a server: writes a request, reads its response, and is kept for the next one when both ended where
// they said. It owns the upstream side's framing; anything unexpected destroys it, and a destroyed connection never
// returns to the endpoint's idle list. How it ends is http1-socket.ts.
//
//   IDLE ◀──▶ AWAIT (request sent or being sent) ──head──▶ BODY ──▶ IDLE | DEAD
//               └──101──▶ TUNNEL ──▶ DEAD

import type net from 'node:net';
import {
  BODY_CLOSE,
  BODY_LENGTH,
  BODY_NONE,
  type BodyFraming,
  type BodySink,
  type BodySource,
  type ChunkOwner,
} from '../../http/body.ts';
import { CREDENTIALS_OF_CONNECTION, credentialsOf } from '../../http/client-bonds.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { TunnelEnd } from '../../http/body.ts';
import { FAILURES } from '../../http/failure.ts';
import { InterimLimit } from '../../http/interim-limit.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { isOffered, WEBSOCKET } from '../../http/message/upgrade.ts';
import { BodyReader } from '../../http1/body-reader.ts';
import { HEAD_COMPLETE, HEAD_PARTIAL, HEAD_REFUSED, HEAD_TOO_LARGE } from '../../http1/head-reader.ts';
import { renderRequestHead } from '../../http1/request-head.ts';
import { readPlainly, type Reading } from '../../net/fixed-read.ts';
import type { Bond } from '../bond.ts';
import type { ConnectionOwner } from '../connection-owner.ts';
import { STATE_AWAIT, STATE_BODY, STATE_DEAD, STATE_IDLE, STATE_TUNNEL, UpstreamHttp1Socket } from './http1-socket.ts';

export class UpstreamHttp1Connection extends UpstreamHttp1Socket implements BodySink, BodySource, TunnelEnd {
  declare protected readonly endpoint: ConnectionOwner<UpstreamHttp1Connection>;
  bond: Bond<UpstreamHttp1Connection> | null = null;
  private readonly body = new BodyReader(true);
  /** Made with the first interim response. */
  private interim: InterimLimit | null = null;
  private framing: BodyFraming = BODY_NONE;
  private keepAlive = true;
  /** The server has changed its protocol before the request was complete: what it has said in it. */
  private earlyTunnel: Buffer | null = null;
  /** It authenticates a user who has another connection: this one is not used again. */
  private isSpent = false;
  /** The age at which the server says it closes; -1 for nothing. */
  announcedAgeMs = -1;

  constructor(endpoint: ConnectionOwner<UpstreamHttp1Connection>, socket: net.Socket, reading: Reading) {
    super(endpoint, socket, reading);
    readPlainly(socket, this, reading);
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────────────────────

  start(exchange: Exchange): void {
    const { writer } = this;
    if (this.bond === null && credentialsOf(exchange.requestHeaders) === CREDENTIALS_OF_CONNECTION) {
      this.bind(exchange);
    }
    this.restedMs = this.wheel.nowMs - this.idleSinceMs;
    this.exchange = exchange;
    exchange.responseSource = this;
    this.state = STATE_AWAIT;
    this.hasInterim = false;
    this.interim?.reset();
    writer.begin(renderRequestHead(exchange, this.endpoint.server), exchange.requestFraming, exchange.requestLength);
    if (exchange.requestFraming === BODY_NONE) {
      this.requestDone = true;
      writer.flush();
      this.wheel.arm(this.deadline, this.endpoint.transport.responseHeaderTimeoutMs);
      return;
    }
    this.requestDone = false;
    this.wheel.disarm(this.deadline);
    this.hearOut();
    exchange.readBody(this);
    if (this.exchange === exchange) writer.flush();
  }

  /** Whoever comes next on this connection would be served as the user of this exchange. */
  private bind(exchange: Exchange): void {
    this.bond = this.endpoint.bind(this, exchange);
    this.isSpent = this.bond === null;
  }

  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.state === STATE_DEAD || this.isBroken) return true;
    const { writer } = this;
    writer.write(chunk, start, end, owner);
    if (this.state === STATE_TUNNEL) writer.flush();
    return writer.hasRoom();
  }

  flush(): void {
    if (this.state !== STATE_DEAD && !this.isBroken) this.writer.flush();
  }

  /** The request is complete. */
  end(trailers: HeaderList | null): void {
    if (this.state === STATE_DEAD || this.isBroken) return;
    this.writer.end(trailers);
    this.requestDone = true;
    if (this.earlyTunnel !== null) {
      const bytes = this.earlyTunnel;
      this.earlyTunnel = null;
      this.unpause();
      this.beginTunnel(this.exchange!, bytes, 0, bytes.length);
    } else if (this.state === STATE_AWAIT) {
      this.wheel.arm(this.deadline, this.endpoint.transport.responseHeaderTimeoutMs);
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
        if (!this.exchange!.downstream.write(chunk, 0, length, null)) this.pause();
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
            : outcome === HEAD_REFUSED
              ? FAILURES.memoryFull
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
      this.hasInterim = true;
      this.interim ??= new InterimLimit();
      if (!this.interim.allow(this.wheel.nowMs)) {
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
    exchange.status = parser.status;
    exchange.reason = parser.reason;
    exchange.originStatus = parser.status;
    this.endpoint.answered(exchange);
    exchange.responseFraming = parser.framing;
    exchange.responseLength = parser.length < 0 ? 0 : parser.length;
    if (parser.isEventStream && exchange.traffic === 'http') exchange.traffic = 'sse';
    if (this.endpoint.context.keepOriginHeaders) exchange.originHeaders = exchange.responseHeaders.clone();
    if (parser.challengesConnection && this.bond === null) this.bind(exchange);
    this.announcedAgeMs = parser.announcedAgeMs;
    this.keepAlive = parser.keepAlive && !this.isSpent;
    const { body } = this;
    this.framing = hasNoBody(exchange.method, parser.status) ? BODY_NONE : parser.framing;
    body.begin(this.framing, exchange.responseLength);
    this.state = STATE_BODY;
    // A hook may have given the response up, and a filter ended the exchange.
    if (!exchange.runResponseHooks() || this.exchange !== exchange) return;
    exchange.responseSink.startResponse(exchange);
    if (this.exchange !== exchange) return;
    if (body.isDone) {
      this.complete(exchange, end - at, null);
      return;
    }
    if (body.remaining > end - at || this.framing !== BODY_LENGTH) this.reading.useSlabs();
    if (at < end) this.readBody(chunk, at, end);
    else {
      this.wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
      exchange.responseSink.flush();
    }
  }

  private readBody(chunk: Buffer, start: number, end: number): void {
    const exchange = this.exchange!;
    const { body } = this;
    const sink = exchange.responseSink;
    const before = body.bytes;
    const at = body.feed(chunk, start, end, this.reading, sink, 0);
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
    if (body.isSinkReady) this.wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
    else {
      this.wheel.disarm(this.deadline);
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
    this.wheel.disarm(this.deadline);
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
    if (!isOffered(exchange.upgrade, parser.upgrade)) {
      this.breakOff(FAILURES.upgradeRefused);
      return;
    }
    exchange.upgrade = parser.upgrade.toLowerCase() === WEBSOCKET ? WEBSOCKET : parser.upgrade;
    exchange.reason = parser.reason;
    if (this.requestDone) this.beginTunnel(exchange, chunk, at, end);
    else {
      // RFC 9110 §7.8: the client changes when its request is complete, and not before.
      this.earlyTunnel = Buffer.from(chunk.subarray(at, end));
      this.pause();
    }
  }

  private beginTunnel(exchange: Exchange, chunk: Buffer, at: number, end: number): void {
    exchange.status = 101;
    exchange.originStatus = 101;
    if (this.endpoint.context.keepOriginHeaders) exchange.originHeaders = exchange.responseHeaders.clone();
    this.state = STATE_TUNNEL;
    this.wheel.disarm(this.deadline);
    this.writer.begin('', BODY_CLOSE, 0);
    if (!exchange.runResponseHooks() || this.exchange !== exchange) return;
    exchange.downstream.startTunnel(exchange, this);
    if (at < end && this.exchange === exchange) {
      exchange.originBytes += end - at;
      if (!exchange.downstream.write(chunk, at, end, null)) this.pause();
      exchange.downstream.flush();
    }
  }

  /** The client has room again. */
  resume(): void {
    if (this.state === STATE_BODY) {
      this.wheel.arm(this.deadline, this.endpoint.transport.readIdleTimeoutMs);
      this.reading.useSlabs();
    }
    this.unpause();
  }

  /** The client is gone, or its request is broken: stop the server's work. */
  cancel(): void {
    this.exchange = null;
    this.destroy(true);
  }

  /** The client's side of the tunnel has ended. */
  finish(): void {
    this.flush();
    this.socket.end();
  }

  onDrain(): void {
    this.writer.drained();
    if (this.exchange === null) return;
    if (this.state === STATE_TUNNEL) this.exchange.downstream.resumeTunnel();
    else this.exchange.downstream.resumeBody();
  }

  protected ended(exchange: Exchange): void {
    if (this.state === STATE_TUNNEL) exchange.downstream.end(null);
    else if (this.state === STATE_BODY && this.framing === BODY_CLOSE) this.complete(exchange, 0, null);
    else this.lost(FAILURES.upstreamClosed);
  }
}
