// How many objects a delta changes, as the log and the event stream tell of it.

import type { SnapshotDelta } from '../../model/snapshot.ts';

export function countChanges(delta: SnapshotDelta): { changed: number; removed: number } {
  // Endpoints are part of the services that name their set.
  const { endpointSets: _, ...changed } = delta.changed;
  const { endpointSets: __, ...removed } = delta.removed;
  const count = (sections: object): number =>
    Object.values(sections).reduce((sum: number, section: object) => sum + Object.keys(section).length, 0);
  const specs: readonly object[] = [changed.services, changed.tcpServices, changed.udpServices].flatMap((section) =>
    Object.values(section ?? {}),
  );
  const counted = new Set(specs.map((spec) => ('endpointSet' in spec ? spec.endpointSet : '')));
  const byEndpoints = Object.keys(delta.endpoints ?? {}).filter((set) => !counted.has(set));
  return { changed: count(changed) + byEndpoints.length, removed: count(removed) };
}
