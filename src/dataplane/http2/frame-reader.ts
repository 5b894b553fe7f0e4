// Splits the bytes of a connection into frames and checks what can be checked of a frame by itself, RFC 9113 §4 to §6.
// The payload of DATA is passed on as it arrives; other frames are delivered whole, so that a frame in pieces costs one
// copy of at most 16 KiB. A header block in several frames is gathered up to a limit of bytes and of frames: the peer
// decides when it ends, and one that never does is an attack (CONTINUATION flood).
//
// Methods of the handler return the error code of a connection error, or NO_ERROR. After the first error nothing more
// is read. Stream errors are the handler's to deal with.

import { heldMemory } from '../../core/held-memory.ts';
import {
  ENHANCE_YOUR_CALM,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  FRAME_WINDOW_UPDATE,
  MAX_FRAME_BYTES,
  NO_ERROR,
  PROTOCOL_ERROR,
} from './protocol.ts';

export interface FrameHandler {
  /** A DATA frame begins; `length` is what counts for flow control, padding included. */
  onDataFrame(streamId: number, length: number): number;
  /** Bytes of the frame that `onDataFrame` has announced, valid during the call. */
  onDataBytes(chunk: Buffer, start: number, end: number): void;
  /** `padding` octets of the frame have been dropped. */
  onDataEnd(padding: number, endStream: boolean): number;
  /** A complete header block, valid during the call. `dependsOn` is the stream named by the priority fields, or -1. */
  onHeaders(streamId: number, block: Buffer, start: number, end: number, endStream: boolean, dependsOn: number): number;
  /** `dependsOn` is -1 when the frame has the wrong size, a stream error. */
  onPriority(streamId: number, dependsOn: number): number;
  onReset(streamId: number, code: number): number;
  /** `settings` holds 6 octets each; empty for an acknowledgement. */
  onSettings(isAck: boolean, payload: Buffer, start: number, end: number): number;
  /** 8 octets from `start`. */
  onPing(isAck: boolean, payload: Buffer, start: number): number;
  onGoaway(lastStreamId: number, code: number): number;
  /** An increment of 0 is the handler's to refuse: the kind of error depends on the stream. */
  onWindowUpdate(streamId: number, increment: number): number;
  /** Of a type nobody knows; it has no effect (RFC 9113 §5.5). */
  onUnknownFrame(): number;
}

