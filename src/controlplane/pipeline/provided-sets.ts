// Sets of endpoints that a provider fills: they say where things run, which is nobody's decision. They make no entry of
// the history, and a pin does not hold them: an address of then may be somebody else's by now.

import { isProvided, type EndpointSetSpec } from '../../model/endpoint-set.ts';
import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';

type Sets = SnapshotSections['endpointSets'];

/** Nothing but sets that providers fill differs between the two. */
export function isOfProvidersAlone(
  { changed, removed, endpoints = {} }: SnapshotDelta,
  before: Sets,
  after: Sets,
): boolean {
  const { endpointSets: changedSets = {}, ...otherChanged } = changed;
  const { endpointSets: removedSets = [], ...otherRemoved } = removed;
  const isOther = [...Object.values(otherChanged), ...Object.values(otherRemoved)].some(
    (section: object) => Object.keys(section).length > 0,
  );
  if (isOther) return false;
  const names = [...Object.keys(changedSets), ...removedSets, ...Object.keys(endpoints)];
  return names.length > 0 && names.every((name) => isProvided(before[name]) || isProvided(after[name]));
}

/** The sets of then, those that providers fill as they are now: empty where there is none any more. */
export function withEndpointsOfNow(then: Sets, now: Sets): Sets {
  const sets: Record<string, EndpointSetSpec> = {};
  for (const [name, set] of Object.entries(then)) {
    const present = now[name];
    if (present?.protocol === set.protocol && (isProvided(set) || isProvided(present))) sets[name] = present;
    else sets[name] = isProvided(set) ? { ...set, endpoints: [] } : set;
  }
  return sets;
}
