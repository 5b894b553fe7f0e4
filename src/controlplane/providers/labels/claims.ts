// Who may say what an object is. Workloads that say the same of one share it, and their endpoints with it; where they
// say different things, the oldest keeps the name, and the others' definition is left out until it has gone.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import { OBJECT_KINDS, type ObjectSection } from '../../config/routing/object-kinds.ts';
import type { ProvidedEndpoint } from '../../config/routing/provided-endpoints.ts';
import { pathOf, type LabelObject } from './label-objects.ts';
import { labelPlace } from './label-place.ts';
import { isSameEndpoint } from './server-endpoint.ts';
import type { Workload } from './workload.ts';

export interface Claim {
  readonly workload: Workload;
  readonly object: LabelObject;
  /** Of a service that the workload is a server of. */
  readonly endpoint: ProvidedEndpoint | null;
}

export interface Published {
  readonly object: LabelObject;
  /** Of the workload whose definition it is. */
  readonly place: string;
  /** Nothing was said of it. */
  isClean: boolean;
}

/** Whose definition is left out, since that of another one is in force. */
interface Loser {
  readonly owner: string;
  readonly note: Diagnostic;
}

/** What has come of the claims since the last time. */
export interface Settlement {
  /** Whose definition is in force; null when nobody claims the name any more. */
  readonly owner: Claim | null;
  readonly changed: readonly ProvidedEndpoint[];
  /** Keys of endpoints. */
  readonly removed: readonly string[];
  /** All that is to be said of it; null for the same as before. */
  readonly notes: readonly Diagnostic[] | null;
}

/** A name that workloads claim. What becomes of it costs what has changed: tens of thousands may share one. */
export class ClaimedName {
  readonly section: ObjectSection;
  readonly name: string;
  published: Published | null = null;
  /** By the workload's id, as everything here. */
  readonly #claims = new Map<string, Claim>();
  #owner: Claim | null = null;
  /** Of those whose definition is in force; null while there has been none. */
  #endpoints: Map<string, ProvidedEndpoint> | null = null;
  #losers: Map<string, Loser> | null = null;
  #changed: string[] = [];

  constructor(section: ObjectSection, name: string) {
    this.section = section;
    this.name = name;
  }

  get owner(): Claim | null {
    return this.#owner;
  }

  /** The place of the definition that is in force instead of this workload's; null where its own is. */
  winnerOver(id: string): string | null {
    return this.#losers?.get(id)?.owner ?? null;
  }

  claim(claim: Claim): void {
    this.#claims.set(claim.workload.id, claim);
    this.#changed.push(claim.workload.id);
  }

  withdraw(id: string): void {
    this.#claims.delete(id);
    this.#changed.push(id);
  }

  /** `isSame` says of two definitions with different texts whether they say the same. */
  settle(isSame: (a: LabelObject, b: LabelObject) => boolean): Settlement {
    const before = this.#owner;
    const owner = this.#oldest();
    this.#owner = owner;
    // The first time nobody is known but those that have changed.
    const hasOtherWords = before !== null && before.object.text !== owner?.object.text;
    const isRenamed = before?.workload.place !== owner?.workload.place && (this.#losers?.size ?? 0) > 0;
    const ids = hasOtherWords || isRenamed ? this.#everybody() : new Set(this.#changed);
    this.#changed = [];
    const changed: ProvidedEndpoint[] = [];
    const removed: string[] = [];
    let areNotesOther = false;
    for (const id of ids) {
      const claim = this.#claims.get(id);
      const isInForce = claim !== undefined && owner !== null && isSameObject(claim.object, owner.object, isSame);
      const known = this.#endpoints?.get(id);
      const endpoint = isInForce ? claim.endpoint : null;
      if (known !== undefined && known.key !== endpoint?.key) removed.push(known.key);
      if (endpoint === null) this.#endpoints?.delete(id);
      else {
        if (known === undefined || !isSameEndpoint(known, endpoint)) changed.push(endpoint);
        (this.#endpoints ??= new Map()).set(id, endpoint);
      }
      const hadLost = this.#losers?.delete(id) ?? false;
      const hasLost = claim !== undefined && owner !== null && !isInForce;
      if (hasLost) (this.#losers ??= new Map()).set(id, this.#loser(claim, owner));
      areNotesOther ||= hadLost || hasLost;
    }
    const notes = areNotesOther ? [...(this.#losers?.values() ?? [])].map(({ note }) => note) : null;
    return { owner, changed, removed, notes };
  }

  #everybody(): ReadonlySet<string> {
    return new Set([
      ...this.#changed,
      ...this.#claims.keys(),
      ...(this.#endpoints?.keys() ?? []),
      ...(this.#losers?.keys() ?? []),
    ]);
  }

  /** A look at what has changed is enough while the oldest stays. */
  #oldest(): Claim | null {
    const before = this.#owner?.workload;
    const present = before === undefined ? undefined : this.#claims.get(before.id);
    const isThere = present !== undefined && present.workload.createdMs === before!.createdMs;
    let oldest: Claim | null = isThere ? present : null;
    const others = isThere ? this.#changed.map((id) => this.#claims.get(id)) : this.#claims.values();
    for (const claim of others) {
      if (claim !== undefined && (oldest === null || isOlder(claim.workload, oldest.workload))) oldest = claim;
    }
    return oldest;
  }

  #loser({ workload, object }: Claim, { workload: owner }: Claim): Loser {
    return { owner: owner.place, note: leftOut(this.section, this.name, workload, object, owner) };
  }
}

function isSameObject(a: LabelObject, b: LabelObject, isSame: (a: LabelObject, b: LabelObject) => boolean): boolean {
  return a.text === b.text || isSame(a, b);
}

function isOlder(a: Workload, b: Workload): boolean {
  return a.createdMs < b.createdMs || (a.createdMs === b.createdMs && a.id < b.id);
}

function leftOut(
  section: ObjectSection,
  name: string,
  { place }: Workload,
  { labels }: LabelObject,
  owner: Workload,
): Diagnostic {
  const { kind } = OBJECT_KINDS[section];
  const label = labels[0]?.label;
  return {
    severity: 'warning',
    code: 'duplicate-object',
    message: `the ${kind} "${name}" of ${owner.place} says something else, is older and counts; what ${place} says of it is left out: give one of them another name, or let both say the same`,
    path: pathOf(section, name),
    ...(label === undefined ? { source: place, line: 0, column: 0 } : labelPlace(place, label)),
  };
}
