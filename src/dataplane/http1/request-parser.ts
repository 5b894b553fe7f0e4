// Reads a complete request head, RFC 9112 §3 and §5, strictly: what this parser accepts, every other parser must split
// the same way. Anything ambiguous is a failure; nothing is repaired. The head comes as one latin1 string, since V8
// finds a delimiter in a string faster than JavaScript finds it in bytes: bench/micro/http1-parser.mjs.

import type { DownstreamLimits, EntryPointSpec } from '../../model/entry-point.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { FORBIDDEN_IN_HEAD, trimOws } from './field-block.ts';
import {
  H_CONNECTION,
  H_CONTENT_LENGTH,
  H_EXPECT,
  H_FORWARDED,
  H_HOP_BY_HOP,
  H_HOST,
  H_TE,
  H_TRAILER,
  H_TRANSFER_ENCODING,
  H_UPGRADE,
  headerName,
} from '../http/message/header-names.ts';
import { canonicalHost } from '../http/message/host.ts';
import { refuseMethod } from '../http/message/request-method.ts';
import { type NormalPath, setOriginForm } from '../http/request-target.ts';
import { passableUpgrade, WEBSOCKET } from '../http/message/upgrade.ts';
import { DECIMAL } from '../http/message/grammar.ts';

/** What the connection does after this request. */
const KEEP_ALIVE_DEFAULT = 0;
export const KEEP_ALIVE_CLOSE = 1;
export const KEEP_ALIVE_REQUESTED = 2;

