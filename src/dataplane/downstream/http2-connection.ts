// One HTTP/2 connection of a client: what frames mean to its streams. How it opens and ends is http2-socket.ts, the
// rest the session's (http2/session.ts). The streams (http2-stream.ts) carry exchanges; requests that one read has
// brought are handled when the whole of it is understood, so that a request which is reset at once never reaches a
// server.
//
//   OPENING ──preface──▶ OPEN ──drain, or requests used up──▶ LEAVING (GOAWAY twice, streams finish) ──▶ OVER
//      └──────────────────┴──connection error──▶ GOAWAY ──▶ OVER (reads and drops, so that GOAWAY arrives)

import { FAILURES, type Failure } from '../http/failure.ts';
import {
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from '../http2/protocol.ts';
import { ReceiveWindow } from '../http2/receive-window.ts';
import { STATE_OPEN } from '../http2/session.ts';
import { CLOSED_BY_PEER, CLOSED_BY_RESET, IDLE } from '../http2/stream-table.ts';
import { Http2TrailerReader } from '../http2/trailers.ts';
import { Http2Socket, STREAM_WINDOW } from './http2-socket.ts';
import { type DownstreamStreamOwner, Http2Stream } from './http2-stream.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class Http2Connection extends Http2Socket implements DownstreamStreamOwner {
  /** Requests to handle, each followed by what they are refused for. */
  private started: Http2Stream[] = [];
  private refusals: (Failure | null)[] = [];

  /** The requests that a read has brought come first. */
  protected override settle(): void {
    for (let index = 0; index < this.started.length; index++) this.started[index]!.start(this.refusals[index]!);
    this.started.length = 0;
    this.refusals.length = 0;
    super.settle();
  }

  // ── frames of streams ──────────────────────────────────────────────────────────────────────────────────────────

  onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    dependsOn: number,
  ): number {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.readTrailers(stream, block, start, end, endStream);
    if ((streamId & 1) === 0) return PROTOCOL_ERROR;
    if (streamId <= this.table.lastId) {
      const state = this.table.stateOf(streamId);
      if (state === CLOSED_BY_PEER) return STREAM_CLOSED;
      return state === CLOSED_BY_RESET ? this.skipLateBlock(block, start, end) : PROTOCOL_ERROR;
    }
    if (streamId > this.lastServedId) return this.skipLateBlock(block, start, end);
    if (this.streams.size >= this.announced.maxConcurrentStreams) {
      return this.refuseStream(streamId, REFUSED_STREAM) || this.skipBlock(block, start, end);
    }
    // RFC 7540 §5.3.1; priorities themselves have no effect here (RFC 9113 §5.3.2).
    if (dependsOn === streamId) {
      return this.refuseStream(streamId, PROTOCOL_ERROR) || this.skipBlock(block, start, end);
    }
    return this.readRequest(streamId, block, start, end, endStream);
  }

  private readRequest(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): number {
    const { requestReader } = this.context.entryPoint.settings;
    const stream = new Http2Stream(this, streamId, this.settings.initialWindow);
    const exchange = stream.begin(this.client);
    requestReader.begin(exchange);
    const code = this.decode(block, start, end, requestReader);
    if (code !== NO_ERROR) return code;
    const isWellFormed = requestReader.finish(endStream, this.decoder.isOverLimit);
    const receiveWindow = endStream ? null : new ReceiveWindow(STREAM_WINDOW, STREAM_WINDOW);
    stream.open(endStream ? -1 : requestReader.contentLength, endStream, receiveWindow);
    this.table.add(streamId, stream);
    this.idleAtMs = NEVER;
    this.served++;
    if (!isWellFormed) return this.breakStream(stream, PROTOCOL_ERROR);
    this.started.push(stream);
    this.refusals.push(requestReader.refusal);
    if (this.state === STATE_OPEN && this.isUsedUp(exchange.startMs)) this.drain();
    return NO_ERROR;
  }

  private isUsedUp(nowMs: number): boolean {
    const { keepAliveMaxRequests, keepAliveMaxTimeMs } = this.context.entryPoint.settings.spec.limits;
    return (
      (keepAliveMaxRequests > 0 && this.served >= keepAliveMaxRequests) ||
      (keepAliveMaxTimeMs > 0 && nowMs - this.openedMs >= keepAliveMaxTimeMs)
    );
  }

  private readTrailers(stream: Http2Stream, block: Buffer, start: number, end: number, endStream: boolean): number {
    const reader = new Http2TrailerReader();
    const code = this.decode(block, start, end, reader);
    if (code !== NO_ERROR) return code;
    if (stream.isPeerDone) return this.breakStream(stream, STREAM_CLOSED);
    // RFC 9113 §8.1: a second header block is the last one.
    if (!endStream || reader.isMalformed || this.decoder.isOverLimit) return this.breakStream(stream, PROTOCOL_ERROR);
    if (reader.isForbidden) {
      stream.refuseTrailers();
      return NO_ERROR;
    }
    const trailers = reader.trailers.count > 0 ? reader.trailers : null;
    return stream.endRequest(trailers) ? NO_ERROR : this.breakStream(stream, PROTOCOL_ERROR);
  }

  private skipLateBlock(block: Buffer, start: number, end: number): number {
    return this.skipBlock(block, start, end) || this.chargeControl(1);
  }

  onDataFrame(streamId: number, length: number): number {
    if (!this.beginData(length)) return FLOW_CONTROL_ERROR;
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastServedId) return this.chargeControl(1);
      const state = this.table.stateOf(streamId);
      if (state === CLOSED_BY_RESET) return this.chargeControl(1);
      return state === IDLE ? PROTOCOL_ERROR : STREAM_CLOSED;
    }
    if (stream.isPeerDone) return this.breakStream(stream, STREAM_CLOSED);
    if (!stream.receiveWindow!.take(length)) return this.breakStream(stream, FLOW_CONTROL_ERROR);
    this.dataStream = stream;
    return NO_ERROR;
  }

  protected dataDropped(bytes: number): void {
    this.creditConnection(bytes);
  }

  protected dataRefused(stream: Http2Stream, bytes: number): void {
    this.creditConnection(bytes);
    const code = this.breakStream(stream, PROTOCOL_ERROR);
    if (code !== NO_ERROR) this.fail(code, FAILURES.http2Flood);
  }

  protected endData(stream: Http2Stream): number {
    return stream.endRequest(null) ? NO_ERROR : this.breakStream(stream, PROTOCOL_ERROR);
  }

  override onPriority(streamId: number, dependsOn: number): number {
    const stream = this.streams.get(streamId);
    if (dependsOn < 0 || dependsOn === streamId) {
      const code = dependsOn < 0 ? FRAME_SIZE_ERROR : PROTOCOL_ERROR;
      if (stream !== undefined) return this.breakStream(stream, code);
      // A stream that does not exist cannot be reset.
      return code;
    }
    return this.chargeControl(1);
  }

  onReset(streamId: number): number {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId);
    this.closeStream(stream, CLOSED_BY_PEER);
    stream.cancel(FAILURES.clientGone);
    return this.guard.allowReset(this.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  protected checkLateFrame(streamId: number): number {
    if (streamId > this.lastServedId) return this.chargeControl(1);
    return this.table.stateOf(streamId) === IDLE ? PROTOCOL_ERROR : this.chargeControl(1);
  }

  // ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Resets a stream for what the client did wrong on it; counts, since a client can make this side do it. */
  protected breakStream(stream: Http2Stream, code: number): number {
    this.reset(stream, code);
    stream.cancel(FAILURES.http2Error);
    return this.guard.allowReset(this.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  private refuseStream(streamId: number, code: number): number {
    this.table.refuse(streamId);
    this.output.resetStream(streamId, code);
    return this.guard.allowReset(this.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  reset(stream: Http2Stream, code: number): void {
    if (stream.isClosed) return;
    this.output.resetStream(stream.id, code);
    this.closeStream(stream, CLOSED_BY_RESET);
  }

  completed(stream: Http2Stream): void {
    if (!stream.isClosed) this.closeStream(stream, CLOSED_BY_PEER);
  }

  private closeStream(stream: Http2Stream, how: typeof CLOSED_BY_PEER | typeof CLOSED_BY_RESET): void {
    this.table.close(stream.id, how);
    this.creditConnection(stream.close());
    this.restIfIdle();
  }
}
