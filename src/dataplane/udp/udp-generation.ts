// The live UDP objects of a worker: services by name, and the router of each entry point. A change is small and is put into
// effect at once; sessions stay with their server for as long as the router and the server are there.

import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import type { UdpRouteSpec } from '../../model/udp.ts';
import type { FailureTrace } from '../upstream/failure-trace.ts';
import type { Resolver } from '../upstream/name/resolver.ts';
import type { UdpObservation } from './udp-observer.ts';
import { UdpService } from './udp-service.ts';

export interface UdpRoute {
  /** Qualified name of the router. */
  readonly name: string;
  /** Null for a router that is disabled: datagrams are dropped. */
  readonly service: UdpService | null;
  readonly observation: UdpObservation;
}

/** Chooses what a router reports on an entry point. */
export type ObserveUdpRoute = (spec: UdpRouteSpec, entryPoint: string) => UdpObservation;

export class UdpGeneration {
  readonly resolver: Resolver;
  readonly #trace: FailureTrace;
  readonly #observe: ObserveUdpRoute;
  readonly #services = new Map<string, UdpService>();
  readonly #specs = new Map<string, UdpRouteSpec>();
  #routes: ReadonlyMap<string, UdpRoute> = new Map();
  readonly #listeners = new Set<() => void>();

  constructor(resolver: Resolver, trace: FailureTrace, observe: ObserveUdpRoute) {
    this.resolver = resolver;
    this.#trace = trace;
    this.#observe = observe;
  }

  /** Null when the entry point has no router. */
  routeOf(entryPoint: string): UdpRoute | null {
    return this.#routes.get(entryPoint) ?? null;
  }

  /** Called after every change; returns the way to stop listening. */
  listen(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
    };
  }

  /** Takes over what a snapshot, or a delta, holds of UDP. */
  apply(changed: Partial<SnapshotSections>, removed: SnapshotDelta['removed'] = {}): void {
    const services = Object.values(changed.udpServices ?? {});
    const routes = Object.values(changed.udpRoutes ?? {});
    const goneServices = removed.udpServices ?? [];
    const goneRoutes = removed.udpRoutes ?? [];
    const entryPoints = new Set(Object.keys(changed.entryPoints ?? {}));
    const changes = services.length + routes.length + goneServices.length + goneRoutes.length + entryPoints.size;
    if (changes === 0) return;
    for (const spec of services) {
      let service = this.#services.get(spec.name);
      if (service === undefined) {
        service = new UdpService(spec.name, {
          resolver: this.resolver,
          trace: this.#trace,
          service: (name) => this.#services.get(name),
        });
        this.#services.set(spec.name, service);
      }
      service.update(spec);
    }
    for (const name of goneServices) {
      this.#services.get(name)?.retire();
      this.#services.delete(name);
    }
    for (const name of goneRoutes) this.#specs.delete(name);
    for (const spec of routes) this.#specs.set(spec.name, spec);
    this.#rebuild(entryPoints);
    for (const listener of this.#listeners) listener();
  }

  /** What is reported may have changed on the entry points that have. */
  #rebuild(changed: ReadonlySet<string>): void {
    const routes = new Map<string, UdpRoute>();
    for (const spec of this.#specs.values()) {
      const service = spec.isDisabled ? null : this.#services.get(spec.service);
      if (service === undefined) throw new Error(`UDP router ${spec.name}: there is no service ${spec.service}`);
      for (const entryPoint of spec.entryPoints) {
        const before = this.#routes.get(entryPoint);
        const isSame = before?.name === spec.name && before.service === service && !changed.has(entryPoint);
        routes.set(
          entryPoint,
          isSame ? before : { name: spec.name, service, observation: this.#observe(spec, entryPoint) },
        );
      }
    }
    this.#routes = routes;
  }
}
