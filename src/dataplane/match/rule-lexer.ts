// Tokens of the rule language: names, the operators `&& || ! ( ) ,` and Go string literals.

import type { RuleError } from './rule-error.ts';

export interface Token {
  readonly kind: 'name' | 'operator' | 'string';
  /** As written. */
  readonly text: string;
  /** Of a string: its content. */
  readonly value: string;
  readonly offset: number;
  readonly length: number;
}

const SPACE = /[ \t\r\n]/;
const NAME = /[A-Za-z0-9_]+/y;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"',
}; // prettier-ignore

/** Escapes of an interpreted Go string literal; null for one that Go would refuse. */
function unescape(body: string): string | null {
  let isValid = true;
  const value = body.replace(
    /\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-7]{3}|.)/gs,
    (_, escape: string) => {
      if (escape.length === 1) {
        const simple = SIMPLE_ESCAPES[escape];
        if (simple === undefined) isValid = false;
        return simple ?? '';
      }
      const code = /^[0-7]/.test(escape) ? Number.parseInt(escape, 8) : Number.parseInt(escape.slice(1), 16);
      if (code > 0x10ffff) {
        isValid = false;
        return '';
      }
      return String.fromCodePoint(code);
    },
  );
  return isValid ? value : null;
}

export function tokenize(text: string): { tokens: readonly Token[]; errors: readonly RuleError[] } {
  const tokens: Token[] = [];
  const errors: RuleError[] = [];
  let at = 0;
  const push = (kind: Token['kind'], length: number, value = ''): void => {
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
        return { tokens: [], errors };
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
      push('string', length, value ?? 'x');
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
      push('string', length, body === '' ? 'x' : body);
      continue;
    }
    const message =
      char === '&' || char === '|' ? `"${char}" alone is no operator; write "${char}${char}"` : `unexpected "${char}"`;
    errors.push({ message, offset: at, length: 1 });
    if (char === '&' || char === '|')
      tokens.push({ kind: 'operator', text: char + char, value: '', offset: at, length: 1 });
    at++;
  }
  return { tokens, errors };
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
