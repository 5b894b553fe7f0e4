// One HTTP/2 connection of a client, RFC 9113: life cycle, what frames mean to streams, and what the client may cost. The
// streams (http2-stream.ts) carry exchanges; requests that one read has brought are handled when the whole of it is
// understood, so that a request which is reset at once never reaches a server.
//
//   PREFACE ──▶ OPEN ──drain, or requests used up──▶ LEAVING (GOAWAY twice, streams finish) ──▶ LINGER ──▶ CLOSED
//     └──────────┴──connection error──▶ GOAWAY ──▶ LINGER (reads and drops, so that GOAWAY arrives)

import { performance } from 'node:perf_hooks';
import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import { DataSender } from '../http2/data-sender.ts';
import type { Http2Spec } from '../../model/entrypoint.ts';
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
  FRAME_SIZE_ERROR,
  MAX_STREAM_ID,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  STREAM_CLOSED,
} from '../http2/protocol.ts';
import { ReceiveWindow } from '../http2/receive-window.ts';
import { PeerSettings, type Setting } from '../http2/settings.ts';
import { CLOSED_BY_PEER, CLOSED_BY_RESET, IDLE, StreamTable } from '../http2/stream-table.ts';
import { readPlainly, Reading, refit, type ReadTarget } from '../net/fixed-read.ts';
import { resetSocket } from '../net/reset.ts';
import type { ClientInfo } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { Http2TrailerReader } from '../http2/trailers.ts';
import type { Http2RequestReader } from '../http2/request-reader.ts';
import { Http2Stream, type StreamOwner } from './http2-stream.ts';
import {
  LINGER_MS,
  MAX_LINGER_MS,
  NEWCOMER_MS,
  type DownstreamConnection,
  type DownstreamContext,
} from './downstream-connection.ts';

const STATE_PREFACE = 0;
const STATE_OPEN = 1;
const STATE_LEAVING = 2;
const STATE_LINGER = 3;
const STATE_CLOSED = 4;

const NEVER = Number.POSITIVE_INFINITY;
/** What a client may still send behind a connection error, so that GOAWAY reaches it. */
const MAX_FAULTY_BYTES = 1024 * 1024;
/** A client that leaves is told what was accepted when its answer to a PING shows that it knows, or after this time. */
const GOAWAY_ROUND_TRIP_MS = 1_000;
const GOAWAY_PING = Buffer.from('goaway..', 'latin1');
/** What a request body may be ahead of its server, and all of a connection together. */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
/** With this much waiting for the socket, answers to further frames would only add to it: the client is not read. */
const MAX_PENDING_BYTES = 256 * 1024;
/** A DATA frame of this size is worth its header. */
const WORTHWHILE_BYTES = 1024;
/** At the latest; the wheel keeps its time only while it has something to do. */
const HEARTBEAT_MS = 30_000;
/** Of a SETTINGS frame: beside its acknowledgement, it may make every stream move. */
const SETTINGS_COST = 10;

export interface Http2DownstreamContext extends DownstreamContext {
  readonly requestReader: Http2RequestReader;
}

export class Http2Connection implements DownstreamConnection, StreamOwner, ReadTarget, FrameHandler {
  readonly client: ClientInfo;
  readonly ticket: number;
  readonly context: Http2DownstreamContext;
  readonly output: FrameOutput;
  readonly sender: DataSender;
  readonly headers: HeaderBlockWriter;
  private socket: net.Socket;
  private readonly reading = new Reading();
  private readonly reader: FrameReader;
  private readonly decoder = new HpackDecoder();
  private readonly encoder: HpackEncoder;
  private readonly guard: FloodGuard;
  /** As announced to this client: options that change meanwhile are for others. */
  private readonly announced: Http2Spec;
  private readonly settings = new PeerSettings(false);
  private readonly streams = new StreamTable<Http2Stream>();
  private readonly window = new ReceiveWindow(CONNECTION_WINDOW, CONNECTION_WINDOW);
  private readonly deadline: Deadline;
  private state = STATE_PREFACE;
  private prefaceAt = 0;
  private canRefit: boolean;
  private isPaused = false;
  private isSettingsAcknowledged = false;
  private readonly openedMs: number;
  private served = 0;
  /** Streams beyond this id are not served any more. */
  private lastServedId = MAX_STREAM_ID;
  private lingerUntilMs = 0;
  private lingerBytes = Number.POSITIVE_INFINITY;
  /** Of the DATA frame being read: its stream, or null when its bytes are dropped. */
  private dataStream: Http2Stream | null = null;
  private dataLength = 0;
  /** Requests to handle, each followed by what they are refused for. */
  private started: Http2Stream[] = [];
  private refusals: (Failure | null)[] = [];
  /** Streams whose sink got something in this read. */
  private touched: Http2Stream[] = [];
  private watchedMs = NEVER;
  private headAtMs: number;
  private framesSeen = 0;
  private idleAtMs = NEVER;
  private goawayAtMs = NEVER;
  private stallAtMs = NEVER;
  private writes = 0;
  private writesSeen = 0;

