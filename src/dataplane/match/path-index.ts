// Candidates of one host by path. A few places are kept in a chain that a match walks; more go to a map of exact paths
// and a tree of prefixes. Each place's list is in asking order, so a search stops at the first entry that could not win
// any more.

import { bestOf, insertInOrder, removeFrom, type Candidate } from './candidate.ts';
import type { PathTerm } from './index-terms.ts';
import type { MatchRequest } from './matcher.ts';
import { PrefixTree } from './prefix-tree.ts';

/** One path or prefix of a small index. */
interface Place<T> {
  readonly path: string;
  readonly isPrefix: boolean;
  readonly candidates: Candidate<T>[];
  next: Place<T> | null;
}

/** A chain of this length costs what the map and the tree cost, at a tenth of the memory: bench/micro/match.mjs. */
const MAX_CHAIN = 6;

export class PathIndex<T> {
  #chain: Place<T> | null = null;
  #chainLength = 0;
  /** Null while the chain serves. An index that was large once stays as it is. */
  #exact: Map<string, Candidate<T>[]> | null = null;
  #prefixes: PrefixTree<T> | null = null;
  #rest: Candidate<T>[] | null = null;
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  insert(path: PathTerm | null, candidate: Candidate<T>): void {
    this.#size++;
    if (path === null) insertInOrder((this.#rest ??= []), candidate);
    else if (this.#exact !== null && this.#prefixes !== null) this.#insertLarge(path.path, path.kind, candidate);
    else this.#insertSmall(path, candidate);
  }

  remove(path: PathTerm | null, candidate: Candidate<T>): void {
    this.#size--;
    if (path === null) removeFrom(this.#rest ?? [], candidate);
    else if (this.#exact === null) this.#removeSmall(path, candidate);
    else if (path.kind === 'prefix') this.#prefixes?.remove(path.path, candidate);
    else {
      const list = this.#exact.get(path.path) ?? [];
      removeFrom(list, candidate);
      if (list.length === 0) this.#exact.delete(path.path);
    }
  }

  /** The better of `known` and the first candidate of this index whose rule holds. */
  best(request: MatchRequest, known: Candidate<T> | null): Candidate<T> | null {
    const { path } = request;
    let best = known;
    for (let place = this.#chain; place !== null; place = place.next) {
      if (place.isPrefix ? path.startsWith(place.path) : path === place.path) {
        best = bestOf(place.candidates, request, best);
      }
    }
    if (this.#exact !== null && this.#exact.size > 0) {
      const list = this.#exact.get(path);
      if (list !== undefined) best = bestOf(list, request, best);
    }
    if (this.#prefixes !== null) best = this.#prefixes.best(request, best);
    return this.#rest === null ? best : bestOf(this.#rest, request, best);
  }

  #insertSmall(path: PathTerm, candidate: Candidate<T>): void {
    const place = this.#placeOf(path);
    if (place !== null) insertInOrder(place.candidates, candidate);
    else if (this.#chainLength < MAX_CHAIN) {
      this.#chainLength++;
      const isPrefix = path.kind === 'prefix';
      this.#chain = { path: path.path, isPrefix, candidates: [candidate], next: this.#chain };
    } else {
      this.#grow();
      this.#insertLarge(path.path, path.kind, candidate);
    }
  }

  #placeOf(path: PathTerm): Place<T> | null {
    let place = this.#chain;
    while (place !== null && (place.path !== path.path || place.isPrefix !== (path.kind === 'prefix'))) {
      place = place.next;
    }
    return place;
  }

  #removeSmall(path: PathTerm, candidate: Candidate<T>): void {
    const gone = this.#placeOf(path);
    if (gone === null) return;
    removeFrom(gone.candidates, candidate);
    if (gone.candidates.length > 0) return;
    this.#chainLength--;
    if (this.#chain === gone) this.#chain = gone.next;
    for (let place = this.#chain; place !== null; place = place.next) if (place.next === gone) place.next = gone.next;
  }

  #grow(): void {
    this.#exact = new Map();
    this.#prefixes = new PrefixTree();
    for (let place = this.#chain; place !== null; place = place.next) {
      for (const candidate of place.candidates) {
        this.#insertLarge(place.path, place.isPrefix ? 'prefix' : 'exact', candidate);
      }
    }
    this.#chain = null;
    this.#chainLength = 0;
  }

  #insertLarge(path: string, kind: PathTerm['kind'], candidate: Candidate<T>): void {
    if (kind === 'prefix') {
      this.#prefixes?.insert(path, candidate);
      return;
    }
    const list = this.#exact?.get(path);
    if (list === undefined) this.#exact?.set(path, [candidate]);
    else insertInOrder(list, candidate);
  }
}
