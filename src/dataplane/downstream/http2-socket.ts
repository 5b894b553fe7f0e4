// The socket of an HTTP/2 client, and how the connection over it opens, rests, leaves and ends, with the time that each
// of it may take. What frames mean to requests is http2-connection.ts, which extends it; what a connection is on either
// side, below it, http2/session.ts.

import { performance } from 'node:perf_hooks';
import type net from 'node:net';
import { Deadline } from '../../core/timer-wheel.ts';
import type { Http2Spec } from '../../model/entry-point.ts';
import type { ClientInfo } from '../http/client-info.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { FieldReceiver } from '../http2/hpack/hpack-decoder.ts';
import {
  DEFAULT_HEADER_TABLE_BYTES,
  ENHANCE_YOUR_CALM,
  MAX_STREAM_ID,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_HEADER_LIST_SIZE,
} from '../http2/protocol.ts';
import { Http2Session, STATE_LEAVING, STATE_OPEN, STATE_OPENING, STATE_OVER } from '../http2/session.ts';
import type { Setting } from '../http2/settings.ts';
import { StreamTable } from '../http2/stream-table.ts';
import { readPlainly, Reading, refit, type ReadTarget } from '../net/fixed-read.ts';
import { resetSocket } from '../net/reset.ts';
import {
  LINGER_MS,
  MAX_LINGER_MS,
  NEWCOMER_MS,
  type DownstreamConnection,
  type DownstreamContext,
} from './downstream-connection.ts';
import type { Http2Stream } from './http2-stream.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** What a client may still send behind a connection error, so that GOAWAY reaches it. */
const MAX_FAULTY_BYTES = 1024 * 1024;
/** A client that leaves is told what was accepted when its answer to a PING shows that it knows, or after this time. */
const GOAWAY_ROUND_TRIP_MS = 1_000;
const GOAWAY_PING = Buffer.from('goaway..', 'latin1');
/** What a request body may be ahead of its server, and all of a connection together. */
export const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
/** At the latest; the wheel keeps its time only while it has something to do. */
const HEARTBEAT_MS = 30_000;

export abstract class Http2Socket extends Http2Session<Http2Stream> implements DownstreamConnection, ReadTarget {
  readonly client: ClientInfo;
  readonly ticket: number;
  readonly context: DownstreamContext;
  /** As announced to this client: options that change meanwhile are for others. */
  protected readonly announced: Http2Spec;
  protected readonly table = new StreamTable<Http2Stream>(this.streams);
  protected readonly openedMs: number;
  protected served = 0;
  /** Streams beyond this id are not served any more. */
  protected lastServedId = MAX_STREAM_ID;
  protected idleAtMs = NEVER;
  private readonly reading = new Reading();
  private readonly deadline: Deadline;
  private prefaceAt = 0;
  private canRefit: boolean;
  private isSettingsAcknowledged = false;
  private lingerUntilMs = 0;
  private lingerBytes = Number.POSITIVE_INFINITY;
  private watchedMs = NEVER;
  private headAtMs: number;
  private framesSeen = 0;
  private goawayAtMs = NEVER;
  private stallAtMs = NEVER;

  /**
   * Over any connected socket: plain, or TLS whose ALPN has chosen h2. `canRefit` says that the socket is a plain one
   * whose reads may be made faster. Bytes that were read before go to `onRead` after construction.
   */
  constructor(context: DownstreamContext, socket: net.Socket, client: ClientInfo, ticket: number, canRefit = false) {
    const { wheel } = context;
    const { spec } = context.entryPoint.settings;
    wheel.touch(performance.now());
    super(socket, wheel, {
      isServer: false,
      maxBlockBytes: spec.limits.maxHeaderBytes,
      maxEncoderTableBytes: spec.http2.maxEncoderHeaderTableSize,
      windowBytes: CONNECTION_WINDOW,
    });
    this.context = context;
    this.client = client;
    this.ticket = ticket;
    this.canRefit = canRefit;
    this.openedMs = wheel.nowMs;
    this.headAtMs = spec.timeouts.headerMs > 0 ? wheel.nowMs + spec.timeouts.headerMs : NEVER;
    this.announced = spec.http2;
    this.deadline = new Deadline(() => this.expired());
    readPlainly(socket, this, this.reading);
    this.sendSettings();
    this.watch(Math.min(this.headAtMs, wheel.nowMs + HEARTBEAT_MS));
  }

