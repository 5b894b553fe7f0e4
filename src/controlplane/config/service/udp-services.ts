// Services of UDP: their options, and what the data plane runs of them.

import { own, required, withDefault } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import { string } from '../../../schema/scalar.ts';
import type { Infer } from '../../../schema/schema.ts';
import { forgivingList } from '../../../schema/forgiving.ts';
import {
  defineService,
  referencesOfShares,
  shares,
  warnWithoutShares,
  weight,
  type UdpServices,
  ofServer,
} from './define.ts';
import { readHostPort } from './host-port.ts';

const WITHOUT = 'datagrams are dropped';

const server = object({
  address: required(string(), '`host:port`.'),
  weight: own(withDefault(weight, 1, 'Its share of the sessions; 0 gets none.')),
});

const loadBalancer = object(
  {
    servers: withDefault(forgivingList(server), [], 'Servers that get sessions in turn.'),
  },
  ofServer('the address', 'port'),
);

export const udpLoadBalancerService = defineService<UdpServices, Infer<typeof loadBalancer>, Infer<typeof server>>({
  kind: 'loadBalancer',
  doc: 'Balances over servers.',
  options: loadBalancer,
  servers: {
    option: 'address',
    schema: server,
    of: ({ servers }) => servers,
    read(given, say) {
      const parsed = readHostPort(given.address, say);
      return parsed === null ? null : { url: given.address, ...parsed, weight: given.weight };
    },
    without: WITHOUT,
  },
  compile: (_, { name, endpointSet }) => ({ kind: 'udpLoadBalancer', name, endpointSet }),
});

const weighted = object({
  services: required(shares('nothing'), 'UDP services to divide sessions between.'),
});

export const udpWeightedService = defineService<UdpServices, Infer<typeof weighted>>({
  kind: 'weighted',
  doc: 'Divides sessions between services by weight.',
  options: weighted,
  references: ({ services }) => referencesOfShares(services),
  compile(_, context) {
    warnWithoutShares(context, WITHOUT);
    return { kind: 'udpWeighted', name: context.name, children: context.children };
  },
});
