// bodyLimit: refuses request bodies above a size, announced or not, without gathering them.

import { required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { integer } from '../../../schema/scalar.ts';
import type { Exchange } from '../../http/exchange.ts';
import { FAILURES } from '../../http/failure.ts';
import { respondFailure } from '../../http/respond.ts';
import { defineMiddleware } from '../define.ts';

/** False when the announced length is above the limit and was answered; otherwise the body is counted as it comes. */
export function limitRequestBody(exchange: Exchange, maxBytes: number): boolean {
  if (exchange.requestLength > maxBytes) {
    respondFailure(exchange, FAILURES.bodyTooLarge);
    return false;
  }
  if (exchange.maxRequestBytes === 0 || exchange.maxRequestBytes > maxBytes) exchange.maxRequestBytes = maxBytes;
  return true;
}

export const bodyLimit = defineMiddleware({
  kind: 'bodyLimit',
  summary: 'Refuses request bodies above a size with 413.',
  description:
    'A body whose length is announced is refused before a byte of it is read. A chunked one is broken off as soon as it passes the limit; the service then sees a request that never ends well. Nothing is kept in memory. The smaller of this limit and that of the entry point counts.',
  options: object({
    maxRequestBodyBytes: required(integer({ min: 1 }), 'Largest body in bytes.'),
  }),
  create:
    ({ maxRequestBodyBytes }) =>
    (next) =>
      function bodyLimitStage(exchange) {
        if (!limitRequestBody(exchange, maxRequestBodyBytes)) return;
        return next(exchange);
      },
});
