// Where in the index a rule has to stand: combinations of host and path of which at least one holds whenever the rule
// is true. Fewer, wider terms are always correct, only slower.

import { literalPrefix } from './native-pattern.ts';
import type { RuleNode } from './rule/rule-tree.ts';

export interface PathTerm {
  readonly kind: 'exact' | 'prefix';
  readonly path: string;
}

export interface IndexTerm {
  /** Exact name, `*.parent`, or null for any. */
  readonly host: string | null;
  readonly path: PathTerm | null;
}

const ANY: IndexTerm = { host: null, path: null };
/** A rule that would stand in more places than this is filed more widely. */
const MAX_TERMS = 1024;

/** `rest` is what remains to be asked of a request found through one of the terms; null when that proves the rule. */
export function indexTerms(rule: RuleNode): { terms: readonly IndexTerm[]; rest: RuleNode | null } {
  const { terms, isProof } = cover(rule);
  const unique = new Map<string, IndexTerm>();
  for (const term of terms) unique.set(`${term.host ?? ''} ${term.path?.kind ?? ''} ${term.path?.path ?? ''}`, term);
  return { terms: [...unique.values()], rest: isProof ? null : restOf(rule) };
}

/** Of a conjunction whose terms are combined from all its parts, only the parts that terms do not prove. */
function restOf(rule: RuleNode): RuleNode {
  if (rule.kind !== 'and') return rule;
  const parts = rule.nodes.map(cover);
  let combinations = 1;
  for (const { terms } of parts) combinations *= terms.length;
  if (combinations > MAX_TERMS) return rule;
  const open = rule.nodes.filter((_, index) => parts[index]?.isProof !== true);
  const [only] = open;
  return open.length === 1 && only !== undefined ? only : { kind: 'and', nodes: open };
}

interface Cover {
  readonly terms: readonly IndexTerm[];
  /** The terms say exactly what the rule says. */
  readonly isProof: boolean;
}

const ALL: Cover = { terms: [ANY], isProof: false };

function cover(rule: RuleNode): Cover {
  switch (rule.kind) {
    case 'matcher':
      if (rule.negated) return ALL;
      if (rule.name === 'Host') {
        const host = rule.args[0]!;
        return { terms: [{ host: host === '*' ? null : host, path: null }], isProof: true };
      }
      if (rule.name === 'Path')
        return { terms: [{ host: null, path: { kind: 'exact', path: rule.args[0]! } }], isProof: true };
      if (rule.name === 'PathPrefix') {
        const path: PathTerm = { kind: 'prefix', path: rule.args[0]! };
        // `*` of OPTIONS does not begin with a slash: the prefix says something even as `/`.
        return { terms: [{ host: null, path }], isProof: true };
      }
      if (rule.name === 'PathRegexp') {
        const prefix = literalPrefix(rule.args[0]!);
        const path: PathTerm | null = prefix === '' ? null : { kind: 'prefix', path: prefix };
        return { terms: [{ host: null, path }], isProof: false };
      }
      return ALL;
    case 'or': {
      const parts = rule.nodes.map(cover);
      const terms = parts.flatMap((part) => part.terms);
      if (terms.length > MAX_TERMS) return ALL;
      return { terms, isProof: parts.every((part) => part.isProof) };
    }
    case 'and':
      return rule.nodes.map(cover).reduce(both);
  }
}

/** Terms for two conditions that must both hold. */
function both(a: Cover, b: Cover): Cover {
  if (a.terms.length * b.terms.length > MAX_TERMS) {
    return { terms: (isNarrower(a, b) ? a : b).terms, isProof: false };
  }
  const terms: IndexTerm[] = [];
  for (const first of a.terms) {
    for (const second of b.terms) {
      const host = bothHosts(first.host, second.host);
      const path = bothPaths(first.path, second.path);
      // Two names or paths that exclude each other: this combination never holds.
      if (host !== undefined && path !== undefined) terms.push({ host, path });
    }
  }
  return { terms, isProof: a.isProof && b.isProof };
}

/** Terms that all name a host spread a rule better than those that do not. */
function isNarrower(a: Cover, b: Cover): boolean {
  const unnamed = (cover: Cover): number => cover.terms.filter((term) => term.host === null).length;
  const difference = unnamed(a) - unnamed(b);
  return difference === 0 ? a.terms.length <= b.terms.length : difference < 0;
}

/** The narrower of two hosts; undefined when no host is both. */
function bothHosts(a: string | null, b: string | null): string | null | undefined {
  if (a === null || b === null || a === b) return a ?? b;
  const aWild = a.startsWith('*.');
  if (aWild === b.startsWith('*.')) return undefined;
  const exact = aWild ? b : a;
  const dot = exact.indexOf('.');
  return dot > 0 && exact.slice(dot + 1) === (aWild ? a : b).slice(2) ? exact : undefined;
}

/** The narrower of two paths; undefined when no path is both. */
function bothPaths(a: PathTerm | null, b: PathTerm | null): PathTerm | null | undefined {
  if (a === null || b === null) return a ?? b;
  if (a.kind === 'prefix' && (b.kind === 'exact' || b.path.length >= a.path.length)) {
    return b.path.startsWith(a.path) ? b : undefined;
  }
  if (b.kind === 'prefix') return a.path.startsWith(b.path) ? a : undefined;
  return a.path === b.path ? a : undefined;
}
