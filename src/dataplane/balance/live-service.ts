// A service as routes and other services see it: a stable object per name, whose specification changes under it. It
// says whether it is up, and tells those who asked when that changes.

import type { EndpointPatch, HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { ServiceSpec } from '../../model/service.ts';
import type { ClientBonds } from '../http/client-bonds.ts';
import type { Handler } from '../http/exchange.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
import { ServiceCount } from './count/service-count.ts';
import type { ChildService, ServiceOfKind, ServiceSurroundings } from './service-kind.ts';
import { createService } from './service-registry.ts';
import { ServiceLiveness } from './service-liveness.ts';

export class LiveService implements ChildService {
  readonly name: string;
  /** Runs the service's own stages, then the service. */
  readonly handle: Handler;
  readonly #surroundings: ServiceSurroundings;
  readonly #count: ServiceCount;
  readonly #liveness = new ServiceLiveness();
  #kind: ServiceOfKind | null = null;
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
    const spec = this.#spec;
    return spec !== null && 'middlewares' in spec ? spec.middlewares : [];
  }

  /** Takes over a specification from the next request on, and all endpoints of its set. */
  update(spec: ServiceSpec, given: GivenEndpoints<HttpEndpointSpec>): void {
    let kind = this.#spec?.kind === spec.kind ? this.#kind : null;
    if (kind === null) {
      this.#kind?.retire();
      kind = createService(spec.kind, spec.name, this.#surroundings, () => this.#liveness.noteHealth(this.isUp));
    }
    this.#spec = spec;
    this.#kind = kind;
    kind.update(spec, given);
    this.recompose();
    this.#liveness.noteHealth(this.isUp);
  }

  /** Single endpoints change. */
  patch(patch: EndpointPatch<HttpEndpointSpec>, rows: RowsByKey): void {
    this.#kind?.patch?.(patch, rows);
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
}
