// TCP services, and how each kind of them is made live. Adding one is a file and a line here; the type checker asks for
// it once `TcpServiceSpec` has the kind.

import type { TcpEndpointSpec } from '../../model/endpoint-set.ts';
import { tcpServiceKey, type TcpServiceSpec } from '../../model/tcp.ts';
import { Division } from '../balance/layer4/division.ts';
import { Layer4Service } from '../balance/layer4/layer4-service.ts';
import type { Layer4Kind, Layer4Surroundings } from '../balance/layer4/service-kind.ts';
import type { TcpContext, TcpEndpoint } from './tcp-endpoint.ts';
import { TcpLoadBalancer } from './tcp-load-balancer.ts';

export interface TcpServiceSurroundings extends Omit<Layer4Surroundings<TcpEndpoint>, 'keyOf'> {
  readonly context: TcpContext;
}

type Kind<Spec> = Layer4Kind<Spec, TcpEndpoint, TcpEndpointSpec>;
type SpecOf<K> = Extract<TcpServiceSpec, { readonly kind: K }>;
type Create<Spec> = (
  surroundings: TcpServiceSurroundings & Layer4Surroundings<TcpEndpoint>,
  healthChanged: () => void,
) => Kind<Spec>;

const LIVE_KINDS: { readonly [K in TcpServiceSpec['kind']]: Create<SpecOf<K>> } = {
  tcpLoadBalancer: ({ context }) => new TcpLoadBalancer(context),
  tcpWeighted: (surroundings, healthChanged) => new Division(surroundings, healthChanged),
};

export class TcpService extends Layer4Service<TcpServiceSpec, TcpEndpoint, TcpEndpointSpec> {
  constructor(name: string, given: TcpServiceSurroundings) {
    const surroundings = { ...given, keyOf: tcpServiceKey };
    super(name, surroundings, ({ kind }, healthChanged) => {
      const create = LIVE_KINDS[kind] as Create<never>; // Of this kind, as its specifications are.
      return create(surroundings, healthChanged) as Kind<TcpServiceSpec>;
    });
  }
}
