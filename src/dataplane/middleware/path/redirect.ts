// What the redirecting middlewares share: the URL the client asked for, and the answer that sends it elsewhere.

import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { canonicalHost, portOf } from '../../http/message/host.ts';
import { withQuery } from '../../http/request-target.ts';
import { respond, respondFailure } from '../../http/respond.ts';

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/** `:port` as it stands in a URL of the scheme; '' for none and for the scheme's own port. */
export function portSuffix(scheme: string, port: string): string {
  return port === '' || port === DEFAULT_PORTS[scheme] ? '' : `:${port}`;
}

/** Host asked for, without port; '' when there is none, which no absolute URL can do without. */
export function askedHost(exchange: Exchange): string {
  return exchange.authority === '' ? '' : (canonicalHost(exchange.authority) ?? exchange.host);
}

export function askedPort(exchange: Exchange): string {
  return portOf(exchange.authority);
}

/** Path and query as they stand in a URL; '' for the asterisk form (RFC 9112 §3.2.4). */
export function askedTarget(exchange: Exchange): string {
  const path = exchange.path === '*' ? '' : exchange.forwardPath;
  const target = withQuery(path, exchange);
  // Octets, which are no text yet.
  return /[\x80-\xff]/.test(target) ? target.replace(/[\x80-\xff]/g, encodeOctet) : target;
}

/** Only GET may be repeated as GET: other methods, HEAD among them, are told to keep theirs. */
function statusFor(method: string, isPermanent: boolean): number {
  if (method === 'GET') return isPermanent ? 301 : 302;
  return isPermanent ? 308 : 307;
}

/** Bytes, so that none are made per request. */
const TEXTS: Readonly<Record<number, Buffer>> = {
  301: Buffer.from('Moved Permanently'),
  302: Buffer.from('Found'),
  307: Buffer.from('Temporary Redirect'),
  308: Buffer.from('Permanent Redirect'),
};

export function redirect(exchange: Exchange, location: string, isPermanent: boolean): void {
  redirectWith(exchange, statusFor(exchange.method, isPermanent), location);
}

export function redirectWith(exchange: Exchange, status: number, location: string): void {
  exchange.responseHeaders.setLine('location', `Location: ${safeLocation(location)}\r\n`);
  respond(exchange, status, TEXTS[status] ?? '');
}

/** For a redirect to an absolute URL when the request named no host. */
export function refuseWithoutHost(exchange: Exchange): void {
  respondFailure(exchange, FAILURES.badHost);
}

/**
 * Percent-encodes what no URL holds: a line break would begin another field (response splitting), and browsers take a
 * backslash for a slash, so that a path becomes another host. Of a query only what no field may hold: it is to come
 * back as it was.
 */
function safeLocation(text: string): string {
  if (!/[^\x21-\x7e]|[\\"<>^`{|}]/.test(text)) return text;
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = mark < 0 ? '' : text.slice(mark);
  return path.replace(/[^\x21-\x7e]+|[\\"<>^`{|}]/g, encode) + query.replace(/[^\x21-\x7e]+/g, encode);
}

function encodeOctet(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

function encode(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    encoded += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  }
  return encoded;
}
