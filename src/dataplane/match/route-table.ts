// Finds the router of a request: by host, then by path, then by asking the remaining candidates in order of priority. The
// answer is always that of a scan over all routers in the order priority, provider rank, name; the cost does not grow
// with their number.
//
// A rule is filed under every combination of host and path without which it cannot be true; a rule that names neither is
// filed under "any". Inserting and removing touch only the places of the router concerned, so a table follows a changing
// configuration without being rebuilt.

import { compileRule } from './compile-rule.ts';
import type { Candidate, RouteEntry } from './candidate.ts';
import { indexTerms, type IndexTerm } from './index-terms.ts';
import type { MatchRequest } from './matcher.ts';
import { PathIndex } from './path-index.ts';

export class RouteTable<T> {
  readonly #candidates = new Map<string, Candidate<T>>();
  readonly #byHost = new Map<string, PathIndex<T>>();
  /** By the labels behind the first: `*.example.com` under `example.com`. */
  readonly #byParent = new Map<string, PathIndex<T>>();
  readonly #anyHost = new PathIndex<T>();

  get size(): number {
    return this.#candidates.size;
  }

  /** Adds the entry or replaces the one of the same name. */
  set(entry: RouteEntry<T>): void {
    this.delete(entry.name);
    const { terms, isProof } = indexTerms(entry.rule);
    const candidate: Candidate<T> = { entry, terms, predicate: isProof ? null : compileRule(entry.rule) };
    this.#candidates.set(entry.name, candidate);
    for (const term of terms) this.#indexFor(term, true)!.insert(term.path, candidate);
  }

  delete(name: string): boolean {
    const candidate = this.#candidates.get(name);
    if (candidate === undefined) return false;
    this.#candidates.delete(name);
    for (const term of candidate.terms) {
      const index = this.#indexFor(term, false);
      index?.remove(term.path, candidate);
      if (index?.isEmpty === true) this.#dropIndex(term);
    }
    return true;
  }

  get(name: string): RouteEntry<T> | undefined {
    return this.#candidates.get(name)?.entry;
  }

  *entries(): Generator<RouteEntry<T>> {
    for (const candidate of this.#candidates.values()) yield candidate.entry;
  }

  /** The value of the first entry whose rule is true; null when there is none. */
  match(request: MatchRequest): T | null {
    let best: Candidate<T> | null = null;
    if (this.#byHost.size > 0) {
      const index = this.#byHost.get(request.host);
      if (index !== undefined) best = index.best(request, best);
    }
    if (this.#byParent.size > 0) {
      const dot = request.host.indexOf('.');
      const index = dot > 0 ? this.#byParent.get(request.host.slice(dot + 1)) : undefined;
      if (index !== undefined) best = index.best(request, best);
    }
    best = this.#anyHost.best(request, best);
    return best === null ? null : best.entry.value;
  }

  #indexFor(term: IndexTerm, create: boolean): PathIndex<T> | undefined {
    if (term.host === null) return this.#anyHost;
    const map = term.host.startsWith('*.') ? this.#byParent : this.#byHost;
    const key = term.host.startsWith('*.') ? term.host.slice(2) : term.host;
    let index = map.get(key);
    if (index === undefined && create) {
      index = new PathIndex<T>();
      map.set(key, index);
    }
    return index;
  }

  #dropIndex(term: IndexTerm): void {
    if (term.host === null) return;
    if (term.host.startsWith('*.')) this.#byParent.delete(term.host.slice(2));
    else this.#byHost.delete(term.host);
  }
}
