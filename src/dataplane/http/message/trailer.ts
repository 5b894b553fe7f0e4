// Which fields may come behind a body, whatever the protocol.

import { type HeaderName, H_OTHER } from './header-names.ts';

/** Names that may not come as a trailer (RFC 9110 §6.5.1): framing, routing, authentication, content description. */
const FORBIDDEN_TRAILERS = new Set([
  'authorization', 'cache-control', 'content-encoding', 'content-range', 'content-type', 'cookie', 'age', 'date',
  'expires', 'location', 'max-forwards', 'range', 'retry-after', 'set-cookie', 'vary', 'www-authenticate', 'pragma',
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range',
]); // prettier-ignore

export const MAX_TRAILERS = 64;

export function isTrailer(name: HeaderName): boolean {
  return name.id === H_OTHER && !FORBIDDEN_TRAILERS.has(name.lower);
}
