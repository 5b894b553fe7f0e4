// Gathers the frames of one connection and writes them. Everything that happens in one turn of the event loop leaves in
// one write per connection, whatever number of streams it belongs to; while a write is in flight, further frames gather
// for the next one. Memory comes from a pool of slabs and goes back when the kernel has taken the bytes. bench/load, h2
// 16 x 16: a write per frame costs twice the time per request.

import {
  FLAG_ACK,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_BYTES,
  FRAME_PING,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
} from './protocol.ts';
import { dropSlab, giveSlab, SLAB_BYTES, takeMemory, takeSlab } from './slab-pool.ts';
import type { Setting } from './settings.ts';

/** The part of a socket that is used. */
export interface WritableSocket {
  readonly destroyed: boolean;
  write(chunk: Buffer, written?: (error?: Error | null) => void): boolean;
  cork(): void;
  uncork(): void;
  end(): void;
}

/** Connections with frames to write. */
let dirty: FrameOutput[] = [];
let isScheduled = false;

function flushAll(): void {
  const list = dirty;
  dirty = [];
  isScheduled = false;
  for (const output of list) output.flush();
}

/** A frame that may still be changed, as long as `epoch` is the output's. */
export interface FrameMark {
  slab: Buffer | null;
  flagsAt: number;
  epoch: number;
}

export class FrameOutput {
  socket: WritableSocket;
  /** Octets framed that the kernel has not taken. */
  pending = 0;
  /** Where the next octet goes in the buffer that `reserve` has returned. */
  at = 0;
  private slab: Buffer | null = null;
  /** Full slabs before the present one, as pairs of a buffer and its length. */
  private full: { slab: Buffer; length: number }[] = [];
  private inFlight: { slab: Buffer; length: number }[] | Buffer | null = null;
  private inFlightBytes = 0;
  /** Counts writes. */
  private epoch = 0;
  private isDirty = false;
  private isDisposed = false;
  private isEnding = false;
  private readonly written: (error?: Error | null) => void;
  private readonly onWritten: () => void;

  /** `onWritten` is called when a write has been taken by the kernel. */
  constructor(socket: WritableSocket, onWritten: () => void) {
    this.socket = socket;
    this.onWritten = onWritten;
    this.written = (error) => this.finishWrite(error);
  }

  /** A buffer with `bytes` octets free from `at`; the caller fills them and calls `commit`. */
  reserve(bytes: number): Buffer {
    let slab = this.slab;
    if (slab === null || this.at + bytes > slab.length) {
      if (slab !== null) this.full.push({ slab, length: this.at });
      slab = bytes > SLAB_BYTES ? takeMemory(bytes) : takeSlab();
      this.slab = slab;
      this.at = 0;
    }
    return slab;
  }

