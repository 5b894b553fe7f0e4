// Regular expressions of rules and middlewares. They have RE2's syntax and meaning and match in linear time whatever
// the text (ReDoS); this is the only file that knows the RE2 engine. Plain patterns run as native RegExp instead, see
// native-pattern.ts.

import type { RE2JS } from 're2js';
import { onDemand } from '../../core/on-demand.ts';
import { isPlainPattern, toNativePattern, toNativePrefix } from './native-pattern.ts';
import { messageOf } from '../../core/errors.ts';

const re2js = onDemand<typeof import('re2js')>('re2js');

export type TextTest = (text: string) => boolean;

/** A longer pattern is a mistake, and the engine's memory grows with the pattern. */
const MAX_PATTERN = 4096;

/** What is wrong with the pattern, or null. */
export function patternError(pattern: string): string | null {
  if (pattern.length > MAX_PATTERN) return `the pattern is longer than ${MAX_PATTERN} characters`;
  if (isPlainPattern(pattern)) return null;
  try {
    re2js().RE2JS.compile(pattern);
    return null;
  } catch (error) {
    const reason = messageOf(error);
    const hint = /\(\?<?[=!]/.test(pattern)
      ? '; RE2 has no look-around'
      : /\\[1-9]/.test(pattern)
        ? '; RE2 has no back-references'
        : '';
    return `the pattern is no RE2 regular expression: ${reason}${hint}`;
  }
}

/**
 * Tests whether the pattern is found in a text. Compiled at the first use: most rules of a large set are never asked.
 */
export function compilePattern(pattern: string): TextTest {
  let compiled: RegExp | RE2JS | null = null;
  return (text) => {
    compiled ??= toNativePattern(pattern) ?? re2js().RE2JS.compile(pattern);
    return compiled.test(text);
  };
}

/** One place where a pattern was found. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
  /** Texts of the groups, the whole match first; '' for a group that took no part. */
  readonly groups: readonly string[];
}

/** Finds what a pattern matches at the begin of a text. */
export type PrefixFinder = (text: string) => string;

/**
 * The leftmost match if it begins the text, '' otherwise. A pattern that is anchored finds the same and need not look
 * further, which makes most of them plain: a tenth of the time of the general way, bench/micro/middlewares.mjs.
 */
export function compilePrefix(pattern: string): PrefixFinder {
  const anchored = pattern.startsWith('^') || pattern.includes('|') ? pattern : `^${pattern}`;
  const native = toNativePrefix(anchored);
  if (native !== null) return (text) => native.exec(text)?.[0] ?? '';
  const finder = new PatternFinder(anchored);
  return (text) => {
    const match = finder.first(text);
    return match === null || match.start !== 0 ? '' : match.groups[0]!;
  };
}

/** Finds a pattern from left to right, as Go does: an empty match right behind another one does not count. */
export class PatternFinder {
  readonly #pattern: RE2JS;
  /** Finds out quickly that there is nothing to find; null when the pattern is not plain. */
  readonly #native: RegExp | null;

  constructor(pattern: string) {
    this.#pattern = re2js().RE2JS.compile(pattern);
    this.#native = toNativePattern(pattern);
  }

  get groupCount(): number {
    return this.#pattern.groupCount();
  }

  /** Number of a named group; -1 when there is none. */
  groupNumber(name: string): number {
    return this.#pattern.namedGroups()[name] ?? -1;
  }

  first(text: string): PatternMatch | null {
    return this.#find(text, 1)[0] ?? null;
  }

  all(text: string): readonly PatternMatch[] {
    return this.#find(text, Infinity);
  }

  #find(text: string, max: number): PatternMatch[] {
    const found: PatternMatch[] = [];
    if (this.#native !== null && !this.#native.test(text)) return found;
    const matcher = this.#pattern.matcher(text);
    let previousEnd = -1;
    while (found.length < max && matcher.find()) {
      const start = matcher.start();
      const end = matcher.end();
      if (end === start && end === previousEnd) continue;
      previousEnd = end;
      const groups: string[] = [];
      for (let index = 0; index <= this.groupCount; index++) groups.push(matcher.group(index) ?? '');
      found.push({ start, end, groups });
    }
    return found;
  }
}
