// Heads of requests as they arrive, and why bytes that cannot become one are refused: what a client sends that does not
// speak HTTP is told so at once, and nothing that has begun badly is waited for.

import type { DownstreamLimits } from '../../model/entry-point.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { FORBIDDEN_IN_HEAD } from './field-block.ts';
import {
  HEAD_COMPLETE,
  HEAD_MALFORMED,
  HEAD_PARTIAL,
  HEAD_REFUSED,
  HeadReader,
  type HeadOutcome,
} from './head-reader.ts';

/** Nothing has come to a decision. */
export const REQUEST_AWAITED = 0;
/** The begin of a head has come, and the rest has to come in time. */
export const REQUEST_BEGUN = 1;
/** The head is in `text[0, length)`. */
export const REQUEST_COMPLETE = 2;
/** `failure` says why. */
export const REQUEST_REFUSED = 3;
export type RequestOutcome = 0 | 1 | 2 | 3;

/** By octet: a request may begin with it. Methods are tokens (RFC 9110 §9.1); CR is for the empty line before one. */
const BEGINS_REQUEST: readonly boolean[] = Array.from({ length: 256 }, (_, octet) =>
  /^[\r!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(String.fromCharCode(octet)),
);

export class RequestHeadReader extends HeadReader {
  failure: Failure | null = null;
  /** An empty line before the request has come. */
  private hasSkippedLine = false;

  /** Reads on from `start`; the caller goes on at `next`. */
  readRequest(chunk: Buffer, start: number, end: number, limits: DownstreamLimits): RequestOutcome {
    let at = start;
    if (this.received === 0) {
      // RFC 9112 §2.2: an empty line before a request is ignored. One, however it arrives.
      if (chunk[at] === 13 && chunk[at + 1] === 10 && at + 1 < end && !this.hasSkippedLine) {
        this.hasSkippedLine = true;
        at += 2;
      }
      if (at >= end) {
        this.next = end;
        return REQUEST_AWAITED;
      }
      // A TLS hello, or any other protocol: waiting for the rest of a head would keep the client waiting for nothing.
      if (!BEGINS_REQUEST[chunk[at]!]) return this.refuse(FAILURES.badRequestLine, end);
    } else if (this.isLoneCr && chunk[at] === 10 && !this.hasSkippedLine) {
      this.hasSkippedLine = true;
      this.reset();
      this.next = at + 1;
      return REQUEST_AWAITED;
    }
    const wasPartial = this.isPartial;
    const outcome = this.read(chunk, at, end, limits.maxHeaderBytes);
    if (outcome === HEAD_COMPLETE) {
      this.hasSkippedLine = false;
      return REQUEST_COMPLETE;
    }
    const failure =
      outcome === HEAD_PARTIAL ? this.faultOfPartial(chunk, at, end, limits) : this.faultOf(outcome, limits);
    if (failure !== null) return this.refuse(failure, end);
    this.next = end;
    return wasPartial ? REQUEST_AWAITED : REQUEST_BEGUN;
  }

  private refuse(failure: Failure, end: number): RequestOutcome {
    this.reset();
    this.hasSkippedLine = false;
    this.failure = failure;
    this.next = end;
    return REQUEST_REFUSED;
  }

  /** What cannot become a head any more, whatever follows. */
  private faultOfPartial(chunk: Buffer, start: number, end: number, limits: DownstreamLimits): Failure | null {
    if (this.received > limits.maxLineBytes && !this.hasLine) return FAILURES.targetTooLong;
    if (!FORBIDDEN_IN_HEAD.test(chunk.latin1Slice(start, end))) return null;
    return this.hasLine ? FAILURES.badHeader : FAILURES.badRequestLine;
  }

  private faultOf(outcome: HeadOutcome, limits: DownstreamLimits): Failure {
    if (outcome === HEAD_MALFORMED) return FAILURES.badHeader;
    if (outcome === HEAD_REFUSED) return FAILURES.memoryFull;
    const firstLine = this.text.indexOf('\r\n');
    return firstLine < 0 || firstLine > limits.maxLineBytes ? FAILURES.targetTooLong : FAILURES.headersTooLarge;
  }
}
