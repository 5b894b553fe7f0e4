// Turns a rule tree into one predicate.

import { findMatcher, type Predicate } from './matcher.ts';
import type { RuleNode } from './rule/rule-tree.ts';

/** The rule must have parsed without errors. */
export function compileRule(rule: RuleNode): Predicate {
  if (rule.kind === 'matcher') {
    const predicate = findMatcher(rule.name)!.compile(rule.args);
    return rule.negated ? (request) => !predicate(request) : predicate;
  }
  const parts = rule.nodes.map(compileRule);
  if (rule.kind === 'and') {
    return (request) => {
      for (const part of parts) if (!part(request)) return false;
      return true;
    };
  }
  return (request) => {
    for (const part of parts) if (part(request)) return true;
    return false;
  };
}
