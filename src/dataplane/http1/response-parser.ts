// Reads a complete response head from an upstream, RFC 9112 §4 and §5, as strictly as requests are read: a response
// whose end could be seen elsewhere by someone else is no response, for it would leave bytes that answer the next
// client.

import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type BodyFraming } from '../http/body.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { FORBIDDEN_IN_HEAD, trimOws } from './field-block.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import {
  H_CHALLENGE,
  H_CONNECTION,
  H_CONTENT_LENGTH,
  H_HOP_BY_HOP,
  H_TE,
  H_TRAILER,
  H_TRANSFER_ENCODING,
  H_UPGRADE,
  headerName,
  isEndToEnd,
} from '../http/message/header-names.ts';
import { challengesConnection } from '../http/client-bonds.ts';
import { fieldLine } from './request-parser.ts';
import { hasNoBody } from '../http/message/status.ts';
import { lengthOf } from '../http/message/content-length.ts';
import { announcedAge } from '../http/message/announced-age.ts';

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;

/** The head parsed last; one object per worker, read before the next call. */
export class Http1ResponseParser {
  status = 0;
  reason = '';
  framing: BodyFraming = BODY_NONE;
  length = 0;
  keepAlive = true;
  /** Protocol a 101 switches to. */
  upgrade = '';
  isEventStream = false;
  /** A challenge of this response is one for the connection; see http/client-bonds.ts. */
  challengesConnection = false;
  /** When the server says that it closes a connection that rests; -1 for nothing. */
  announcedAgeMs = -1;

  /** Parses `text[0, end)`, which ends with the blank line; fields that are passed on go to `headers`. */
  parse(text: string, end: number, method: string, maxCount: number, headers: HeaderList): Failure | null {
    const lineEnd = text.indexOf('\r\n');
    const statusLine = STATUS_LINE.exec(text.slice(0, lineEnd));
    if (statusLine === null) return FAILURES.upstreamBadResponse;
    if (FORBIDDEN_IN_HEAD.test(end === text.length ? text : text.slice(0, end))) return FAILURES.upstreamBadResponse;
    const minor = statusLine[1]!;
    this.status = Number(statusLine[2]);
    this.reason = statusLine[3] ?? '';
    this.keepAlive = minor === '1';
    this.upgrade = '';
    this.length = -1;
    this.isEventStream = false;
    this.challengesConnection = false;
    this.announcedAgeMs = -1;
    return this.parseFields(text, lineEnd + 2, end - 2, method, maxCount, headers, minor === '1');
  }

  private parseFields(
    text: string,
    start: number,
    end: number,
    method: string,
    maxCount: number,
    headers: HeaderList,
    isOneOne: boolean,
  ): Failure | null {
    let count = 0;
    let chunked = false;
    let connection: string | null = null;
    let trailer = '';
    let at = start;
    while (at < end) {
      const lineFeed = text.indexOf('\n', at);
      const lineEnd = lineFeed - 1;
      if (text.indexOf('\r', at) !== lineEnd) return FAILURES.upstreamBadResponse;
      const colon = text.indexOf(':', at);
      if (colon <= at || colon > lineEnd) return FAILURES.upstreamBadResponse;
      const spelling = text.slice(at, colon);
      const name = headerName(spelling);
      if (name === null) return FAILURES.upstreamBadResponse;
      if (++count > maxCount) return FAILURES.upstreamHeadersTooLarge;
      switch (name.id) {
        case H_CONTENT_LENGTH: {
          const length = lengthOf(trimOws(text, colon + 1, lineEnd));
          if (length < 0 || (this.length >= 0 && this.length !== length)) return FAILURES.upstreamBadResponse;
          this.length = length;
          break;
        }
        case H_TRANSFER_ENCODING:
          if (chunked || !isOneOne || trimOws(text, colon + 1, lineEnd).toLowerCase() !== 'chunked') {
            return FAILURES.upstreamBadResponse;
          }
          chunked = true;
          break;
        case H_CONNECTION: {
          const value = trimOws(text, colon + 1, lineEnd).toLowerCase();
          connection = connection === null ? value : `${connection},${value}`;
          break;
        }
        case H_UPGRADE:
          this.upgrade = trimOws(text, colon + 1, lineEnd);
          break;
        case H_TE:
          break;
        case H_TRAILER:
          trailer = fieldLine(text, at, colon, lineEnd, spelling);
          break;
        case H_HOP_BY_HOP:
          if (name.lower === 'keep-alive') this.announcedAgeMs = announcedAge(trimOws(text, colon + 1, lineEnd));
          break;
        case H_CHALLENGE:
          if (challengesConnection(trimOws(text, colon + 1, lineEnd))) this.challengesConnection = true;
          headers.appendLine(name.lower, fieldLine(text, at, colon, lineEnd, spelling));
          break;
        default:
          if (name.lower === 'content-type' && /^text\/event-stream\b/i.test(trimOws(text, colon + 1, lineEnd))) {
            this.isEventStream = true;
          }
          headers.appendLine(name.lower, fieldLine(text, at, colon, lineEnd, spelling));
      }
      at = lineFeed + 1;
    }
    if (connection !== null) this.applyConnection(connection, headers);
    if (this.announcedAgeMs === 0) this.keepAlive = false;
    // Its upgrade is one for the client (RFC 9110 §15.5.22).
    if (this.status === 426 && this.upgrade !== '') headers.append('Upgrade', this.upgrade);
    // Announced is what can come (RFC 9110 §6.6.2).
    if (chunked && trailer !== '') headers.appendLine('trailer', trailer);
    if (chunked && this.length >= 0) return FAILURES.upstreamBadResponse;
    if (hasNoBody(method, this.status)) {
      // HEAD and 304 may announce the length a GET would have: passed on, no body follows.
      this.framing = this.length >= 0 ? BODY_LENGTH : BODY_NONE;
    } else if (chunked) this.framing = BODY_CHUNKED;
    else if (this.length >= 0) this.framing = BODY_LENGTH;
    else this.framing = BODY_CLOSE;
    return null;
  }

  private applyConnection(value: string, headers: HeaderList): void {
    // RFC 9112 §9.3: close wins, wherever it stands.
    let isClosing = false;
    for (const part of value.split(',')) {
      const name = part.trim();
      if (name === 'close') isClosing = true;
      else if (name === 'keep-alive') this.keepAlive = true;
      else if (name !== '' && !isEndToEnd(name)) headers.delete(name);
    }
    if (isClosing) this.keepAlive = false;
  }
}
