// From the workloads of a provider to what it publishes: everything the first time, then what has changed. A workload
// that says what it said before costs a look; one that changes costs its own objects, and those whose names it shares.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import { newTree, putAt } from '../../../schema/set-at.ts';
import { mergeRouting } from '../../config/routing/merge-routing.ts';
import { OBJECT_KINDS, type ObjectSection } from '../../config/routing/object-kinds.ts';
import type { RoutingPatch, ServiceEndpointsPatch } from '../../config/routing/patch-routing.ts';
import { providedKey, ProvidedSet } from '../../config/routing/provided-endpoints.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import type { DecodeDocument } from '../define.ts';
import { ClaimedName, type Claim } from './claims.ts';
import type { LabelObject } from './label-objects.ts';
import { locateLabel } from './label-place.ts';
import type { LabelSettings } from './label-options.ts';
import { isServiceSection } from './label-schema.ts';
import { outcomeOf, type WorkloadOutcome } from './workload-outcome.ts';
import { isSameReading, isSameWorkload, objectKey, WorkloadReader, type Reading } from './workload-reading.ts';
import type { Workload } from './workload.ts';

/** As many are told one by one. */
const MAX_NOTES = 1_000;

interface Entry {
  workload: Workload;
  reading: Reading;
  turn: number;
}

export class WorkloadRouting {
  readonly #kind: string;
  readonly #decode: DecodeDocument;
  readonly #reader: WorkloadReader;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, ClaimedName>();
  /** Names whose claims have changed. */
  readonly #changed = new Set<string>();
  /** What is said of workloads, by id, and of names. */
  readonly #notes = new Map<string, readonly Diagnostic[]>();
  #hasOtherNotes = false;
  /** Names whose definition is another workload's now, with the same words. */
  readonly #moved = new Set<string>();
  /** What definitions come to, by what they say. */
  readonly #meanings = new WeakMap<LabelObject, string>();
  #turn = 0;
  #isFirst = true;

  constructor(settings: LabelSettings, decode: DecodeDocument) {
    this.#kind = settings.kind;
    this.#decode = decode;
    this.#reader = new WorkloadReader(settings, decode);
  }

  /** Takes all workloads that there are. Null when what they say has not changed. */
  update(workloads: readonly Workload[]): RoutingConfig | RoutingPatch | null {
    this.#turn++;
    for (const workload of workloads) this.#take(workload);
    for (const [id, { turn }] of this.#entries) if (turn !== this.#turn) this.#forget(id);
    return this.#publish();
  }

  /** What has become of each workload. */
  get outcomes(): readonly WorkloadOutcome[] {
    return [...this.#entries.values()].map(({ workload, reading }) => outcomeOf(workload, reading, this.#names));
  }

  #take(workload: Workload): void {
    const entry = this.#entries.get(workload.id);
    if (entry === undefined) {
      const reading = this.#reader.read(workload);
      this.#entries.set(workload.id, { workload, reading, turn: this.#turn });
      this.#claim(workload, reading);
      return;
    }
    entry.turn = this.#turn;
    if (entry.workload === workload) return;
    const { workload: before } = entry;
    if (isSameWorkload(before, workload) && isSameReading(entry.reading, workload)) {
      entry.workload = workload;
      return;
    }
    this.#withdraw(before.id, entry.reading);
    entry.workload = workload;
    entry.reading = this.#reader.read(workload);
    this.#claim(workload, entry.reading);
  }

  #forget(id: string): void {
    this.#withdraw(id, this.#entries.get(id)!.reading);
    this.#entries.delete(id);
  }

