// The one canonical form of a request's host, used by routing, logs and redirects alike: lower case, without port and
// trailing dot, IPv6 in brackets.

const NAME_AND_PORT = /^([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?)\.?(?::([0-9]{0,5}))?$/;
const IPV6_AND_PORT = /^(\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{0,5}))?$/;

const MAX_CACHED = 1024;
let cache = new Map<string, string>();

/** Null when the text is no `host[:port]` (RFC 9110 §7.2): user info, path, space, list, port above 65535. */
export function canonicalHost(authority: string): string | null {
  const cached = cache.get(authority);
  if (cached !== undefined) return cached;
  const canonical = parse(authority);
  if (canonical !== null) {
    if (cache.size >= MAX_CACHED) cache = new Map();
    // Through a Buffer: a slice would keep its whole request head alive in the cache.
    cache.set(Buffer.from(authority, 'latin1').latin1Slice(), canonical);
  }
  return canonical;
}

/** Port in a valid authority; '' when it names none. */
export function portOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.endsWith(']') ? '' : authority.slice(colon + 1);
}

function parse(authority: string): string | null {
  if (authority.length > 255 + 6) return null;
  const match = NAME_AND_PORT.exec(authority) ?? IPV6_AND_PORT.exec(authority);
  if (match === null || Number(match[2] ?? 0) > 65_535) return null;
  const name = match[1]!.toLowerCase();
  return name.includes('..') ? null : name;
}
