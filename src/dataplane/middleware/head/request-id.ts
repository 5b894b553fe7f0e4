// requestId: gives every request a name of its own, for the service, the client and the logs.

import { randomUUID } from 'node:crypto';
import { withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean } from '../../../schema/scalar.ts';
import type { ResponseHook } from '../../http/exchange.ts';
import { defineMiddleware } from '../define.ts';
import { fieldName } from '../option-types.ts';

/** What may be taken over: short, and harmless in every log. */
const SAFE_ID = /^[\w\-.:/+=]{1,128}$/;

export const requestId = defineMiddleware({
  kind: 'requestId',
  summary: 'Gives every request an identifier of its own.',
  description:
    'The service gets it in a field of the request, and the client in the same field of the response unless the service has set it. An identifier the client sent is replaced unless `trustIncoming` is set.',
  options: object({
    headerName: withDefault(fieldName, 'X-Request-Id', 'Field that holds the identifier.'),
    trustIncoming: withDefault(
      boolean(),
      false,
      'Keeps an identifier that came with the request: up to 128 letters, digits and `_-.:/+=`. For entry points behind another proxy.',
    ),
  }),
  create: ({ headerName: name, trustIncoming }) => {
    const lower = name.toLowerCase();
    const start = `${name}: `;
    const setResponseField: ResponseHook = (exchange) => {
      if (exchange.responseHeaders.has(lower)) return;
      const id = exchange.requestHeaders.get(lower);
      if (id !== undefined) exchange.responseHeaders.appendLine(lower, `${start}${id}\r\n`);
    };
    return (next) =>
      function requestIdStage(exchange) {
        const incoming = trustIncoming ? exchange.requestHeaders.get(lower) : undefined;
        const id = incoming !== undefined && SAFE_ID.test(incoming) ? incoming : randomUUID();
        exchange.requestHeaders.setLine(lower, `${start}${id}\r\n`);
        exchange.onResponse(setResponseField);
        return next(exchange);
      };
  },
});
