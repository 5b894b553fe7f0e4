// The static table of RFC 7541 appendix A.

/** Entry n of the RFC is at n - 1. */
export const STATIC_ENTRIES: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'],
  [':scheme', 'http'], [':scheme', 'https'], [':status', '200'], [':status', '204'], [':status', '206'],
  [':status', '304'], [':status', '400'], [':status', '404'], [':status', '500'], ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''], ['accept', ''],
  ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''], ['cache-control', ''],
  ['content-disposition', ''], ['content-encoding', ''], ['content-language', ''], ['content-length', ''],
  ['content-location', ''], ['content-range', ''], ['content-type', ''], ['cookie', ''], ['date', ''], ['etag', ''],
  ['expect', ''], ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''], ['if-modified-since', ''],
  ['if-none-match', ''], ['if-range', ''], ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''],
  ['location', ''], ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''],
  ['referer', ''], ['refresh', ''], ['retry-after', ''], ['server', ''], ['set-cookie', ''],
  ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''], ['vary', ''], ['via', ''],
  ['www-authenticate', ''],
]; // prettier-ignore

/** First index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_ENTRIES.map(([name], index) => [name, index + 1] as const).toReversed(),
);

/** Index of each entry that has a value, by `name: value`. */
export const STATIC_FIELDS: ReadonlyMap<string, number> = new Map(
  STATIC_ENTRIES.map(([name, value], index) => [`${name}: ${value}`, index + 1] as const).filter(
    (_, index) => STATIC_ENTRIES[index]![1] !== '',
  ),
);
