// Services as routes see them: a stable object per name, whose specification changes under it.

import type { ServiceSpec } from '../../model/service.ts';
import { LoadBalancer } from '../balance/load-balancer.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';

export interface LiveService {
  readonly name: string;
  /** Takes over a specification from the next request on. */
  update(spec: ServiceSpec): void;
  handle(exchange: Exchange): void;
  /** No route uses it any longer: what is in flight finishes. */
  retire(): void;
}

export function createService(spec: ServiceSpec, context: UpstreamContext): LiveService {
  switch (spec.kind) {
    case 'loadBalancer': {
      const service = new LoadBalancer(spec.name, context);
      service.update(spec);
      return service;
    }
  }
}
