// redirectScheme: sends clients to the same URL under another scheme, as a rule from http to https.

import { optional, required, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean, integer, string } from '../../../schema/scalar.ts';
import type { Exchange } from '../../http/exchange.ts';
import { defineMiddleware } from '../define.ts';
import { askedHost, askedPort, askedTarget, portSuffix, redirect, refuseWithoutHost } from './redirect.ts';

/** Scheme the client used; a proxy in front that is trusted knows better than our socket. */
export function clientScheme(exchange: Exchange): string {
  const forwarded = exchange.requestHeaders.get('x-forwarded-proto') ?? exchange.scheme;
  if (forwarded === 'http' || forwarded === 'https') return forwarded;
  // The first of a list is what the client used. WebSockets are asked for over HTTP.
  const comma = forwarded.indexOf(',');
  const first = (comma < 0 ? forwarded : forwarded.slice(0, comma)).trim().toLowerCase();
  if (first === 'https' || first === 'wss') return 'https';
  return first === 'http' || first === 'ws' ? 'http' : exchange.scheme;
}

export const redirectScheme = defineMiddleware({
  kind: 'redirectScheme',
  summary: 'Redirects to the same URL with another scheme and port.',
  description:
    'GET requests are answered 302, or 301 when permanent; others 307 or 308, which keep method and body. `X-Forwarded-Proto` of a trusted proxy says which scheme the client used, so a request that came over TLS to that proxy passes.',
  options: object({
    scheme: required(
      string({ pattern: /^[A-Za-z][A-Za-z0-9+.-]*$/, expected: 'a scheme such as https' }),
      'Scheme to redirect to.',
    ),
    port: optional(integer({ min: 1, max: 65_535 }), 'Port to redirect to; the scheme’s own when left out.'),
    permanent: withDefault(boolean(), false, 'Clients may remember the redirect: 301 and 308.'),
  }),
  create: ({ scheme: given, port: givenPort, permanent }) => {
    const scheme = given.toLowerCase();
    const port = portSuffix(scheme, givenPort === undefined ? '' : String(givenPort));
    const start = `${scheme}://`;
    return (next) =>
      function redirectSchemeStage(exchange) {
        // Already there: a redirect would lead to itself.
        if (clientScheme(exchange) === scheme && portSuffix(scheme, askedPort(exchange)) === port) {
          return next(exchange);
        }
        const host = askedHost(exchange);
        if (host === '') refuseWithoutHost(exchange);
        else redirect(exchange, start + host + port + askedTarget(exchange), permanent);
      };
  },
});
