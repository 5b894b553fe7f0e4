// What a connection of HTTP/2 is on either side, RFC 9113: its two header compressions, settings, windows, and what the
// peer may cost. It answers what concerns the connection alone; who opens streams, what frames mean to them, how long
// anything may take and how it all ends is the side's, which extends it: downstream/http2-connection.ts and
// upstream/connection/http2-connection.ts.
//
//   OPENING ──the peer has introduced itself──▶ OPEN ──▶ LEAVING (streams finish) ──▶ OVER (last words are sent)
//      └───────────────────────────────────────────┴──connection error──▶ GOAWAY ──▶ OVER
//
// A base class and no part of the connection: the reader calls the connection once or twice for each frame, and a part
// would have to pass every one of these calls on, or to be asked for every field that frames of streams need. As it is,
// the code of a side sees one kind of object, and the shared code two.

import type net from 'node:net';
import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { Failure } from '../http/failure.ts';
import { DataSender } from './data-sender.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameOutput } from './frame-output.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { HeaderBlockWriter } from './header-block-writer.ts';
import { type FieldReceiver, HpackDecoder, IGNORED_FIELDS } from './hpack/hpack-decoder.ts';
import { HpackEncoder } from './hpack/hpack-encoder.ts';
import type { IncomingStream } from './incoming-stream.ts';
import { DEFAULT_WINDOW, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { PeerSettings, type Setting } from './settings.ts';

export const STATE_OPENING = 0;
export const STATE_OPEN = 1;
export const STATE_LEAVING = 2;
export const STATE_OVER = 3;

/** With this much waiting for the socket, answers to further frames would only add to it: the peer is not read. */
export const MAX_PENDING_BYTES = 256 * 1024;
/** A DATA frame of this size is worth its header. */
const WORTHWHILE_BYTES = 1024;
/** Of a SETTINGS frame: beside its acknowledgement, it may make every stream move. */
const SETTINGS_COST = 10;

/** In what the two sides differ from the first frame on. */
export interface SessionOptions {
  /** Whether the peer is a server. */
  readonly isServer: boolean;
  /** Bound of a compressed header block. */
  readonly maxBlockBytes: number;
  /** Bound of the table that this side's header blocks refer to, whatever the peer allows. */
  readonly maxEncoderTableBytes: number;
  /** What all streams of the peer may be ahead together. */
  readonly windowBytes: number;
}

export abstract class Http2Session<Stream extends IncomingStream> implements FrameHandler {
  readonly output: FrameOutput;
  readonly sender: DataSender;
  readonly headers: HeaderBlockWriter;
  protected socket: net.Socket;
  protected readonly wheel: TimerWheel;
  protected readonly reader: FrameReader;
  protected readonly decoder = new HpackDecoder();
  protected readonly guard: FloodGuard;
  protected readonly settings: PeerSettings;
  /** Those that neither side has closed. */
  protected readonly streams = new Map<number, Stream>();
  protected state: number = STATE_OPENING;
  /** The peer is not read, since too much waits for the socket. */
  protected isPaused = false;
  /** Of the DATA frame being read: its stream, or null when its bytes are dropped. */
  protected dataStream: Stream | null = null;
  private dataLength = 0;
  private readonly window: ReceiveWindow;
  private readonly encoder: HpackEncoder;
  /** Streams whose sink got something in this read. */
  private readonly touched: Stream[] = [];
  /** Counts what the kernel has taken, and up to where `hasMoved` has looked. */
  private writes = 0;
  private writesSeen = 0;

  /** Over a connected socket; reading it is the side's to begin. */
  constructor(socket: net.Socket, wheel: TimerWheel, options: SessionOptions) {
    this.socket = socket;
    this.wheel = wheel;
    this.settings = new PeerSettings(options.isServer);
    this.guard = new FloodGuard(wheel.nowMs);
    this.reader = new FrameReader(this, options.maxBlockBytes);
    this.encoder = new HpackEncoder(options.maxEncoderTableBytes);
    this.window = new ReceiveWindow(options.windowBytes, options.windowBytes);
    this.output = new FrameOutput(socket, () => this.written());
    this.sender = new DataSender(this.output, this.guard);
    this.headers = new HeaderBlockWriter(this.output, this.encoder);
  }

  // ── what the sides say ─────────────────────────────────────────────────────────────────────────────────────────

  abstract onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    endStream: boolean,
    dependsOn: number,
  ): number;
  abstract onDataFrame(streamId: number, length: number): number;
  abstract onReset(streamId: number, code: number): number;
  abstract onGoaway(lastStreamId: number): number;

  /** Highest id of a stream that the peer has opened and this side has dealt with (RFC 9113 §6.8). */
  protected abstract get lastPeerStreamId(): number;
  /** What a connection error is to the exchanges that it ends. */
  protected abstract failureOf(code: number): Failure;
  /** Decodes a header block within the limits of this side. */
  protected abstract decode(block: Buffer, start: number, end: number, fields: FieldReceiver): number;
  /** The peer has acknowledged this side's settings. */
  protected abstract settingsAcknowledged(): void;
  /** Settings of the peer are in force. */
  protected abstract settingsApplied(): void;
  /** The answer to a PING of this side has come. */
  protected abstract pingAnswered(payload: Buffer, start: number): void;
  /** Ends a stream for what the peer did wrong with a frame that only costs; returns the code of a connection error. */
  protected abstract breakStream(stream: Stream, code: number): number;
  /** A frame that may come for a stream that is over, but not for one that never was. */
  protected abstract checkLateFrame(streamId: number): number;
  /** Bytes of DATA that no stream takes. */
  protected abstract dataDropped(bytes: number): void;
  /** The stream got more bytes than may come. */
  protected abstract dataRefused(stream: Stream, bytes: number): void;
  /** DATA has brought END_STREAM. */
  protected abstract endData(stream: Stream): number;
  /** `hasMoved` wants to be asked when the time of this side for a peer that reads nothing is over. */
  protected abstract armStall(): void;
  /** The peer is about to be read again. */
  protected abstract resumed(): void;
  /** Says what is left to say, and ends this side's half. */
  protected abstract end(): void;
  /** Gives up all streams. */
  protected abstract breakAll(failure: Failure): void;

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The first words of this side. */
  protected announce(settings: readonly Setting[]): void {
    this.output.settings(settings);
    this.output.windowUpdate(0, this.window.size - DEFAULT_WINDOW);
  }

  /** Reads `chunk[start, end)`, and does what follows from all of it together. */
  protected feed(chunk: Buffer, start: number, end: number): void {
    const code = this.reader.feed(chunk, start, end);
    if (code !== NO_ERROR) this.fail(code, this.failureOf(code));
    this.settle();
  }

  /** After a read: lets sinks send what they have gathered, and reads no further when too much waits for the socket. */
  protected settle(): void {
    const { touched } = this;
    for (let index = 0; index < touched.length; index++) touched[index]!.deliver();
    touched.length = 0;
    if (this.state === STATE_OVER || this.isPaused || this.output.pending <= MAX_PENDING_BYTES) return;
    this.isPaused = true;
    this.socket.pause();
    this.writesSeen = this.writes;
    this.armStall();
  }

  /** The sink of the stream wants a flush when the present read is over. */
  flushLater(stream: Stream): void {
    if (this.touched.at(-1) !== stream) this.touched.push(stream);
  }

  // ── frames of the connection ───────────────────────────────────────────────────────────────────────────────────

  onSettings(isAck: boolean, payload: Buffer, start: number, end: number): number {
    if (isAck) {
      this.settingsAcknowledged();
      return this.chargeControl(1);
    }
    const { settings } = this;
    const windowBefore = settings.initialWindow;
    const code = settings.apply(payload, start, end);
    if (code !== NO_ERROR) return code;
    this.encoder.setPeerLimit(settings.headerTableBytes);
    // RFC 9113 §6.9.2: windows of streams move with it, that of the connection does not.
    const change = settings.initialWindow - windowBefore;
    if (!this.sender.widenAll(this.streams.values(), change)) return FLOW_CONTROL_ERROR;
    this.output.settingsAck();
    this.settingsApplied();
    return this.chargeControl(SETTINGS_COST);
  }

  onPing(isAck: boolean, payload: Buffer, start: number): number {
    if (isAck) this.pingAnswered(payload, start);
    else this.output.ping(true, payload, start);
    return this.chargeControl(1);
  }

  /** Priorities have no effect here (RFC 9113 §5.3.2). */
  onPriority(_streamId: number, _dependsOn: number): number {
    return this.chargeControl(1);
  }

  onUnknownFrame(): number {
    return this.chargeControl(1);
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

  /** A header block without a stream: the table must still see it. */
  protected skipBlock(block: Buffer, start: number, end: number): number {
    return this.decode(block, start, end, IGNORED_FIELDS);
  }

  protected chargeControl(cost: number): number {
    return this.guard.allowControl(this.wheel.nowMs, cost) ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  // ── DATA ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A DATA frame of this length begins, for no stream as yet; false when the window of the connection is exceeded. */
  protected beginData(length: number): boolean {
    this.dataStream = null;
    this.dataLength = length;
    return this.window.take(length);
  }

  onDataBytes(chunk: Buffer, start: number, end: number): void {
    const stream = this.dataStream;
    // The stream may have ended since its frame began.
    if (stream === null || stream.isClosed) this.dataDropped(end - start);
    else if (!stream.receive(chunk, start, end)) this.dataRefused(stream, end - start);
  }

  onDataEnd(padding: number, endStream: boolean): number {
    const stream = this.dataStream;
    this.dataStream = null;
    if (padding > 0) {
      if (stream === null) this.dataDropped(padding);
      else stream.credit(padding);
    }
    const bytes = this.dataLength - padding;
    if (bytes >= WORTHWHILE_BYTES) this.guard.earn();
    if (stream === null || stream.isClosed) return NO_ERROR;
    if (endStream) return this.endData(stream);
    return bytes === 0 ? this.chargeControl(1) : NO_ERROR;
  }

  /** The peer may send that much more in all streams together. */
  creditConnection(bytes: number): void {
    if (bytes === 0 || this.state === STATE_OVER) return;
    const increment = this.window.give(bytes);
    if (increment > 0) this.output.windowUpdate(0, increment);
  }

  // ── back-pressure ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the kernel has taken anything since this was asked last, or since the peer is no longer read. */
  protected hasMoved(): boolean {
    const hasMoved = this.writes !== this.writesSeen;
    this.writesSeen = this.writes;
    return hasMoved;
  }

  protected written(): void {
    this.writes++;
    if (this.state === STATE_OVER) return;
    this.sender.drain();
    if (!this.isPaused || this.output.pending > MAX_PENDING_BYTES) return;
    this.isPaused = false;
    this.resumed();
    this.socket.resume();
  }

  // ── end ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A connection error (RFC 9113 §5.4.1): says so, ends this side, and gives up all streams. */
  protected fail(code: number, failure: Failure): void {
    if (this.state === STATE_OVER) return;
    this.sayGoodbye(code);
    this.end();
    this.breakAll(failure);
  }

  protected sayGoodbye(code: number): void {
    this.output.goaway(this.lastPeerStreamId, code);
  }
}
