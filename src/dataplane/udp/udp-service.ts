// UDP services, and how each kind of them is made live. Adding one is a file and a line here; the type checker asks for
// it once `UdpServiceSpec` has the kind.

import type { UdpEndpointSpec } from '../../model/endpoint-set.ts';
import { udpServiceKey, type UdpServiceSpec } from '../../model/udp.ts';
import { Division } from '../balance/layer4/division.ts';
import { Layer4Service } from '../balance/layer4/layer4-service.ts';
import type { Layer4Kind, Layer4Surroundings } from '../balance/layer4/service-kind.ts';
import { UdpLoadBalancer, type UdpContext, type UdpEndpoint } from './udp-load-balancer.ts';

export interface UdpServiceSurroundings extends UdpContext, Omit<Layer4Surroundings<UdpEndpoint>, 'keyOf'> {}

type Kind<Spec> = Layer4Kind<Spec, UdpEndpoint, UdpEndpointSpec>;
type SpecOf<K> = Extract<UdpServiceSpec, { readonly kind: K }>;
type Create<Spec> = (
  name: string,
  surroundings: UdpServiceSurroundings & Layer4Surroundings<UdpEndpoint>,
  healthChanged: () => void,
) => Kind<Spec>;

const LIVE_KINDS: { readonly [K in UdpServiceSpec['kind']]: Create<SpecOf<K>> } = {
  udpLoadBalancer: (name, context) => new UdpLoadBalancer(name, context),
  udpWeighted: (_, surroundings, healthChanged) => new Division(surroundings, healthChanged),
};

export class UdpService extends Layer4Service<UdpServiceSpec, UdpEndpoint, UdpEndpointSpec> {
  constructor(name: string, given: UdpServiceSurroundings) {
    const surroundings = { ...given, keyOf: udpServiceKey };
    super(name, surroundings, ({ kind }, healthChanged) => {
      const create = LIVE_KINDS[kind] as Create<never>; // Of this kind, as its specifications are.
      return create(name, surroundings, healthChanged) as Kind<UdpServiceSpec>;
    });
  }
}
