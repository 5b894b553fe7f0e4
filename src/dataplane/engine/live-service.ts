// Services as routes see them: a stable object per name, whose specification changes under it.

import type { FixedServiceSpec, ServiceSpec } from '../../model/service.ts';
import { LoadBalancer } from '../balance/load-balancer.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';
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
    case 'fixed':
      return new FixedService(spec);
  }
}

class FixedService implements LiveService {
  readonly name: string;
  #spec: FixedServiceSpec;

  constructor(spec: FixedServiceSpec) {
    this.name = spec.name;
    this.#spec = spec;
  }

  update(spec: ServiceSpec): void {
    if (spec.kind === 'fixed') this.#spec = spec;
  }

  handle(exchange: Exchange): void {
    respond(exchange, this.#spec.status, this.#spec.body);
  }

  retire(): void {}
}
