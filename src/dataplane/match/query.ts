// Query parameters for rules: parsed at most once per request, in linear time, as Go's url.ParseQuery reads them.

export type QueryParams = ReadonlyMap<string, readonly string[]>;

const NONE: QueryParams = new Map();

function decode(text: string): string | null {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    // Escapes that are no UTF-8: such a pair matches nothing.
    return null;
  }
}

/** Pairs with a broken escape or a `;` are dropped. */
export function parseQuery(query: string): QueryParams {
  if (query === '') return NONE;
  const params = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
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
