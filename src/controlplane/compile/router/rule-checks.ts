// Rules of routers, of whichever language: translated, parsed, and told of where they are wrong.

import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';
import type { Severity } from '../../../model/diagnostic.ts';
import { parseRule, type RuleLanguage } from '../../../dataplane/match/rule/rule.ts';
import type { RuleError } from '../../../dataplane/match/rule/rule-error.ts';
import { translateV2 } from '../../../dataplane/match/rule/rule-v2.ts';
import type { Compilation } from '../compilation.ts';
import type { Compiled } from '../compiled.ts';
import type { Findings } from '../findings.ts';

/**
 * Old rules are translated before they are looked at; errors of names stand where they were written. Null when there
 * are any.
 */
export function translateRule(
  router: Compiled<unknown>,
  text: string,
  findings: Findings,
  matchers?: Parameters<typeof translateV2>[1],
): string | null {
  const { rule, errors } = translateV2(text, matchers);
  for (const error of errors) {
    const place = placeInRule(router, text, error.offset, findings);
    findings.report(router, 'error', 'rule-syntax', error.message, ['rule'], place === null ? {} : { place });
  }
  return errors.length === 0 ? rule : null;
}

/** False when the rule does not parse; one of the same text that was parsed before is not parsed again. */
export function checkRule(
  router: Compiled<unknown>,
  rule: string,
  language: RuleLanguage,
  { findings, memory }: Compilation,
): boolean {
  const known = memory.problems(language);
  let parsed = known.get(rule);
  if (parsed === undefined) {
    const { errors, warnings, doubts } = parseRule(rule, language);
    parsed = { errors, warnings, doubts };
    known.set(rule, parsed);
  }
  const say = (severity: Severity, code: DiagnosticCode, message: string, error: RuleError): void => {
    const place = placeInRule(router, rule, error.offset, findings);
    findings.report(router, severity, code, message, ['rule'], {
      ...(error.expected === undefined ? {} : { expected: error.expected }),
      ...(error.received === undefined ? {} : { received: error.received }),
      ...(place === null ? {} : { place }),
    });
  };
  for (const error of parsed.errors) say('error', 'rule-syntax', error.message, error);
  for (const error of parsed.warnings) {
    say('warning', 'option-without-effect', `this part of the rule never matches: ${error.message}`, error);
  }
  for (const doubt of parsed.doubts) say('warning', 'doubtful-rule', doubt.message, doubt);
  return parsed.errors.length === 0;
}

/** The column inside of the rule when it stands in one line as it is; otherwise that of the option. */
function placeInRule(
  { object }: Compiled<unknown>,
  rule: string,
  offset: number,
  findings: Findings,
): { line: number; column: number } | null {
  const { document, path } = object;
  const place = document.locate([...path, 'rule']);
  if (place === null) return null;
  const line = findings.lineOf(document, place.line);
  const start = line.indexOf(rule, place.column - 1);
  return start < 0 || rule === '' ? place : { line: place.line, column: start + 1 + offset };
}
