// Who may ask the admin server what: hosts it answers to, foreign pages in an operator's browser, and the token.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/**
 * On loopback, a name other than localhost means that a page in the operator's browser has had its own name point here
 * (DNS rebinding). A page may send requests all the same, and cannot hide where it comes from.
 */
export function refuseForeign(method: string, headers: IncomingHttpHeaders, isOnLoopback: boolean): Refusal | null {
  const host = headers.host ?? '';
  if (isOnLoopback && !/^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i.test(host)) {
    return { status: 403, message: 'Forbidden: ask for this address by its IP or as localhost' };
  }
  const { origin } = headers;
  const isReading = method === 'GET' || method === 'HEAD';
  if (!isReading && origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return { status: 403, message: 'Forbidden: the request comes from a page of another origin' };
  }
  return null;
}

/** Null when the bearer token is the one that is asked for. */
export function refuseWithoutToken(token: string, headers: IncomingHttpHeaders): Refusal | null {
  const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  // Digests have one length whatever was given, and comparing them takes one time.
  if (timingSafeEqual(digest(given), digest(token))) return null;
  return { status: 401, message: 'Unauthorized: send the header "Authorization: Bearer" with the token of api.token' };
}
