// Where in the index a rule has to stand: combinations of host and path of which at least one holds whenever the rule is
// true. Fewer, wider terms are always correct, only slower.

import { canonicalRuleHost } from './matcher.ts';
import type { RuleNode } from './rule.ts';

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
const MAX_TERMS = 64;

/** `isProof`: a request found through one of the terms satisfies the rule without further questions. */
export function indexTerms(rule: RuleNode): { terms: readonly IndexTerm[]; isProof: boolean } {
  const { terms, isProof } = cover(rule);
  const unique = new Map<string, IndexTerm>();
  for (const term of terms) unique.set(`${term.host ?? ''} ${term.path?.kind ?? ''} ${term.path?.path ?? ''}`, term);
  return { terms: [...unique.values()], isProof };
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
        const host = canonicalRuleHost(rule.args[0]!);
        return { terms: [{ host: host === '*' ? null : host, path: null }], isProof: true };
      }
      if (rule.name === 'Path')
        return { terms: [{ host: null, path: { kind: 'exact', path: rule.args[0]! } }], isProof: true };
      if (rule.name === 'PathPrefix') {
        const path: PathTerm = { kind: 'prefix', path: rule.args[0]! };
        // `*` of OPTIONS does not begin with a slash: the prefix says something even as `/`.
        return { terms: [{ host: null, path }], isProof: true };
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
    return { terms: a.terms.length <= b.terms.length ? a.terms : b.terms, isProof: false };
  }
  const terms: IndexTerm[] = [];
  let isProof = a.isProof && b.isProof;
  for (const first of a.terms) {
    for (const second of b.terms) {
      const host = bothHosts(first.host, second.host);
      const path = bothPaths(first.path, second.path);
      // Two exact names or paths that differ: this combination never holds.
      if (host === undefined || path === undefined) continue;
      terms.push({ host: host.host, path: path.path });
      if (!host.isExact || !path.isExact) isProof = false;
    }
  }
  return { terms, isProof };
}

function bothHosts(a: string | null, b: string | null): { host: string | null; isExact: boolean } | undefined {
  if (a === null || b === null || a === b) return { host: a ?? b, isExact: true };
  const aWild = a.startsWith('*.');
  const bWild = b.startsWith('*.');
  if (aWild === bWild) return undefined;
  const exact = aWild ? b : a;
  const parent = (aWild ? a : b).slice(2);
  const dot = exact.indexOf('.');
  return dot > 0 && exact.slice(dot + 1) === parent ? { host: exact, isExact: true } : undefined;
}

function bothPaths(a: PathTerm | null, b: PathTerm | null): { path: PathTerm | null; isExact: boolean } | undefined {
  if (a === null || b === null) return { path: a ?? b, isExact: true };
  if (a.kind === 'exact' && b.kind === 'exact') return a.path === b.path ? { path: a, isExact: true } : undefined;
  if (a.kind === 'prefix' && b.kind === 'prefix') {
    const [short, long] = a.path.length <= b.path.length ? [a, b] : [b, a];
    return long.path.startsWith(short.path) ? { path: long, isExact: true } : undefined;
  }
  const [exact, prefix] = a.kind === 'exact' ? [a, b] : [b, a];
  return exact.path.startsWith(prefix.path) ? { path: exact, isExact: true } : undefined;
}
