// The services of one protocol by name, and what a delta does to them: new ones are made beside those that are there,
// known ones change, as a whole or by single endpoints, and ones that are gone end, when the delta is put into effect.

import type { EndpointPatch, EndpointProtocol, EndpointsOf } from '../../model/endpoint-set.ts';
import type { EndpointRows, RowsByKey } from '../../model/message/sync.ts';
import type { GivenEndpoints, StagedEndpointSets } from '../live/endpoint-sets.ts';
import { OBJECTS_PER_STEP } from '../live/slices.ts';

/** A specification; one with endpoints of its own names their set. */
interface NamedSpec {
  readonly name: string;
  readonly endpointSet?: string;
}

/** A stable object per name, whose specification and endpoints change under it. */
export interface LiveServiceOf<Spec, Endpoint extends EndpointsOf[EndpointProtocol]> {
  update(spec: Spec, given: GivenEndpoints<Endpoint>): void;
  /** Single endpoints of its set change; `rows` are those of the changed ones. */
  patch(patch: EndpointPatch<Endpoint>, rows: RowsByKey): void;
  retire(): void;
}

/** What a delta says of them. */
export interface ServiceChanges<Spec> {
  readonly changed: Readonly<Record<string, Spec>> | undefined;
  readonly removed: readonly string[] | undefined;
  readonly endpointSets: StagedEndpointSets;
  readonly rows: EndpointRows;
}

export interface LiveServicesOptions<P extends EndpointProtocol, Service> {
  readonly protocol: P;
  /** What the rows of a service are filed under. */
  readonly keyOf: (name: string) => string;
  readonly create: (name: string) => Service;
}

export class LiveServices<
  P extends EndpointProtocol,
  Spec extends NamedSpec,
  Service extends LiveServiceOf<Spec, EndpointsOf[P]>,
> {
  readonly #options: LiveServicesOptions<P, Service>;
  readonly #live = new Map<string, Service>();
  /** Of services with endpoints: the name of their set. */
  readonly #sets = new Map<string, string>();
  /** Those of the build under way. */
  #fresh: ReadonlyMap<string, Service> = new Map();

  constructor(options: LiveServicesOptions<P, Service>) {
    this.#options = options;
  }

  /** One that is in effect. */
  get(name: string): Service | undefined {
    return this.#live.get(name);
  }

  /** For what is being built: also one that is not in effect yet. */
  find(name: string): Service | undefined {
    return this.#live.get(name) ?? this.#fresh.get(name);
  }

  values(): Iterable<Service> {
    return this.#live.values();
  }

  /** As of LivePart. */
  *build({ changed = {}, removed = [], endpointSets, rows }: ServiceChanges<Spec>): Generator<void, () => void> {
    const { protocol, keyOf, create } = this.#options;
    const rowsOf = (name: string): RowsByKey => rows[keyOf(name)] ?? {};
    const update = (service: Service, spec: Spec): void => {
      const endpoints = spec.endpointSet === undefined ? [] : endpointSets.of(spec.endpointSet, protocol);
      service.update(spec, { endpoints, rows: rowsOf(spec.name) });
    };
    const known: [Service, Spec][] = [];
    const unknown: [Service, Spec][] = [];
    for (const spec of Object.values<Spec>(changed)) {
      const service = this.#live.get(spec.name);
      if (service === undefined) unknown.push([create(spec.name), spec]);
      else known.push([service, spec]);
    }
    // All of them exist before one looks for another.
    this.#fresh = new Map(unknown.map(([service, { name }]) => [name, service]));
    let built = 0;
    for (const [service, spec] of unknown) {
      update(service, spec);
      if (++built % OBJECTS_PER_STEP === 0) yield;
    }
    const patched = [...(endpointSets.hasPatches ? this.#sets : [])].flatMap(([name, set]) => {
      const patch = Object.hasOwn(changed, name) ? undefined : endpointSets.patchOf(set, protocol);
      return patch === undefined ? [] : [{ service: this.#live.get(name)!, patch, rows: rowsOf(name) }];
    });
    return () => {
      for (const [name, service] of this.#fresh) this.#live.set(name, service);
      this.#fresh = new Map();
      for (const [service, spec] of known) update(service, spec);
      for (const { service, patch, rows: own } of patched) service.patch(patch, own);
      for (const name of removed) {
        this.#live.get(name)?.retire();
        this.#live.delete(name);
        this.#sets.delete(name);
      }
      for (const { name, endpointSet } of Object.values<Spec>(changed)) {
        if (endpointSet === undefined) this.#sets.delete(name);
        else this.#sets.set(name, endpointSet);
      }
    };
  }
}
