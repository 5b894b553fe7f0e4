// Takes the body of one message out of the bytes as they arrive and passes it to a sink, for both directions.

import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  type BodyFraming,
  type BodySink,
  type ChunkOwner,
} from '../http/body.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/message/header-list.ts';

export class BodyReader {
  isDone = true;
  /** Body bytes passed on. */
  bytes = 0;
  /** Left of a body with a known length. */
  remaining = 0;
  /** What the sink said to the last write. */
  isSinkReady = true;
  /** Set once `feed` has returned -1. */
  failure: Failure | null = null;
  private framing: BodyFraming = BODY_NONE;
  private readonly isResponse: boolean;
  private decoder: ChunkedDecoder | null = null;

  /** Of a response, a trailer field that may not be there costs itself alone. */
  constructor(isResponse = false) {
    this.isResponse = isResponse;
  }

  begin(framing: BodyFraming, length: number): void {
    this.framing = framing;
    this.remaining = framing === BODY_LENGTH ? length : 0;
    this.isDone = framing === BODY_NONE || (framing === BODY_LENGTH && length === 0);
    this.bytes = 0;
    this.failure = null;
    this.decoder = framing === BODY_CHUNKED ? new ChunkedDecoder(this.isResponse) : null;
  }

  get trailers(): HeaderList | null {
    return this.decoder?.trailers ?? null;
  }

  /** What is left is known, and no more than that. */
  isRestWithin(bytes: number): boolean {
    return this.isDone || (this.framing === BODY_LENGTH && this.remaining <= bytes);
  }

  /** The body's end is not in sight: its memory is worth a slab. */
  get isLong(): boolean {
    return this.framing === BODY_LENGTH ? this.remaining > LONG_BODY : !this.isDone;
  }

  /**
   * Passes on what of `chunk[start, end)`, memory of `owner`, belongs to the body; `sink.end` is left to the caller.
   * Returns the index behind it, or -1 when the body is malformed or larger than `maxBytes` (0: any size).
   */
  feed(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null, sink: BodySink, maxBytes: number): number {
    let at: number;
    if (this.decoder !== null) {
      const decoder = this.decoder;
      at = decoder.feed(chunk, start, end, owner, sink);
      this.bytes = decoder.dataBytes;
      if (at < 0) {
        this.failure = decoder.failure;
        return -1;
      }
      this.isDone = decoder.isDone;
      this.isSinkReady = decoder.isSinkReady;
      if (maxBytes > 0 && this.bytes + decoder.chunkRemaining > maxBytes) {
        this.failure = FAILURES.bodyTooLarge;
        return -1;
      }
      return at;
    }
    if (this.framing === BODY_LENGTH) {
      at = Math.min(end, start + this.remaining);
      this.remaining -= at - start;
      // Before the sink is called: it may ask.
      this.isDone = this.remaining === 0;
    } else at = end;
    this.bytes += at - start;
    this.isSinkReady = sink.write(chunk, start, at, owner);
    return at;
  }
}

const LONG_BODY = 8 * 1024;
