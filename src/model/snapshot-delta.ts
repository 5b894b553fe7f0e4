// From one snapshot to the next: what a delta makes of a snapshot, and what lies between two snapshots of which the one was
// not made from the other, as those of two control planes.

import { isDeepStrictEqual } from 'node:util';
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
  // Every section was filled in the loop above from the one of the same name.
  return { version: delta.version, digest: delta.digest, ...(sections as unknown as SnapshotSections) };
}

/** Versions need not follow each other: another control plane counts by itself. */
export function deltaBetween(before: Snapshot, after: Snapshot): SnapshotDelta {
  const changed: Partial<Record<SectionName, Section>> = {};
  const removed: Partial<Record<SectionName, readonly string[]>> = {};
  for (const name of SECTION_NAMES) {
    const old: Section = before[name];
    const now: Section = after[name];
    const different = Object.entries(now).filter(([key, object]) => !isDeepStrictEqual(old[key], object));
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
  };
}
