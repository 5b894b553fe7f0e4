// Finds the router of a request: by host, then by path, then by asking the remaining candidates in order of priority.
// The answer is always that of a scan over all routers in the order priority, provider rank, name; the cost does not
// grow with their number.
//
// A rule is filed under every combination of host and path without which it cannot be true; a rule that names neither
// is filed under "any". A table follows a changing configuration without being rebuilt: a successor shares the index
// and brings its prepared changes along, and takes them over at its first use. Until then the predecessor answers as
// before; from then on only the successor may be asked.

import { compareCandidates, prepareCandidate, type Candidate, type RouteEntry } from './candidate.ts';
import type { MatchRequest } from './matcher.ts';
import { RouteIndex, type HostCoverage } from './route-index.ts';
import { sortInSteps } from './sort-in-steps.ts';

export type { RouteEntry } from './candidate.ts';
export type { HostCoverage } from './route-index.ts';

/** Larger changes build a new index: taking this many over takes about a millisecond. */
const MAX_IN_PLACE = 500;
/** Preparing or placing this many routers stays well under 0.2 ms. */
const ROUTERS_PER_STEP = 16;

interface Changes<T> {
  readonly removed: readonly string[];
  readonly prepared: readonly Candidate<T>[];
  /** Of the index they were prepared for. */
  readonly version: number;
}

export class RouteTable<T> {
  readonly #index: RouteIndex<T>;
  #changes: Changes<T> | null;

  constructor(index: RouteIndex<T> = new RouteIndex<T>(), changes: Changes<T> | null = null) {
    this.#index = index;
    this.#changes = changes;
  }

  get size(): number {
    return this.#current().candidates.size;
  }

  /** Adds the entry or replaces the one of the same name, at once. */
  set(entry: RouteEntry<T>): void {
    const index = this.#current();
    index.set(prepareCandidate(entry, index.candidates.get(entry.name)));
  }

  delete(name: string): boolean {
    return this.#current().delete(name);
  }

  get(name: string): RouteEntry<T> | undefined {
    return this.#current().candidates.get(name)?.entry;
  }

  *entries(): Generator<RouteEntry<T>> {
    for (const candidate of this.#current().candidates.values()) yield candidate.entry;
  }

  /** The value of the first entry whose rule is true; null when there is none. */
  match(request: MatchRequest): T | null {
    const index = this.#changes === null ? this.#index : this.#current();
    const best = index.best(request);
    return best === null ? null : best.entry.value;
  }

  /** Whether requests for this host may find a router, by what rules say of hosts. */
  coverage(host: string): HostCoverage {
    return this.#current().coverage(host);
  }

  /** The routers as they stand, by name; the caller does not change them. */
  candidates(): ReadonlyMap<string, Candidate<T>> {
    return this.#current().candidates;
  }

  /** A table that has the changes from its first use on. */
  successor(removed: readonly string[], prepared: readonly Candidate<T>[]): RouteTable<T> {
    const index = this.#current();
    return new RouteTable(index, { removed, prepared, version: index.version });
  }

  /** The index with the changes this table brought along. */
  #current(): RouteIndex<T> {
    const changes = this.#changes;
    if (changes !== null) {
      if (changes.version !== this.#index.version) throw new Error('this route table was overtaken by another change');
      this.#changes = null;
      for (const name of changes.removed) this.#index.delete(name);
      for (const candidate of changes.prepared) this.#index.set(candidate);
    }
    return this.#index;
  }
}

/**
 * Builds the table of `entries`, which differ from those of `previous` in the names given alone. Yields often;
 * `previous` answers as before until the new table is used. Nothing may change `previous` or `entries` before the end.
 */
export function* buildRouteTable<T>(
  previous: RouteTable<T> | null,
  entries: Pick<ReadonlyMap<string, RouteEntry<T>>, 'has' | 'get'> & { values(): Iterable<RouteEntry<T>> },
  changedNames: Iterable<string>,
  removedNames: Iterable<string>,
): Generator<void, RouteTable<T>> {
  const known = previous?.candidates();
  if (previous !== null && known !== undefined) {
    const removed = [...removedNames].filter((name) => !entries.has(name));
    const changed = [...changedNames];
    if (removed.length + changed.length <= MAX_IN_PLACE) {
      const prepared: Candidate<T>[] = [];
      for (const name of changed) {
        const entry = entries.get(name);
        if (entry === undefined) removed.push(name);
        else prepared.push(prepareCandidate(entry, known.get(name)));
        if (prepared.length % ROUTERS_PER_STEP === 0) yield;
      }
      return previous.successor(removed, prepared);
    }
  }
  const candidates: Candidate<T>[] = [];
  for (const entry of entries.values()) {
    candidates.push(prepareCandidate(entry, known?.get(entry.name)));
    if (candidates.length % ROUTERS_PER_STEP === 0) yield;
  }
  // Lists filled in order only grow at their ends, however many routers stand at one place.
  const sorted = yield* sortInSteps(candidates, compareCandidates);
  const index = new RouteIndex<T>();
  let placed = 0;
  for (const candidate of sorted) {
    index.set(candidate);
    if (++placed % ROUTERS_PER_STEP === 0) yield;
  }
  return new RouteTable(index);
}
