// Sends message bodies within the windows of connection and stream (RFC 9113 §5.2) and within what the socket takes.
// What does not fit is held per stream, which is at most the piece in hand: the source is asked to stop. When room
// comes, held pieces leave one frame per stream by turns, so that no stream starves another, and then sources are asked
// to go on.

import type { FrameMark, FrameOutput } from './frame-output.ts';
import { HeldBytes } from './held-bytes.ts';
import { DEFAULT_WINDOW, MAX_FRAME_BYTES, MAX_WINDOW } from './protocol.ts';
import type { FloodGuard } from './flood-guard.ts';

/** A peer that takes bytes more slowly than they come costs this much of framed data. */
const HIGH_WATER_BYTES = 128 * 1024;
/** A frame of this size, or the last of a body, is worth its header. */
const WORTHWHILE_BYTES = 1024;

/** What a stream sends. */
export abstract class OutgoingStream {
  readonly id: number;
  /** What the peer lets it send; may be negative after a change of settings. */
  sendWindow: number;
  /** Octets taken and not yet framed; null when there are none. */
  held: HeldBytes | null = null;
  /** Some of them have been framed since this was last set to false. */
  hasProgressed = false;
  /** The frame sent last. */
  readonly lastFrame: FrameMark = { slab: null, flagsAt: 0, epoch: -1 };
  /** Nothing follows the held octets but what `heldEnd` says. */
  isEnding = false;
  isWaiting = false;
  /** Of a body with a known length: bytes still to go out; -1 for others. */
  protected outgoingLeft = -1;

  constructor(id: number, sendWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
  }

  /** Returns how many of the bytes go out: a body longer than announced would be a malformed message. */
  protected countOutgoing(bytes: number): number {
    if (this.outgoingLeft < 0) return bytes;
    const size = Math.min(bytes, this.outgoingLeft);
    this.outgoingLeft -= size;
    return size;
  }

  /** The body may go on, after `write` has returned false. */
  abstract hasRoom(): void;

  /** All held octets are framed and the stream is ending: send the end. */
  abstract sendEnd(): void;
}

export class DataSender {
  /** What the peer lets all streams send together. */
  window = DEFAULT_WINDOW;
  private readonly output: FrameOutput;
  private readonly guard: FloodGuard;
  /** Streams with held octets, in the order of their turns. */
  private blocked: OutgoingStream[] = [];
  /** Streams without, whose source waits for the socket. */
  private waiting: OutgoingStream[] = [];

  constructor(output: FrameOutput, guard: FloodGuard) {
    this.output = output;
    this.guard = guard;
  }

  get hasRoom(): boolean {
    return this.output.pending < HIGH_WATER_BYTES;
  }

  /** Takes the piece; false asks the source to stop until `stream.hasRoom` is called. */
  write(stream: OutgoingStream, chunk: Buffer, start: number, end: number): boolean {
    let at = start;
    if (stream.held === null) at = this.frame(stream, chunk, start, end, end);
    if (at < end) {
      this.hold(stream, chunk, at, end);
      return false;
    }
    if (this.hasRoom) return true;
    if (!stream.isWaiting) {
      stream.isWaiting = true;
      this.waiting.push(stream);
    }
    return false;
  }

  /** Ends the body once everything is framed. */
  end(stream: OutgoingStream): void {
    stream.isEnding = true;
    if (stream.held === null) stream.sendEnd();
  }

  /** Forgets a stream that is over. */
  remove(stream: OutgoingStream): void {
    if (stream.held !== null) {
      stream.held.clear();
      stream.held = null;
      const index = this.blocked.indexOf(stream);
      if (index >= 0) this.blocked.splice(index, 1);
    }
    if (stream.isWaiting) {
      stream.isWaiting = false;
      const index = this.waiting.indexOf(stream);
      if (index >= 0) this.waiting.splice(index, 1);
    }
  }

  /** WINDOW_UPDATE of the connection; false when the window overflows. */
  widen(increment: number): boolean {
    this.window += increment;
    if (this.window > MAX_WINDOW) return false;
    if (this.blocked.length > 0) this.drain();
    return true;
  }

  /** WINDOW_UPDATE of a stream, or a change of the initial window; false when the window overflows. */
  widenStream(stream: OutgoingStream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) return false;
    if (stream.held !== null && stream.sendWindow > 0) this.drain();
    return true;
  }

  /** A change of the initial window by the peer's SETTINGS; false when the window of one overflows. */
  widenAll(streams: Iterable<OutgoingStream>, change: number): boolean {
    if (change === 0) return true;
    for (const stream of streams) if (!this.widenStream(stream, change)) return false;
    return true;
  }

  /** The socket or a window has room again. */
  drain(): void {
    let moved = true;
    while (moved && this.blocked.length > 0) {
      moved = false;
      const round = this.blocked;
      this.blocked = [];
      for (const stream of round) {
        // Ended meanwhile, by what another stream's turn has brought about.
        if (stream.held === null) continue;
        if (this.window > 0 && stream.sendWindow > 0 && this.hasRoom) {
          moved = true;
          this.frameHeld(stream);
        }
        if (stream.held !== null) this.blocked.push(stream);
      }
    }
    while (this.waiting.length > 0 && this.hasRoom) {
      const stream = this.waiting.shift()!;
      stream.isWaiting = false;
      stream.hasRoom();
    }
  }

  /** Frames what windows and socket allow; returns the index behind it. `bodyEnd` is where all that is known ends. */
  private frame(stream: OutgoingStream, chunk: Buffer, start: number, end: number, bodyEnd: number): number {
    let at = start;
    while (at < end && this.hasRoom) {
      const size = Math.min(end - at, MAX_FRAME_BYTES, this.window, stream.sendWindow);
      if (size <= 0) break;
      this.output.data(stream.id, chunk, at, at + size, stream.lastFrame);
      this.window -= size;
      stream.sendWindow -= size;
      at += size;
      // Small windows must not pay for the frames that open them: tiny-window attack.
      if (size >= WORTHWHILE_BYTES || at === bodyEnd) this.guard.earn();
    }
    return at;
  }

  private hold(stream: OutgoingStream, chunk: Buffer, start: number, end: number): void {
    if (stream.held === null) {
      stream.held = new HeldBytes();
      this.blocked.push(stream);
      stream.hasProgressed = false;
    }
    stream.held.append(chunk, start, end);
  }

  /** One turn: a frame of the first held piece. */
  private frameHeld(stream: OutgoingStream): void {
    const held = stream.held!;
    const piece = held.first!;
    const end = Math.min(piece.end, piece.start + MAX_FRAME_BYTES);
    const sent = this.frame(stream, piece.memory, piece.start, end, piece.end) - piece.start;
    stream.hasProgressed = true;
    held.consume(sent);
    if (held.length > 0) return;
    stream.held = null;
    if (stream.isEnding) stream.sendEnd();
    else if (!stream.isWaiting) {
      stream.isWaiting = true;
      this.waiting.push(stream);
    }
  }
}
