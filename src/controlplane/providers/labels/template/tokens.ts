// A template as pieces: text, and the tokens of each action between `{{` and `}}`. Trim markers have been followed.

import { TemplateError } from './value.ts';

export interface Token {
  readonly kind: 'field' | 'variable' | 'word' | 'text' | 'number' | 'sign';
  /** Of a text, what it stands for; of a field or variable, the names behind the dots. */
  readonly value: string;
  /** Nothing stands between it and the token before. */
  readonly isAdjacent: boolean;
}

export type Piece = { readonly text: string } | { readonly action: readonly Token[]; readonly source: string };

const TOKEN =
  /\s+|(?<field>\.[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*)|(?<variable>\$[\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<number>-?\d+(?:\.\d+)?)|"(?<quoted>(?:[^"\\\n]|\\.)*)"|`(?<raw>[^`]*)`|(?<sign>:=|[|(),=.])/uy;

export function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let isTrimmed = false;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    const end = open < 0 ? template.length : open;
    let text = template.slice(at, end);
    if (isTrimmed) text = text.trimStart();
    const trimsBefore = open >= 0 && /^\{\{-\s/.test(template.slice(open, open + 4));
    if (trimsBefore) text = text.trimEnd();
    if (text !== '') pieces.push({ text });
    if (open < 0) break;
    const start = open + (trimsBefore ? 3 : 2);
    const close = closeOf(template, start);
    const trimsAfter = /\s-$/.test(template.slice(start, close));
    const source = template.slice(start, trimsAfter ? close - 1 : close).trim();
    if (!/^\/\*[^]*\*\/$/.test(source)) pieces.push({ action: tokensOf(source), source });
    isTrimmed = trimsAfter;
    at = close + 2;
  }
  return pieces;
}

/** Where the `}}` of the action is, past texts that have one. */
function closeOf(template: string, start: number): number {
  const stop = /\}\}|"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[^]*?\*\//g;
  stop.lastIndex = start;
  for (let found = stop.exec(template); found !== null; found = stop.exec(template)) {
    if (found[0] === '}}') return found.index;
  }
  throw new TemplateError(`"{{" at character ${start - 1} has no "}}"`);
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let isAdjacent = false;
  const add = (kind: Token['kind'], value: string): void => {
    tokens.push({ kind, value, isAdjacent });
    isAdjacent = true;
  };
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined) {
      throw new TemplateError(`"${source.slice(at, at + 20)}" in {{ ${source.slice(0, 60)} }} cannot be read`);
    }
    const { field, variable, word, number, quoted, raw, sign } = groups;
    if (field !== undefined) add('field', field.slice(1));
    else if (variable !== undefined) add('variable', variable.slice(1));
    else if (word !== undefined) add('word', word);
    else if (number !== undefined) add('number', number);
    else if (quoted !== undefined) add('text', unquote(quoted));
    else if (raw !== undefined) add('text', raw);
    else if (sign !== undefined) add('sign', sign);
    else isAdjacent = false;
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character);
}
