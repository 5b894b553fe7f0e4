// Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol): answers preflights in the
// service's place, and says on responses which origins may read them.

import type { Exchange } from '../../http/exchange.ts';
import { respond } from '../../http/respond.ts';
import { compilePattern } from '../../match/pattern.ts';
import type { HeadersOptions } from './headers-options.ts';

const ALLOW_ORIGIN = 'access-control-allow-origin';
const VARY_ORIGIN = 'Vary: Origin\r\n';

/** A field that is always the same. */
interface FixedField {
  readonly lower: string;
  readonly line: string;
}

export interface Cors {
  /** Answers a preflight; false when the request is none. */
  answerPreflight(exchange: Exchange): boolean;
  setResponseFields(exchange: Exchange): void;
}

function fixed(name: string, value: string): FixedField[] {
  return value === '' ? [] : [{ lower: name.toLowerCase(), line: `${name}: ${value}\r\n` }];
}

/** Null when no option about origins is given: preflights are then the service's own. */
export function createCors(given: HeadersOptions): Cors | null {
  const isWanted =
    given.accessControlAllowCredentials ||
    given.addVaryHeader ||
    given.accessControlMaxAge !== undefined ||
    given.accessControlAllowOriginList.length > 0 ||
    given.accessControlAllowOriginListRegex.length > 0 ||
    given.accessControlAllowMethods.length > 0 ||
    given.accessControlAllowHeaders.length > 0 ||
    given.accessControlExposeHeaders.length > 0;
  if (!isWanted) return null;

  const listed = new Set(given.accessControlAllowOriginList);
  const patterns = given.accessControlAllowOriginListRegex.map(compilePattern);
  const allowsAll = listed.has('*');
  const credentials = fixed('Access-Control-Allow-Credentials', given.accessControlAllowCredentials ? 'true' : '');
  const preflight = [
    ...credentials,
    ...fixed('Access-Control-Allow-Headers', given.accessControlAllowHeaders.join(',')),
    ...fixed('Access-Control-Allow-Methods', given.accessControlAllowMethods.join(',')),
    ...fixed(
      'Access-Control-Max-Age',
      given.accessControlMaxAge === undefined ? '' : String(given.accessControlMaxAge),
    ),
  ];
  const response = [
    ...credentials,
    ...fixed('Access-Control-Expose-Headers', given.accessControlExposeHeaders.join(',')),
  ];

  const setAllowOrigin = (exchange: Exchange): void => {
    const origin = exchange.requestHeaders.get('origin');
    if (allowsAll && (origin === undefined || !listed.has(origin))) {
      exchange.responseHeaders.setLine(ALLOW_ORIGIN, 'Access-Control-Allow-Origin: *\r\n');
      return;
    }
    if (origin === undefined || origin === '') return;
    let isAllowed = listed.has(origin);
    for (let index = 0; !isAllowed && index < patterns.length; index++) isAllowed = patterns[index]!(origin);
    if (isAllowed) exchange.responseHeaders.setLine(ALLOW_ORIGIN, `Access-Control-Allow-Origin: ${origin}\r\n`);
  };

  return {
    answerPreflight(exchange) {
      const headers = exchange.requestHeaders;
      if (exchange.method !== 'OPTIONS' || !headers.has('origin') || !headers.has('access-control-request-method')) {
        return false;
      }
      // An origin that may not is told so by the lack of the field.
      setAll(exchange, preflight);
      setAllowOrigin(exchange);
      respond(exchange, 200, '');
      return true;
    },
    setResponseFields(exchange) {
      setAllowOrigin(exchange);
      setAll(exchange, response);
      if (given.addVaryHeader) addVaryOrigin(exchange);
    },
  };
}

function setAll(exchange: Exchange, fields: readonly FixedField[]): void {
  for (let index = 0; index < fields.length; index++) {
    const { lower, line } = fields[index]!;
    exchange.responseHeaders.setLine(lower, line);
  }
}

function addVaryOrigin(exchange: Exchange): void {
  const vary = exchange.responseHeaders.valuesOf('vary');
  if (vary === null) exchange.responseHeaders.appendLine('vary', VARY_ORIGIN);
  else {
    const list = vary.join(', ');
    if (/(?:^|,)[\t ]*(?:origin|\*)[\t ]*(?:,|$)/i.test(list)) return;
    exchange.responseHeaders.setLine('vary', `Vary: ${list === '' ? '' : `${list}, `}Origin\r\n`);
  }
}