  private sendSettings(): void {
    const { spec } = this.context.entryPoint.settings;
    const settings: Setting[] = [
      [SETTINGS_MAX_CONCURRENT_STREAMS, spec.http2.maxConcurrentStreams],
      [SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [SETTINGS_MAX_HEADER_LIST_SIZE, spec.limits.maxHeaderBytes],
      [SETTINGS_ENABLE_CONNECT_PROTOCOL, 1],
    ];
    const tableBytes = spec.http2.maxDecoderHeaderTableSize;
    if (tableBytes !== DEFAULT_HEADER_TABLE_BYTES) settings.push([SETTINGS_HEADER_TABLE_SIZE, tableBytes]);
    if (tableBytes > DEFAULT_HEADER_TABLE_BYTES) this.decoder.allow(tableBytes);
    this.announce(settings);
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  onRead(chunk: Buffer, length: number): void {
    let at = 0;
    if (this.state === STATE_OVER) {
      // Dropped until the time is over; of a client that breaks the protocol only so much.
      this.lingerBytes -= length;
      if (this.lingerBytes < 0) this.sever();
      else this.lingerOn();
      return;
    }
    if (this.state === STATE_OPENING) {
      at = this.readPreface(chunk, length);
      if (at < 0) return;
    }
    this.feed(chunk, at, length);
  }

  protected failureOf(code: number): Failure {
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
      if (this.context.entryPoint.isDraining) this.drain();
      this.armIdle();
    }
    return at;
  }

  protected override settle(): void {
    super.settle();
    if (this.state === STATE_OVER) return;
    this.watchFrame();
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
    const { headerMs } = this.context.entryPoint.settings.spec.timeouts;
    if (headerMs <= 0) return;
    this.headAtMs = this.wheel.nowMs + headerMs;
    this.watch(this.headAtMs);
  }

  // ── frames of the connection ───────────────────────────────────────────────────────────────────────────────────

  protected settingsAcknowledged(): void {
    if (this.isSettingsAcknowledged) return;
    this.isSettingsAcknowledged = true;
    this.decoder.allow(this.announced.maxDecoderHeaderTableSize);
  }

  protected settingsApplied(): void {}

  protected pingAnswered(payload: Buffer, start: number): void {
    if (this.goawayAtMs !== NEVER && GOAWAY_PING.equals(payload.subarray(start, start + 8))) this.leave();
  }

  onGoaway(): number {
    // The client opens no more streams; nothing that this side has opened needs to be given up.
    return this.chargeControl(1);
  }

  protected decode(block: Buffer, start: number, end: number, fields: FieldReceiver): number {
    const { limits } = this.context.entryPoint.settings.spec;
    return this.decoder.decode(block, start, end, fields, limits.maxHeaderBytes, limits.maxHeaderCount);
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  watch(atMs: number): void {
    if (atMs >= this.watchedMs) return;
    this.watchedMs = atMs;
    this.wheel.arm(this.deadline, Math.max(1, atMs - this.wheel.nowMs));
  }

  private armIdle(): void {
    const { idleMs } = this.context.entryPoint.settings.spec.timeouts;
    if (idleMs <= 0) return;
    this.idleAtMs = this.wheel.nowMs + idleMs;
    this.watch(this.idleAtMs);
  }

  protected armStall(): void {
    const { writeIdleMs } = this.context.entryPoint.settings.spec.timeouts;
    if (writeIdleMs <= 0) return;
    this.stallAtMs = this.wheel.nowMs + writeIdleMs;
    this.watch(this.stallAtMs);
  }

  private expired(): void {
    const { nowMs } = this.wheel;
    this.watchedMs = NEVER;
    if (this.state === STATE_OVER) {
      if (this.idleAtMs > nowMs) this.watch(this.idleAtMs);
      else this.sever();
      return;
    }
    if (this.headAtMs <= nowMs) {
      this.fail(this.reader.frames === 0 ? PROTOCOL_ERROR : ENHANCE_YOUR_CALM, FAILURES.requestTimeout);
      return;
    }
    if (this.stallAtMs <= nowMs) {
      if (!this.hasMoved()) {
        this.lose(FAILURES.clientStalled);
        return;
      }
      this.armStall();
    }
    if (this.goawayAtMs <= nowMs) this.leave();
    if (this.idleAtMs <= nowMs && this.streams.size === 0) this.close();
    if (this.state === STATE_OVER) return;
    let next = Math.min(this.headAtMs, this.stallAtMs, this.goawayAtMs, this.idleAtMs);
    for (const stream of this.streams.values()) next = Math.min(next, stream.expire(nowMs));
    this.watch(Math.min(next, nowMs + HEARTBEAT_MS));
  }

  /** A stream has ended, the last one perhaps. */
  protected restIfIdle(): void {
    if (this.streams.size > 0) return;
    if (this.state === STATE_LEAVING && this.goawayAtMs === NEVER) this.close();
    else if (this.state <= STATE_LEAVING) this.armIdle();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────

  protected resumed(): void {
    this.stallAtMs = NEVER;
  }

  onDrain(): void {}

  get hasAsked(): boolean {
    return this.served > 0;
  }

  closeIfResting(): boolean {
    if (this.state > STATE_OPEN || this.streams.size > 0) return false;
    if (!this.hasAsked && this.wheel.nowMs - this.openedMs < NEWCOMER_MS) return false;
    this.destroy();
    return true;
  }

  /** Tells the client to go elsewhere, in two steps so that no request it has just sent is lost (RFC 9113 §6.8). */
  drain(): void {
    if (this.state === STATE_OPENING) {
      // In patience it is served until it is open, and goes then.
      if (this.context.entryPoint.patienceMs === 0) this.close();
      return;
    }
    if (this.state !== STATE_OPEN) return;
    this.state = STATE_LEAVING;
    this.output.goaway(MAX_STREAM_ID, NO_ERROR);
    this.output.ping(false, GOAWAY_PING, 0);
    this.goawayAtMs = this.wheel.nowMs + GOAWAY_ROUND_TRIP_MS;
    this.watch(this.goawayAtMs);
  }

  /** The client knows by now: what it has opened is served, nothing more. */
  private leave(): void {
    this.goawayAtMs = NEVER;
    this.lastServedId = this.table.lastId;
    this.sayGoodbye(NO_ERROR);
    if (this.streams.size === 0) this.close();
  }

  protected get lastPeerStreamId(): number {
    return this.table.lastId;
  }

  protected override fail(code: number, failure: Failure): void {
    if (this.state < STATE_OVER) this.lingerBytes = MAX_FAULTY_BYTES;
    super.fail(code, failure);
  }

  /** In order: nothing is in progress. */
  private close(): void {
    if (this.lastServedId === MAX_STREAM_ID) this.sayGoodbye(NO_ERROR);
    this.end();
  }

  /**
   * Sends what is there and ends our side, then reads on for a while: unread bytes would turn the close into a reset.
   */
  protected end(): void {
    this.state = STATE_OVER;
    this.reader.stop();
    this.output.end();
    const { nowMs } = this.wheel;
    this.lingerUntilMs = nowMs + MAX_LINGER_MS;
    this.idleAtMs = nowMs + LINGER_MS;
    this.watchedMs = NEVER;
    this.watch(this.idleAtMs);
    if (this.isPaused) this.socket.resume();
  }

  /** The client goes on sending what nobody wants; while draining, its time is not prolonged. */
  private lingerOn(): void {
    if (this.context.entryPoint.isDraining) return;
    this.idleAtMs = Math.min(this.wheel.nowMs + LINGER_MS, this.lingerUntilMs);
  }

  protected breakAll(failure: Failure): void {
    for (const stream of this.streams.values()) {
      stream.close();
      stream.cancel(failure);
    }
    this.streams.clear();
  }

  /** The client cannot be served any longer. */
  private lose(failure: Failure): void {
    this.breakAll(failure);
    this.sever();
  }

  onEnd(): void {
    // Nothing more can come, not even a window to send in.
    this.breakAll(FAILURES.clientGone);
    if (this.state < STATE_OVER) this.end();
    this.socket.destroySoon();
  }

  onClose(): void {
    this.state = STATE_OVER;
    this.reader.stop();
    this.breakAll(FAILURES.clientGone);
    this.wheel.remove(this.deadline);
    this.output.dispose();
    this.client.bonds?.dissolve();
    this.context.closed(this);
  }

  /** What the client has not taken is forgotten at once. */
  private sever(): void {
    this.state = STATE_OVER;
    resetSocket(this.socket);
  }

  destroy(): void {
    this.state = STATE_OVER;
    this.socket.destroy();
  }
}
