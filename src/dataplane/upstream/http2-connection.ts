// One HTTP/2 connection to a server, RFC 9113: life cycle, what frames mean to streams, and what the server may cost. The
// streams (upstream/http2-stream.ts) carry exchanges. It takes requests once the server's SETTINGS have come, so that none is
// sent that the server would refuse.
//
//   OPENING ──SETTINGS──▶ OPEN ──GOAWAY, ids used up, or not wanted any more──▶ LEAVING (streams finish) ──▶ CLOSED
//      └────────────────────┴──connection error──▶ GOAWAY ──▶ CLOSED; streams break off

import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { MAX_TRAILERS } from '../http/message/trailer.ts';
import { Http2TrailerReader } from '../http2/trailers.ts';
import { DataSender } from '../http2/data-sender.ts';
import { FloodGuard } from '../http2/flood-guard.ts';
import { FrameOutput } from '../http2/frame-output.ts';
import { type FrameHandler, FrameReader } from '../http2/frame-reader.ts';
import { HeaderBlockWriter } from '../http2/header-block-writer.ts';
import { HpackDecoder, IGNORED_FIELDS } from '../http2/hpack/hpack-decoder.ts';
import { HpackEncoder } from '../http2/hpack/hpack-encoder.ts';
import {
  DEFAULT_HEADER_TABLE_BYTES,
  DEFAULT_WINDOW,
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
} from '../http2/protocol.ts';
import { ReceiveWindow } from '../http2/receive-window.ts';
import { PeerSettings } from '../http2/settings.ts';
import { hearOut, LAST_WORDS_MS } from '../net/last-words.ts';
import { readPlainly, type Reading, type ReadTarget } from '../net/fixed-read.ts';
import type { ResponseOwner } from './connection-owner.ts';
import { type UpstreamStreamOwner, UpstreamHttp2Stream } from './http2-stream.ts';
import { Http2ResponseReader } from '../http2/response-reader.ts';

const STATE_OPENING = 0;
const STATE_OPEN = 1;
const STATE_LEAVING = 2;
const STATE_CLOSED = 3;

/**
 * What all streams may be ahead together. Credit goes back when bytes arrive, whoever they are for: streams bound what is held,
 * each by its own window, and a client that stalls must not stop the others.
 */
const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** On one connection, whatever the server allows. */
const MAX_STREAMS = 1000;
/** With this much waiting for the socket, answers to further frames would only add to it: the server is not read. */
const MAX_PENDING_BYTES = 256 * 1024;
/** A DATA frame of this size is worth its header. */
const WORTHWHILE_BYTES = 1024;
/** Of a SETTINGS frame: beside its acknowledgement, it may make every stream move. */
const SETTINGS_COST = 10;
/** For a server that reads no more: what is left to say may wait this long. */
const LINGER_MS = 2_000;
/** That many requests reset, and none answered in between. */
const MAX_RESETS_IN_A_ROW = 10;
const HEALTH_PING = Buffer.from('health..', 'latin1');

/** The endpoint as its shared connections see it. */
export interface SharedConnectionOwner extends ResponseOwner {
  /** It takes requests now. */
  ready(connection: UpstreamHttp2Connection): void;
  /** A request is over. */
  finished(connection: UpstreamHttp2Connection): void;
  /** It may take more requests than before. */
  widened(connection: UpstreamHttp2Connection): void;
  /** It takes no more requests; those in progress go on. */
  leaving(connection: UpstreamHttp2Connection): void;
  /** It is gone; the requests in progress break off next. */
  gone(connection: UpstreamHttp2Connection, failure: Failure): void;
}

