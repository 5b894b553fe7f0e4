// Regular expressions of rules. They have RE2's syntax and meaning and match in linear time whatever the text (ReDoS);
// this is the only file that knows the RE2 engine. Plain patterns run as native RegExp instead, see native-pattern.ts.

import { RE2JS } from 're2js';
import { isPlainPattern, toNativePattern } from './native-pattern.ts';

export type TextTest = (text: string) => boolean;

/** A longer pattern is a mistake, and the engine's memory grows with the pattern. */
const MAX_PATTERN = 4096;

/** What is wrong with the pattern, or null. */
export function patternError(pattern: string): string | null {
  if (pattern.length > MAX_PATTERN) return `the pattern is longer than ${MAX_PATTERN} characters`;
  if (isPlainPattern(pattern)) return null;
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /\(\?<?[=!]/.test(pattern)
      ? '; RE2 has no look-around'
      : /\\[1-9]/.test(pattern)
        ? '; RE2 has no back-references'
        : '';
    return `the pattern is no RE2 regular expression: ${reason}${hint}`;
  }
}

/** Tests whether the pattern is found in a text. Compiled at the first use: most rules of a large set are never asked. */
export function compilePattern(pattern: string): TextTest {
  let compiled: RegExp | RE2JS | null = null;
  return (text) => {
    compiled ??= toNativePattern(pattern) ?? RE2JS.compile(pattern);
    return compiled.test(text);
  };
}