const ABSOLUTE_FORM = /^(https?):\/\/([^/?#]*)([/?].*)?$/i;

export class Http1RequestParser {
  /** One of KEEP_ALIVE_*, of the head parsed last. */
  keepAlive = KEEP_ALIVE_DEFAULT;
  private readonly limits: DownstreamLimits;
  private readonly policy: EntryPointSpec['path'];
  private readonly underscores: EntryPointSpec['underscoreHeaders'];
  private readonly normal: NormalPath = { routing: '', forward: '' };

  constructor(spec: EntryPointSpec) {
    this.limits = spec.limits;
    this.policy = spec.path;
    this.underscores = spec.underscoreHeaders;
  }

  /** Parses `text[start, end)`, which ends with the blank line, into the exchange. */
  parse(text: string, start: number, end: number, exchange: Exchange): Failure | null {
    this.keepAlive = KEEP_ALIVE_DEFAULT;
    const lineEnd = text.indexOf('\r\n', start);
    const failure = this.parseRequestLine(text, start, lineEnd, exchange);
    if (failure !== null) return failure;
    // Both ends of every line are found with one search each; a control character anywhere else is refused here.
    if (FORBIDDEN_IN_HEAD.test(start === 0 && end === text.length ? text : text.slice(start, end))) {
      return FAILURES.badHeader;
    }
    return this.parseFields(text, lineEnd + 2, end - 2, exchange);
  }

  private parseRequestLine(text: string, start: number, lineEnd: number, exchange: Exchange): Failure | null {
    if (lineEnd - start > this.limits.maxLineBytes) return FAILURES.targetTooLong;
    const methodEnd = text.indexOf(' ', start);
    if (methodEnd <= start || methodEnd > lineEnd) return FAILURES.badRequestLine;
    const targetEnd = text.indexOf(' ', methodEnd + 1);
    if (targetEnd <= methodEnd + 1 || targetEnd > lineEnd) return FAILURES.badRequestLine;
    const method = text.slice(start, methodEnd);
    const refused = refuseMethod(method);
    if (refused === FAILURES.badRequestLine) return refused;
    exchange.method = method;
    if (refused !== null) return refused;
    if (!text.startsWith('HTTP/1.', targetEnd + 1) || lineEnd !== targetEnd + 9) {
      return /^HTTP\/[0-9]\.[0-9]$/.test(text.slice(targetEnd + 1, lineEnd))
        ? FAILURES.versionUnsupported
        : FAILURES.badRequestLine;
    }
    const minor = text.charCodeAt(targetEnd + 8) - 48;
    if (minor !== 1 && minor !== 0) {
      return minor > 1 && minor <= 9 ? FAILURES.versionUnsupported : FAILURES.badRequestLine;
    }
    exchange.minorVersion = minor;
    return this.parseTarget(text.slice(methodEnd + 1, targetEnd), exchange);
  }

  private parseTarget(target: string, exchange: Exchange): Failure | null {
    exchange.target = target;
    let origin = target;
    if (target.charCodeAt(0) !== 47) {
      if (target === '*') {
        if (exchange.method !== 'OPTIONS') return FAILURES.badTarget;
        exchange.path = exchange.forwardPath = '*';
        return null;
      }
      const absolute = ABSOLUTE_FORM.exec(target);
      if (absolute === null) return FAILURES.badTarget;
      // RFC 9112 §3.2.2: the target's authority replaces Host.
      exchange.authority = absolute[2] ?? '';
      if (exchange.authority === '') return FAILURES.badTarget;
      origin = absolute[3] ?? '/';
      if (origin.charCodeAt(0) === 63) origin = `/${origin}`;
    }
    return setOriginForm(origin, this.policy, this.normal, exchange);
  }

  private parseFields(text: string, start: number, end: number, exchange: Exchange): Failure | null {
    const headers = exchange.requestHeaders;
    const maxCount = this.limits.maxHeaderCount;
    const maxLine = this.limits.maxLineBytes;
    const isAbsolute = exchange.authority !== '';
    let count = 0;
    let host: string | null = null;
    let lengthSeen = false;
    let chunked = false;
    let connection: string | null = null;
    let upgrade: string | null = null;
    let at = start;
    while (at < end) {
      const lineFeed = text.indexOf('\n', at);
      const lineEnd = lineFeed - 1;
      if (text.indexOf('\r', at) !== lineEnd) return FAILURES.badHeader;
      const colon = text.indexOf(':', at);
      if (colon <= at || colon > lineEnd) return FAILURES.badHeader;
      const spelling = text.slice(at, colon);
      const name = headerName(spelling);
      if (name === null) return FAILURES.badHeader;
      if (++count > maxCount || lineEnd - at > maxLine) return FAILURES.headersTooLarge;
      switch (name.id) {
        case H_HOST:
          if (host !== null) return FAILURES.badHost;
          host = trimOws(text, colon + 1, lineEnd);
          break;
        case H_CONTENT_LENGTH: {
          const digits = trimOws(text, colon + 1, lineEnd);
          if (lengthSeen || !DECIMAL.test(digits)) return FAILURES.badFraming;
          const length = Number(digits);
          if (length > Number.MAX_SAFE_INTEGER) return FAILURES.badFraming;
          lengthSeen = true;
          exchange.requestLength = length;
          break;
        }
        case H_TRANSFER_ENCODING: {
          const coding = trimOws(text, colon + 1, lineEnd).toLowerCase();
          if (chunked) return FAILURES.badFraming;
          if (coding !== 'chunked') return isKnownCoding(coding) ? FAILURES.codingUnknown : FAILURES.badFraming;
          chunked = true;
          break;
        }
        case H_CONNECTION: {
          const value = trimOws(text, colon + 1, lineEnd);
          connection = connection === null ? value : `${connection},${value}`;
          break;
        }
        case H_EXPECT:
          if (trimOws(text, colon + 1, lineEnd).toLowerCase() !== '100-continue' || exchange.expectsContinue) {
            return FAILURES.expectationFailed;
          }
          exchange.expectsContinue = true;
          break;
        case H_UPGRADE: {
          const value = trimOws(text, colon + 1, lineEnd);
          upgrade = upgrade === null ? value : `${upgrade},${value}`;
          break;
        }
        case H_TE:
          if (/(?:^|,)[\t ]*trailers[\t ]*(?:$|[,;])/i.test(trimOws(text, colon + 1, lineEnd))) {
            exchange.acceptsTrailers = true;
          }
          break;
        case H_TRAILER:
          exchange.trailerNames = trimOws(text, colon + 1, lineEnd);
          break;
        case H_HOP_BY_HOP:
          break;
        default:
          if (name.id === H_FORWARDED) exchange.hasForwarded = true;
          if (this.underscores !== 'keep' && spelling.includes('_')) {
            if (this.underscores === 'reject') return FAILURES.badHeader;
            break;
          }
          headers.appendLine(name.lower, fieldLine(text, at, colon, lineEnd, spelling));
      }
      at = lineFeed + 1;
    }
    if (chunked) {
      // RFC 9112 §6.1 allows to let chunked win; a request that says both is an attack or a bug. HTTP/1.0 has no
      // chunked.
      if (lengthSeen || exchange.minorVersion === 0) return FAILURES.badFraming;
      exchange.requestFraming = BODY_CHUNKED;
    } else {
      exchange.requestFraming = lengthSeen && exchange.requestLength > 0 ? BODY_LENGTH : BODY_NONE;
    }
    if (exchange.requestFraming === BODY_NONE || exchange.minorVersion === 0) exchange.expectsContinue = false;
    const tooLarge = this.limits.maxBodyBytes > 0 && exchange.requestLength > this.limits.maxBodyBytes;
    if (host === null) {
      if (exchange.minorVersion === 1) return FAILURES.badHost;
    } else if (!isAbsolute) {
      exchange.authority = host;
    } else if (canonicalHost(host) === null) {
      return FAILURES.badHost;
    }
    if (exchange.authority !== '') {
      const canonical = canonicalHost(exchange.authority);
      if (canonical === null) return FAILURES.badHost;
      exchange.host = canonical;
    }
    if (connection !== null) this.parseConnection(connection, exchange);
    // RFC 9110 §7.8: HTTP/1.0 has none, and the field counts only where Connection names it. A body is one as any
    // other.
    if (upgrade !== null && exchange.minorVersion === 1 && exchange.connectionNames?.has('upgrade') === true) {
      exchange.upgrade = passableUpgrade(upgrade);
      if (exchange.upgrade === WEBSOCKET) exchange.traffic = 'websocket';
    }
    return tooLarge ? FAILURES.bodyTooLarge : null;
  }

  private parseConnection(value: string, exchange: Exchange): void {
    const lower = value.toLowerCase();
    if (lower === 'keep-alive') {
      this.keepAlive = KEEP_ALIVE_REQUESTED;
      return;
    }
    if (lower === 'close') {
      this.keepAlive = KEEP_ALIVE_CLOSE;
      return;
    }
    const names = new Set<string>();
    for (const part of lower.split(',')) {
      const name = part.trim();
      if (name === 'close') this.keepAlive = KEEP_ALIVE_CLOSE;
      else if (name === 'keep-alive') {
        if (this.keepAlive === KEEP_ALIVE_DEFAULT) this.keepAlive = KEEP_ALIVE_REQUESTED;
      } else if (name !== '') names.add(name);
    }
    exchange.connectionNames = names;
  }
}

/** The received line when it is already in the form we send, which spares a concatenation. */
export function fieldLine(text: string, at: number, colon: number, lineEnd: number, spelling: string): string {
  if (text.charCodeAt(colon + 1) === 32 && lineEnd > colon + 2) {
    const first = text.charCodeAt(colon + 2);
    const last = text.charCodeAt(lineEnd - 1);
    if (first !== 32 && first !== 9 && last !== 32 && last !== 9) return text.slice(at, lineEnd + 2);
  }
  return `${spelling}: ${trimOws(text, colon + 1, lineEnd)}\r\n`;
}

function isKnownCoding(coding: string): boolean {
  return /^(?:gzip|x-gzip|compress|x-compress|deflate|br|zstd|identity)(?:[\t ]*,[\t ]*chunked)?$/.test(coding);
}
