// Strict decoder of the chunked coding (RFC 9112 §7.1), for both directions. Bytes go in as they arrive, data ranges
// come out; sizes, extensions and trailers are bounded. Lines end with CRLF and nothing else: a peer that accepts a
// bare LF or CR there would see other messages than we do.
//
//   SIZE ─▶ EXT ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
//                     └─ size 0 ─▶ TRAILER ─▶ DONE

import { FAILURES, type Failure } from '../http/failure.ts';
import { hasBadLineEnd, parseFieldBlock } from './field-block.ts';
import type { BodySink, ChunkOwner } from '../http/body.ts';
import type { HeaderList } from '../http/message/header-list.ts';

const STATE_SIZE = 0;
const STATE_EXT = 1;
const STATE_SIZE_LF = 2;
const STATE_DATA = 3;
const STATE_DATA_CR = 4;
const STATE_DATA_LF = 5;
const STATE_TRAILER = 6;
const STATE_DONE = 7;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

const MAX_SIZE_DIGITS = 16;
/** Over the whole body: an endless extension costs the sender bandwidth only, CVE-2024-22019. */
const MAX_EXTENSION_BYTES = 16 * 1024;
/**
 * RFC 9112 §7.1.1 without the white space it deprecates. Extensions are dropped, but only when everybody sees their
 * end.
 */
const EXTENSIONS =
  /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"))?)+$/;
const MAX_TRAILER_BYTES = 16 * 1024;

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

export class ChunkedDecoder {
  /** Data bytes passed on so far. */
  dataBytes = 0;
  /** Set once `feed` has returned -1. */
  failure: Failure | null = null;
  /** Fields after the last chunk; null when there were none. */
  trailers: HeaderList | null = null;
  private readonly isResponse: boolean;
  private state = STATE_SIZE;
  private digits = 0;
  private remaining = 0;
  private extensionBytes = 0;
  private extension = '';
  private trailerText = '';
  /** What the last sink write said; the feeder asks after each `feed`. */
  private wantsMore = true;

  /** Of a response, trailer fields that may not be there are left out; a request is refused for them. */
  constructor(isResponse = false) {
    this.isResponse = isResponse;
  }

  /** The body has ended; bytes after the index that `feed` returned belong to the next message. */
  get isDone(): boolean {
    return this.state === STATE_DONE;
  }

  get isSinkReady(): boolean {
    return this.wantsMore;
  }

  /** Data left in the chunk being read. */
  get chunkRemaining(): number {
    return this.state === STATE_DATA ? this.remaining : 0;
  }

  /**
   * Consumes `buffer[start, end)`, memory of `owner`, up to the end of the body and passes data to the sink. Returns
   * the index behind the last consumed byte, or -1 when the coding is broken. `sink.end` is left to the caller.
   */
  feed(buffer: Buffer, start: number, end: number, owner: ChunkOwner | null, sink: BodySink): number {
    this.wantsMore = true;
    let at = start;
    while (at < end) {
      switch (this.state) {
        case STATE_SIZE: {
          const byte = buffer[at]!;
          const digit = hexDigit(byte);
          if (digit >= 0) {
            if (++this.digits > MAX_SIZE_DIGITS) return this.fail(FAILURES.badChunk);
            this.remaining = this.remaining * 16 + digit;
            if (this.remaining > Number.MAX_SAFE_INTEGER) return this.fail(FAILURES.badChunk);
          } else if (this.digits === 0) {
            return this.fail(FAILURES.badChunk);
          } else if (byte === CR) {
            this.state = STATE_SIZE_LF;
          } else if (byte === SEMICOLON) {
            this.extension = ';';
            this.state = STATE_EXT;
          } else {
            return this.fail(FAILURES.badChunk);
          }
          at++;
          break;
        }
        case STATE_EXT: {
          const byte = buffer[at]!;
          if (byte === CR) {
            if (!EXTENSIONS.test(this.extension)) return this.fail(FAILURES.badChunk);
            this.extension = '';
            this.state = STATE_SIZE_LF;
          } else {
            if (++this.extensionBytes > MAX_EXTENSION_BYTES) return this.fail(FAILURES.badChunk);
            this.extension += String.fromCharCode(byte);
          }
          at++;
          break;
        }
        case STATE_SIZE_LF:
          if (buffer[at] !== LF) return this.fail(FAILURES.badChunk);
          at++;
          this.digits = 0;
          this.state = this.remaining === 0 ? STATE_TRAILER : STATE_DATA;
          break;
        case STATE_DATA: {
          const stop = Math.min(end, at + this.remaining);
          this.dataBytes += stop - at;
          this.remaining -= stop - at;
          if (!sink.write(buffer, at, stop, owner)) this.wantsMore = false;
          at = stop;
          if (this.remaining === 0) this.state = STATE_DATA_CR;
          break;
        }
        case STATE_DATA_CR:
          if (buffer[at] !== CR) return this.fail(FAILURES.badChunk);
          at++;
          this.state = STATE_DATA_LF;
          break;
        case STATE_DATA_LF:
          if (buffer[at] !== LF) return this.fail(FAILURES.badChunk);
          at++;
          this.state = STATE_SIZE;
          break;
        case STATE_TRAILER: {
          at = this.feedTrailer(buffer, at, end);
          if (at < 0 || this.isDone) return at;
          break;
        }
        default:
          return at;
      }
    }
    return at;
  }

  private feedTrailer(buffer: Buffer, start: number, end: number): number {
    const known = this.trailerText.length;
    const text = this.trailerText + buffer.latin1Slice(start, Math.min(end, start + MAX_TRAILER_BYTES + 4 - known));
    if (text.startsWith('\r\n')) {
      this.state = STATE_DONE;
      return start + 2 - known;
    }
    const blank = text.indexOf('\r\n\r\n', Math.max(0, known - 3));
    if (blank < 0) {
      if (text.length > MAX_TRAILER_BYTES) return this.fail(FAILURES.badTrailer);
      // A bare LF may be the last byte that comes: waiting for more would hold the connection for nothing.
      if (hasBadLineEnd(text, known)) return this.fail(FAILURES.badTrailer);
      this.trailerText = text;
      return end;
    }
    const trailers = parseFieldBlock(text, 0, blank + 2, this.isResponse);
    if (trailers === null) return this.fail(FAILURES.badTrailer);
    this.trailers = trailers;
    this.state = STATE_DONE;
    return start + blank + 4 - known;
  }

  private fail(failure: Failure): -1 {
    this.failure = failure;
    return -1;
  }
}
