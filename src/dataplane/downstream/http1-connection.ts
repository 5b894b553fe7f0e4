// One client connection of an entry point: reads requests one after the other, hands each to the handler as an Exchange
// and writes the answers in order. Stages never see connection-level fields. What comes in is http1-requests.ts, how
// it rests and ends http1-socket.ts.
//
//   HEAD ──request head──▶ BUSY ──answered, body read──▶ HEAD          keep-alive
//    │                      ├──answered early──▶ DRAIN ──body read──▶ HEAD
//    │                      ├──101──▶ TUNNEL ──both ended──▶ CLOSED
//    └──malformed──▶ (answer) ──▶ LINGER ──peer closed or time──▶ CLOSED
//
// Pipelined bytes are held, and reading pauses, until the request before them is answered. Every wait has a deadline.

import { BODY_CLOSE, type ChunkOwner } from '../http/body.ts';
import type { Downstream, Exchange } from '../http/exchange.ts';
import type { TunnelEnd } from '../http/body.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import {
  downstreamFraming,
  renderInformational,
  renderResponseHead,
  renderSwitchingHead,
} from '../http1/response-head.ts';
import { resetSocket } from '../net/reset.ts';
import { leaveExchange } from './downstream-exchange.ts';
import { Http1Requests } from './http1-requests.ts';
import { STATE_BUSY, STATE_CLOSED, STATE_DRAIN, STATE_HEAD, STATE_LINGER, STATE_TUNNEL } from './http1-socket.ts';

/** A request body nobody wanted is read to its end to keep the connection, if that is known to be near. */
const MAX_DRAIN_BYTES = 256 * 1024;

export class Http1Connection extends Http1Requests implements Downstream {
  private tunnel: TunnelEnd | null = null;
  private tunnelEnds = 0;
  private tunnelReads = 0;

  protected get downstream(): Downstream {
    return this;
  }

  /** A tunnel one of whose directions has ended keeps the socket that knows. */
  protected get hasStayed(): boolean {
    if (this.state === STATE_TUNNEL) return this.tunnelReads > 1 && this.tunnelEnds === 0;
    return this.state <= STATE_BUSY && this.served > 1;
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────────────────────

  startResponse(exchange: Exchange): void {
    exchange.isResponseStarted = true;
    const framing = downstreamFraming(exchange);
    // HTTP/1.0 has no trailers to announce.
    if (exchange.minorVersion === 0) exchange.responseHeaders.delete('trailer');
    // Nobody knows whether a client that waits for 100 will still send its body; a rest that is large, or whose length
    // nobody knows, is not worth reading. The client has to be told: it may have its next request ready (RFC 9112
    // §9.6).
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
    this.closeSoon();
  }

  private finish(exchange: Exchange): void {
    this.forget();
    exchange.finish();
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

  protected feedTunnel(chunk: Buffer, start: number, end: number): void {
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
    this.closeSoon();
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
        // Fails after a reset that came with the last bytes, which looks like a FIN: then `onClose` ends the other
        // side.
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
  protected clientGone(failure: Failure): void {
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

  protected expired(): void {
    switch (this.state) {
      case STATE_HEAD:
        if (this.head.isPartial) {
          this.head.reset();
          this.refuse(FAILURES.requestTimeout);
        } else this.close();
        return;
      case STATE_BUSY:
        // The deadline of a body, disarmed with its last octet.
        if (this.bodySink !== null && !this.body.isDone) {
          this.failBody(this.exchange!, this.bodySink, FAILURES.requestTimeout);
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
}
