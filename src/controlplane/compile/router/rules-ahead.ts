// Rules of a configuration, parsed before it is compiled. An expression of RE2 takes a millisecond to parse, and
// thousands of them would hold up the main thread for seconds, with everything that it answers: here it may do
// something else between two.

import { HTTP_RULES, parseRule, type RuleLanguage } from '../../../dataplane/match/rule/rule.ts';
import { TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { RoutingConfig } from '../../config/routing/routing-config.ts';
import type { CompileMemory } from '../compile-memory.ts';

/**
 * Yields after each rule that was not known. Those of the old syntax are left to the compiler, which translates them
 * first.
 */
export function* parseRulesAhead(configs: readonly RoutingConfig[], memory: CompileMemory): Generator<void, void> {
  memory.trim();
  for (const { routers, tcpRouters } of configs) {
    for (const { value } of routers.values()) if (value !== null) yield* parse(value.rule, HTTP_RULES, memory);
    for (const { value } of tcpRouters.values()) if (value !== null) yield* parse(value.rule, TCP_RULES, memory);
  }
}

function* parse(rule: string, language: RuleLanguage, memory: CompileMemory): Generator<void, void> {
  const known = memory.problems(language);
  if (known.has(rule)) return;
  const { errors, warnings, doubts } = parseRule(rule, language);
  known.set(rule, { errors, warnings, doubts });
  yield;
}
