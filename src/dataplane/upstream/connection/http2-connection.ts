// One HTTP/2 connection to a server: life cycle, what frames mean to streams, and what the server may cost; the rest is
// the session's (http2/session.ts). The streams (upstream/connection/http2-stream.ts) carry exchanges. It takes
// requests once the server's SETTINGS have come, so that none is sent that the server would refuse.
//
//   OPENING ──SETTINGS──▶ OPEN ──GOAWAY, ids used up, or not wanted any more──▶ LEAVING (streams finish) ──▶ OVER
//      └────────────────────┴──connection error──▶ GOAWAY ──▶ OVER; streams break off

import type net from 'node:net';
import { Deadline } from '../../../core/timer-wheel.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import { MAX_TRAILERS } from '../../http/message/trailer.ts';
import { Http2TrailerReader } from '../../http2/trailers.ts';
import type { FieldReceiver } from '../../http2/hpack/hpack-decoder.ts';
import {
  DEFAULT_HEADER_TABLE_BYTES,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  MAX_STREAM_ID,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  STREAM_CLOSED,
} from '../../http2/protocol.ts';
import {
  Http2Session,
  MAX_PENDING_BYTES,
  STATE_LEAVING,
  STATE_OPEN,
  STATE_OPENING,
  STATE_OVER,
} from '../../http2/session.ts';
import { hearOut, LAST_WORDS_MS } from '../../net/last-words.ts';
import { readPlainly, type Reading, type ReadTarget } from '../../net/fixed-read.ts';
import type { SharedConnectionOwner } from '../connection-owner.ts';
import { SilenceWatch } from './silence-watch.ts';
import { type UpstreamStreamOwner, UpstreamHttp2Stream } from './http2-stream.ts';
import { Http2ResponseReader } from '../../http2/response-reader.ts';

/**
 * What all streams may be ahead together. Credit goes back when bytes arrive, whoever they are for: streams bound what
 * is held, each by its own window, and a client that stalls must not stop the others.
 */
const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** On one connection, whatever the server allows. */
const MAX_STREAMS = 1000;
/** For a server that reads no more: what is left to say may wait this long. */
const LINGER_MS = 2_000;
/** That many requests reset, and none answered in between. */
const MAX_RESETS_IN_A_ROW = 10;

