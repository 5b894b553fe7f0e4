// A service as routes and other services see it: a stable object per name, whose specification changes under it. It says
// whether it is up, and tells those who asked when that changes.

import type { ServiceSpec } from '../../model/service.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { ServiceCount } from './count/service-count.ts';
import type { ServiceTable } from './count/service-table.ts';
import { DividingService } from './dividing-service.ts';
import { FixedService } from './fixed-service.ts';
import { LoadBalancer } from './load-balancer.ts';
import { ServiceLiveness } from './service-liveness.ts';

/** One kind of service. */
export interface ServiceKind {
  /** Something in it can answer. */
  readonly isUp: boolean;
  handle(exchange: Exchange): void | Promise<void>;
  /** Health of a server may have changed. */
  refresh(): void;
  /** One of its servers has authenticated the client's connection. */
  isBound(bonds: ClientBonds): boolean;
  /** No route uses it any longer: what is in flight finishes. */
  retire(): void;
}

/** What a service needs of its surroundings. */
export interface ServiceSurroundings {
  readonly upstream: UpstreamContext;
  /** Key of sticky cookies without one of their own. */
  readonly secret: Uint8Array;
  /** Services by qualified name, for those that hand requests on. */
  readonly service: (name: string) => LiveService | undefined;
  readonly counts: ServiceTable;
  /** Puts the stages of these names in front. */
  readonly compose: (middlewares: readonly string[], service: Handler) => Handler;
}

export class LiveService {
  readonly name: string;
  /** Runs the service's own stages, then the service. */
  readonly handle: Handler;
  readonly #surroundings: ServiceSurroundings;
  readonly #count: ServiceCount;
  readonly #liveness = new ServiceLiveness();
  #kind: ServiceKind | null = null;
  #spec: ServiceSpec | null = null;
  #handler: Handler = () => {};

  constructor(name: string, surroundings: ServiceSurroundings) {
    this.name = name;
    this.#surroundings = surroundings;
    const count = new ServiceCount(surroundings.counts, name);
    this.#count = count;
    // A field: routes keep it while what it calls changes.
    this.handle = (exchange) => {
      count.enter(exchange);
      return this.#handler(exchange);
    };
  }

  get isUp(): boolean {
    return this.#kind?.isUp ?? false;
  }

  /** Middlewares in front of it; empty for most. */
  get middlewares(): readonly string[] {
    return this.#spec?.kind === 'loadBalancer' ? this.#spec.middlewares : [];
  }

  /** Takes over a specification from the next request on. `rows` are its servers' in the endpoint table. */
  update(spec: ServiceSpec, rows: readonly number[]): void {
    const previous = this.#spec?.kind === spec.kind ? this.#kind : null;
    if (previous === null) this.#kind?.retire();
    this.#spec = spec;
    this.#kind = this.#updateKind(previous, spec, rows);
    this.recompose();
    this.#liveness.noteHealth(this.isUp);
  }

  /** Its stages have changed. */
  recompose(): void {
    const kind = this.#kind;
    if (kind === null) return;
    const service: Handler = (exchange) => kind.handle(exchange);
    this.#handler = this.middlewares.length === 0 ? service : this.#surroundings.compose(this.middlewares, service);
  }

  refresh(): void {
    this.#kind?.refresh();
    this.#liveness.noteHealth(this.isUp);
  }

  isBound(bonds: ClientBonds): boolean {
    return this.#kind?.isBound(bonds) ?? false;
  }

  retire(): void {
    this.#kind?.retire();
    this.#kind = null;
    this.#spec = null;
    this.#liveness.retire();
    this.#count.retire();
  }

  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void {
    return this.#liveness.watch(changed);
  }

  #updateKind(previous: ServiceKind | null, spec: ServiceSpec, rows: readonly number[]): ServiceKind {
    switch (spec.kind) {
      case 'loadBalancer': {
        const { upstream, secret } = this.#surroundings;
        const service = previous instanceof LoadBalancer ? previous : new LoadBalancer(spec.name, upstream, secret);
        service.update(spec, rows);
        return service;
      }
      case 'weighted':
      case 'highestRandomWeight': {
        const service =
          previous instanceof DividingService
            ? previous
            : new DividingService(this.#surroundings, () => this.#liveness.noteHealth(this.isUp));
        service.update(spec);
        return service;
      }
      case 'fixed':
        return new FixedService(spec);
    }
  }
}
