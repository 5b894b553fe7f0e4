// Makes a request of a decoded header list, RFC 9113 §8.3, as strictly as the HTTP/1.1 parser does: what would be
// ambiguous to an HTTP/1.1 server behind is refused here. Two kinds of refusal: a malformed request resets its stream,
// since the peer breaks the protocol; one that is merely unacceptable gets an answer.

import type { DownstreamLimits, EntryPointSpec } from '../../model/entry-point.ts';
import {
  type Field,
  FIELD_AUTHORITY,
  FIELD_METHOD,
  FIELD_PATH,
  FIELD_PROTOCOL,
  FIELD_REGULAR,
  FIELD_SCHEME,
} from './hpack/field.ts';
import type { FieldReceiver } from './hpack/hpack-decoder.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import {
  H_CONTENT_LENGTH,
  H_EXPECT,
  H_FORWARDED,
  H_HOP_BY_HOP,
  H_HOST,
  H_TE,
  H_TRAILER,
  headerName,
} from '../http/message/header-names.ts';
import { canonicalHost } from '../http/message/host.ts';
import { refuseMethod } from '../http/message/request-method.ts';
import { type NormalPath, setOriginForm } from '../http/request-target.ts';
import { passableUpgrade, WEBSOCKET } from '../http/message/upgrade.ts';
import { DECIMAL } from '../http/message/grammar.ts';

/** Beside the numbers of header-names.ts. */
const TAG_COOKIE = 100;
/** Generated for the server behind; a client of HTTP/2 has no use for them (RFC 8441 §5). */
const TAG_WEBSOCKET_KEY = 101;
const TAG_CONTENT_TYPE = 102;

function tagOf(field: Field): number {
  let tag = field.tag;
  if (tag < 0) {
    if (field.name === 'cookie') tag = TAG_COOKIE;
    else if (field.name === 'sec-websocket-key') tag = TAG_WEBSOCKET_KEY;
    else if (field.name === 'content-type') tag = TAG_CONTENT_TYPE;
    // A regular field's name is a token.
    else tag = headerName(field.name)!.id;
    field.tag = tag;
  }
  return tag;
}

function trafficOf(contentType: string): Exchange['traffic'] {
  const match = /^application\/grpc(-web)?(?:-text)?(?:$|[+;])/i.exec(contentType);
  if (match === null) return 'http';
  return match[1] === undefined ? 'grpc' : 'grpc-web';
}

/** One per entry point; holds the request being decoded. */
export class Http2RequestReader implements FieldReceiver {
  /** Of the request decoded last: Content-Length, or -1. */
  contentLength = -1;
  private readonly limits: DownstreamLimits;
  private readonly policy: EntryPointSpec['path'];
  private readonly underscores: EntryPointSpec['underscoreHeaders'];
  private readonly normal: NormalPath = { routing: '', forward: '' };
  private exchange: Exchange | null = null;
  private isMalformed = false;
  private failure: Failure | null = null;
  private hasRegular = false;
  private method = '';
  private scheme = '';
  private path = '';
  private authority = '';
  private protocol = '';
  private host = '';
  private cookie = '';

  constructor(spec: EntryPointSpec) {
    this.limits = spec.limits;
    this.policy = spec.path;
    this.underscores = spec.underscoreHeaders;
  }

  /** Fields that follow are those of the exchange's request. */
  begin(exchange: Exchange): void {
    this.exchange = exchange;
    exchange.majorVersion = 2;
    this.isMalformed = false;
    this.failure = null;
    this.hasRegular = false;
    this.method = this.scheme = this.path = this.authority = this.protocol = this.host = this.cookie = '';
    this.contentLength = -1;
  }

  field(field: Field): void {
    switch (field.kind) {
      case FIELD_REGULAR:
        this.hasRegular = true;
        this.regular(field, this.exchange!);
        return;
      case FIELD_METHOD:
        if (this.method !== '') this.isMalformed = true;
        this.method = field.value;
        break;
      case FIELD_SCHEME:
        if (this.scheme !== '') this.isMalformed = true;
        this.scheme = field.value;
        break;
      case FIELD_PATH:
        if (this.path !== '') this.isMalformed = true;
        this.path = field.value;
        break;
      case FIELD_AUTHORITY:
        if (this.authority !== '') this.isMalformed = true;
        this.authority = field.value;
        break;
      case FIELD_PROTOCOL:
        if (this.protocol !== '') this.isMalformed = true;
        this.protocol = field.value;
        break;
      default:
        // Malformed by itself, or :status.
        this.isMalformed = true;
        return;
    }
    // RFC 9113 §8.3: before all regular fields, and never empty where HTTP gives them a meaning.
    if (this.hasRegular || field.value === '') this.isMalformed = true;
  }

