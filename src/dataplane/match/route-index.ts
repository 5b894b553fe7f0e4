// The index behind a route table: hosts in maps, paths below each. Adding and removing touch only the places of the
// router concerned. Several tables in a row share one index; only the newest may look at it.

import { isSamePlace, type Candidate } from './candidate.ts';
import type { IndexTerm } from './index-terms.ts';
import { canonicalHost, type MatchRequest } from './matcher.ts';
import { PathIndex } from './path-index.ts';

const BRACKET = 0x5b;

/** What is known of a host before there is a request: a rule names it, some rule takes any host, or none does. */
export type HostCoverage = 'named' | 'any' | 'none';

export class RouteIndex<T> {
  readonly candidates = new Map<string, Candidate<T>>();
  /** Counts changes: tells a table whether its successor has taken over. */
  version = 0;
  readonly #byHost = new Map<string, PathIndex<T>>();
  /** By the labels behind the first: `*.example.com` under `example.com`. */
  readonly #byParent = new Map<string, PathIndex<T>>();
  readonly #anyHost = new PathIndex<T>();

  /** Adds the candidate or replaces the one of the same name. */
  set(candidate: Candidate<T>): void {
    this.version++;
    const { name } = candidate.entry;
    const present = this.candidates.get(name);
    if (present !== undefined && isSamePlace(present, candidate)) {
      present.entry = candidate.entry;
      return;
    }
    if (present !== undefined) this.delete(name);
    this.candidates.set(name, candidate);
    for (const term of candidate.terms) this.#indexFor(term).insert(term.path, candidate);
  }

  delete(name: string): boolean {
    const candidate = this.candidates.get(name);
    if (candidate === undefined) return false;
    this.version++;
    this.candidates.delete(name);
    for (const term of candidate.terms) {
      const index = this.#indexFor(term);
      index.remove(term.path, candidate);
      if (index.isEmpty) this.#drop(term);
    }
    return true;
  }

  best(request: MatchRequest): Candidate<T> | null {
    let best: Candidate<T> | null = null;
    const host = request.host.charCodeAt(0) === BRACKET ? canonicalHost(request.host) : request.host;
    const index = this.#byHost.get(host);
    if (index !== undefined) best = index.best(request, best);
    if (this.#byParent.size > 0 && host.charCodeAt(0) !== BRACKET) {
      const dot = host.indexOf('.');
      const parent = dot > 0 ? this.#byParent.get(host.slice(dot + 1)) : undefined;
      if (parent !== undefined) best = parent.best(request, best);
    }
    return this.#anyHost.isEmpty ? best : this.#anyHost.best(request, best);
  }

  /** Whether a rule names this host, or takes any. */
  coverage(host: string): HostCoverage {
    if (this.#byHost.has(host)) return 'named';
    const dot = this.#byParent.size > 0 ? host.indexOf('.') : -1;
    if (dot > 0 && this.#byParent.has(host.slice(dot + 1))) return 'named';
    return this.#anyHost.isEmpty ? 'none' : 'any';
  }

  #indexFor(term: IndexTerm): PathIndex<T> {
    if (term.host === null) return this.#anyHost;
    const isWild = term.host.startsWith('*.');
    const map = isWild ? this.#byParent : this.#byHost;
    const key = isWild ? term.host.slice(2) : term.host;
    let index = map.get(key);
    if (index === undefined) map.set(key, (index = new PathIndex<T>()));
    return index;
  }

  #drop(term: IndexTerm): void {
    if (term.host === null) return;
    if (term.host.startsWith('*.')) this.#byParent.delete(term.host.slice(2));
    else this.#byHost.delete(term.host);
  }
}