export class UpstreamHttp2Connection
  extends Http2Session<UpstreamHttp2Stream>
  implements UpstreamStreamOwner, ReadTarget
{
  readonly endpoint: SharedConnectionOwner<UpstreamHttp2Connection>;
  private readonly response = new Http2ResponseReader();
  /** Without requests for too long, or with too much to write. */
  private readonly deadline: Deadline;
  /** Nothing heard for too long; null when nobody asks. */
  private readonly health: SilenceWatch | null;
  private nextId = 1;
  private served = 0;
  private resetsInARow = 0;
  /** A write has failed: nothing more is sent, what the server has said before is read. */
  private isBroken = false;

  /** Over a connected socket that `reading` reads: plain, or TLS whose ALPN has chosen h2. */
  constructor(endpoint: SharedConnectionOwner<UpstreamHttp2Connection>, socket: net.Socket, reading: Reading) {
    const { transport, context } = endpoint;
    super(socket, context.wheel, {
      isServer: true,
      maxBlockBytes: transport.maxResponseHeaderBytes,
      maxEncoderTableBytes: DEFAULT_HEADER_TABLE_BYTES,
      windowBytes: CONNECTION_WINDOW,
    });
    this.endpoint = endpoint;
    this.deadline = new Deadline(() => this.expired());
    this.health = SilenceWatch.of(endpoint, this.output, () => this.lose(FAILURES.upstreamReadTimeout));
    readPlainly(socket, this, reading);
    hearOut(socket, () => {
      this.isBroken = true;
      if (this.isPaused) socket.resume();
      this.isPaused = true;
      this.wheel.arm(this.deadline, LAST_WORDS_MS);
    });
    this.output.text(PREFACE);
    this.announce([
      [SETTINGS_ENABLE_PUSH, 0],
      [SETTINGS_MAX_HEADER_LIST_SIZE, transport.maxResponseHeaderBytes],
    ]);
  }

  // ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────

  get canTake(): boolean {
    return (
      this.state === STATE_OPEN &&
      !this.isBroken &&
      this.streams.size < this.settings.maxConcurrentStreams &&
      this.streams.size < MAX_STREAMS &&
      this.output.pending <= MAX_PENDING_BYTES
    );
  }

  /** Extended CONNECT (RFC 8441). */
  get canTunnel(): boolean {
    return this.settings.enableConnectProtocol;
  }

  get isIdle(): boolean {
    return this.streams.size === 0;
  }

  /** Sends the request; only while `canTake`. */
  start(exchange: Exchange): void {
    if (this.streams.size === 0) this.wheel.disarm(this.deadline);
    const id = this.nextId;
    this.nextId += 2;
    const stream = new UpstreamHttp2Stream(this, id, this.settings.initialWindow, exchange);
    this.streams.set(id, stream);
    this.served++;
    stream.start();
    // RFC 9113 §5.1.1: ids are used once.
    if (this.nextId > MAX_STREAM_ID && this.state === STATE_OPEN) this.leave();
  }

  /** Takes no more requests; gone when those in progress are over. */
  leave(): void {
    if (this.state >= STATE_LEAVING) return;
    this.state = STATE_LEAVING;
    this.endpoint.leaving(this);
    if (this.streams.size === 0) this.close();
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    if (this.state === STATE_OVER) return;
    this.health?.heard();
    this.feed(chunk, 0, length);
  }

  protected failureOf(code: number): Failure {
    return code === ENHANCE_YOUR_CALM ? FAILURES.upstreamHttp2Flood : FAILURES.upstreamHttp2Error;
  }

  // ── frames of the connection ───────────────────────────────────────────────────────────────────────────────────

  protected settingsAcknowledged(): void {}

  protected settingsApplied(): void {
    if (this.state !== STATE_OPENING) {
      this.endpoint.widened(this);
      return;
    }
    this.state = STATE_OPEN;
    this.health?.heard();
    this.rest();
    this.endpoint.ready(this);
  }

  /** That it has come is enough: `onRead` counts it as a sign of life. */
  protected pingAnswered(): void {}

  onGoaway(lastStreamId: number): number {
    this.leave();
    // RFC 9113 §6.8: the server has not acted on later ones.
    const unseen = [...this.streams.values()].filter(({ id }) => id > lastStreamId);
    for (const stream of unseen) {
      if (stream.isClosed) continue;
      this.closeStream(stream);
      stream.breakOff(FAILURES.upstreamRefused, false, true);
    }
    return this.chargeControl(1);
  }

  protected decode(block: Buffer, start: number, end: number, fields: FieldReceiver): number {
    const { maxResponseHeaderBytes, maxResponseHeaderCount } = this.endpoint.transport;
    return this.decoder.decode(block, start, end, fields, maxResponseHeaderBytes, maxResponseHeaderCount);
  }

  // ── frames of streams ──────────────────────────────────────────────────────────────────────────────────────────

  onHeaders(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): number {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId) || this.skipBlock(block, start, end);
    if (stream.isAnswered) return this.readTrailers(stream, block, start, end, endStream);
    const { response } = this;
    response.begin(stream.responseHeaders);
    const code = this.decode(block, start, end, response);
    if (code !== NO_ERROR) return code;
    if (this.decoder.isOverLimit) stream.breakResponse(FAILURES.upstreamHeadersTooLarge);
    else if (!response.finish()) stream.breakResponse(FAILURES.upstreamBadResponse);
    else {
      // Asked for: it pays for the frames that go with it.
      this.guard.earn();
      this.resetsInARow = 0;
      if (!stream.readHead(response, endStream)) stream.breakResponse(FAILURES.upstreamBadResponse);
    }
    return NO_ERROR;
  }

  private readTrailers(
    stream: UpstreamHttp2Stream,
    block: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): number {
    const reader = new Http2TrailerReader();
    const code = this.decode(block, start, end, reader);
    if (code !== NO_ERROR) return code;
    if (stream.isPeerDone) return STREAM_CLOSED;
    // What may not come behind a body is left out, as RFC 9110 §6.5.1 allows: calls of gRPC put their own names there.
    const isBad = !endStream || reader.isMalformed || reader.trailers.count >= MAX_TRAILERS || this.decoder.isOverLimit;
    if (isBad || !stream.endResponse(reader.trailers.count > 0 ? reader.trailers : null)) {
      stream.breakResponse(FAILURES.upstreamBadResponse);
    }
    return NO_ERROR;
  }

  onDataFrame(streamId: number, length: number): number {
    if (!this.beginData(length)) return FLOW_CONTROL_ERROR;
    this.creditConnection(length);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      // What was in flight when the stream was reset is bounded by the windows.
      return this.isUnused(streamId) ? PROTOCOL_ERROR : this.chargeControl(length > 0 ? 0 : 1);
    }
    if (stream.isPeerDone) return STREAM_CLOSED;
    if (stream.receiveWindow!.take(length)) this.dataStream = stream;
    else stream.breakResponse(FAILURES.upstreamHttp2Error);
    return NO_ERROR;
  }

  /** The connection's window has them back already. */
  protected dataDropped(): void {}

  protected dataRefused(stream: UpstreamHttp2Stream): void {
    stream.breakResponse(FAILURES.upstreamBadResponse);
  }

  protected endData(stream: UpstreamHttp2Stream): number {
    if (!stream.endResponse(null)) stream.breakResponse(FAILURES.upstreamBadResponse);
    return NO_ERROR;
  }

  onReset(streamId: number, code: number): number {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId);
    // RFC 9113 §8.1: the answer is there, the rest of the request is of no use.
    if (stream.isPeerDone) {
      stream.stopRequest();
      return NO_ERROR;
    }
    // A server that resets whatever comes is asked on another connection, which may lead to a better one.
    if (!stream.isAnswered && ++this.resetsInARow >= MAX_RESETS_IN_A_ROW) this.leave();
    this.closeStream(stream);
    const isUnseen = code === REFUSED_STREAM && !stream.isAnswered;
    stream.breakOff(isUnseen ? FAILURES.upstreamRefused : FAILURES.upstreamReset, false, isUnseen);
    return NO_ERROR;
  }

  protected breakStream(stream: UpstreamHttp2Stream): number {
    stream.breakResponse(FAILURES.upstreamHttp2Error);
    return this.chargeControl(1);
  }

  protected checkLateFrame(streamId: number): number {
    return this.isUnused(streamId) ? PROTOCOL_ERROR : this.chargeControl(1);
  }

  /** No stream of this side has had the id. */
  private isUnused(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId >= this.nextId;
  }

  // ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────

  reset(stream: UpstreamHttp2Stream, code: number): void {
    if (stream.isClosed) return;
    this.output.resetStream(stream.id, code);
    // For what is in flight.
    this.guard.earn();
    this.closeStream(stream);
  }

  completed(stream: UpstreamHttp2Stream): void {
    if (!stream.isClosed) this.closeStream(stream);
  }

  private closeStream(stream: UpstreamHttp2Stream): void {
    this.streams.delete(stream.id);
    stream.close();
    if (this.streams.size === 0 && this.state !== STATE_OVER) {
      if (this.state === STATE_LEAVING) this.close();
      else this.rest();
    }
    this.endpoint.finished(this);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Kept without a request. */
  private rest(): void {
    if (!this.isPaused) this.wheel.arm(this.deadline, this.endpoint.transport.idleConnTimeoutMs);
  }

  protected armStall(): void {
    this.wheel.arm(this.deadline, this.endpoint.transport.writeIdleTimeoutMs);
  }

  private expired(): void {
    if (this.state === STATE_OVER) this.socket.destroy();
    else if (this.isBroken) this.lose(FAILURES.upstreamReset);
    else if (this.isPaused) {
      if (this.hasMoved()) this.armStall();
      else this.lose(FAILURES.upstreamWriteTimeout);
    } else if (this.streams.size === 0) this.leave();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override written(): void {
    super.written();
    if (this.output.pending <= MAX_PENDING_BYTES) this.endpoint.widened(this);
  }

  protected resumed(): void {
    this.wheel.disarm(this.deadline);
    if (this.streams.size === 0) this.rest();
  }

  onDrain(): void {}

  onEnd(): void {
    if (this.state === STATE_OVER) this.socket.destroy();
    this.lose(this.isBroken ? FAILURES.upstreamReset : FAILURES.upstreamClosed);
  }

  onClose(error: Error | null): void {
    if (this.state !== STATE_OVER) this.lose(error === null ? FAILURES.upstreamClosed : FAILURES.upstreamReset);
    this.wheel.remove(this.deadline);
    this.output.dispose();
  }

  /** There is no push. */
  protected get lastPeerStreamId(): number {
    return 0;
  }

  /** In order: nothing is in progress. */
  private close(): void {
    this.sayGoodbye(NO_ERROR);
    this.end();
    this.endpoint.gone(this, FAILURES.upstreamClosed);
  }

  /** Sends what is there and ends the connection. */
  protected end(): void {
    this.stop();
    this.output.end();
    // A server that does not close its side, or does not read the last words.
    this.wheel.arm(this.deadline, LINGER_MS);
  }

  private stop(): void {
    this.state = STATE_OVER;
    this.reader.stop();
    this.health?.stop();
  }

  /** The server cannot be asked any longer. */
  private lose(failure: Failure): void {
    if (this.state === STATE_OVER) return;
    this.stop();
    this.socket.destroy();
    this.breakAll(failure);
  }

  protected breakAll(failure: Failure): void {
    this.endpoint.gone(this, failure);
    const wasReused = this.served > this.streams.size;
    for (const stream of this.streams.values()) {
      if (stream.isClosed) continue;
      this.closeStream(stream);
      stream.breakOff(failure, wasReused, false);
    }
  }

  destroy(): void {
    this.lose(FAILURES.upstreamClosed);
  }
}
