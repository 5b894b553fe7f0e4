// Query parameters for rules: parsed at most once per request, in linear time, as Go's url.ParseQuery reads them; but
// `;` separates as well, as in Traefik, which puts `&` in its place.

export type QueryParams = ReadonlyMap<string, readonly string[]>;

const NONE: QueryParams = new Map();
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/** Null when an escape is broken. Octets that are no UTF-8 become U+FFFD. */
function decode(raw: string): string | null {
  // Octets of the head are characters here; what they stand for is UTF-8.
  const text = /[\x80-\xff]/.test(raw) ? Buffer.from(raw, 'latin1').toString('utf8') : raw;
  if (!text.includes('%') && !text.includes('+')) return text;
  if (BROKEN_ESCAPE.test(text)) return null;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    const octets = spaced.replace(/%([0-9A-Fa-f]{2})|[^%]+/g, (part, digits: string | undefined) =>
      digits === undefined ? Buffer.from(part).latin1Slice() : String.fromCharCode(Number.parseInt(digits, 16)),
    );
    return Buffer.from(octets, 'latin1').toString('utf8');
  }
}

/** Pairs with a broken escape are dropped. `;` separates as `&` does. */
export function parseQuery(query: string): QueryParams {
  if (query === '') return NONE;
  const params = new Map<string, string[]>();
  for (const pair of query.includes(';') ? query.split(/[&;]/) : query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    if (name === null || value === null) continue;
    const values = params.get(name);
    if (values === undefined) params.set(name, [value]);
    else values.push(value);
  }
  return params;
}

/** Parses at the first call for a request. */
export function queryOf(request: { readonly query: string; parsedQuery: QueryParams | null }): QueryParams {
  request.parsedQuery ??= parseQuery(request.query);
  return request.parsedQuery;
}