  /**
   * Over any connected socket: plain, or TLS whose ALPN has chosen h2. `canRefit` says that the socket is a plain one whose
   * reads may be made faster. Bytes that were read before go to `onRead` after construction.
   */
  constructor(
    context: Http2DownstreamContext,
    socket: net.Socket,
    client: ClientInfo,
    ticket: number,
    canRefit = false,
  ) {
    const { spec, wheel } = context;
    this.context = context;
    this.socket = socket;
    this.client = client;
    this.ticket = ticket;
    this.canRefit = canRefit;
    wheel.touch(performance.now());
    this.openedMs = wheel.nowMs;
    this.headAtMs = spec.timeouts.headerMs > 0 ? wheel.nowMs + spec.timeouts.headerMs : NEVER;
    this.guard = new FloodGuard(wheel.nowMs);
    this.announced = spec.http2;
    this.reader = new FrameReader(this, spec.limits.maxHeaderBytes);
    this.encoder = new HpackEncoder(spec.http2.maxEncoderHeaderTableSize);
    this.output = new FrameOutput(socket, () => this.onWritten());
    this.sender = new DataSender(this.output, this.guard);
    this.headers = new HeaderBlockWriter(this.output, this.encoder);
    this.deadline = new Deadline(() => this.expired());
    readPlainly(socket, this, this.reading);
    this.sendSettings();
    this.watch(Math.min(this.headAtMs, wheel.nowMs + HEARTBEAT_MS));
  }

