// The sets of endpoints that services of all protocols take theirs from, and what a delta does to them. Services are
// told of single endpoints where a set was there before; one that is new, or names another set, takes all of it.

import {
  patchEndpoints,
  type EndpointPatch,
  type EndpointProtocol,
  type EndpointSpec,
  type EndpointsOf,
} from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { StagedMap } from './staged-map.ts';

/** All that a service gets of its set, with the rows of the endpoint table that it has for them. */
export interface GivenEndpoints<E> {
  readonly endpoints: readonly E[];
  readonly rows: RowsByKey;
}

/** Sets as they are about to be. */
export interface StagedEndpointSets {
  of<P extends EndpointProtocol>(set: string, protocol: P): readonly EndpointsOf[P][];
  /** What changes of a set that was there before; undefined for nothing. */
  patchOf<P extends EndpointProtocol>(set: string, protocol: P): EndpointPatch<EndpointsOf[P]> | undefined;
  /** Some set changes by single endpoints. */
  readonly hasPatches: boolean;
  commit(): void;
}

interface LiveSet {
  readonly protocol: EndpointProtocol;
  readonly endpoints: Map<string, EndpointSpec>;
}

export class EndpointSets {
  readonly #sets = new Map<string, LiveSet>();

  /** What the delta makes of them; seen by nobody else until it is committed. */
  stage({ changed, removed, endpoints: patches = {} }: SnapshotDelta): StagedEndpointSets {
    const sets = new StagedMap(this.#sets);
    for (const { name, protocol, endpoints } of Object.values(changed.endpointSets ?? {})) {
      sets.set(name, { protocol, endpoints: new Map(endpoints.map((one) => [one.key, one])) });
    }
    for (const name of removed.endpointSets ?? []) sets.delete(name);
    for (const name of Object.keys(patches)) {
      if (!sets.has(name)) throw new Error(`endpoints of ${name} change, which is not in the snapshot`);
    }
    let isCommitted = false;
    const isOf = (set: string, protocol: EndpointProtocol): boolean => sets.get(set)?.protocol === protocol;
    return {
      of<P extends EndpointProtocol>(set: string, protocol: P): readonly EndpointsOf[P][] {
        if (!isOf(set, protocol)) return [];
        const endpoints = [...sets.get(set)!.endpoints.values()];
        const patch = isCommitted ? undefined : patches[set];
        // Endpoints are of the protocol of their set.
        return (patch === undefined ? endpoints : patchEndpoints(endpoints, patch)) as EndpointsOf[P][];
      },
      patchOf: <P extends EndpointProtocol>(set: string, protocol: P) =>
        // As above.
        (isOf(set, protocol) ? patches[set] : undefined) as EndpointPatch<EndpointsOf[P]> | undefined,
      hasPatches: Object.keys(patches).length > 0,
      commit: () => {
        isCommitted = true;
        sets.commit();
        for (const [name, patch] of Object.entries(patches)) {
          const { endpoints } = this.#sets.get(name)!;
          for (const key of patch.removed) endpoints.delete(key);
          for (const endpoint of patch.changed) endpoints.set(endpoint.key, endpoint);
        }
      },
    };
  }
}
