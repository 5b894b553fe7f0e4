// Replacing what a pattern finds by a template, with Go's meaning: `$1`, `${1}`, `$name`, `${name}`, and `$$` for a
// dollar sign. A name is as long as letters, digits and underscores go, so `$1x` is the group `1x`, not the first one.

import { BoundedCache } from '../../core/bounded-cache.ts';
import { PatternFinder, type PatternMatch } from './pattern.ts';

/** The text with every match replaced; null when there is none. */
export type Replace = (text: string) => string | null;

/** Literal text, or the number of a group. */
type Part = string | number;

const REFERENCE = /\$(?:\$|(\w+)|\{(\w+)\})/g;
/** The RE2 engine takes microseconds, a look-up a fraction of one; most routers see the same paths again and again. */
const CACHED_TEXTS = 256;
const MAX_CACHED_LENGTH = 256;

/** Group references of the template that the pattern does not have: they stand for nothing. */
export function unknownGroups(pattern: string, template: string): readonly string[] {
  const finder = new PatternFinder(pattern);
  return [...template.matchAll(REFERENCE)].flatMap((match) => {
    const name = match[1] ?? match[2];
    return name === undefined || groupNumber(finder, name) >= 0 ? [] : [match[0]];
  });
}

/** `encodeLiteral` is applied to the template's own text, never to what groups bring. */
export function compileReplacement(
  pattern: string,
  template: string,
  encodeLiteral: (literal: string) => string = (literal) => literal,
): Replace {
  const finder = new PatternFinder(pattern);
  const parts = parseTemplate(finder, template, encodeLiteral);
  const cache = new BoundedCache<string, string | null>(CACHED_TEXTS);
  return function replace(text) {
    const known = cache.get(text);
    if (known !== undefined) return known;
    const result = replaceAll(finder.all(text), parts, text);
    // Through a Buffer: a slice would keep the whole request head alive in the cache.
    if (text.length <= MAX_CACHED_LENGTH) cache.set(Buffer.from(text, 'utf8').toString('utf8'), result);
    return result;
  };
}

function replaceAll(matches: readonly PatternMatch[], parts: readonly Part[], text: string): string | null {
  if (matches.length === 0) return null;
  let result = '';
  let at = 0;
  for (const { start, end, groups } of matches) {
    result += text.slice(at, start);
    for (const part of parts) result += typeof part === 'string' ? part : (groups[part] ?? '');
    at = end;
  }
  return result + text.slice(at);
}

function parseTemplate(finder: PatternFinder, template: string, encodeLiteral: (literal: string) => string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  const endLiteral = (): void => {
    if (literal !== '') parts.push(encodeLiteral(literal));
    literal = '';
  };
  for (const match of template.matchAll(REFERENCE)) {
    literal += template.slice(at, match.index);
    at = match.index + match[0].length;
    const name = match[1] ?? match[2];
    if (name === undefined) {
      literal += '$';
      continue;
    }
    const group = groupNumber(finder, name);
    if (group < 0) continue;
    endLiteral();
    parts.push(group);
  }
  literal += template.slice(at);
  endLiteral();
  return parts;
}

function groupNumber(finder: PatternFinder, name: string): number {
  if (!/^[0-9]+$/.test(name)) return finder.groupNumber(name);
  const index = Number(name);
  return index <= finder.groupCount ? index : -1;
}
