// Finds the TCP router of a connection: by server name, then by asking the remaining candidates in order of priority.
// The answer is always that of a scan over all routers in the order priority, provider rank, name. A rule is filed
// under server names of which at least one holds whenever it is true; one that names none is filed under "any".

import { compareCandidates, insertInOrder, removeFrom } from './candidate.ts';
import type { RuleNode } from './rule/rule-tree.ts';
import { sortInSteps } from './sort-in-steps.ts';
import { compileTcpRule, type TcpConnectionInfo, type TcpPredicate } from './tcp-matcher.ts';

export interface TcpRouteEntry<T> {
  readonly name: string;
  readonly rule: RuleNode;
  readonly priority: number;
  readonly providerRank: number;
  readonly value: T;
}

interface Candidate<T> {
  readonly entry: TcpRouteEntry<T>;
  /** Server names, `*.parent`, or null for any. */
  readonly terms: readonly (string | null)[];
  readonly predicate: TcpPredicate;
}

/** Preparing this many routers stays well under 0.2 ms. */
const ROUTERS_PER_STEP = 32;
/** Larger changes build a new table: placing this many takes about a millisecond. */
const MAX_IN_PLACE = 500;

export class TcpRouteTable<T> {
  readonly #candidates = new Map<string, Candidate<T>>();
  readonly #byName = new Map<string, Candidate<T>[]>();
  /** By the labels behind the first: `*.example.com` under `example.com`. */
  readonly #byParent = new Map<string, Candidate<T>[]>();
  readonly #any: Candidate<T>[] = [];

  get size(): number {
    return this.#candidates.size;
  }

  set(candidate: Candidate<T>): void {
    const { name } = candidate.entry;
    this.delete(name);
    this.#candidates.set(name, candidate);
    for (const term of candidate.terms) insertInOrder(this.#listOf(term), candidate);
  }

  delete(name: string): void {
    const candidate = this.#candidates.get(name);
    if (candidate === undefined) return;
    this.#candidates.delete(name);
    for (const term of candidate.terms) {
      const list = this.#listOf(term);
      removeFrom(list, candidate);
      if (list.length > 0 || term === null) continue;
      if (term.startsWith('*.')) this.#byParent.delete(term.slice(2));
      else this.#byName.delete(term);
    }
  }

  /** The value of the first entry whose rule is true; null when there is none. */
  match(connection: TcpConnectionInfo): T | null {
    const { serverName } = connection;
    let best = firstOf(this.#any, connection, null);
    if (serverName !== '') {
      best = firstOf(this.#byName.get(serverName), connection, best);
      const dot = this.#byParent.size > 0 ? serverName.indexOf('.') : -1;
      if (dot > 0) best = firstOf(this.#byParent.get(serverName.slice(dot + 1)), connection, best);
    }
    return best === null ? null : best.entry.value;
  }

  /** Candidates as they stand; the caller does not change them. */
  candidates(): ReadonlyMap<string, Candidate<T>> {
    return this.#candidates;
  }

  #listOf(term: string | null): Candidate<T>[] {
    if (term === null) return this.#any;
    const map = term.startsWith('*.') ? this.#byParent : this.#byName;
    const key = term.startsWith('*.') ? term.slice(2) : term;
    let list = map.get(key);
    if (list === undefined) map.set(key, (list = []));
    return list;
  }
}

/** The better of `best` and the list's first candidate whose rule holds. */
function firstOf<T>(
  list: readonly Candidate<T>[] | undefined,
  connection: TcpConnectionInfo,
  best: Candidate<T> | null,
): Candidate<T> | null {
  if (list === undefined) return best;
  for (const candidate of list) {
    if (best !== null && compareCandidates(candidate, best) >= 0) return best;
    if (candidate.predicate(connection)) return candidate;
  }
  return best;
}

/** Compiles the entry's rule. */
function prepareTcpCandidate<T>(entry: TcpRouteEntry<T>): Candidate<T> {
  return { entry, terms: [...new Set(termsOf(entry.rule))], predicate: compileTcpRule(entry.rule) };
}

const ANY: readonly null[] = [null];

/** Of a conjunction any part's names will do: the fewest. */
function termsOf(rule: RuleNode): readonly (string | null)[] {
  if (rule.kind === 'matcher') {
    return rule.name === 'HostSNI' && !rule.negated && rule.args[0] !== '*' ? [rule.args[0]!] : ANY;
  }
  const parts = rule.nodes.map(termsOf);
  if (rule.kind === 'or') return parts.some((part) => part.includes(null)) ? ANY : parts.flat();
  const named = parts.filter((part) => !part.includes(null));
  return named.length === 0 ? ANY : named.reduce((least, part) => (part.length < least.length ? part : least));
}

/**
 * Prepares what changes; the returned function gives the table that has it, and must run in one go. `previous` answers
 * as before until then.
 */
export function* buildTcpRouteTable<T>(
  previous: TcpRouteTable<T>,
  changed: readonly TcpRouteEntry<T>[],
  removed: readonly string[],
): Generator<void, () => TcpRouteTable<T>> {
  const prepared: Candidate<T>[] = [];
  for (const entry of changed) {
    prepared.push(prepareTcpCandidate(entry));
    if (prepared.length % ROUTERS_PER_STEP === 0) yield;
  }
  if (prepared.length + removed.length <= MAX_IN_PLACE) {
    return () => {
      for (const name of removed) previous.delete(name);
      for (const candidate of prepared) previous.set(candidate);
      return previous;
    };
  }
  const all = new Map(previous.candidates());
  for (const name of removed) all.delete(name);
  for (const candidate of prepared) all.set(candidate.entry.name, candidate);
  // Lists filled in order only grow at their ends.
  const sorted = yield* sortInSteps([...all.values()], compareCandidates);
  const table = new TcpRouteTable<T>();
  let placed = 0;
  for (const candidate of sorted) {
    table.set(candidate);
    if (++placed % ROUTERS_PER_STEP === 0) yield;
  }
  return () => table;
}
