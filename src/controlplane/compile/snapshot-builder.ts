// Numbers snapshots and finds what changed. Objects with the same content are the same object from one snapshot to the
// next, so a difference is found by identity first. Sets of endpoints change by single endpoints, and a change of these
// alone costs what changes: nothing else is looked at.

import {
  endpointDifference,
  type EndpointPatch,
  type EndpointSetSpec,
  type EndpointSpec,
} from '../../model/endpoint-set.ts';
import type { Snapshot, SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { SECTION_NAMES, type SectionName } from '../../model/snapshot-sections.ts';
import { ContentDigest } from './content-digest.ts';
import { isSame } from './last-made.ts';

type Section = Readonly<Record<string, object>>;
type Sets = SnapshotSections['endpointSets'];
type PlainSection = Exclude<SectionName, 'endpointSets'>;

const PLAIN_SECTIONS = SECTION_NAMES.filter((name): name is PlainSection => name !== 'endpointSets');

/** The places of so many endpoints are not looked up for the first of them that changes. */
const LARGE_SET = 1_000;

export interface BuiltSnapshot {
  readonly snapshot: Snapshot;
  /** What it differs in from the one before; null for the first one. */
  readonly delta: SnapshotDelta | null;
  readonly before: Snapshot | null;
}

/** What becomes of one section. */
interface Compared {
  readonly objects: Section;
  readonly changed: Section;
  readonly removed: readonly string[];
}

export class SnapshotBuilder {
  readonly #lastVersion: number;
  #previous: Snapshot | null = null;
  readonly #digest = new ContentDigest();
  /**
   * Where each endpoint stands, of sets that are large or have changed: to look for it would cost more than everything
   * else.
   */
  readonly #places = new Map<
    string,
    { readonly endpoints: readonly unknown[]; readonly places: Map<string, number> }
  >();

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
    const kept: Partial<Record<SectionName, Section>> = {};
    const changed: Partial<Record<SectionName, Section>> = {};
    const removed: Partial<Record<SectionName, readonly string[]>> = {};
    const note = (section: SectionName, compared: Compared): void => {
      kept[section] = compared.objects;
      if (Object.keys(compared.changed).length > 0) changed[section] = compared.changed;
      if (compared.removed.length > 0) removed[section] = compared.removed;
    };
    for (const section of PLAIN_SECTIONS) note(section, this.#compare(section, previous?.[section], sections[section]));
    const { endpoints, ...sets } = this.#compareSets(previous?.endpointSets ?? {}, sections.endpointSets);
    note('endpointSets', sets);
    // Every section was compared above, with the one of the same name.
    const content = kept as unknown as SnapshotSections;
    return this.#next(content, { changed: changed as SnapshotDelta['changed'], removed, endpoints });
  }

  /** Of what is in force, these endpoints change and nothing else; null when they say nothing new. */
  patch(patches: Readonly<Record<string, EndpointPatch>>): BuiltSnapshot | null {
    const previous = this.#previous!;
    const sets: Record<string, EndpointSetSpec> = { ...previous.endpointSets };
    const endpoints: Record<string, EndpointPatch> = {};
    for (const [name, { changed, removed }] of Object.entries(patches)) {
      const set = sets[name]!;
      const places = this.#placesOf(set);
      const known = (key: string): EndpointSpec | undefined => set.endpoints[places.get(key) ?? -1];
      const patch = {
        changed: changed.filter((one) => !isSame(known(one.key), one)),
        removed: removed.filter((key) => places.has(key)),
      };
      if (patch.changed.length === 0 && patch.removed.length === 0) continue;
      endpoints[name] = patch;
      sets[name] = this.#patchSet(set, patch);
    }
    return this.#next({ ...previous, endpointSets: sets }, { changed: {}, removed: {}, endpoints });
  }

  #next(
    content: SnapshotSections,
    { changed, removed, endpoints = {} }: Pick<SnapshotDelta, 'changed' | 'removed' | 'endpoints'>,
  ): BuiltSnapshot | null {
    const previous = this.#previous;
    const isChanged = [changed, removed, endpoints].some((part) => Object.keys(part).length > 0);
    if (previous !== null && !isChanged) return null;
    const version = (previous?.version ?? this.#lastVersion) + 1;
    const digest = this.#digest.value();
    const snapshot: Snapshot = { ...content, version, digest };
    this.#previous = snapshot;
    if (previous === null) return { snapshot, delta: null, before: null };
    const ofEndpoints = Object.keys(endpoints).length === 0 ? {} : { endpoints };
    return {
      snapshot,
      before: previous,
      delta: { baseVersion: previous.version, version, digest, changed, removed, ...ofEndpoints },
    };
  }

  #compare(section: SectionName, before: Section = {}, now: Section): Compared {
    const objects: Record<string, object> = {};
    const changed: Record<string, object> = {};
    for (const name of Object.keys(now).toSorted()) {
      const object = now[name]!;
      const old = before[name];
      if (old !== undefined && isSame(old, object)) {
        objects[name] = old;
        continue;
      }
      if (old !== undefined) this.#digest.remove([section, name], old);
      this.#digest.add([section, name], object);
      objects[name] = object;
      changed[name] = object;
    }
    const removed = Object.keys(before).filter((name) => !Object.hasOwn(objects, name));
    for (const name of removed) this.#digest.remove([section, name], before[name]!);
    return { objects, changed, removed };
  }

  #compareSets(before: Sets, now: Sets): Compared & { readonly endpoints: Readonly<Record<string, EndpointPatch>> } {
    const objects: Record<string, EndpointSetSpec> = {};
    const changed: Record<string, EndpointSetSpec> = {};
    const endpoints: Record<string, EndpointPatch> = {};
    for (const name of Object.keys(now).toSorted()) {
      const set = now[name]!;
      const old = before[name];
      objects[name] = set;
      if (old === undefined) {
        changed[name] = set;
        this.#digestSet('add', set);
        if (set.endpoints.length >= LARGE_SET) this.#placesOf(set);
      } else if (old.endpoints !== set.endpoints) {
        const patch = endpointDifference<EndpointSpec>(old.endpoints, set.endpoints, isSame);
        const isOther = patch.changed.length > 0 || patch.removed.length > 0;
        if (isOther) endpoints[name] = patch;
        objects[name] = isOther ? this.#patchSet(old, patch) : old;
      }
    }
    const removed = Object.keys(before).filter((name) => !Object.hasOwn(objects, name));
    for (const name of removed) {
      this.#digestSet('remove', before[name]!);
      this.#places.delete(name);
    }
    return { objects, changed, removed, endpoints };
  }

  #digestSet(what: 'add' | 'remove', { name, protocol, endpoints }: EndpointSetSpec): void {
    this.#digest[what](['endpointSets', name], { protocol });
    for (const endpoint of endpoints) this.#digest[what](['endpointSets', name, endpoint.key], endpoint);
  }

  /** Endpoints that stay are the same objects; the last one takes the place of one that is gone. */
  #patchSet(set: EndpointSetSpec, { changed, removed }: EndpointPatch): EndpointSetSpec {
    const { name } = set;
    const places = this.#placesOf(set);
    const endpoints: EndpointSpec[] = [...set.endpoints];
    for (const key of removed) {
      const place = places.get(key)!;
      this.#digest.remove(['endpointSets', name, key], endpoints[place]!);
      const last = endpoints.pop()!;
      places.delete(key);
      if (last.key === key) continue;
      endpoints[place] = last;
      places.set(last.key, place);
    }
    for (const endpoint of changed) {
      const { key } = endpoint;
      const place = places.get(key) ?? endpoints.length;
      const before = endpoints[place];
      if (before !== undefined) this.#digest.remove(['endpointSets', name, key], before);
      this.#digest.add(['endpointSets', name, key], endpoint);
      endpoints[place] = endpoint;
      places.set(key, place);
    }
    const patched = { ...set, endpoints } as EndpointSetSpec; // A patch has endpoints of its set's protocol.
    this.#places.set(name, { endpoints: patched.endpoints, places });
    return patched;
  }

  /** By key; those that are kept are of the set as it was built last. */
  #placesOf({ name, endpoints }: EndpointSetSpec): Map<string, number> {
    const known = this.#places.get(name);
    if (known?.endpoints === endpoints) return known.places;
    const places = new Map(endpoints.map(({ key }, place) => [key, place]));
    this.#places.set(name, { endpoints, places });
    return places;
  }
}