function readUint31(bytes: Buffer, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function readUint32(bytes: Buffer, at: number): number {
  return readUint31(bytes, at) + (bytes[at]! >= 0x80 ? 0x8000_0000 : 0);
}

/** A header block in more frames than this is no honest one: each may carry 16 KiB. */
const MAX_BLOCK_FRAMES = 16;

export class FrameReader {
  private readonly handler: FrameHandler;
  private readonly maxBlockBytes: number;
  /** Frame headers read so far, for who measures how long one frame takes. */
  frames = 0;
  private isStopped = false;
  /** It has stopped since there was no room for what had begun. */
  isRefused = false;
  /** Header, then header and payload, of a frame whose end has not arrived. */
  private partial: Buffer | null = null;
  private partialLength = 0;
  /** Octets of the DATA frame in progress: payload left, then padding left. */
  private dataLeft = 0;
  private paddingLeft = 0;
  private padding = 0;
  private isInData = false;
  private dataEndsStream = false;
  /** The pad length octet of the DATA frame in progress has not arrived. */
  private needsPadLength = false;
  /** Stream of the header block in progress; 0 for none. */
  private blockStream = 0;
  private block: Buffer | null = null;
  private blockLength = 0;
  private blockFrames = 0;
  private blockEndsStream = false;
  private blockDependsOn = -1;
  /** Of `partial` and `block`, in the memory of all that is in progress. */
  private heldBytes = 0;

  /** `maxBlockBytes` bounds a compressed header block; at least one frame is always allowed. */
  constructor(handler: FrameHandler, maxBlockBytes: number) {
    this.handler = handler;
    this.maxBlockBytes = Math.max(maxBlockBytes, MAX_FRAME_BYTES);
  }

  /** A frame or a header block has begun and not ended. */
  get isPartial(): boolean {
    return this.partialLength > 0 || this.blockStream !== 0;
  }

  /** Nothing more is delivered, not even of the chunk being read. */
  stop(): void {
    this.isStopped = true;
    this.partial = null;
    this.partialLength = 0;
    this.block = null;
    heldMemory.give(this.heldBytes);
    this.heldBytes = 0;
  }

  /** Null when there is no room for it in all that is in progress. */
  private takeMemory(bytes: number): Buffer | null {
    if (!heldMemory.take(bytes)) {
      this.isRefused = true;
      return null;
    }
    this.heldBytes += bytes;
    return Buffer.allocUnsafe(bytes);
  }

  private giveMemory(memory: Buffer): void {
    heldMemory.give(memory.length);
    this.heldBytes -= memory.length;
  }

  /** Reads `chunk[start, end)`; returns the code of a connection error, after which the reader has stopped. */
  feed(chunk: Buffer, start: number, end: number): number {
    let at = start;
    let code = NO_ERROR;
    while (at < end && !this.isStopped) {
      if (this.isInData) {
        at = this.readData(chunk, at, end);
        if (this.dataLeft === 0 && this.paddingLeft === 0) code = this.endData();
      } else if (this.partialLength > 0) {
        at = this.fillPartial(chunk, at, end);
        code = this.readPartial();
      } else if (end - at < FRAME_HEADER_BYTES) {
        return this.keep(chunk, at, end);
      } else {
        const length = (chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!;
        code = this.checkHeader(chunk, at, length);
        if (code === NO_ERROR) {
          const type = chunk[at + 3]!;
          if (type === FRAME_DATA) {
            code = this.beginData(chunk, at, length);
            at += FRAME_HEADER_BYTES;
          } else if (end - at < FRAME_HEADER_BYTES + length) {
            return this.keep(chunk, at, end);
          } else {
            const payload = at + FRAME_HEADER_BYTES;
            at = payload + length;
            code = this.deliver(type, chunk, payload - FRAME_HEADER_BYTES, payload, at);
          }
        }
      }
      if (code !== NO_ERROR) {
        this.stop();
        return code;
      }
    }
    return NO_ERROR;
  }

  private checkHeader(bytes: Buffer, at: number, length: number): number {
    if (length > MAX_FRAME_BYTES) return FRAME_SIZE_ERROR;
    // RFC 9113 §3.4: the first frame of either side.
    if (this.frames++ === 0 && (bytes[at + 3] !== FRAME_SETTINGS || (bytes[at + 4]! & FLAG_ACK) !== 0)) {
      return PROTOCOL_ERROR;
    }
    // RFC 9113 §4.3: nothing may come between the frames of a header block.
    if (
      this.blockStream !== 0 &&
      (bytes[at + 3] !== FRAME_CONTINUATION || readUint31(bytes, at + 5) !== this.blockStream)
    ) {
      return PROTOCOL_ERROR;
    }
    return NO_ERROR;
  }

  // ── frames in pieces ───────────────────────────────────────────────────────────────────────────────────────────

  private keep(chunk: Buffer, at: number, end: number): number {
    // The header says how much is needed; without it, room for a header.
    const needed =
      end - at < FRAME_HEADER_BYTES
        ? FRAME_HEADER_BYTES
        : FRAME_HEADER_BYTES + ((chunk[at]! << 16) | (chunk[at + 1]! << 8) | chunk[at + 2]!);
    this.partial = this.takeMemory(needed);
    if (this.partial === null) return this.refuse();
    chunk.copy(this.partial, 0, at, end);
    this.partialLength = end - at;
    return NO_ERROR;
  }

  private refuse(): number {
    this.stop();
    return ENHANCE_YOUR_CALM;
  }

  private fillPartial(chunk: Buffer, at: number, end: number): number {
    const partial = this.partial!;
    const taken = Math.min(end - at, partial.length - this.partialLength);
    chunk.copy(partial, this.partialLength, at, at + taken);
    this.partialLength += taken;
    return at + taken;
  }

  private readPartial(): number {
    const partial = this.partial!;
    if (this.partialLength < partial.length) return NO_ERROR;
    const length = (partial[0]! << 16) | (partial[1]! << 8) | partial[2]!;
    const type = partial[3]!;
    if (partial.length === FRAME_HEADER_BYTES) {
      const code = this.checkHeader(partial, 0, length);
      if (code !== NO_ERROR) return code;
      if (type === FRAME_DATA) {
        this.partialLength = 0;
        this.partial = null;
        this.giveMemory(partial);
        return this.beginData(partial, 0, length);
      }
      if (length > 0) {
        const whole = this.takeMemory(FRAME_HEADER_BYTES + length);
        if (whole === null) return ENHANCE_YOUR_CALM;
        this.giveMemory(partial);
        partial.copy(whole, 0, 0, FRAME_HEADER_BYTES);
        this.partial = whole;
        return NO_ERROR;
      }
    }
    this.partialLength = 0;
    this.partial = null;
    this.giveMemory(partial);
    return this.deliver(type, partial, 0, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length);
  }

  // ── DATA ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private beginData(bytes: Buffer, at: number, length: number): number {
    const flags = bytes[at + 4]!;
    const streamId = readUint31(bytes, at + 5);
    if (streamId === 0) return PROTOCOL_ERROR;
    this.dataEndsStream = (flags & FLAG_END_STREAM) !== 0;
    this.needsPadLength = (flags & FLAG_PADDED) !== 0;
    if (this.needsPadLength && length === 0) return FRAME_SIZE_ERROR;
    this.dataLeft = length;
    this.padding = 0;
    this.paddingLeft = 0;
    const code = this.handler.onDataFrame(streamId, length);
    if (code !== NO_ERROR) return code;
    if (length === 0) return this.endData();
    this.isInData = true;
    return NO_ERROR;
  }

  /** Returns the index behind what belongs to the frame; an impossible padding makes it stop. */
  private readData(chunk: Buffer, start: number, end: number): number {
    let at = start;
    if (this.needsPadLength) {
      this.needsPadLength = false;
      const padding = chunk[at++]!;
      this.dataLeft--;
      this.padding = padding + 1;
      // RFC 9113 §6.1: padding as long as the payload or longer.
      if (padding > this.dataLeft) {
        this.padding = -1;
        this.dataLeft = 0;
        return at;
      }
      this.paddingLeft = padding;
      this.dataLeft -= padding;
    }
    const stop = Math.min(end, at + this.dataLeft);
    if (stop > at) {
      this.dataLeft -= stop - at;
      this.handler.onDataBytes(chunk, at, stop);
      at = stop;
    }
    if (this.dataLeft === 0 && this.paddingLeft > 0) {
      const skipped = Math.min(end - at, this.paddingLeft);
      this.paddingLeft -= skipped;
      at += skipped;
    }
    return at;
  }

  private endData(): number {
    this.isInData = false;
    if (this.padding < 0) return PROTOCOL_ERROR;
    return this.isStopped ? NO_ERROR : this.handler.onDataEnd(this.padding, this.dataEndsStream);
  }

  // ── everything else ────────────────────────────────────────────────────────────────────────────────────────────

  private deliver(type: number, bytes: Buffer, header: number, start: number, end: number): number {
    const flags = bytes[header + 4]!;
    const streamId = readUint31(bytes, header + 5);
    const length = end - start;
    const handler = this.handler;
    switch (type) {
      case FRAME_HEADERS:
        return this.readHeaders(bytes, start, end, flags, streamId);
      case FRAME_CONTINUATION:
        return this.readContinuation(bytes, start, end, flags);
      case FRAME_PRIORITY:
        if (streamId === 0) return PROTOCOL_ERROR;
        return handler.onPriority(streamId, length === 5 ? readUint31(bytes, start) : -1);
      case FRAME_RST_STREAM:
        if (length !== 4) return FRAME_SIZE_ERROR;
        if (streamId === 0) return PROTOCOL_ERROR;
        return handler.onReset(streamId, readUint32(bytes, start));
      case FRAME_SETTINGS: {
        if (streamId !== 0) return PROTOCOL_ERROR;
        const isAck = (flags & FLAG_ACK) !== 0;
        if (length % 6 !== 0 || (isAck && length > 0)) return FRAME_SIZE_ERROR;
        return handler.onSettings(isAck, bytes, start, end);
      }
      case FRAME_PUSH_PROMISE:
        // No side of this program allows it: a client never sends one, a server was told not to.
        return PROTOCOL_ERROR;
      case FRAME_PING:
        if (streamId !== 0) return PROTOCOL_ERROR;
        if (length !== 8) return FRAME_SIZE_ERROR;
        return handler.onPing((flags & FLAG_ACK) !== 0, bytes, start);
      case FRAME_GOAWAY:
        if (streamId !== 0) return PROTOCOL_ERROR;
        if (length < 8) return FRAME_SIZE_ERROR;
        return handler.onGoaway(readUint31(bytes, start), readUint32(bytes, start + 4));
      case FRAME_WINDOW_UPDATE:
        if (length !== 4) return FRAME_SIZE_ERROR;
        return handler.onWindowUpdate(streamId, readUint31(bytes, start));
      default:
        return handler.onUnknownFrame();
    }
  }

  private readHeaders(bytes: Buffer, start: number, end: number, flags: number, streamId: number): number {
    if (streamId === 0) return PROTOCOL_ERROR;
    let at = start;
    let stop = end;
    if ((flags & FLAG_PADDED) !== 0) {
      if (at >= stop) return FRAME_SIZE_ERROR;
      stop -= bytes[at++]!;
    }
    let dependsOn = -1;
    if ((flags & FLAG_PRIORITY) !== 0) {
      if (at + 5 > end) return FRAME_SIZE_ERROR;
      dependsOn = readUint31(bytes, at);
      at += 5;
    }
    if (at > stop) return PROTOCOL_ERROR;
    const endStream = (flags & FLAG_END_STREAM) !== 0;
    if ((flags & FLAG_END_HEADERS) !== 0) {
      return this.handler.onHeaders(streamId, bytes, at, stop, endStream, dependsOn);
    }
    this.blockStream = streamId;
    this.blockEndsStream = endStream;
    this.blockDependsOn = dependsOn;
    this.blockLength = 0;
    this.blockFrames = 0;
    return this.gather(bytes, at, stop);
  }

  private readContinuation(bytes: Buffer, start: number, end: number, flags: number): number {
    // Others than that of the block in progress were refused with their header.
    if (this.blockStream === 0) return PROTOCOL_ERROR;
    const code = this.gather(bytes, start, end);
    if (code !== NO_ERROR || (flags & FLAG_END_HEADERS) === 0) return code;
    const streamId = this.blockStream;
    const block = this.block!;
    this.blockStream = 0;
    this.block = null;
    this.giveMemory(block);
    return this.handler.onHeaders(streamId, block, 0, this.blockLength, this.blockEndsStream, this.blockDependsOn);
  }

  private gather(bytes: Buffer, start: number, end: number): number {
    const length = this.blockLength + end - start;
    if (++this.blockFrames > MAX_BLOCK_FRAMES || length > this.maxBlockBytes) return ENHANCE_YOUR_CALM;
    if (this.block === null || length > this.block.length) {
      const larger = this.takeMemory(Math.min(this.maxBlockBytes, Math.max(1024, length * 2)));
      if (larger === null) return ENHANCE_YOUR_CALM;
      if (this.block !== null) {
        this.block.copy(larger, 0, 0, this.blockLength);
        this.giveMemory(this.block);
      }
      this.block = larger;
    }
    bytes.copy(this.block, this.blockLength, start, end);
    this.blockLength = length;
    return NO_ERROR;
  }
}
