// The TCP service `weighted`: divides connections between services.

import { optional, required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import type { Infer } from '../../../schema/schema.ts';
import { defineService, referencesOfShares, shares, warnWithoutShares, type TcpServices } from './define.ts';

const weighted = object({
  services: required(shares('nothing'), 'TCP services to divide connections between.'),
  healthCheck: optional(
    object({}),
    'An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check.',
  ),
});

export const tcpWeightedService = defineService<TcpServices, Infer<typeof weighted>>({
  kind: 'weighted',
  doc: 'Divides connections between services by weight.',
  options: weighted,
  references: ({ services }) => referencesOfShares(services),
  compile({ healthCheck }, context) {
    warnWithoutShares(context, 'connections are closed');
    const { name, children } = context;
    return { kind: 'tcpWeighted', name, children, followsHealth: healthCheck !== undefined };
  },
});