export class UpstreamHttp2Connection implements UpstreamStreamOwner, ReadTarget, FrameHandler {
  readonly endpoint: SharedConnectionOwner;
  readonly output: FrameOutput;
  readonly sender: DataSender;
  readonly headers: HeaderBlockWriter;
  private readonly socket: net.Socket;
  private readonly reader: FrameReader;
  private readonly decoder = new HpackDecoder();
  private readonly encoder = new HpackEncoder(DEFAULT_HEADER_TABLE_BYTES);
  private readonly guard: FloodGuard;
  private readonly settings = new PeerSettings(true);
  private readonly streams = new Map<number, UpstreamHttp2Stream>();
  private readonly window = new ReceiveWindow(CONNECTION_WINDOW, CONNECTION_WINDOW);
  private readonly response = new Http2ResponseReader();
  /** Without requests for too long, or with too much to write. */
  private readonly deadline: Deadline;
  /** Nothing heard for too long; null when nobody asks. */
  private readonly health: Deadline | null;
  private state = STATE_OPENING;
  private nextId = 1;
  private served = 0;
  private isPaused = false;
  private isAsked = false;
  private resetsInARow = 0;
  /** A write has failed: nothing more is sent, what the server has said before is read. */
  private isBroken = false;
  private writes = 0;
  private writesSeen = 0;
  private dataStream: UpstreamHttp2Stream | null = null;
  private dataLength = 0;
  /** Streams whose sink got something in this read. */
  private touched: UpstreamHttp2Stream[] = [];

  /** Over a connected socket that `reading` reads: plain, or TLS whose ALPN has chosen h2. */
  constructor(endpoint: SharedConnectionOwner, socket: net.Socket, reading: Reading) {
    const { transport, context } = endpoint;
    this.endpoint = endpoint;
    this.socket = socket;
    this.guard = new FloodGuard(context.wheel.nowMs);
    this.reader = new FrameReader(this, transport.maxResponseHeaderBytes);
    this.output = new FrameOutput(socket, () => this.onWritten());
    this.sender = new DataSender(this.output, this.guard);
    this.headers = new HeaderBlockWriter(this.output, this.encoder);
    this.deadline = new Deadline(() => this.expired());
    this.health = transport.readIdleTimeoutMs > 0 ? new Deadline(() => this.silent()) : null;
    readPlainly(socket, this, reading);
    hearOut(socket, () => {
      this.isBroken = true;
      if (this.isPaused) socket.resume();
      this.isPaused = true;
      endpoint.context.wheel.arm(this.deadline, LAST_WORDS_MS);
    });
    this.output.text(PREFACE);
    this.output.settings([
      [SETTINGS_ENABLE_PUSH, 0],
      [SETTINGS_MAX_HEADER_LIST_SIZE, transport.maxResponseHeaderBytes],
    ]);
    this.output.windowUpdate(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
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

  /** Requests in progress. */
  get load(): number {
    return this.streams.size;
  }

  /** Sends the request; only while `canTake`. */
  start(exchange: Exchange): void {
    if (this.streams.size === 0) this.endpoint.context.wheel.disarm(this.deadline);
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
    if (this.state === STATE_CLOSED) return;
    if (this.health !== null) {
      this.isAsked = false;
      this.endpoint.context.wheel.arm(this.health, this.endpoint.transport.readIdleTimeoutMs);
    }
    const code = this.reader.feed(chunk, 0, length);
    if (code !== NO_ERROR) {
      this.fail(code, code === ENHANCE_YOUR_CALM ? FAILURES.upstreamHttp2Flood : FAILURES.upstreamHttp2Error);
    }
    this.settle();
  }

  /** After a read: lets sinks send what they have gathered. */
  private settle(): void {
    const { touched } = this;
    if (touched.length > 0) {
      for (let index = 0; index < touched.length; index++) touched[index]!.deliver();
      touched.length = 0;
    }
    if (this.output.pending > MAX_PENDING_BYTES && !this.isPaused && this.state < STATE_CLOSED) {
      this.isPaused = true;
      this.socket.pause();
      this.armStall();
    }
  }

  private armStall(): void {
    this.writesSeen = this.writes;
    this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.writeIdleTimeoutMs);
  }

  // ── frames of the connection ───────────────────────────────────────────────────────────────────────────────────

  onSettings(isAck: boolean, payload: Buffer, start: number, end: number): number {
    if (isAck) return this.chargeControl(1);
    const { settings } = this;
    const windowBefore = settings.initialWindow;
    const code = settings.apply(payload, start, end);
    if (code !== NO_ERROR) return code;
    this.encoder.setPeerLimit(settings.headerTableBytes);
    const change = settings.initialWindow - windowBefore;
    if (!this.sender.widenAll(this.streams.values(), change)) return FLOW_CONTROL_ERROR;
    this.output.settingsAck();
    if (this.state === STATE_OPENING) {
      this.state = STATE_OPEN;
      if (this.health !== null) {
        this.endpoint.context.wheel.arm(this.health, this.endpoint.transport.readIdleTimeoutMs);
      }
      this.rest();
      this.endpoint.ready(this);
    } else this.endpoint.widened(this);
    return this.chargeControl(SETTINGS_COST);
  }

  onPing(isAck: boolean, payload: Buffer, start: number): number {
    if (!isAck) this.output.ping(true, payload, start);
    return this.chargeControl(1);
  }

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

  onUnknownFrame(): number {
    return this.chargeControl(1);
  }

  private chargeControl(cost: number): number {
    return this.guard.allowControl(this.endpoint.context.wheel.nowMs, cost) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  // ── frames of streams ──────────────────────────────────────────────────────────────────────────────────────────

  onHeaders(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): number {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId) || this.skipBlock(block, start, end);
    if (stream.isAnswered) return this.readTrailers(stream, block, start, end, endStream);
    const { transport } = this.endpoint;
    const { response } = this;
    response.begin(stream.responseHeaders);
    const code = this.decoder.decode(
      block,
      start,
      end,
      response,
      transport.maxResponseHeaderBytes,
      transport.maxResponseHeaderCount,
    );
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
    const { transport } = this.endpoint;
    const reader = new Http2TrailerReader();
    const { maxResponseHeaderBytes, maxResponseHeaderCount } = transport;
    const code = this.decoder.decode(block, start, end, reader, maxResponseHeaderBytes, maxResponseHeaderCount);
    if (code !== NO_ERROR) return code;
    if (stream.isResponseDone) return STREAM_CLOSED;
    // What may not come behind a body is left out, as RFC 9110 §6.5.1 allows: calls of gRPC put their own names there.
    const isBad = !endStream || reader.isMalformed || reader.trailers.count >= MAX_TRAILERS || this.decoder.isOverLimit;
    if (isBad || !stream.endResponse(reader.trailers.count > 0 ? reader.trailers : null)) {
      stream.breakResponse(FAILURES.upstreamBadResponse);
    }
    return NO_ERROR;
  }

  /** A block without a stream: the table must still see it. */
  private skipBlock(block: Buffer, start: number, end: number): number {
    const { maxResponseHeaderBytes, maxResponseHeaderCount } = this.endpoint.transport;
    return this.decoder.decode(block, start, end, IGNORED_FIELDS, maxResponseHeaderBytes, maxResponseHeaderCount);
  }

  onDataFrame(streamId: number, length: number): number {
    this.dataStream = null;
    this.dataLength = length;
    if (!this.window.take(length)) return FLOW_CONTROL_ERROR;
    const increment = this.window.give(length);
    if (increment > 0) this.output.windowUpdate(0, increment);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      // What was in flight when the stream was reset is bounded by the windows.
      return (streamId & 1) === 0 || streamId >= this.nextId ? PROTOCOL_ERROR : this.chargeControl(length > 0 ? 0 : 1);
    }
    if (stream.isResponseDone) return STREAM_CLOSED;
    if (!stream.receiveWindow.take(length)) {
      stream.breakResponse(FAILURES.upstreamHttp2Error);
      return NO_ERROR;
    }
    this.dataStream = stream;
    return NO_ERROR;
  }

