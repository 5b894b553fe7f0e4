// Prefixes of paths as a radix tree over characters: prefixes are plain text, not segments. Finding all prefixes of a
// path costs its length, however many there are.

import { bestOf, insertInOrder, removeFrom, type Candidate } from './candidate.ts';
import type { MatchRequest } from './matcher.ts';

class PrefixNode<T> {
  /** Text from the parent to here. */
  label: string;
  readonly candidates: Candidate<T>[] = [];
  children: Map<number, PrefixNode<T>> | null = null;

  constructor(label: string) {
    this.label = label;
  }
}

export class PrefixTree<T> {
  readonly #root = new PrefixNode<T>('');

  insert(prefix: string, candidate: Candidate<T>): void {
    insertInOrder(this.#nodeFor(prefix).candidates, candidate);
  }

  best(request: MatchRequest, known: Candidate<T> | null): Candidate<T> | null {
    const { path } = request;
    let best = known;
    let node: PrefixNode<T> | undefined = this.#root;
    let at = 0;
    for (;;) {
      node = node.children?.get(path.charCodeAt(at));
      if (node === undefined || !path.startsWith(node.label, at)) return best;
      at += node.label.length;
      if (node.candidates.length > 0) best = bestOf(node.candidates, request, best);
    }
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
  remove(prefix: string, candidate: Candidate<T>): void {
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