  commit(end: number): void {
    this.pending += end - this.at;
    this.at = end;
    if (!this.isDirty) {
      this.isDirty = true;
      dirty.push(this);
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(flushAll);
      }
    }
  }

  // ── frames ─────────────────────────────────────────────────────────────────────────────────────────────────────

  data(streamId: number, chunk: Buffer, start: number, end: number, mark: FrameMark): void {
    const length = end - start;
    const out = this.reserve(FRAME_HEADER_BYTES + length);
    const at = writeFrameHeader(out, this.at, length, FRAME_DATA, 0, streamId);
    if (length > 0) chunk.copy(out, at, start, end);
    this.mark(mark, out, this.at);
    this.commit(at + length);
  }

  /** Remembers the frame whose header is at `header` in the present buffer. */
  mark(mark: FrameMark, out: Buffer, header: number): void {
    mark.slab = out;
    mark.flagsAt = header + 4;
    mark.epoch = this.epoch;
  }

  /** Ends the stream with the frame sent last, when that is still here; with an empty one otherwise. */
  endStream(streamId: number, mark: FrameMark): void {
    if (mark.slab !== null && mark.epoch === this.epoch) mark.slab[mark.flagsAt]! |= FLAG_END_STREAM;
    else {
      const out = this.reserve(FRAME_HEADER_BYTES);
      this.commit(writeFrameHeader(out, this.at, 0, FRAME_DATA, FLAG_END_STREAM, streamId));
    }
    mark.slab = null;
  }

  settings(settings: readonly Setting[]): void {
    const length = settings.length * 6;
    const out = this.reserve(FRAME_HEADER_BYTES + length);
    let at = writeFrameHeader(out, this.at, length, FRAME_SETTINGS, 0, 0);
    for (const [id, value] of settings) {
      out[at] = id >>> 8;
      out[at + 1] = id;
      at = writeUint32(out, at + 2, value);
    }
    this.commit(at);
  }

  settingsAck(): void {
    const out = this.reserve(FRAME_HEADER_BYTES);
    this.commit(writeFrameHeader(out, this.at, 0, FRAME_SETTINGS, FLAG_ACK, 0));
  }

  /** `payload` holds 8 octets from `start`. */
  ping(isAck: boolean, payload: Buffer, start: number): void {
    const out = this.reserve(FRAME_HEADER_BYTES + 8);
    const at = writeFrameHeader(out, this.at, 8, FRAME_PING, isAck ? FLAG_ACK : 0, 0);
    payload.copy(out, at, start, start + 8);
    this.commit(at + 8);
  }

  goaway(lastStreamId: number, code: number): void {
    const out = this.reserve(FRAME_HEADER_BYTES + 8);
    const at = writeFrameHeader(out, this.at, 8, FRAME_GOAWAY, 0, 0);
    this.commit(writeUint32(out, writeUint32(out, at, lastStreamId), code));
  }

  resetStream(streamId: number, code: number): void {
    const out = this.reserve(FRAME_HEADER_BYTES + 4);
    const at = writeFrameHeader(out, this.at, 4, FRAME_RST_STREAM, 0, streamId);
    this.commit(writeUint32(out, at, code));
  }

  windowUpdate(streamId: number, increment: number): void {
    const out = this.reserve(FRAME_HEADER_BYTES + 4);
    const at = writeFrameHeader(out, this.at, 4, FRAME_WINDOW_UPDATE, 0, streamId);
    this.commit(writeUint32(out, at, increment));
  }

  /** Text that comes before the first frame: a client's preface. */
  text(text: string): void {
    const out = this.reserve(text.length);
    this.commit(this.at + out.latin1Write(text, this.at, text.length));
  }

  // ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes what has gathered, unless a write is in flight. */
  flush(): void {
    this.isDirty = false;
    const { socket, slab } = this;
    if (this.inFlight !== null || slab === null || this.isDisposed || socket.destroyed) return;
    this.epoch++;
    this.slab = null;
    this.inFlightBytes = this.pending;
    if (this.full.length === 0) {
      this.inFlight = slab;
      socket.write(slab.subarray(0, this.at), this.written);
      return;
    }
    const pieces = this.full;
    this.full = [];
    pieces.push({ slab, length: this.at });
    this.inFlight = pieces;
    socket.cork();
    pieces.forEach((piece, index) =>
      socket.write(piece.slab.subarray(0, piece.length), index === pieces.length - 1 ? this.written : undefined),
    );
    socket.uncork();
  }

  private finishWrite(error: Error | null | undefined): void {
    const pieces = this.inFlight;
    this.inFlight = null;
    if (pieces === null) return;
    // After an error the kernel may still hold the memory: it is left to the collector.
    const give = error == null ? giveSlab : dropSlab;
    if (Array.isArray(pieces)) for (const { slab } of pieces) give(slab);
    else give(pieces);
    if (error != null) return;
    this.pending -= this.inFlightBytes;
    this.inFlightBytes = 0;
    if (this.isDisposed) return;
    this.onWritten();
    if (!this.isDirty || this.isEnding) this.flush();
    if (this.isEnding) this.socket.end();
  }

  /** Writes what has gathered, then ends the socket. */
  end(): void {
    this.isEnding = true;
    if (this.inFlight !== null) return;
    this.flush();
    this.socket.end();
  }

  /** The connection is gone: what has gathered is dropped. */
  dispose(): void {
    this.isDisposed = true;
    if (this.slab !== null) giveSlab(this.slab);
    for (const { slab } of this.full) giveSlab(slab);
    this.slab = null;
    this.full = [];
  }
}

/** Returns the index behind the header. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return writeUint32(out, at + 5, streamId);
}

function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}
