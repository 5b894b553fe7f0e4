// Tells the service which tenant a request is for: the first label of the host, if it is one that is known.

import { defineMiddleware, list, object, required, respond, string, withDefault } from 'signalbox/plugin';

export default defineMiddleware({
  kind: 'tenant',
  summary: 'Names the tenant in a request field.',
  description: 'Requests for others are answered 404.',
  options: object({
    tenants: required(list(string({ pattern: /^[a-z0-9-]+$/, expected: 'a host label' }), { min: 1 }), 'Those served.'),
    header: withDefault(
      string({ pattern: /^[A-Za-z0-9-]+$/, expected: 'a field name' }),
      'X-Tenant',
      'Field the service reads.',
    ),
  }),
  // Runs once per configuration and worker: everything that can be made ready before the first request.
  create({ tenants, header }) {
    const known = new Set(tenants);
    const lowerHeader = header.toLowerCase();
    return (next) => (exchange) => {
      const tenant = exchange.host.slice(0, Math.max(0, exchange.host.indexOf('.')));
      if (!known.has(tenant)) {
        respond(exchange, 404, 'no such tenant\n');
        return;
      }
      // `set` also takes away what the client may have sent under this name.
      exchange.requestHeaders.set(header, tenant);
      exchange.onResponse(({ responseHeaders }) => {
        if (!responseHeaders.has(lowerHeader)) responseHeaders.append(header, tenant);
      });
      return next(exchange);
    };
  },
});
