// bodyLimit: refuses request bodies above a size, announced or not, without gathering them.

import { integer, object, required } from '../../schema/schema.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { defineMiddleware } from './define.ts';

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
        if (exchange.requestLength > maxRequestBodyBytes) {
          respondFailure(exchange, FAILURES.bodyTooLarge);
          return;
        }
        if (exchange.maxRequestBytes === 0 || exchange.maxRequestBytes > maxRequestBodyBytes) {
          exchange.maxRequestBytes = maxRequestBodyBytes;
        }
        return next(exchange);
      },
});