  private sendSettings(): void {
    const { spec } = this.context;
    const settings: Setting[] = [
      [SETTINGS_MAX_CONCURRENT_STREAMS, spec.http2.maxConcurrentStreams],
      [SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [SETTINGS_MAX_HEADER_LIST_SIZE, spec.limits.maxHeaderBytes],
      [SETTINGS_ENABLE_CONNECT_PROTOCOL, 1],
    ];
    const tableBytes = spec.http2.maxDecoderHeaderTableSize;
    if (tableBytes !== DEFAULT_HEADER_TABLE_BYTES) settings.push([SETTINGS_HEADER_TABLE_SIZE, tableBytes]);
    if (tableBytes > DEFAULT_HEADER_TABLE_BYTES) this.decoder.allow(tableBytes);
    this.output.settings(settings);
    this.output.windowUpdate(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    let at = 0;
    if (this.state >= STATE_LINGER) {
      // Dropped until the time is over; of a client that breaks the protocol only so much.
      this.lingerBytes -= length;
      if (this.lingerBytes < 0) this.sever();
      else this.lingerOn();
      return;
    }
    if (this.state === STATE_PREFACE) {
      at = this.readPreface(chunk, length);
      if (at < 0) return;
    }
    const code = this.reader.feed(chunk, at, length);
    if (code !== NO_ERROR) this.fail(code, this.failureOf(code));
    this.settle();
  }

  private failureOf(code: number): Failure {
    if (this.reader.isRefused) return FAILURES.memoryFull;
    return code === ENHANCE_YOUR_CALM ? FAILURES.http2Flood : FAILURES.http2Error;
  }

  /** Tells the connection that this many bytes of the preface have been read by someone else. */
  skipPreface(bytes: number): void {
    this.prefaceAt = bytes;
  }

  /** Returns the index behind the preface, `length` while it goes on, -1 when it is none. */
  private readPreface(chunk: Buffer, length: number): number {
    let at = 0;
    while (at < length && this.prefaceAt < PREFACE.length) {
      if (chunk[at++] !== PREFACE.charCodeAt(this.prefaceAt++)) {
        this.fail(PROTOCOL_ERROR, FAILURES.http2Error);
        return -1;
      }
    }
    if (this.prefaceAt === PREFACE.length) {
      this.state = STATE_OPEN;
      if (this.context.isDraining) this.drain();
      this.armIdle();
    }
    return at;
  }

  /** After a read: handles the requests it has brought, and lets sinks send what they have gathered. */
  private settle(): void {
    for (let index = 0; index < this.started.length; index++) this.started[index]!.start(this.refusals[index]!);
    this.started.length = 0;
    this.refusals.length = 0;
    for (let index = 0; index < this.touched.length; index++) this.touched[index]!.deliver();
    this.touched.length = 0;
    if (this.state >= STATE_LINGER) return;
    this.watchFrame();
    if (this.output.pending > MAX_PENDING_BYTES && !this.isPaused) this.pause();
    // A connection of HTTP/2 stays: worth the cost of a faster socket.
    if (this.canRefit && !this.isPaused) {
      const fitted = refit(this.socket, this, this.reading);
      if (fitted !== null) {
        this.canRefit = false;
        this.socket = fitted;
        this.output.socket = fitted;
      }
    }
  }

  /** A frame, or a header block, that has begun has to end in time: slowloris. */
  private watchFrame(): void {
    if (!this.reader.isPartial) {
      if (this.reader.frames > 0) this.headAtMs = NEVER;
      return;
    }
    if (this.headAtMs !== NEVER && this.framesSeen === this.reader.frames) return;
    this.framesSeen = this.reader.frames;
    const { headerMs } = this.context.spec.timeouts;
    if (headerMs <= 0) return;
    this.headAtMs = this.context.wheel.nowMs + headerMs;
    this.watch(this.headAtMs);
  }

  private pause(): void {
    this.isPaused = true;
    this.socket.pause();
    this.armStall();
  }

  // ── frames of the connection ───────────────────────────────────────────────────────────────────────────────────

  onSettings(isAck: boolean, payload: Buffer, start: number, end: number): number {
    if (isAck) {
      if (!this.isSettingsAcknowledged) {
        this.isSettingsAcknowledged = true;
        this.decoder.allow(this.announced.maxDecoderHeaderTableSize);
      }
      return this.chargeControl(1);
    }
    const { settings } = this;
    const windowBefore = settings.initialWindow;
    const code = settings.apply(payload, start, end);
    if (code !== NO_ERROR) return code;
    this.encoder.setPeerLimit(settings.headerTableBytes);
    const change = settings.initialWindow - windowBefore;
    if (!this.sender.widenAll(this.streams.open.values(), change)) return FLOW_CONTROL_ERROR;
    this.output.settingsAck();
    return this.chargeControl(SETTINGS_COST);
  }

  onPing(isAck: boolean, payload: Buffer, start: number): number {
    if (!isAck) this.output.ping(true, payload, start);
    else if (this.goawayAtMs !== NEVER && GOAWAY_PING.equals(payload.subarray(start, start + 8))) this.leave();
    return this.chargeControl(1);
  }

  onGoaway(): number {
    // The client opens no more streams; nothing that this side has opened needs to be given up.
    return this.chargeControl(1);
  }

  onUnknownFrame(): number {
    return this.chargeControl(1);
  }

  private chargeControl(cost: number): number {
    return this.guard.allowControl(this.context.wheel.nowMs, cost) ? NO_ERROR : ENHANCE_YOUR_CALM;
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
    if (streamId <= this.streams.lastId) {
      const state = this.streams.stateOf(streamId);
      if (state === CLOSED_BY_PEER) return STREAM_CLOSED;
      return state === CLOSED_BY_RESET ? this.skipBlock(block, start, end, 1) : PROTOCOL_ERROR;
    }
    if (streamId > this.lastServedId) return this.skipBlock(block, start, end, 1);
    if (this.streams.size >= this.announced.maxConcurrentStreams) {
      return this.refuseStream(streamId, REFUSED_STREAM) || this.skipBlock(block, start, end, 0);
    }
    // RFC 7540 §5.3.1; priorities themselves have no effect here (RFC 9113 §5.3.2).
    if (dependsOn === streamId) {
      return this.refuseStream(streamId, PROTOCOL_ERROR) || this.skipBlock(block, start, end, 0);
    }
    return this.readRequest(streamId, block, start, end, endStream);
  }

  private readRequest(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): number {
    const { context } = this;
    const { requestReader } = context;
    const { limits } = context.spec;
    const stream = new Http2Stream(this, streamId, this.settings.initialWindow);
    const exchange = stream.begin(this.client);
    requestReader.begin(exchange);
    const code = this.decoder.decode(block, start, end, requestReader, limits.maxHeaderBytes, limits.maxHeaderCount);
    if (code !== NO_ERROR) return code;
    const isWellFormed = requestReader.finish(endStream, this.decoder.isOverLimit);
    const receiveWindow = endStream ? null : new ReceiveWindow(STREAM_WINDOW, STREAM_WINDOW);
    stream.open(endStream ? -1 : requestReader.contentLength, endStream, receiveWindow);
    this.streams.add(streamId, stream);
    this.idleAtMs = NEVER;
    this.served++;
    if (!isWellFormed) return this.breakStream(stream, PROTOCOL_ERROR);
    this.started.push(stream);
    this.refusals.push(requestReader.refusal);
    if (this.state === STATE_OPEN && this.isUsedUp(exchange.startMs)) this.drain();
    return NO_ERROR;
  }

  private isUsedUp(nowMs: number): boolean {
    const { keepAliveMaxRequests, keepAliveMaxTimeMs } = this.context.spec.limits;
    return (
      (keepAliveMaxRequests > 0 && this.served >= keepAliveMaxRequests) ||
      (keepAliveMaxTimeMs > 0 && nowMs - this.openedMs >= keepAliveMaxTimeMs)
    );
  }

  private readTrailers(stream: Http2Stream, block: Buffer, start: number, end: number, endStream: boolean): number {
    const { limits } = this.context.spec;
    const reader = new Http2TrailerReader();
    const code = this.decoder.decode(block, start, end, reader, limits.maxHeaderBytes, limits.maxHeaderCount);
    if (code !== NO_ERROR) return code;
    if (stream.isRequestDone) return this.breakStream(stream, STREAM_CLOSED);
    // RFC 9113 §8.1: a second header block is the last one.
    if (!endStream || reader.isMalformed || this.decoder.isOverLimit) return this.breakStream(stream, PROTOCOL_ERROR);
    if (reader.isForbidden) {
      stream.refuseTrailers();
      return NO_ERROR;
    }
    const trailers = reader.trailers.count > 0 ? reader.trailers : null;
    return stream.endRequest(trailers) ? NO_ERROR : this.breakStream(stream, PROTOCOL_ERROR);
  }

  /** A block without a stream: the table must still see it. */
  private skipBlock(block: Buffer, start: number, end: number, cost: number): number {
    const { limits } = this.context.spec;
    return (
      this.decoder.decode(block, start, end, IGNORED_FIELDS, limits.maxHeaderBytes, limits.maxHeaderCount) ||
      this.chargeControl(cost)
    );
  }

  onDataFrame(streamId: number, length: number): number {
    this.dataStream = null;
    this.dataLength = length;
    if (!this.window.take(length)) return FLOW_CONTROL_ERROR;
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastServedId) return this.chargeControl(1);
      const state = this.streams.stateOf(streamId);
      if (state === CLOSED_BY_RESET) return this.chargeControl(1);
      return state === IDLE ? PROTOCOL_ERROR : STREAM_CLOSED;
    }
    if (stream.isRequestDone) return this.breakStream(stream, STREAM_CLOSED);
    if (!stream.receiveWindow!.take(length)) return this.breakStream(stream, FLOW_CONTROL_ERROR);
    this.dataStream = stream;
    return NO_ERROR;
  }

