// A router as matching sees it, and the order in which routers are asked.

import type { IndexTerm } from './index-terms.ts';
import type { Predicate } from './matcher.ts';
import type { RuleNode } from './rule.ts';

export interface RouteEntry<T> {
  readonly name: string;
  readonly rule: RuleNode;
  readonly priority: number;
  readonly providerRank: number;
  readonly value: T;
}

/** An entry as it stands in the index. */
export interface Candidate<T> {
  readonly entry: RouteEntry<T>;
  readonly terms: readonly IndexTerm[];
  /** Null when standing in the index proves the rule true. */
  readonly predicate: Predicate | null;
}

/** Negative when `a` is asked before `b`. */
export function compareCandidates<T>(a: Candidate<T>, b: Candidate<T>): number {
  const first = a.entry;
  const second = b.entry;
  if (first.priority !== second.priority) return second.priority - first.priority;
  if (first.providerRank !== second.providerRank) return first.providerRank - second.providerRank;
  return first.name < second.name ? -1 : first.name > second.name ? 1 : 0;
}
