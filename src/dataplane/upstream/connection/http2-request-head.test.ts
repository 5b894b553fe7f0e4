// The head of a request as a server of HTTP/2 gets it.

import { expect, test } from 'vitest';
import { BODY_CHUNKED, BODY_LENGTH } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import { upstreamHttp2Lab } from '../../../../test/support/upstream-http2.ts';

const REST = ':scheme=http :authority=a :path=/';

test.each<[string, (exchange: Exchange) => unknown, string]>([
  [
    'a length',
    (its) => Object.assign(its, { method: 'PUT', requestFraming: BODY_LENGTH, requestLength: 3 }),
    `:method=PUT ${REST} content-length=3`,
  ],
  [
    'no length for a body of unknown size',
    (its) => Object.assign(its, { method: 'PUT', requestFraming: BODY_CHUNKED }),
    `:method=PUT ${REST}`,
  ],
  [
    'the names of trailers',
    (its) => Object.assign(its, { method: 'PUT', requestFraming: BODY_CHUNKED, trailerNames: 'x-sum' }),
    `:method=PUT ${REST} trailer=x-sum`,
  ],
  [
    'a length of nothing where a body is usual',
    (its) => (its.method = 'POST'),
    `end :method=POST ${REST} content-length=0`,
  ],
  ['none where it is not', (its) => (its.method = 'DELETE'), `end :method=DELETE ${REST}`],
  ['that trailers are understood', (its) => (its.acceptsTrailers = true), `end :method=GET ${REST} te=trailers`],
  [
    'fields, but for those of this hop',
    (its) => {
      its.requestHeaders.append('X', '1');
      its.requestHeaders.append('Hop', '2');
      its.hopNames = new Set(['hop']);
    },
    `end :method=GET ${REST} x=1`,
  ],
  [
    'the client at the end of the list that came',
    (its) => {
      its.appendForwardedFor = true;
      its.hasForwarded = true;
      its.requestHeaders.append('X-Forwarded-For', '10.0.0.1');
      its.requestHeaders.append('Y', '2');
      its.requestHeaders.append('X-Forwarded-For', '10.0.0.2');
    },
    `end :method=GET ${REST} y=2 x-forwarded-for=10.0.0.1, 10.0.0.2, 127.0.0.1`,
  ],
  [
    'the client alone where none came',
    (its) => (its.appendForwardedFor = true),
    `end :method=GET ${REST} x-forwarded-for=127.0.0.1`,
  ],
  [
    'the list as it came where nobody adds to it',
    (its) => {
      its.hasForwarded = true;
      its.requestHeaders.append('X-Forwarded-For', '10.0.0.1');
    },
    `end :method=GET ${REST} x-forwarded-for=10.0.0.1`,
  ],
])('has %s', async (_, prepare, expected) => {
  const { ask, lines } = await upstreamHttp2Lab();
  ask(prepare);
  expect((await lines())[0]).toBe(`HEADERS 1 ${expected}`);
});

test('methods that clients make up, and hosts by turns, stay what they are', async () => {
  const { ask, lines } = await upstreamHttp2Lab({ responseHeaderTimeoutMs: 0 });
  for (let index = 0; index < 80; index++) {
    ask((exchange) => Object.assign(exchange, { method: `M${index}`, upstreamHost: `h${index % 2}` }));
  }
  const heads = await lines();
  expect(heads.at(-1)).toContain(':method=M79 :scheme=http :authority=h1 ');
  expect(heads.at(-2)).toContain(':method=M78 :scheme=http :authority=h0 ');
});
