// The section `udp` as people write it: routers, and services that get the datagrams of an entry point.

import {
  integer,
  list,
  object,
  optional,
  own,
  required,
  string,
  withDefault,
  type Infer,
} from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';

const weight = integer({ min: 0, max: 1_000_000, clamp: 'above' });

export const udpRouterOptions = object({
  service: required(string(), 'UDP service that gets the datagrams; `name` or `name@provider`.'),
  entryPoints: optional(
    forgivingList(string()),
    'Entry points for UDP whose datagrams it takes; when left out, all that no other router names. Each has one router.',
  ),
});
export type UdpRouterOptions = Infer<typeof udpRouterOptions>;

const server = object({
  address: required(string(), '`host:port`.'),
  weight: own(withDefault(weight, 1, 'Its share of the sessions; 0 gets none.')),
});

const loadBalancer = object({
  servers: withDefault(forgivingList(server), [], 'Servers that get sessions in turn.'),
});
export type UdpLoadBalancerOptions = Infer<typeof loadBalancer>;

const child = object({
  name: required(string(), 'The service; `name` or `name@provider`.'),
  weight: withDefault(weight, 1, 'Its share; 0 gets nothing.'),
});

const weighted = object({
  services: required(list(child), 'UDP services to divide sessions between.'),
});

export const udpServiceOptions = object({
  loadBalancer: optional(loadBalancer, 'Balances over servers.'),
  weighted: optional(weighted, 'Divides sessions between services by weight.'),
});
export type UdpServiceOptions = Infer<typeof udpServiceOptions>;
