// The sets of endpoints that services of all protocols take theirs from, and what a delta does to them. Services are told of single
// endpoints where a set was there before; one that is new, or names another set, takes all of it.

import {
  endpointsOf,
  patchEndpoints,
  type EndpointPatch,
  type EndpointProtocol,
  type EndpointSetSpec,
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

export class EndpointSets {
  readonly #sets = new Map<string, EndpointSetSpec>();

  /** What the delta makes of them; seen by nobody else until it is committed. */
  stage({ changed, removed, endpoints: patches = {} }: SnapshotDelta): StagedEndpointSets {
    const sets = new StagedMap(this.#sets);
    for (const set of Object.values(changed.endpointSets ?? {})) sets.set(set.name, set);
    for (const name of removed.endpointSets ?? []) sets.delete(name);
    for (const [name, patch] of Object.entries(patches)) {
      const set = sets.get(name);
      if (set === undefined) throw new Error(`endpoints of ${name} change, which is not in the snapshot`);
      sets.set(name, patchSet(set, patch));
    }
    return {
      of: (set, protocol) => endpointsOf(sets.get(set), protocol),
      patchOf: <P extends EndpointProtocol>(set: string, protocol: P) =>
        // A set keeps its protocol, and a patch is of its set.
        (sets.get(set)?.protocol === protocol ? patches[set] : undefined) as EndpointPatch<EndpointsOf[P]> | undefined,
      hasPatches: Object.keys(patches).length > 0,
      commit: () => sets.commit(),
    };
  }
}

function patchSet(set: EndpointSetSpec, patch: EndpointPatch): EndpointSetSpec {
  // Endpoints of a patch are of the protocol of its set.
  return {
    ...set,
    endpoints: patchEndpoints<EndpointPatch['changed'][number]>(set.endpoints, patch),
  } as EndpointSetSpec;
}
