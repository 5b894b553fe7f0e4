// How each kind of service is made live. Adding one is a file and a line here; the type checker asks for it once
// `ServiceSpec` has the kind.

import type { ServiceSpec } from '../../model/service.ts';
import { DividingService } from './dividing-service.ts';
import { FixedService } from './fixed-service.ts';
import { LoadBalancer } from './load-balancer.ts';
import type { CreateService, ServiceOfKind, ServiceSurroundings } from './service-kind.ts';

type SpecOf<K> = Extract<ServiceSpec, { readonly kind: K }>;

const LIVE_SERVICES: { readonly [K in ServiceSpec['kind']]: CreateService<SpecOf<K>> } = {
  loadBalancer: (name, { upstream, secret }) => new LoadBalancer(name, upstream, secret),
  weighted: (_, surroundings, healthChanged) => new DividingService(surroundings, healthChanged),
  highestRandomWeight: (_, surroundings, healthChanged) => new DividingService(surroundings, healthChanged),
  fixed: () => new FixedService(),
};

/** It is given specifications of this kind only. */
export function createService(
  kind: ServiceSpec['kind'],
  name: string,
  surroundings: ServiceSurroundings,
  healthChanged: () => void,
): ServiceOfKind {
  const create = LIVE_SERVICES[kind] as CreateService<never>; // Of this kind, as its specifications are.
  return create(name, surroundings, healthChanged) as ServiceOfKind;
}
