// From one snapshot to the next: what a delta makes of a snapshot, and what lies between two snapshots of which the one
// was not made from the other, as those of two control planes.

import { isDeepStrictEqual } from 'node:util';
import {
  endpointDifference,
  patchEndpoints,
  type EndpointPatch,
  type EndpointSetSpec,
  type EndpointSpec,
} from './endpoint-set.ts';
import type { Snapshot, SnapshotDelta, SnapshotSections } from './snapshot.ts';
import { SECTION_NAMES, type SectionName } from './snapshot-sections.ts';

type Section = Readonly<Record<string, object>>;

/** Throws when the delta does not follow the snapshot. */
export function applyDelta(snapshot: Snapshot, delta: SnapshotDelta): Snapshot {
  if (delta.baseVersion !== snapshot.version) {
    throw new Error(`a delta for version ${delta.baseVersion} does not fit version ${snapshot.version}`);
  }
  const sections: Partial<Record<SectionName, Section>> = {};
  for (const name of SECTION_NAMES) {
    const changed: Section | undefined = delta.changed[name];
    const removed = delta.removed[name];
    if (changed === undefined && removed === undefined) {
      sections[name] = snapshot[name];
      continue;
    }
    const after: Record<string, object> = { ...snapshot[name], ...changed };
    for (const gone of removed ?? []) delete after[gone];
    sections[name] = after;
  }
  if (delta.endpoints !== undefined)
    sections.endpointSets = patched({ ...snapshot.endpointSets, ...delta.changed.endpointSets }, delta);
  // Every section was filled in the loop above from the one of the same name.
  return { version: delta.version, digest: delta.digest, ...(sections as unknown as SnapshotSections) };
}

function patched(
  sets: Readonly<Record<string, EndpointSetSpec>>,
  { endpoints = {}, removed }: SnapshotDelta,
): Readonly<Record<string, EndpointSetSpec>> {
  const after = { ...sets };
  for (const [name, patch] of Object.entries(endpoints)) {
    const set = after[name];
    if (set === undefined) throw new Error(`there is no endpoint set ${name} to change`);
    // A patch has endpoints of its set's protocol.
    after[name] = { ...set, endpoints: patchEndpoints<EndpointSpec>(set.endpoints, patch) } as EndpointSetSpec;
  }
  for (const name of removed.endpointSets ?? []) delete after[name];
  return after;
}

/** Of a set that was there before; null for another. */
function patchBetween(before: EndpointSetSpec | undefined, after: EndpointSetSpec): EndpointPatch | null {
  if (before?.protocol !== after.protocol) return null;
  return endpointDifference<EndpointSpec>(before.endpoints, after.endpoints, isDeepStrictEqual);
}

/** Versions need not follow each other: another control plane counts by itself. */
export function deltaBetween(before: Snapshot, after: Snapshot): SnapshotDelta {
  const changed: Partial<Record<SectionName, Section>> = {};
  const removed: Partial<Record<SectionName, readonly string[]>> = {};
  const endpoints: Record<string, EndpointPatch> = {};
  for (const [name, set] of Object.entries(after.endpointSets)) {
    const patch = patchBetween(before.endpointSets[name], set);
    if (patch !== null) endpoints[name] = patch;
  }
  const isPatched = (section: SectionName, name: string): boolean =>
    section === 'endpointSets' && Object.hasOwn(endpoints, name);
  const told = Object.entries(endpoints).filter(([, one]) => one.changed.length > 0 || one.removed.length > 0);
  for (const name of SECTION_NAMES) {
    const old: Section = before[name];
    const now: Section = after[name];
    const different = Object.entries(now).filter(
      ([key, object]) => !isDeepStrictEqual(old[key], object) && !isPatched(name, key),
    );
    if (different.length > 0) changed[name] = Object.fromEntries(different);
    const gone = Object.keys(old).filter((key) => !(key in now));
    if (gone.length > 0) removed[name] = gone;
  }
  return {
    baseVersion: before.version,
    version: after.version,
    digest: after.digest,
    // Each under the name of the section it is of.
    changed: changed as SnapshotDelta['changed'],
    removed,
    ...(told.length === 0 ? {} : { endpoints: Object.fromEntries(told) }),
  };
}
