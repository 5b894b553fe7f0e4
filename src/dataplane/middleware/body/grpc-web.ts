// grpcWeb: lets browsers, which cannot speak gRPC, call services that do.

import { forgivingList } from '../../../schema/forgiving.ts';
import { withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { string } from '../../../schema/scalar.ts';
import { BODY_CHUNKED, BODY_NONE } from '../../http/body.ts';
import type { Exchange, ResponseHook } from '../../http/exchange.ts';
import { respond } from '../../http/respond.ts';
import { Base64Decoder } from './base64-body.ts';
import { defineMiddleware } from '../define.ts';
import { GrpcWebFilter } from './grpc-web-filter.ts';

const GRPC_WEB = /^application\/grpc-web(-text)?(?=$|[+;])/i;
const GRPC = /^application\/grpc(?=$|[+;])/i;
const PREFLIGHT_SECONDS = 600;
/** Scripts may always read these. */
const EXPOSED = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];

const origin = string({
  pattern: /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s]+)$/i,
  expected: 'an origin such as https://shop.example, or *',
});

function isPreflight(exchange: Exchange): boolean {
  const { requestHeaders: headers } = exchange;
  return (
    exchange.method === 'OPTIONS' &&
    headers.has('origin') &&
    headers.get('access-control-request-method') === 'POST' &&
    /(?:^|,)\s*x-grpc-web\s*(?:$|,)/i.test(headers.get('access-control-request-headers') ?? '')
  );
}

export const grpcWeb = defineMiddleware({
  kind: 'grpcWeb',
  summary: 'Lets browsers call gRPC services.',
  description:
    'A POST of `application/grpc-web` or `application/grpc-web-text` (Base64) goes to the service as gRPC, and its answer comes back the same way, with the trailers as the last frame of the body; other requests pass unchanged. The service’s servers must speak HTTP/2: `h2c://`, or `https://`. Pages of other origins may call only when `allowOrigins` names theirs; it also answers the preflights of such calls.',
  differs: 'With `*` credentials are not allowed: Traefik lets every page call with the user’s cookies.',
  options: object({
    allowOrigins: withDefault(
      forgivingList(origin),
      [],
      'Origins whose pages may call; `*` is any, without credentials.',
    ),
  }),
  create: ({ allowOrigins }) => {
    const listed = new Set(allowOrigins);
    const allowsAll = listed.has('*');

    /** Says whether the page may read the answer. */
    const allowOrigin = (exchange: Exchange): boolean => {
      const { responseHeaders: headers } = exchange;
      const from = exchange.requestHeaders.get('origin');
      if (from === undefined) return false;
      const isListed = listed.has(from) && from !== '*';
      if (!isListed || !allowsAll) headers.append('Vary', 'Origin');
      if (isListed) {
        headers.set('Access-Control-Allow-Origin', from);
        headers.set('Access-Control-Allow-Credentials', 'true');
      } else if (allowsAll) headers.set('Access-Control-Allow-Origin', '*');
      return isListed || allowsAll;
    };

    const answerPreflight = (exchange: Exchange): void => {
      if (allowOrigin(exchange)) {
        const asked = exchange.requestHeaders.get('access-control-request-headers')!;
        exchange.responseHeaders.append('Access-Control-Allow-Methods', 'POST');
        exchange.responseHeaders.append('Access-Control-Allow-Headers', asked);
        exchange.responseHeaders.append('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
      }
      respond(exchange, 204, '');
    };

    const expose = (exchange: Exchange): void => {
      const names = exchange.responseHeaders.names.filter(
        (name) => name !== 'vary' && name !== 'set-cookie' && !name.startsWith('access-control-'),
      );
      if (!allowOrigin(exchange)) return;
      exchange.responseHeaders.set('Access-Control-Expose-Headers', [...new Set([...EXPOSED, ...names])].join(', '));
    };

    const hookFor = (isText: boolean): ResponseHook =>
      function grpcWebResponse(exchange) {
        const { responseHeaders: headers } = exchange;
        const type = headers.get('content-type') ?? '';
        if (GRPC.test(type)) {
          headers.set(
            'Content-Type',
            type.replace(GRPC, isText ? 'application/grpc-web-text' : 'application/grpc-web'),
          );
          if (exchange.method !== 'HEAD') exchange.addFilter(new GrpcWebFilter(isText));
        }
        expose(exchange);
      };
    const binary = hookFor(false);
    const text = hookFor(true);

    return (next) =>
      function grpcWebStage(exchange) {
        if (isPreflight(exchange)) {
          answerPreflight(exchange);
          return;
        }
        const { requestHeaders: headers } = exchange;
        const type = headers.get('content-type') ?? '';
        const found = exchange.method === 'POST' ? GRPC_WEB.exec(type) : null;
        if (found === null) return next(exchange);
        const isText = found[1] !== undefined;
        exchange.traffic = 'grpc-web';
        headers.set('Content-Type', type.replace(GRPC_WEB, 'application/grpc'));
        exchange.acceptsTrailers = true;
        if (isText && exchange.requestFraming !== BODY_NONE) {
          exchange.requestFraming = BODY_CHUNKED;
          exchange.requestLength = 0;
          exchange.addRequestFilter(new Base64Decoder(exchange));
        }
        exchange.onResponse(isText ? text : binary);
        return next(exchange);
      };
  },
});
