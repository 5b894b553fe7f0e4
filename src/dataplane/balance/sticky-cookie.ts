// Sticky cookies: a client goes back to the target it was sent to first for as long as that one is up, and is told a
// new one when it is not. The value is a keyed hash of the target's name: it tells nothing of an address, cannot be
// made up, and means the same to every process that has the key.

import { createHash, createHmac } from 'node:crypto';
import type { StickyCookieSpec } from '../../model/service.ts';
import type { Exchange, ResponseHook } from '../http/exchange.ts';

const VALUE_BYTES = 16;

export interface StickyTarget<T> {
  readonly target: T;
  /** See Candidate.key. */
  readonly key: string;
  /** What Traefik hashes of it. */
  readonly plainKey: string;
}

interface Hashes {
  readonly value: string;
  /** Traefik's. */
  readonly foreign: string;
}

interface Entry<T> {
  readonly target: T;
  /** Sends the cookie with the answer. */
  readonly set: ResponseHook;
  /** The value is Traefik's: accepted, and replaced. */
  readonly isForeign: boolean;
}

export class StickyCookie<T> {
  private readonly name: string;
  private readonly byValue = new Map<string, Entry<T>>();
  private readonly byTarget = new Map<T, Entry<T>>();
  /** Hashes by target key, for the next cookie with the same key: a service may have thousands of servers. */
  private readonly hashes = new Map<string, Hashes>();
  private readonly hashedWith: string;

  /**
   * `scope` is the service: the same server behind another one has another value. `processKey` is for specs without a
   * key. `previous` is the one of the same service before.
   */
  constructor(
    spec: StickyCookieSpec,
    processKey: Uint8Array,
    scope: string,
    targets: readonly StickyTarget<T>[],
    previous: StickyCookie<T> | null = null,
  ) {
    this.name = spec.name;
    this.hashedWith = spec.secret;
    const key = spec.secret === '' ? processKey : spec.secret;
    const known = previous?.hashedWith === spec.secret ? previous.hashes : null;
    for (const { target, key: targetKey, plainKey } of targets) {
      const hashes = known?.get(targetKey) ?? hash(key, scope, targetKey, plainKey);
      this.hashes.set(targetKey, hashes);
      const { value, foreign } = hashes;
      const line = `Set-Cookie: ${render(spec, value)}\r\n`;
      const set: ResponseHook = function setStickyCookie(exchange) {
        // A failure is no reason to come back.
        if (exchange.failure === null) exchange.responseHeaders.appendLine('set-cookie', line);
      };
      const entry = { target, set, isForeign: false };
      this.byValue.set(value, entry);
      this.byTarget.set(target, entry);
      if (!this.byValue.has(foreign)) this.byValue.set(foreign, { target, set, isForeign: true });
    }
  }

  /** Where the client's cookie says it was sent, up or not; null when it has none, or of nobody known. */
  find(exchange: Exchange): T | null {
    const { names, lines } = exchange.requestHeaders;
    for (let index = 0; index < names.length; index++) {
      if (names[index] !== 'cookie') continue;
      const entry = this.byValue.get(cookieValue(lines[index]!, this.name));
      if (entry === undefined) continue;
      if (entry.isForeign) exchange.onResponse(entry.set);
      return entry.target;
    }
    return null;
  }

  /** The answer tells the client to come back here. */
  assign(exchange: Exchange, target: T): void {
    const entry = this.byTarget.get(target);
    if (entry !== undefined) exchange.onResponse(entry.set);
  }
}

function hash(key: string | Uint8Array, scope: string, targetKey: string, plainKey: string): Hashes {
  const digest = createHmac('sha256', key).update(`sticky\0${scope}\0${targetKey}`).digest();
  return {
    value: digest.subarray(0, VALUE_BYTES).toString('base64url'),
    foreign: createHash('sha256').update(plainKey).digest('hex').slice(0, 16),
  };
}

/** Of `Cookie: a=1; b=2\r\n`; '' for none. The first of several counts, as the most specific path comes first. */
function cookieValue(line: string, name: string): string {
  const last = line.length - '\r\n'.length;
  let at = 'Cookie: '.length;
  while (at < last) {
    let end = line.indexOf(';', at);
    if (end < 0) end = last;
    while (at < end && line.charCodeAt(at) === 0x20) at++;
    if (line.startsWith(name, at) && line.charCodeAt(at + name.length) === 0x3d) {
      const value = line.slice(at + name.length + 1, end).trim();
      return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
    at = end + 1;
  }
  return '';
}

/** RFC 6265 §4.1.1. */
function render(spec: StickyCookieSpec, value: string): string {
  let text = `${spec.name}=${value}; Path=${spec.path}`;
  if (spec.domain !== '') text += `; Domain=${spec.domain}`;
  // A negative age is sent as 0, which deletes the cookie, as Traefik does.
  if (spec.maxAgeSeconds !== 0) text += `; Max-Age=${Math.max(0, spec.maxAgeSeconds)}`;
  if (spec.httpOnly) text += '; HttpOnly';
  if (spec.secure) text += '; Secure';
  if (spec.sameSite !== null) text += `; SameSite=${spec.sameSite[0]!.toUpperCase()}${spec.sameSite.slice(1)}`;
  return text;
}