  private regular(field: Field, exchange: Exchange): void {
    const tag = tagOf(field);
    switch (tag) {
      case H_HOST:
        if (this.host !== '') this.failure ??= FAILURES.badHost;
        this.host = field.value;
        if (field.value === '') this.failure ??= FAILURES.badHost;
        return;
      case H_CONTENT_LENGTH: {
        const length = Number(field.value);
        if (this.contentLength >= 0 || !DECIMAL.test(field.value) || length > Number.MAX_SAFE_INTEGER) {
          this.isMalformed = true;
          return;
        }
        this.contentLength = length;
        return;
      }
      case H_EXPECT:
        if (field.value.toLowerCase() !== '100-continue' || exchange.expectsContinue) {
          this.failure ??= FAILURES.expectationFailed;
        }
        exchange.expectsContinue = true;
        return;
      case H_TE:
        // RFC 9113 §8.2.2: no other value may be there.
        if (field.value !== 'trailers') this.isMalformed = true;
        exchange.acceptsTrailers = true;
        return;
      case H_TRAILER:
        exchange.trailerNames = field.value;
        return;
      case H_HOP_BY_HOP:
      case TAG_WEBSOCKET_KEY:
        return;
      case TAG_COOKIE:
        // RFC 9113 §8.2.3: crumbs become one field again before they leave HTTP/2.
        this.cookie = this.cookie === '' ? field.value : `${this.cookie}; ${field.value}`;
        return;
      default:
        if (tag === H_FORWARDED) exchange.hasForwarded = true;
        else if (tag === TAG_CONTENT_TYPE && exchange.traffic === 'http') exchange.traffic = trafficOf(field.value);
        if (field.line.length - 2 > this.limits.maxLineBytes) this.failure ??= FAILURES.headersTooLarge;
        if (this.underscores !== 'keep' && field.name.includes('_')) {
          if (this.underscores === 'reject') this.failure ??= FAILURES.badHeader;
          return;
        }
        exchange.requestHeaders.appendLine(field.name, field.line);
    }
  }

  /**
   * Completes the request. False for a malformed one: the stream is to be reset with PROTOCOL_ERROR. `refusal` then
   * says what is to be answered instead of handling it, null for nothing.
   */
  finish(endStream: boolean, isOverLimit: boolean): boolean {
    const exchange = this.exchange!;
    this.exchange = null;
    if (this.isMalformed) return false;
    exchange.method = this.method;
    exchange.target = this.path;
    exchange.authority = this.authority;
    if (isOverLimit) {
      // The rest of the list is unknown; what has come of it is not a request.
      this.failure = FAILURES.headersTooLarge;
      return true;
    }
    if (!this.hasPseudoHeaders()) return false;
    if (endStream && this.contentLength > 0) return false;
    this.failure ??= this.complete(exchange, endStream);
    return true;
  }

  get refusal(): Failure | null {
    return this.failure;
  }

  /** RFC 9113 §8.3.1 and §8.5, RFC 8441 §4. */
  private hasPseudoHeaders(): boolean {
    if (this.method === '') return false;
    if (this.method === 'CONNECT' && this.protocol === '') {
      return this.scheme === '' && this.path === '' && this.authority !== '';
    }
    if (this.scheme !== 'http' && this.scheme !== 'https') return false;
    if (this.protocol !== '' && (this.method !== 'CONNECT' || this.authority === '')) return false;
    return this.path !== '';
  }

  private complete(exchange: Exchange, endStream: boolean): Failure | null {
    if (this.protocol !== '') {
      const protocol = passableUpgrade(this.protocol);
      if (protocol === '' || protocol.includes(',')) return FAILURES.methodUnknown;
      // The upgrade an HTTP/1.1 server knows (RFC 8441 §5, RFC 9298 §3.2); rules and logs see the same request for
      // both.
      exchange.method = 'GET';
      exchange.upgrade = protocol;
      if (protocol === WEBSOCKET) exchange.traffic = 'websocket';
    } else {
      const refused = refuseMethod(this.method);
      if (refused !== null) {
        if (this.method === 'CONNECT') exchange.target = this.authority;
        return refused;
      }
    }
    if (this.path.length > this.limits.maxLineBytes) return FAILURES.targetTooLong;
    const bad = this.setTarget(exchange);
    if (bad !== null) return bad;
    if (this.cookie !== '') {
      if (this.cookie.length > this.limits.maxLineBytes) return FAILURES.headersTooLarge;
      exchange.requestHeaders.appendLine('cookie', `cookie: ${this.cookie}\r\n`);
    }
    const host = this.setHost(exchange);
    if (host !== null) return host;
    if (endStream || this.contentLength === 0 || exchange.upgrade !== '') {
      exchange.requestFraming = BODY_NONE;
      exchange.expectsContinue = false;
    } else if (this.contentLength > 0) {
      exchange.requestFraming = BODY_LENGTH;
      exchange.requestLength = this.contentLength;
    } else exchange.requestFraming = BODY_CHUNKED;
    const { maxBodyBytes } = this.limits;
    return maxBodyBytes > 0 && this.contentLength > maxBodyBytes ? FAILURES.bodyTooLarge : null;
  }

  private setTarget(exchange: Exchange): Failure | null {
    if (this.path.charCodeAt(0) === 47) return setOriginForm(this.path, this.policy, this.normal, exchange);
    if (this.path !== '*' || exchange.method !== 'OPTIONS') return FAILURES.badTarget;
    exchange.path = exchange.forwardPath = '*';
    return null;
  }

  private setHost(exchange: Exchange): Failure | null {
    // RFC 9113 §8.3.1: both may be there, but must not say different things.
    const authority = this.authority === '' ? this.host : this.authority;
    const canonical = canonicalHost(authority);
    if (canonical === null) return FAILURES.badHost;
    if (this.host !== '' && this.host !== authority && this.host.toLowerCase() !== authority.toLowerCase()) {
      return FAILURES.badHost;
    }
    exchange.authority = authority;
    exchange.host = canonical;
    return null;
  }
}
