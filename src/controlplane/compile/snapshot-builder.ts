// Numbers snapshots and finds what changed. Objects with the same content are the same object from one snapshot to the
// next, so a difference is found by identity.

import { createHash } from 'node:crypto';
import type { Snapshot, SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { SECTION_NAMES, type SectionName } from '../../model/snapshot-sections.ts';

type Section = Readonly<Record<string, object>>;

export interface BuiltSnapshot {
  readonly snapshot: Snapshot;
  /** Null for the first one. */
  readonly delta: SnapshotDelta | null;
}

export class SnapshotBuilder {
  readonly #lastVersion: number;
  #previous: Snapshot | null = null;
  /** Content of the objects in force, by object. */
  #texts = new WeakMap<object, string>();

  /** `lastVersion` is that of an earlier life of the process: numbers go on from there. */
  constructor(lastVersion = 0) {
    this.#lastVersion = lastVersion;
  }

  get current(): Snapshot | null {
    return this.#previous;
  }

  /** Null when nothing changed. */
  build(sections: SnapshotSections): BuiltSnapshot | null {
    const previous = this.#previous;
    const hash = createHash('sha256');
    const kept: Partial<Record<SectionName, Section>> = {};
    const changed: Partial<Record<SectionName, Section>> = {};
    const removed: Partial<Record<SectionName, readonly string[]>> = {};
    let isChanged = previous === null;
    for (const section of SECTION_NAMES) {
      const before: Section = previous?.[section] ?? {};
      const result = this.#keepUnchanged(before, sections[section], hash.update.bind(hash));
      kept[section] = result.objects;
      if (Object.keys(result.changed).length > 0) changed[section] = result.changed;
      const gone = Object.keys(before).filter((name) => !(name in result.objects));
      if (gone.length > 0) removed[section] = gone;
      isChanged ||= section in changed || section in removed;
    }
    if (!isChanged) return null;
    const version = (previous?.version ?? this.#lastVersion) + 1;
    const digest = hash.digest('hex').slice(0, 32);
    // Every section was filled in the loop above from the one of the same name.
    const snapshot = { version, digest, ...kept } as Snapshot;
    this.#previous = snapshot;
    if (previous === null) return { snapshot, delta: null };
    return {
      snapshot,
      delta: { baseVersion: previous.version, version, digest, changed: changed as SnapshotDelta['changed'], removed },
    };
  }

  #keepUnchanged(
    before: Section,
    now: Section,
    update: (text: string) => void,
  ): { objects: Section; changed: Section } {
    const objects: Record<string, object> = {};
    const changed: Record<string, object> = {};
    for (const name of Object.keys(now).toSorted()) {
      const object = now[name]!;
      const old = before[name];
      const text = (old === object ? this.#texts.get(object) : undefined) ?? JSON.stringify(object);
      update(`${name}\0${text}\0`);
      if (old !== undefined && this.#texts.get(old) === text) objects[name] = old;
      else {
        objects[name] = object;
        changed[name] = object;
        this.#texts.set(object, text);
      }
    }
    return { objects, changed };
  }
}
