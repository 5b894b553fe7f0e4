// Who may ask the internal entry point what. Reading and writing are two rights: what changes something needs the token
// or the Unix socket of this user, whatever door it comes through; and no page of another origin may have a browser
// ask.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import net from 'node:net';

export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** The Unix socket that takes what is refused here; where the owner of the process is told. */
  readonly socket?: string;
}

/**
 * A field for the token where `Authorization` belongs to somebody else, such as a `basicAuth` before `api@internal`.
 */
const TOKEN_FIELD = 'signalbox-token';

export function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Two hosts are two readings of one request (RFC 9112 §3.2). Field names and values in turn, as Node has them. */
export function refuseTwoHosts(rawHeaders: readonly string[]): Refusal | null {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]!.toLowerCase() === 'host') hosts++;
  return hosts > 1 ? { status: 400, message: 'Bad Request: it has more than one Host' } : null;
}

/**
 * A page may have a browser send requests wherever it likes, but cannot hide where it comes from: browsers send
 * `Sec-Fetch-Site` or `Origin` with everything that is not plain reading.
 */
export function refuseForeignPage(method: string, headers: IncomingHttpHeaders): Refusal | null {
  if (isReading(method)) return null;
  const { origin } = headers;
  const host = (headers.host ?? '').toLowerCase();
  const site = headers['sec-fetch-site'];
  const isOwnOrigin = origin === undefined || [`http://${host}`, `https://${host}`].includes(origin.toLowerCase());
  // `none` is a person who typed the address.
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none';
  if (isOwnOrigin && isOwnSite) return null;
  return { status: 403, message: 'Forbidden: the request comes from a page of another origin' };
}

/**
 * A name that nobody has allowed means that a page in the operator's browser may have had its own name point here (DNS
 * rebinding); addresses and localhost cannot be had that way.
 */
export function refuseName(host: string, allowed: readonly string[]): Refusal | null {
  const name = /^(\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?$/.exec(host)?.[1]?.toLowerCase() ?? '';
  const isAddress = net.isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  if (isAddress || name === 'localhost' || (name !== '' && allowed.includes(name))) return null;
  return {
    status: 403,
    message:
      'Forbidden: ask for this address by its IP or as localhost, allow the name in api.allowedHosts, or send the token',
  };
}

/** Whether the request carries the token of `api.token`. */
export function hasToken(token: string | null, headers: IncomingHttpHeaders): boolean {
  if (token === null) return false;
  const own = headers[TOKEN_FIELD];
  const given = typeof own === 'string' ? own : (/^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  // Digests have one length whatever was given, and comparing them takes one time.
  return timingSafeEqual(digest(given), digest(token));
}

export const WITHOUT_TOKEN: Refusal = {
  status: 401,
  message: 'Unauthorized: send the header "Authorization: Bearer" (or "Signalbox-Token:") with the token of api.token',
};

/** What is said to somebody who wants to change something where there is no token to show. */
export function writingRefused(socket: string | null): Refusal {
  const message =
    'Forbidden: without api.token the API is for reading; set it and send it, or ask through the Unix socket of api.socket';
  return socket === null ? { status: 403, message } : { status: 403, message: `${message}, here ${socket}`, socket };
}