  onDataBytes(chunk: Buffer, start: number, end: number): void {
    const stream = this.dataStream;
    // The stream may have ended since its frame began.
    if (stream === null || stream.isClosed) this.creditConnection(end - start);
    else if (!stream.receive(chunk, start, end)) {
      this.creditConnection(end - start);
      const code = this.breakStream(stream, PROTOCOL_ERROR);
      if (code !== NO_ERROR) this.fail(code, FAILURES.http2Flood);
    }
  }

  onDataEnd(padding: number, endStream: boolean): number {
    const stream = this.dataStream;
    this.dataStream = null;
    if (padding > 0) {
      if (stream === null) this.creditConnection(padding);
      else this.credit(stream, padding);
    }
    if (this.dataLength - padding >= WORTHWHILE_BYTES) this.guard.earn();
    if (stream === null || stream.isClosed) return NO_ERROR;
    if (endStream) return stream.endRequest(null) ? NO_ERROR : this.breakStream(stream, PROTOCOL_ERROR);
    return this.dataLength === padding ? this.chargeControl(1) : NO_ERROR;
  }

  onPriority(streamId: number, dependsOn: number): number {
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
    return this.guard.allowReset(this.context.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  onWindowUpdate(streamId: number, increment: number): number {
    if (streamId === 0) {
      if (increment === 0) return PROTOCOL_ERROR;
      if (!this.sender.widen(increment)) return FLOW_CONTROL_ERROR;
      return this.chargeControl(1);
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return this.checkLateFrame(streamId);
    if (increment === 0) return this.breakStream(stream, PROTOCOL_ERROR);
    if (!this.sender.widenStream(stream, increment)) return this.breakStream(stream, FLOW_CONTROL_ERROR);
    return this.chargeControl(1);
  }

  /** A frame that may come for a stream that is over, but not for one that never was. */
  private checkLateFrame(streamId: number): number {
    if (streamId > this.lastServedId) return this.chargeControl(1);
    return this.streams.stateOf(streamId) === IDLE ? PROTOCOL_ERROR : this.chargeControl(1);
  }

  // ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Resets a stream for what the client did wrong on it; counts, since a client can make this side do it. */
  private breakStream(stream: Http2Stream, code: number): number {
    this.reset(stream, code);
    stream.cancel(FAILURES.http2Error);
    return this.guard.allowReset(this.context.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  private refuseStream(streamId: number, code: number): number {
    this.streams.refuse(streamId);
    this.output.resetStream(streamId, code);
    return this.guard.allowReset(this.context.wheel.nowMs) ? NO_ERROR : ENHANCE_YOUR_CALM;
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
    this.streams.close(stream.id, how);
    this.creditConnection(stream.close());
    if (this.streams.size > 0) return;
    if (this.state === STATE_LEAVING && this.goawayAtMs === NEVER) this.close();
    else if (this.state <= STATE_LEAVING) this.armIdle();
  }

  credit(stream: Http2Stream, bytes: number): void {
    this.creditConnection(bytes);
    if (stream.isClosed || stream.isRequestDone || stream.receiveWindow === null) return;
    const increment = stream.receiveWindow.give(bytes);
    if (increment > 0) this.output.windowUpdate(stream.id, increment);
  }

  private creditConnection(bytes: number): void {
    if (bytes === 0 || this.state >= STATE_LINGER) return;
    const increment = this.window.give(bytes);
    if (increment > 0) this.output.windowUpdate(0, increment);
  }

  flushLater(stream: Http2Stream): void {
    if (this.touched.at(-1) !== stream) this.touched.push(stream);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  watch(atMs: number): void {
    if (atMs >= this.watchedMs) return;
    this.watchedMs = atMs;
    const { wheel } = this.context;
    wheel.arm(this.deadline, Math.max(1, atMs - wheel.nowMs));
  }

  private armIdle(): void {
    const { idleMs } = this.context.spec.timeouts;
    if (idleMs <= 0) return;
    this.idleAtMs = this.context.wheel.nowMs + idleMs;
    this.watch(this.idleAtMs);
  }

  private armStall(): void {
    const { writeIdleMs } = this.context.spec.timeouts;
    if (writeIdleMs <= 0) return;
    this.writesSeen = this.writes;
    this.stallAtMs = this.context.wheel.nowMs + writeIdleMs;
    this.watch(this.stallAtMs);
  }

  private expired(): void {
    const { nowMs } = this.context.wheel;
    this.watchedMs = NEVER;
    if (this.state >= STATE_LINGER) {
      if (this.idleAtMs > nowMs) this.watch(this.idleAtMs);
      else this.sever();
      return;
    }
    if (this.headAtMs <= nowMs) {
      this.fail(this.reader.frames === 0 ? PROTOCOL_ERROR : ENHANCE_YOUR_CALM, FAILURES.requestTimeout);
      return;
    }
    if (this.stallAtMs <= nowMs) {
      if (this.writes === this.writesSeen) {
        this.lose(FAILURES.clientStalled);
        return;
      }
      this.armStall();
    }
    if (this.goawayAtMs <= nowMs) this.leave();
    if (this.idleAtMs <= nowMs && this.streams.size === 0) this.close();
    if (this.state >= STATE_LINGER) return;
    let next = Math.min(this.headAtMs, this.stallAtMs, this.goawayAtMs, this.idleAtMs);
    for (const stream of this.streams.open.values()) next = Math.min(next, stream.expire(nowMs));
    this.watch(Math.min(next, nowMs + HEARTBEAT_MS));
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private onWritten(): void {
    this.writes++;
    if (this.state >= STATE_LINGER) return;
    this.sender.drain();
    if (this.isPaused && this.output.pending <= MAX_PENDING_BYTES) {
      this.isPaused = false;
      this.stallAtMs = NEVER;
      this.socket.resume();
    }
  }

  onDrain(): void {}

  get hasAsked(): boolean {
    return this.served > 0;
  }

  closeIfResting(): boolean {
    if (this.state > STATE_OPEN || this.streams.size > 0) return false;
    if (!this.hasAsked && this.context.wheel.nowMs - this.openedMs < NEWCOMER_MS) return false;
    this.destroy();
    return true;
  }

  /** Tells the client to go elsewhere, in two steps so that no request it has just sent is lost (RFC 9113 §6.8). */
  drain(): void {
    if (this.state === STATE_PREFACE) {
      // In patience it is served until it is open, and goes then.
      if (this.context.patienceMs === 0) this.close();
      return;
    }
    if (this.state !== STATE_OPEN) return;
    this.state = STATE_LEAVING;
    this.output.goaway(MAX_STREAM_ID, NO_ERROR);
    this.output.ping(false, GOAWAY_PING, 0);
    this.goawayAtMs = this.context.wheel.nowMs + GOAWAY_ROUND_TRIP_MS;
    this.watch(this.goawayAtMs);
  }

  /** The client knows by now: what it has opened is served, nothing more. */
  private leave(): void {
    this.goawayAtMs = NEVER;
    this.lastServedId = this.streams.lastId;
    this.output.goaway(this.lastServedId, NO_ERROR);
    if (this.streams.size === 0) this.close();
  }

  /** A connection error (RFC 9113 §5.4.1): says so, gives up all streams, and closes. */
  private fail(code: number, failure: Failure): void {
    if (this.state >= STATE_LINGER) return;
    this.output.goaway(this.streams.lastId, code);
    this.lingerBytes = MAX_FAULTY_BYTES;
    this.end();
    this.cancelAll(failure);
  }

  /** In order: nothing is in progress. */
  private close(): void {
    if (this.lastServedId === MAX_STREAM_ID) this.output.goaway(this.streams.lastId, NO_ERROR);
    this.end();
  }

  /** Sends what is there and ends our side, then reads on for a while: unread bytes would turn the close into a reset. */
  private end(): void {
    this.state = STATE_LINGER;
    this.reader.stop();
    this.output.end();
    const { nowMs } = this.context.wheel;
    this.lingerUntilMs = nowMs + MAX_LINGER_MS;
    this.idleAtMs = nowMs + LINGER_MS;
    this.watchedMs = NEVER;
    this.watch(this.idleAtMs);
    if (this.isPaused) this.socket.resume();
  }

  /** The client goes on sending what nobody wants; while draining, its time is not prolonged. */
  private lingerOn(): void {
    if (this.context.isDraining) return;
    this.idleAtMs = Math.min(this.context.wheel.nowMs + LINGER_MS, this.lingerUntilMs);
  }

  private cancelAll(failure: Failure): void {
    for (const stream of this.streams.open.values()) {
      stream.close();
      stream.cancel(failure);
    }
    this.streams.open.clear();
  }

  /** The client cannot be served any longer. */
  private lose(failure: Failure): void {
    this.cancelAll(failure);
    this.sever();
  }

  onEnd(): void {
    // Nothing more can come, not even a window to send in.
    this.cancelAll(FAILURES.clientGone);
    if (this.state < STATE_LINGER) this.end();
    this.socket.destroySoon();
  }

  onClose(): void {
    this.state = STATE_CLOSED;
    this.reader.stop();
    this.cancelAll(FAILURES.clientGone);
    this.context.wheel.remove(this.deadline);
    this.output.dispose();
    this.client.bonds?.dissolve();
    this.context.closed(this);
  }

  /** What the client has not taken is forgotten at once. */
  private sever(): void {
    this.state = STATE_CLOSED;
    resetSocket(this.socket);
  }

  destroy(): void {
    this.state = STATE_CLOSED;
    this.socket.destroy();
  }
}
