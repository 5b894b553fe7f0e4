// Regular expressions of rules: RE2 semantics in linear time through re2js. Patterns whose backtracking is provably
// bounded and whose meaning is the same run as native RegExp, which is some 30 times faster: bench/micro/match.mjs.

import { RE2JS } from 're2js';

export type TextTest = (text: string) => boolean;

const MAX_PATTERN = 4096;

/** What is wrong with the pattern, or null. */
export function patternError(pattern: string): string | null {
  if (pattern.length > MAX_PATTERN) return `the pattern is longer than ${MAX_PATTERN} characters`;
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /\(\?[=!<]/.test(pattern)
      ? '; RE2 has no look-around'
      : /\\[1-9]/.test(pattern)
        ? '; RE2 has no back-references'
        : '';
    return `the pattern is no RE2 regular expression: ${reason}${hint}`;
  }
}

/** Tests whether the pattern is found in a text. Compiled at the first use: most rules of a large set are never asked. */
export function compilePattern(pattern: string): TextTest {
  let test: TextTest | null = null;
  return (text) => {
    test ??= compileNow(pattern);
    return test(text);
  };
}

function compileNow(pattern: string): TextTest {
  const native = nativePattern(pattern);
  if (native !== null) return (text) => native.test(text);
  const compiled = RE2JS.compile(pattern);
  return (text) => compiled.matcher(text).find();
}

const ESCAPED_LITERAL = /[.\-/_+*?()[\]{}|^$\\]/;
const CLASS = /^\[(?:[A-Za-z0-9_.~/]-[A-Za-z0-9_.~/]|[A-Za-z0-9_.~/]|\\[.\-/])+-?\]/;

interface Atom {
  readonly source: string;
  /** Characters it matches; null for any. */
  readonly set: RegExp | null;
  readonly literal: string | null;
  readonly unbounded: boolean;
}

/** One atom with its quantifier at the begin of the text; null when it is of a kind not proven here. */
function readAtom(text: string): { atom: Atom; length: number } | null {
  let source: string;
  let literal: string | null = null;
  let consumed: number;
  const first = text[0]!;
  if (first === '\\') {
    const escaped = text[1] ?? '';
    consumed = 2;
    if (escaped === 'd' || escaped === 'w') source = escaped === 'd' ? '[0-9]' : '[0-9A-Za-z_]';
    else if (ESCAPED_LITERAL.test(escaped)) {
      literal = escaped;
      source = `\\${escaped}`;
    } else return null;
  } else if (first === '[') {
    const match = CLASS.exec(text);
    if (match === null) return null;
    source = match[0];
    consumed = source.length;
  } else if (first === '.') {
    // RE2's dot is any character but a line feed; JavaScript's leaves out three more.
    source = '[^\\n]';
    consumed = 1;
  } else if (/[A-Za-z0-9_\-/~!#%&=:;,<>@"' ]/.test(first)) {
    literal = first;
    source = first === '/' ? '\\/' : first;
    consumed = 1;
  } else return null;
  const quantifier = /^[+*?]/.exec(text.slice(consumed))?.[0] ?? '';
  consumed += quantifier.length;
  // Lazy and possessive forms, counted repetition.
  if (/^[+*?{]/.test(text.slice(consumed))) return null;
  const isDot = first === '.';
  // One code point against one code unit: only repetition makes the two the same.
  if (isDot && quantifier !== '*' && quantifier !== '+') return null;
  const atom: Atom = {
    source: source + quantifier,
    set: isDot ? null : new RegExp(`^${source}$`),
    literal: quantifier === '' ? literal : null,
    unbounded: quantifier === '*' || quantifier === '+',
  };
  return { atom, length: consumed };
}

/**
 * The same pattern as native RegExp when that is provably safe: a sequence of literals, classes and dots in which every
 * unbounded repetition is followed by a literal it cannot match, or by the end, so that giving back a repetition fails at
 * once; with repetitions the pattern must begin with `^`, as every start would scan anew. Null otherwise.
 */
export function nativePattern(pattern: string): RegExp | null {
  const anchored = pattern.startsWith('^');
  let rest = anchored ? pattern.slice(1) : pattern;
  const ends = rest.endsWith('$') && !rest.endsWith('\\$');
  if (ends) rest = rest.slice(0, -1);
  const atoms: Atom[] = [];
  while (rest !== '') {
    const found = readAtom(rest);
    if (found === null) return null;
    atoms.push(found.atom);
    rest = rest.slice(found.length);
  }
  for (const [index, atom] of atoms.entries()) {
    if (!atom.unbounded) continue;
    if (!anchored) return null;
    const next = atoms[index + 1];
    if (next === undefined) continue;
    if (next.literal === null || atom.set === null || atom.set.test(next.literal)) return null;
  }
  return new RegExp(`${anchored ? '^' : ''}${atoms.map(({ source }) => source).join('')}${ends ? '$' : ''}`);
}
