// The services that divide requests between other services: by weight, or by the client's address.

import { optional, required } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import type { Infer } from '../../../schema/schema.ts';
import { defineService, referencesOfShares, shares, warnWithoutShares, type HttpServices } from './define.ts';
import { sticky, stickyCookie } from './sticky-options.ts';

const followHealth = object({});
const WITHOUT = 'requests are answered 503';
const services = shares('nothing but sticky clients');

const weighted = object({
  services: required(services, 'Services to divide requests between.'),
  sticky: optional(sticky, 'Keeps a client at the service it was sent to first.'),
  healthCheck: optional(
    followHealth,
    'An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check.',
  ),
});

export const weightedService = defineService<HttpServices, Infer<typeof weighted>>({
  kind: 'weighted',
  doc: 'Divides requests between services by weight.',
  options: weighted,
  references: (options) => referencesOfShares(options.services),
  compile(options, context) {
    warnWithoutShares(context, WITHOUT);
    const { name, children } = context;
    const followsHealth = options.healthCheck !== undefined;
    return { kind: 'weighted', name, children, sticky: stickyCookie(name, options.sticky), followsHealth };
  },
});

const highestRandomWeight = object({
  services: required(services, 'Services to divide clients between.'),
  healthCheck: optional(followHealth, 'As of `weighted`.'),
});

export const highestRandomWeightService = defineService<HttpServices, Infer<typeof highestRandomWeight>>({
  kind: 'highestRandomWeight',
  doc: 'Divides clients between services by their address.',
  options: highestRandomWeight,
  references: (options) => referencesOfShares(options.services),
  compile(options, context) {
    warnWithoutShares(context, WITHOUT);
    const { name, children } = context;
    return { kind: 'highestRandomWeight', name, children, followsHealth: options.healthCheck !== undefined };
  },
});
