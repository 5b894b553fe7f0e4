// Candidates of one host by path: exact paths in a map, prefixes in a radix tree over characters (prefixes are plain
// text, not segments), the rest in a list. Each list is in asking order, so a search stops at the first entry that could
// not win any more.

import { compareCandidates, type Candidate } from './candidate.ts';
import type { PathTerm } from './index-terms.ts';
import type { MatchRequest } from './matcher.ts';

/** Inserts at the place of the order; lists of one host and path are short. */
function insertInOrder<T>(list: Candidate<T>[], candidate: Candidate<T>): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareCandidates(list[middle]!, candidate) < 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, candidate);
}

function removeFrom<T>(list: Candidate<T>[], candidate: Candidate<T>): void {
  const index = list.indexOf(candidate);
  if (index >= 0) list.splice(index, 1);
}

/** The better of `best` and the list's first candidate whose rule holds. */
function bestOf<T>(
  list: readonly Candidate<T>[],
  request: MatchRequest,
  best: Candidate<T> | null,
): Candidate<T> | null {
  for (let index = 0; index < list.length; index++) {
    const candidate = list[index]!;
    if (best !== null && compareCandidates(candidate, best) >= 0) return best;
    if (candidate.predicate === null || candidate.predicate(request)) return candidate;
  }
  return best;
}

class PrefixNode<T> {
  /** Text from the parent to here. */
  label: string;
  readonly candidates: Candidate<T>[] = [];
  children: Map<number, PrefixNode<T>> | null = null;

  constructor(label: string) {
    this.label = label;
  }
}

export class PathIndex<T> {
  readonly #exact = new Map<string, Candidate<T>[]>();
  readonly #root = new PrefixNode<T>('');
  readonly #rest: Candidate<T>[] = [];
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  insert(path: PathTerm | null, candidate: Candidate<T>): void {
    this.#size++;
    if (path === null) insertInOrder(this.#rest, candidate);
    else if (path.kind === 'exact') {
      const list = this.#exact.get(path.path);
      if (list === undefined) this.#exact.set(path.path, [candidate]);
      else insertInOrder(list, candidate);
    } else insertInOrder(this.#nodeFor(path.path).candidates, candidate);
  }

  remove(path: PathTerm | null, candidate: Candidate<T>): void {
    this.#size--;
    if (path === null) removeFrom(this.#rest, candidate);
    else if (path.kind === 'exact') {
      const list = this.#exact.get(path.path)!;
      removeFrom(list, candidate);
      if (list.length === 0) this.#exact.delete(path.path);
    } else this.#removePrefix(path.path, candidate);
  }

  best(request: MatchRequest, known: Candidate<T> | null): Candidate<T> | null {
    const { path } = request;
    let best = known;
    if (this.#exact.size > 0) {
      const list = this.#exact.get(path);
      if (list !== undefined) best = bestOf(list, request, best);
    }
    let node: PrefixNode<T> | undefined = this.#root;
    let at = 0;
    for (;;) {
      node = node.children?.get(path.charCodeAt(at));
      if (node === undefined || !path.startsWith(node.label, at)) break;
      at += node.label.length;
      if (node.candidates.length > 0) best = bestOf(node.candidates, request, best);
    }
    return this.#rest.length > 0 ? bestOf(this.#rest, request, best) : best;
  }

  /** The node of the prefix, created by splitting an edge where needed. */
  #nodeFor(prefix: string): PrefixNode<T> {
    let node = this.#root;
    let at = 0;
    while (at < prefix.length) {
      node.children ??= new Map();
      const code = prefix.charCodeAt(at);
      const child = node.children.get(code);
      if (child === undefined) {
        const leaf = new PrefixNode<T>(prefix.slice(at));
        node.children.set(code, leaf);
        return leaf;
      }
      const shared = sharedLength(child.label, prefix, at);
      if (shared < child.label.length) {
        const middle = new PrefixNode<T>(child.label.slice(0, shared));
        middle.children = new Map([[child.label.charCodeAt(shared), child]]);
        child.label = child.label.slice(shared);
        node.children.set(code, middle);
        node = middle;
      } else node = child;
      at += shared;
    }
    return node;
  }

  /** Empty leaves go, so that a table which changes for years does not grow; edges that could be joined stay. */
  #removePrefix(prefix: string, candidate: Candidate<T>): void {
    const trail: PrefixNode<T>[] = [this.#root];
    let at = 0;
    while (at < prefix.length) {
      const node: PrefixNode<T> = trail[trail.length - 1]!.children!.get(prefix.charCodeAt(at))!;
      trail.push(node);
      at += node.label.length;
    }
    removeFrom(trail[trail.length - 1]!.candidates, candidate);
    for (let depth = trail.length - 1; depth > 0; depth--) {
      const node = trail[depth]!;
      if (node.candidates.length > 0 || (node.children?.size ?? 0) > 0) return;
      trail[depth - 1]!.children!.delete(node.label.charCodeAt(0));
    }
  }
}

function sharedLength(label: string, text: string, at: number): number {
  const max = Math.min(label.length, text.length - at);
  let shared = 0;
  while (shared < max && label.charCodeAt(shared) === text.charCodeAt(at + shared)) shared++;
  return shared;
}