  onDataBytes(chunk: Buffer, start: number, end: number): void {
    const stream = this.dataStream;
    // The stream may have ended since its frame began.
    if (stream === null || stream.isClosed) return;
    if (!stream.receive(chunk, start, end)) stream.breakResponse(FAILURES.upstreamBadResponse);
  }

  onDataEnd(padding: number, endStream: boolean): number {
    const stream = this.dataStream;
    this.dataStream = null;
    if (this.dataLength - padding >= WORTHWHILE_BYTES) this.guard.earn();
    if (stream === null || stream.isClosed) return NO_ERROR;
    if (padding > 0) stream.credit(padding);
    if (endStream) {
      if (!stream.endResponse(null)) stream.breakResponse(FAILURES.upstreamBadResponse);
      return NO_ERROR;
    }
    return this.dataLength === padding ? this.chargeControl(1) : NO_ERROR;
  }

  onPriority(): number {
    return this.chargeControl(1);
  }

  onReset(streamId: number, code: number): number {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId);
    // RFC 9113 §8.1: the answer is there, the rest of the request is of no use.
    if (stream.isResponseDone) {
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

  onWindowUpdate(streamId: number, increment: number): number {
    if (streamId === 0) {
      if (increment === 0) return PROTOCOL_ERROR;
      if (!this.sender.widen(increment)) return FLOW_CONTROL_ERROR;
      return this.chargeControl(1);
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId);
    if (increment === 0 || !this.sender.widenStream(stream, increment)) {
      stream.breakResponse(FAILURES.upstreamHttp2Error);
    }
    return this.chargeControl(1);
  }

  /** A frame that may come for a stream that is over, but not for one that never was. */
  private checkLateFrame(streamId: number): number {
    return (streamId & 1) === 0 || streamId >= this.nextId ? PROTOCOL_ERROR : this.chargeControl(1);
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
    if (this.streams.size === 0 && this.state !== STATE_CLOSED) {
      if (this.state === STATE_LEAVING) this.close();
      else this.rest();
    }
    this.endpoint.finished(this);
  }

  flushLater(stream: UpstreamHttp2Stream): void {
    if (this.touched.at(-1) !== stream) this.touched.push(stream);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Kept without a request. */
  private rest(): void {
    if (!this.isPaused) this.endpoint.context.wheel.arm(this.deadline, this.endpoint.transport.idleConnTimeoutMs);
  }

  private expired(): void {
    if (this.state === STATE_CLOSED) this.socket.destroy();
    else if (this.isBroken) this.lose(FAILURES.upstreamReset);
    else if (this.isPaused) {
      if (this.writes === this.writesSeen) this.lose(FAILURES.upstreamWriteTimeout);
      else this.armStall();
    } else if (this.streams.size === 0) this.leave();
  }

  /** Nothing has been heard for a while: asks whether the server is there, then gives it up. */
  private silent(): void {
    if (this.state === STATE_CLOSED) return;
    if (this.isAsked) {
      this.lose(FAILURES.upstreamReadTimeout);
      return;
    }
    this.isAsked = true;
    this.output.ping(false, HEALTH_PING, 0);
    this.endpoint.context.wheel.arm(this.health!, this.endpoint.transport.pingTimeoutMs);
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private onWritten(): void {
    this.writes++;
    if (this.state === STATE_CLOSED) return;
    this.sender.drain();
    if (this.isPaused && this.output.pending <= MAX_PENDING_BYTES) {
      this.isPaused = false;
      this.endpoint.context.wheel.disarm(this.deadline);
      this.socket.resume();
      if (this.streams.size === 0) this.rest();
    }
    if (this.output.pending <= MAX_PENDING_BYTES) this.endpoint.widened(this);
  }

  onDrain(): void {}

  onEnd(): void {
    if (this.state === STATE_CLOSED) this.socket.destroy();
    this.lose(this.isBroken ? FAILURES.upstreamReset : FAILURES.upstreamClosed);
  }

  onClose(error: Error | null): void {
    if (this.state !== STATE_CLOSED) this.lose(error === null ? FAILURES.upstreamClosed : FAILURES.upstreamReset);
    this.endpoint.context.wheel.remove(this.deadline);
    this.output.dispose();
  }

  /** A connection error (RFC 9113 §5.4.1): says so, and gives up all streams. */
  private fail(code: number, failure: Failure): void {
    if (this.state === STATE_CLOSED) return;
    this.output.goaway(0, code);
    this.end();
    this.breakAll(failure);
  }

  /** In order: nothing is in progress. */
  private close(): void {
    this.output.goaway(0, NO_ERROR);
    this.end();
    this.endpoint.gone(this, FAILURES.upstreamClosed);
  }

  /** Sends what is there and ends the connection. */
  private end(): void {
    this.stop();
    this.output.end();
    // A server that does not close its side, or does not read the last words.
    this.endpoint.context.wheel.arm(this.deadline, LINGER_MS);
  }

  private stop(): void {
    this.state = STATE_CLOSED;
    this.reader.stop();
    if (this.health !== null) this.endpoint.context.wheel.remove(this.health);
  }

  /** The server cannot be asked any longer. */
  private lose(failure: Failure): void {
    if (this.state === STATE_CLOSED) return;
    this.stop();
    this.socket.destroy();
    this.breakAll(failure);
  }

  private breakAll(failure: Failure): void {
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