  #claim(workload: Workload, { objects, endpoints, notes }: Reading): void {
    for (const object of objects) {
      const { section, name } = object;
      const key = objectKey(section, name);
      let claimed = this.#names.get(key);
      if (claimed === undefined) {
        claimed = new ClaimedName(section, name);
        this.#names.set(key, claimed);
      }
      const own = endpoints.find((one) => one.service === name && one.section === section);
      claimed.claim({ workload, object, endpoint: own?.endpoint ?? null });
      this.#changed.add(key);
    }
    this.#say(`workload ${workload.id}`, notes);
  }

  #withdraw(id: string, { objects }: Reading): void {
    for (const { section, name } of objects) {
      const key = objectKey(section, name);
      this.#names.get(key)?.withdraw(id);
      this.#changed.add(key);
    }
    this.#say(`workload ${id}`, []);
  }

  #say(about: string, notes: readonly Diagnostic[]): void {
    const before = this.#notes.get(about);
    if (before === undefined && notes.length === 0) return;
    if (notes.length === 0) this.#notes.delete(about);
    else this.#notes.set(about, notes);
    this.#hasOtherNotes ||= JSON.stringify(before) !== JSON.stringify(notes);
  }

  #publish(): RoutingConfig | RoutingPatch | null {
    const fresh: Claim[] = [];
    const removed: { section: ObjectSection; name: string }[] = [];
    const endpoints: ServiceEndpointsPatch[] = [];
    for (const key of this.#changed) {
      const claimed = this.#names.get(key)!;
      const { section, name } = claimed;
      const { owner, changed, removed: gone, notes } = claimed.settle((a, b) => this.#meaning(a) === this.#meaning(b));
      if (notes !== null) this.#say(`name ${key}`, notes);
      if (isServiceSection(section) && changed.length + gone.length > 0) {
        endpoints.push({ section, service: name, changed, removed: gone });
      }
      if (owner === null) {
        if (claimed.published !== null) removed.push({ section, name });
        this.#names.delete(key);
        this.#moved.delete(key);
      } else if (this.#isOther(key, claimed, owner)) fresh.push(owner);
    }
    this.#changed.clear();
    this.#reader.forgetUnused();
    // Everything is compiled again: the occasion for places that have changed and nothing else.
    if (fresh.length > 0 || removed.length > 0 || this.#hasOtherNotes) fresh.push(...this.#takeMoved());
    const notes = this.#hasOtherNotes ? this.#allNotes() : undefined;
    this.#hasOtherNotes = false;
    if (this.#isFirst) {
      this.#isFirst = false;
      const sets = endpoints.map(
        ({ section, service, changed }) => [providedKey(section, service), new ProvidedSet(changed)] as const,
      );
      return { ...this.#decodeAll(fresh), endpoints: new Map(sets), ...(notes === undefined ? {} : { notes }) };
    }
    const patch: RoutingPatch = {
      ...(fresh.length === 0 ? {} : { objects: this.#decodeAll(fresh) }),
      ...(removed.length === 0 ? {} : { removed }),
      ...(endpoints.length === 0 ? {} : { endpoints }),
      ...(notes === undefined ? {} : { notes }),
    };
    return Object.keys(patch).length === 0 ? null : patch;
  }

  /** It has to be published anew. */
  #isOther(key: string, { published }: ClaimedName, owner: Claim): boolean {
    this.#moved.delete(key);
    if (published === null || published.object.text !== owner.object.text) return true;
    if (published.place === owner.workload.place) return false;
    // Publishing it would have everything compiled again, and each replacement of the oldest replica does this.
    if (published.isClean) this.#moved.add(key);
    return !published.isClean;
  }

  #takeMoved(): readonly Claim[] {
    const claims = [...this.#moved].map((key) => this.#names.get(key)!.owner!);
    this.#moved.clear();
    return claims;
  }

  /** Of each workload one document. */
  #decodeAll(fresh: readonly Claim[]): RoutingConfig {
    const byWorkload = new Map<Workload, LabelObject[]>();
    for (const { workload, object } of fresh) {
      const objects = byWorkload.get(workload);
      if (objects === undefined) byWorkload.set(workload, [object]);
      else objects.push(object);
    }
    const parts = [this.#decode(documentOf('', []))];
    for (const [{ place }, objects] of byWorkload) {
      const part = this.#decode(documentOf(place, objects));
      parts.push(part);
      for (const object of objects) {
        const isClean = part[object.section].get(object.name)?.isClean ?? false;
        this.#names.get(objectKey(object.section, object.name))!.published = { object, place, isClean };
      }
    }
    return mergeRouting(this.#kind, parts);
  }

  /** What a definition comes to, however it is written. */
  #meaning(object: LabelObject): string {
    const known = this.#meanings.get(object);
    if (known !== undefined) return known;
    const decoded = this.#decode(documentOf('', [object]))[object.section].get(object.name);
    const meaning = decoded?.value == null ? object.text : JSON.stringify(decoded.value);
    this.#meanings.set(object, meaning);
    return meaning;
  }

  #allNotes(): readonly Diagnostic[] {
    const all = [...this.#notes.values()].flat();
    if (all.length <= MAX_NOTES) return all;
    const more = all.length - MAX_NOTES;
    const last = all[MAX_NOTES]!;
    return [
      ...all.slice(0, MAX_NOTES),
      { ...last, message: `${last.message}; ${more - 1} more like this are not told` },
    ];
  }
}

function documentOf(place: string, objects: readonly LabelObject[]) {
  const value = newTree();
  for (const { section, name, given } of objects) putAt(value, [...OBJECT_KINDS[section].at, name], given);
  const labels = objects.flatMap((object) => object.labels);
  return { source: place, text: '', value, diagnostics: [], locate: locateLabel(place, labels) };
}
