// Options of UDP routers as people write them.

import { optional, required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';

export const udpRouterOptions = object(
  {
    service: required(string(), 'UDP service that gets the datagrams; `name` or `name@provider`.'),
    entryPoints: optional(
      forgivingList(string()),
      'Entry points for UDP whose datagrams it takes; when left out, all that no other router names. Each has one router.',
    ),
  },
  {
    rule: 'is for routers of HTTP and TCP: datagrams do not say for whom they are, and each entry point has one router',
  },
);
export type UdpRouterOptions = Infer<typeof udpRouterOptions>;
