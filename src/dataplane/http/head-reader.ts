// Finds the end of a message head in the bytes as they arrive, for both directions. A head in one read, the usual case,
// costs one string; a body in the same read is not turned into text.

import { hasBadLineEnd } from './field-block.ts';

/** The head is in `text[0, length)`; what follows it begins at `next` in the chunk. */
export const HEAD_COMPLETE = 0;
export const HEAD_PARTIAL = 1;
export const HEAD_TOO_LARGE = 2;
export const HEAD_MALFORMED = 3;
export type HeadOutcome = 0 | 1 | 2 | 3;

/** First look for the blank line; most heads are far shorter. */
const WINDOW = 4096;

export class HeadReader {
  text = '';
  /** Of the head with its blank line. */
  length = 0;
  next = 0;
  /** Begin of a head whose end has not arrived. */
  private partial = '';

  get isPartial(): boolean {
    return this.partial !== '';
  }

  /** What has arrived of an incomplete head. */
  get received(): string {
    return this.partial;
  }

  read(chunk: Buffer, start: number, end: number, maxBytes: number): HeadOutcome {
    const known = this.partial.length;
    let text: string;
    let blank: number;
    if (known === 0) {
      text = chunk.latin1Slice(start, Math.min(end, start + WINDOW));
      blank = text.indexOf('\r\n\r\n');
      if (blank < 0 && end > start + WINDOW) {
        text = chunk.latin1Slice(start, end);
        blank = text.indexOf('\r\n\r\n');
      }
    } else {
      text = this.partial + chunk.latin1Slice(start, end);
      blank = text.indexOf('\r\n\r\n', Math.max(0, known - 3));
    }
    if (blank >= 0) {
      this.partial = '';
      this.text = text;
      this.length = blank + 4;
      this.next = start + this.length - known;
      return this.length > maxBytes ? HEAD_TOO_LARGE : HEAD_COMPLETE;
    }
    if (text.length > maxBytes) {
      this.partial = '';
      this.text = text;
      return HEAD_TOO_LARGE;
    }
    if (hasBadLineEnd(text, known)) {
      this.partial = '';
      return HEAD_MALFORMED;
    }
    this.partial = text;
    return HEAD_PARTIAL;
  }

  /** Forgets an incomplete head, and lets go of the last one's memory. */
  reset(): void {
    this.partial = '';
    this.text = '';
  }
}
