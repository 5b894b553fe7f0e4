// A router as matching sees it, and the order in which routers are asked.

import { compileRule } from './compile-rule.ts';
import { indexTerms, type IndexTerm } from './index-terms.ts';
import type { MatchRequest, Predicate } from './matcher.ts';
import type { RuleNode } from './rule/rule-tree.ts';

export interface RouteEntry<T> {
  readonly name: string;
  readonly rule: RuleNode;
  readonly priority: number;
  readonly providerRank: number;
  readonly value: T;
}

/** An entry as it stands in the index. */
export interface Candidate<T> {
  /** Replaced alone when only the value changed. */
  entry: RouteEntry<T>;
  readonly terms: readonly IndexTerm[];
  /** What remains to be asked; null when standing in the index proves the rule true. */
  readonly predicate: Predicate | null;
}

/** Compiles the entry's rule, unless `known` has the same one. */
export function prepareCandidate<T>(entry: RouteEntry<T>, known: Candidate<T> | undefined): Candidate<T> {
  if (known !== undefined && known.entry.rule === entry.rule) {
    return { entry, terms: known.terms, predicate: known.predicate };
  }
  const { terms, rest } = indexTerms(entry.rule);
  return { entry, terms, predicate: rest === null ? null : compileRule(rest) };
}

/** True when both stand at the same place of the same lists. */
export function isSamePlace<T>(a: Candidate<T>, b: Candidate<T>): boolean {
  return a.terms === b.terms && compareCandidates(a, b) === 0;
}

/** What has a place in the order. */
export interface Placed {
  readonly name: string;
  readonly priority: number;
  readonly providerRank: number;
}

export interface Ranked {
  readonly entry: Placed;
}

/** Negative when `a` is asked before `b`. */
export function compareCandidates(a: Ranked, b: Ranked): number {
  return comparePlaced(a.entry, b.entry);
}

/** The order in which routers are asked, for whoever has them in another form. */
export function comparePlaced(first: Placed, second: Placed): number {
  if (first.priority !== second.priority) return second.priority - first.priority;
  if (first.providerRank !== second.providerRank) return first.providerRank - second.providerRank;
  return first.name < second.name ? -1 : first.name > second.name ? 1 : 0;
}

/** Inserts at the place of the order; lists of one host and path are short. */
export function insertInOrder<C extends Ranked>(list: C[], candidate: C): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareCandidates(list[middle]!, candidate) < 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, candidate);
}

export function removeFrom<C>(list: C[], candidate: C): void {
  const index = list.indexOf(candidate);
  if (index >= 0) list.splice(index, 1);
}

/** The better of `best` and the list's first candidate whose rule holds. */
export function bestOf<T>(
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
