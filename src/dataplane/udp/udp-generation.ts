// The live UDP objects of a worker, and what a delta does to them: services by name, and the router of each entry
// point.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { udpServiceKey, type UdpRouteSpec, type UdpServiceSpec } from '../../model/udp.ts';
import type { ServiceTable } from '../balance/count/service-table.ts';
import { LiveServices } from '../balance/live-services.ts';
import type { StagedEndpointSets } from '../live/endpoint-sets.ts';
import type { LivePart } from '../live/live-part.ts';
import { StagedMap } from '../live/staged-map.ts';
import type { Resolver } from '../upstream/name/resolver.ts';
import type { UdpObservation } from './udp-observation.ts';
import type { UdpContext } from './udp-load-balancer.ts';
import { UdpService, type UdpServiceSurroundings } from './udp-service.ts';

export interface UdpRoute {
  /** Qualified name of the router. */
  readonly name: string;
  /** Null for a router that is disabled: datagrams are dropped. */
  readonly service: UdpService | null;
  readonly observation: UdpObservation;
}

/** What a delta comes with. */
export interface UdpBuildContext {
  readonly endpointSets: StagedEndpointSets;
  /** An entry point as it will be. */
  readonly specOf: (entryPoint: string) => EntryPointSpec;
}

/** Chooses what a router reports on an entry point. */
export type ObserveUdpRoute = (spec: UdpRouteSpec, entryPoint: EntryPointSpec) => UdpObservation;

export class UdpGeneration implements LivePart<UdpBuildContext> {
  readonly resolver: Resolver;
  readonly #observe: ObserveUdpRoute;
  readonly #services: LiveServices<'udp', UdpServiceSpec, UdpService>;
  readonly #specs = new Map<string, UdpRouteSpec>();
  #routes: ReadonlyMap<string, UdpRoute> = new Map();
  readonly #listeners = new Set<() => void>();

  constructor(context: UdpContext, counts: ServiceTable, observe: ObserveUdpRoute) {
    this.resolver = context.resolver;
    const surroundings: UdpServiceSurroundings = { ...context, counts, service: (name) => this.#services.find(name) };
    this.#services = new LiveServices({
      protocol: 'udp',
      keyOf: udpServiceKey,
      create: (name) => new UdpService(name, surroundings),
    });
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

  /** Sessions stay with their server for as long as the router and the server are there. */
  *build({ changed, removed }: SnapshotDelta, { endpointSets, specOf }: UdpBuildContext): Generator<void, () => void> {
    const entryPoints = new Set(Object.keys(changed.entryPoints ?? {}));
    const parts = [changed.udpServices, changed.udpRoutes, removed.udpServices, removed.udpRoutes];
    if (
      entryPoints.size === 0 &&
      !endpointSets.hasPatches &&
      parts.every((part) => Object.keys(part ?? {}).length === 0)
    )
      return () => {};
    const commitServices = yield* this.#services.build({
      changed: changed.udpServices,
      removed: removed.udpServices,
      endpointSets,
      rows: {},
    });
    const specs = new StagedMap(this.#specs);
    for (const name of removed.udpRoutes ?? []) specs.delete(name);
    for (const spec of Object.values(changed.udpRoutes ?? {})) specs.set(spec.name, spec);
    const routes = this.#build(specs.values(), entryPoints, specOf);
    return () => {
      commitServices();
      specs.commit();
      this.#routes = routes;
      for (const listener of this.#listeners) listener();
    };
  }

  /** What is reported may have changed on the entry points that have. */
  #build(
    specs: Iterable<UdpRouteSpec>,
    changed: ReadonlySet<string>,
    specOf: (entryPoint: string) => EntryPointSpec,
  ): ReadonlyMap<string, UdpRoute> {
    const routes = new Map<string, UdpRoute>();
    for (const spec of specs) {
      const service = spec.isDisabled ? null : this.#services.find(spec.service);
      if (service === undefined) throw new Error(`UDP router ${spec.name}: there is no service ${spec.service}`);
      for (const entryPoint of spec.entryPoints) {
        const before = this.#routes.get(entryPoint);
        const isSame = before?.name === spec.name && before.service === service && !changed.has(entryPoint);
        routes.set(
          entryPoint,
          isSame ? before : { name: spec.name, service, observation: this.#observe(spec, specOf(entryPoint)) },
        );
      }
    }
    return routes;
  }
}
