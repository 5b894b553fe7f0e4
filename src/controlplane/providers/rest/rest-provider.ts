// The provider `rest`: whole routing configurations that somebody sends to the API, which publishes them. There is
// nothing to run: the pipeline takes them from the endpoint, whose answer says what is wrong with them.

import { withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { boolean } from '../../../schema/scalar.ts';
import { defineProvider } from '../define.ts';

export const restProvider = defineProvider({
  kind: 'rest',
  summary: 'Routing configuration that is sent to the API.',
  description:
    'For programs that know what is to be served: one `PUT` replaces everything that was sent before, and is answered when it is in force ([how](../api.md#sending-configuration)). It is kept in memory, and handed to a successor.',
  options: object({
    insecure: withDefault(
      boolean(),
      false,
      'Take PUT /api/providers/rest on the internal entry point, with the token of `api.token`; otherwise through the Unix socket, or where a router names `rest@internal`.',
    ),
  }),
  words: 'tenant',
});
