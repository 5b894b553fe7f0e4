// Tokens of the rule language: names, the operators `&& || ! ( ) ,` and Go string literals. Every error carries its
// place; reading goes on behind it, so that the parser can find more.

import { isUtf8 } from 'node:buffer';
import type { RuleError } from './rule-error.ts';

export interface Token {
  readonly kind: 'name' | 'operator' | 'string';
  /** As written. */
  readonly text: string;
  /** Of a string: its content; null when it could not be read, which is reported already. */
  readonly value: string | null;
  /** A string without quotes where an argument should stand; the parser says so. */
  readonly isBare?: boolean;
  readonly offset: number;
  readonly length: number;
}

const SPACE = /[ \t\r\n]/;
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
const NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+/y;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
const ESCAPE = /\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-3][0-7]{2}|[^])|[^\\]+/g;

/** Content of an interpreted Go string literal; null for one that Go would refuse or that is no UTF-8. */
function unescape(body: string): string | null {
  if (!body.includes('\\')) return body;
  const parts: Buffer[] = [];
  for (const [part, escape] of body.matchAll(ESCAPE)) {
    if (escape === undefined) parts.push(Buffer.from(part));
    else if (escape.length === 1) {
      const simple = Object.hasOwn(SIMPLE_ESCAPES, escape) ? SIMPLE_ESCAPES[escape] : undefined;
      if (simple === undefined) return null;
      parts.push(Buffer.from(simple));
    } else {
      // \x and octal escapes are octets, \u and \U code points.
      const isOctal = /^[0-7]/.test(escape);
      const code = isOctal ? Number.parseInt(escape, 8) : Number.parseInt(escape.slice(1), 16);
      if (isOctal || escape.startsWith('x')) parts.push(Buffer.from([code]));
      else if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
      else parts.push(Buffer.from(String.fromCodePoint(code)));
    }
  }
  const octets = Buffer.concat(parts);
  return isUtf8(octets) ? octets.toString() : null;
}

/** `isCut`: the text ended inside of a string, so that what would have followed is unknown. */
export interface Tokens {
  readonly tokens: readonly Token[];
  readonly errors: readonly RuleError[];
  readonly isCut: boolean;
}

export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  const errors: RuleError[] = [];
  let at = 0;
  const lone = LONE_SURROGATE.exec(text);
  if (lone !== null)
    errors.push({ message: 'half of a surrogate pair is no character', offset: lone.index, length: 1 });
  const push = (kind: Token['kind'], length: number, value: string | null = ''): void => {
    tokens.push({ kind, text: text.slice(at, at + length), value, offset: at, length });
    at += length;
  };
  while (at < text.length) {
    const char = text[at]!;
    if (SPACE.test(char)) {
      at++;
      continue;
    }
    if (text.startsWith('&&', at) || text.startsWith('||', at)) {
      push('operator', 2);
      continue;
    }
    if (char === '!' || char === '(' || char === ')' || char === ',') {
      push('operator', 1);
      continue;
    }
    if (char === '`' || char === '"') {
      const length = stringLength(text, at);
      if (length < 0) {
        errors.push({
          message: `the string that begins here has no closing ${char}`,
          offset: at,
          length: text.length - at,
        });
        push('string', text.length - at, null);
        return { tokens, errors, isCut: true };
      }
      const body = text.slice(at + 1, at + length - 1);
      const value = char === '`' ? body.replaceAll('\r', '') : unescape(body);
      if (value === null) {
        errors.push({
          message: 'the string holds an unknown escape; write it in backticks, where a backslash is a backslash',
          offset: at,
          length,
        });
      }
      push('string', length, value);
      continue;
    }
    const bare = isArgumentPlace(tokens) ? bareLength(text, at) : 0;
    if (bare > 0) {
      const body = text.slice(at, at + bare).trimEnd();
      tokens.push({
        kind: 'string',
        text: body,
        value: body.replace(/[`"]$/, ''),
        isBare: true,
        offset: at,
        length: body.length,
      });
      at += bare;
      continue;
    }
    NAME.lastIndex = at;
    const name = NAME.exec(text);
    if (name !== null) {
      push('name', name[0].length);
      continue;
    }
    if (char === "'") {
      const close = text.indexOf("'", at + 1);
      const length = close < 0 ? text.length - at : close - at + 1;
      const body = text.slice(at + 1, at + length - 1);
      errors.push({
        message: `single quotes do not make a string; write \`${body}\``,
        offset: at,
        length,
        expected: 'a string in backticks or double quotes',
      });
      push('string', length, body === '' ? null : body);
      continue;
    }
    const message =
      char === '&' || char === '|'
        ? `"${char}" alone is no operator; write "${char}${char}"`
        : `unexpected "${String.fromCodePoint(text.codePointAt(at) ?? 0)}"`;
    errors.push({ message, offset: at, length: 1 });
    if (char === '&' || char === '|')
      tokens.push({ kind: 'operator', text: char + char, value: '', offset: at, length: 1 });
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return { tokens, errors, isCut: false };
}

const WORDS_BEFORE_BRACKETS = new Set(['and', 'or', 'not']);

/** Behind the bracket of a matcher, or the comma of one whose first argument was bare or a string. */
function isArgumentPlace(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  if (last?.text === ',' && last.kind === 'operator') return tokens.at(-2)?.kind === 'string';
  const before = tokens.at(-2);
  return last?.text === '(' && before?.kind === 'name' && !WORDS_BEFORE_BRACKETS.has(before.text.toLowerCase());
}

/** Bounds the work on a hopeless text. */
const MAX_BARE_LENGTH = 500;

/** Up to the comma or bracket that ends the argument; 0 where none does, or a matcher stands there. */
function bareLength(text: string, start: number): number {
  if (text[start] === "'" || /^!?\s*[A-Za-z]+\s*\(\s*[`"']/.test(text.slice(start, start + 200))) return 0;
  let open = 0;
  const end = Math.min(text.length, start + MAX_BARE_LENGTH);
  for (let at = start; at < end; at++) {
    const char = text[at]!;
    if (char === '(' || char === '[' || char === '{') open++;
    else if (open > 0 && (char === ')' || char === ']' || char === '}')) open--;
    else if (open === 0 && (char === ')' || char === ',')) return at - start;
    else if (text.startsWith('&&', at) || text.startsWith('||', at)) return 0;
  }
  return 0;
}

/** Length of the literal with its quotes, or -1 when it does not end. */
function stringLength(text: string, start: number): number {
  const quote = text[start]!;
  for (let at = start + 1; at < text.length; at++) {
    if (quote === '"' && text[at] === '\\') at++;
    else if (quote === '"' && text[at] === '\n') return -1;
    else if (text[at] === quote) return at - start + 1;
  }
  return -1;
}
