// Rules of a configuration, parsed before it is compiled. An expression of RE2 takes a millisecond to parse, and thousands of them
// would hold up the main thread for seconds, with everything that it answers: here it may do something else between two.

import { HTTP_RULES, parseRule, type RuleLanguage } from '../../dataplane/match/rule.ts';
import type { RuleProblems } from '../../dataplane/match/rule-error.ts';
import { TCP_RULES } from '../../dataplane/match/tcp-matcher.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';

/** Rules of TCP routers stand in the same map, under this. */
export const TCP_PREFIX = 'tcp ';

/** Yields after each rule that was not known. Those of the old syntax are left to the compiler, which translates them first. */
export function* parseRulesAhead(
  configs: readonly RoutingConfig[],
  known: Map<string, RuleProblems>,
): Generator<void, void> {
  for (const { routers, tcpRouters } of configs) {
    for (const { value } of routers.values()) if (value !== null) yield* parse(value.rule, '', HTTP_RULES, known);
    for (const { value } of tcpRouters.values())
      if (value !== null) yield* parse(value.rule, TCP_PREFIX, TCP_RULES, known);
  }
}

function* parse(
  rule: string,
  prefix: string,
  language: RuleLanguage,
  known: Map<string, RuleProblems>,
): Generator<void, void> {
  if (known.has(prefix + rule)) return;
  const { errors, warnings } = parseRule(rule, language);
  known.set(prefix + rule, { errors, warnings });
  yield;
}
