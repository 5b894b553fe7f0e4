// Field names seen so far: each spelling is validated and lower-cased once. The names the proxy acts on have a number,
// so that the parser can switch on it. Spellings beyond the known ones sit in a bounded cache that is dropped whole
// when a client fills it.

import { TOKEN } from './grammar.ts';

export const H_OTHER = 0;
export const H_HOST = 1;
export const H_CONTENT_LENGTH = 2;
export const H_TRANSFER_ENCODING = 3;
export const H_CONNECTION = 4;
export const H_EXPECT = 5;
export const H_UPGRADE = 6;
export const H_TE = 7;
export const H_TRAILER = 8;
/** Dropped without a look: Keep-Alive, Proxy-*, HTTP2-Settings, framing fields spelled with an underscore. */
export const H_HOP_BY_HOP = 9;
/** X-Forwarded-* and their kin: only trusted peers may set them. */
export const H_FORWARDED = 10;
const H_DATE = 11;
/** WWW-Authenticate. */
export const H_CHALLENGE = 12;

export interface HeaderName {
  readonly lower: string;
  readonly id: number;
}

const KNOWN: Readonly<Record<string, number>> = {
  host: H_HOST,
  'content-length': H_CONTENT_LENGTH,
  'transfer-encoding': H_TRANSFER_ENCODING,
  connection: H_CONNECTION,
  expect: H_EXPECT,
  upgrade: H_UPGRADE,
  te: H_TE,
  trailer: H_TRAILER,
  'keep-alive': H_HOP_BY_HOP,
  'proxy-connection': H_HOP_BY_HOP,
  'proxy-authenticate': H_HOP_BY_HOP,
  'proxy-authorization': H_HOP_BY_HOP,
  // httpoxy: CGI-style origins would read it as HTTP_PROXY.
  proxy: H_HOP_BY_HOP,
  'http2-settings': H_HOP_BY_HOP,
  'x-forwarded-for': H_FORWARDED,
  'x-forwarded-host': H_FORWARDED,
  'x-forwarded-port': H_FORWARDED,
  'x-forwarded-proto': H_FORWARDED,
  'x-forwarded-server': H_FORWARDED,
  'x-forwarded-uri': H_FORWARDED,
  'x-forwarded-method': H_FORWARDED,
  'x-forwarded-prefix': H_FORWARDED,
  'x-replaced-path': H_FORWARDED,
  'x-forwarded-ssl': H_FORWARDED,
  'x-forwarded-scheme': H_FORWARDED,
  'x-scheme': H_FORWARDED,
  'x-forwarded-tls-client-cert': H_FORWARDED,
  'x-forwarded-tls-client-cert-info': H_FORWARDED,
  'x-real-ip': H_FORWARDED,
  'true-client-ip': H_FORWARDED,
  forwarded: H_FORWARDED,
  date: H_DATE,
  'www-authenticate': H_CHALLENGE,
};

/** Other names that nearly every message carries: kept beside the known ones, so that no flood evicts them. */
const COMMON = [
  'accept', 'accept-encoding', 'accept-language', 'accept-ranges', 'age', 'authorization', 'cache-control',
  'content-encoding', 'content-type', 'cookie', 'etag', 'expires', 'if-modified-since', 'if-none-match',
  'last-modified', 'location', 'origin', 'pragma', 'range', 'referer', 'sec-ch-ua', 'sec-fetch-dest',
  'sec-fetch-mode', 'sec-fetch-site', 'server', 'set-cookie', 'strict-transport-security', 'traceparent',
  'tracestate', 'user-agent', 'vary', 'x-powered-by', 'x-request-id', 'x-requested-with',
]; // prettier-ignore

const MAX_CACHED = 4096;
const MAX_CACHED_LENGTH = 64;

const known = new Map<string, HeaderName>();
let seen = new Map<string, HeaderName>();

function capitalised(lower: string): string {
  return lower.replaceAll(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

for (const lower of [...Object.keys(KNOWN), ...COMMON]) {
  const entry: HeaderName = { lower, id: KNOWN[lower] ?? H_OTHER };
  known.set(lower, entry);
  known.set(capitalised(lower), entry);
}
known.set('ETag', known.get('etag') as HeaderName); // Set in the loop above.

/**
 * The name as a validated token, or null when it is none (RFC 9110 §5.1). Underscore spellings of the forwarded names
 * (`X_Forwarded_For`) count as those: CGI-style origins cannot tell them apart.
 */
export function headerName(spelling: string): HeaderName | null {
  const entry = known.get(spelling) ?? seen.get(spelling);
  return entry === undefined ? learn(spelling) : entry;
}

function learn(spelling: string): HeaderName | null {
  if (!TOKEN.test(spelling)) return null;
  const lower = spelling.toLowerCase();
  let id = KNOWN[lower] ?? H_OTHER;
  if (id === H_OTHER && lower.includes('_')) {
    // CGI-style origins read `_` as `-`: Content_Length would be a second length to them, Transfer_Encoding a framing.
    const meant = KNOWN[lower.replaceAll('_', '-')];
    if (meant !== undefined && meant !== H_DATE && meant !== H_CHALLENGE)
      id = meant === H_FORWARDED ? H_FORWARDED : H_HOP_BY_HOP;
  }
  const entry: HeaderName = { lower, id };
  if (spelling.length <= MAX_CACHED_LENGTH) {
    if (seen.size >= MAX_CACHED) seen = new Map();
    // Through a Buffer: a slice of the request head would keep the whole head alive in the cache.
    seen.set(Buffer.from(spelling, 'latin1').latin1Slice(), entry);
  }
  return entry;
}

/** Well-known end-to-end names: a Connection field that nominates one is an attempt to strip it (bad-proxy abuse). */
export function isEndToEnd(lowerName: string): boolean {
  const entry = headerName(lowerName);
  if (entry === null) return false;
  return entry.id === H_FORWARDED || entry.id === H_HOST || known.get(lowerName)?.id === H_OTHER;
}
