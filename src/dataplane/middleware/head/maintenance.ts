// maintenance: a fixed answer in the service's place, except for those who work on it.

import { IpSet } from '../../../core/ip.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import { optional, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { duration, integer, string } from '../../../schema/scalar.ts';
import { respond } from '../../http/respond.ts';
import { defineMiddleware } from '../define.ts';
import { createIpStrategy, ipStrategyOptions } from '../auth/ip-strategy.ts';
import { fieldValue, network } from '../option-types.ts';

const bypassOptions = object({
  sourceRange: withDefault(forgivingList(network), [], 'Addresses and networks that reach the service.'),
  ipStrategy: optional(
    ipStrategyOptions,
    'Which address counts as the client’s; that of the connection when left out.',
  ),
});

export const maintenance = defineMiddleware({
  kind: 'maintenance',
  summary: 'Answers every request the same, while a service is being worked on.',
  description:
    'The service is not asked. Clients in `bypass` reach it all the same, to see whether it works again. Add the middleware to a router and take it away: both are changes of configuration that need no restart.',
  options: object({
    status: withDefault(integer({ min: 200, max: 599, isZeroAbsent: true }), 503, 'Status of the answer.'),
    body: withDefault(string(), 'Service Unavailable\n', 'Body of the answer.'),
    contentType: withDefault(fieldValue, 'text/plain; charset=utf-8', 'Type of the body.'),
    retryAfter: optional(duration(), 'When clients should ask again: Retry-After, in whole seconds.'),
    bypass: optional(bypassOptions, 'Who is let through.'),
  }),
  create: ({ status, body, contentType, retryAfter, bypass }) => {
    const allowed = new IpSet(bypass?.sourceRange ?? []);
    const clientAddress = createIpStrategy(bypass?.ipStrategy);
    const bytes = Buffer.from(body, 'utf8');
    const typeLine = `Content-Type: ${contentType}\r\n`;
    const retryLine = retryAfter === undefined ? '' : `Retry-After: ${Math.ceil(retryAfter / 1000)}\r\n`;
    return (next) =>
      function maintenanceStage(exchange) {
        if (!allowed.isEmpty && allowed.has(clientAddress(exchange))) return next(exchange);
        const headers = exchange.responseHeaders;
        if (bytes.length > 0) headers.setLine('content-type', typeLine);
        if (retryLine !== '') headers.setLine('retry-after', retryLine);
        headers.setLine('cache-control', 'Cache-Control: no-store\r\n');
        respond(exchange, status, bytes);
      };
  },
});
