// Finds the end of a message head in the bytes as they arrive, for both directions. A head in one read, the usual case,
// costs one string; a body in the same read is not turned into text. What has come of an unfinished head is kept
// outside of the JavaScript heap, and counts in the memory of all that is in progress: begun heads are what a client
// has most cheaply.

import { heldMemory } from '../../core/held-memory.ts';
import { hasBadLineEnd } from './field-block.ts';

/** The head is in `text[0, length)`; what follows it begins at `next` in the chunk. */
export const HEAD_COMPLETE = 0;
export const HEAD_PARTIAL = 1;
export const HEAD_TOO_LARGE = 2;
export const HEAD_MALFORMED = 3;
/** Too much is in progress for one more. */
export const HEAD_REFUSED = 4;
export type HeadOutcome = 0 | 1 | 2 | 3 | 4;

/** First look for the blank line; most heads are far shorter. */
const WINDOW = 4096;
const BLANK_LINE = '\r\n\r\n';
/** Room for the begin of a head; doubled when it is full. */
const FIRST_ROOM_BYTES = 512;

export class HeadReader {
  text = '';
  /** Of the head with its blank line. */
  length = 0;
  next = 0;
  /** What has come of an incomplete head is `partial[0, received)`. */
  received = 0;
  /** Its first line is whole. */
  hasLine = false;
  private partial: Buffer | null = null;

  get isPartial(): boolean {
    return this.received > 0;
  }

  /** It has begun with a CR, and nothing else has come. */
  get isLoneCr(): boolean {
    return this.received === 1 && this.partial![0] === 13;
  }

  read(chunk: Buffer, start: number, end: number, maxBytes: number): HeadOutcome {
    return this.received === 0 ? this.begin(chunk, start, end, maxBytes) : this.goOn(chunk, start, end, maxBytes);
  }

  private begin(chunk: Buffer, start: number, end: number, maxBytes: number): HeadOutcome {
    let text = chunk.latin1Slice(start, Math.min(end, start + WINDOW));
    let blank = text.indexOf(BLANK_LINE);
    if (blank < 0 && end > start + WINDOW) {
      text = chunk.latin1Slice(start, end);
      blank = text.indexOf(BLANK_LINE);
    }
    if (blank >= 0) {
      this.text = text;
      this.length = blank + BLANK_LINE.length;
      this.next = start + this.length;
      return this.length > maxBytes ? HEAD_TOO_LARGE : HEAD_COMPLETE;
    }
    if (text.length > maxBytes) {
      this.text = text;
      return HEAD_TOO_LARGE;
    }
    if (hasBadLineEnd(text, 0)) return HEAD_MALFORMED;
    return this.keep(chunk, start, end, maxBytes) ? HEAD_PARTIAL : HEAD_REFUSED;
  }

  private goOn(chunk: Buffer, start: number, end: number, maxBytes: number): HeadOutcome {
    const known = this.received;
    // What is behind the longest head that may be is not looked at.
    const stop = Math.min(end, start + maxBytes + BLANK_LINE.length - known);
    if (!this.keep(chunk, start, stop, maxBytes)) {
      this.reset();
      return HEAD_REFUSED;
    }
    const partial = this.partial!;
    const from = Math.max(0, known - BLANK_LINE.length + 1);
    const blank = partial.subarray(0, this.received).indexOf(BLANK_LINE, from, 'latin1');
    if (blank >= 0) {
      this.length = blank + BLANK_LINE.length;
      this.next = start + this.length - known;
    }
    if (blank >= 0 || this.received > maxBytes) {
      this.text = partial.latin1Slice(0, blank >= 0 ? this.length : this.received);
      this.forget();
      return blank >= 0 && this.length <= maxBytes ? HEAD_COMPLETE : HEAD_TOO_LARGE;
    }
    if (hasBadLineEnd(partial.latin1Slice(known - 1, this.received), 1)) {
      this.forget();
      return HEAD_MALFORMED;
    }
    return HEAD_PARTIAL;
  }

  /** False when there is no room for it in all that is in progress. */
  private keep(chunk: Buffer, start: number, end: number, maxBytes: number): boolean {
    const needed = this.received + end - start;
    const room = this.partial?.length ?? 0;
    if (needed > room) {
      const most = maxBytes + BLANK_LINE.length;
      const larger = Math.max(needed, Math.min(most, Math.max(FIRST_ROOM_BYTES, 2 * room)));
      if (!heldMemory.take(larger - room)) return false;
      const grown = Buffer.allocUnsafeSlow(larger);
      this.partial?.copy(grown, 0, 0, this.received);
      this.partial = grown;
    }
    const partial = this.partial!;
    chunk.copy(partial, this.received, start, end);
    if (!this.hasLine) {
      this.hasLine = partial.subarray(0, needed).indexOf('\r\n', Math.max(0, this.received - 1), 'latin1') >= 0;
    }
    this.received = needed;
    return true;
  }

  private forget(): void {
    if (this.partial !== null) heldMemory.give(this.partial.length);
    this.partial = null;
    this.received = 0;
    this.hasLine = false;
  }

  /** Forgets an incomplete head, and lets go of the last one's memory. To be called when the connection is gone. */
  reset(): void {
    this.forget();
    this.text = '';
  }
}
