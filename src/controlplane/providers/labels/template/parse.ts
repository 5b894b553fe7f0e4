// Templates as trees: what of Go's text/template people write in a default rule.

import { didYouMean } from '../../../../core/did-you-mean.ts';
import { FUNCTIONS, REFUSED_FUNCTIONS } from './functions.ts';
import { piecesOf, type Token } from './tokens.ts';
import { TemplateError } from './value.ts';

export type Operand =
  | { readonly kind: 'constant'; readonly value: string | number | boolean | null }
  /** Of what the dot stands for; no names is the dot itself. */
  | { readonly kind: 'field'; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly names: readonly string[] };

export interface Pipeline {
  /** Each gets what the one before gives as its last argument. */
  readonly commands: readonly (readonly Operand[])[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline; readonly source: string }
  | { readonly kind: 'assign'; readonly name: string; readonly isNew: boolean; readonly pipeline: Pipeline }
  | Branch
  | {
      readonly kind: 'range';
      /** Names for key and entry; '' for none. */
      readonly key: string;
      readonly entry: string;
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

export interface Branch {
  readonly kind: 'if' | 'with';
  /** A name for what it asks about; '' for none. */
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

const MAX_LENGTH = 16_384;
const MAX_DEPTH = 50;
const LATER = new Set(['define', 'template', 'block', 'break', 'continue']);

/** `names` are the fields that there are at the top. Throws TemplateError. */
export function parseNodes(template: string, names: readonly string[]): readonly Node[] {
  if (template.length > MAX_LENGTH) throw new TemplateError(`it is longer than ${MAX_LENGTH} characters`);
  return new TemplateParser(template, names).whole();
}

interface Ending {
  readonly word: 'end' | 'else';
  /** Behind `else`: another `if` or `with`. */
  readonly rest: readonly Token[];
  readonly source: string;
}

class TemplateParser {
  readonly #pieces;
  readonly #names: readonly string[];
  #at = 0;
  /** How many sections are around that give the dot another meaning. */
  #moved = 0;
  #depth = 0;

  constructor(template: string, names: readonly string[]) {
    this.#pieces = piecesOf(template);
    this.#names = names;
  }

  whole(): readonly Node[] {
    const { nodes, ending } = this.#nodes();
    if (ending !== null) throw new TemplateError(`{{ ${ending.word} }} ends nothing`);
    return nodes;
  }

  #nodes(): { readonly nodes: readonly Node[]; readonly ending: Ending | null } {
    if (++this.#depth > MAX_DEPTH) throw new TemplateError('it is nested too deeply');
    const nodes: Node[] = [];
    let ending: Ending | null = null;
    while (ending === null && this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++]!;
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const { action, source } = piece;
      const word = action[0]?.kind === 'word' ? action[0].value : '';
      const rest = action.slice(1);
      if (word === 'end' || word === 'else') ending = { word, rest, source };
      else nodes.push(this.#node(word, word === '' ? action : rest, action, source));
    }
    this.#depth--;
    return { nodes, ending };
  }

  #node(word: string, rest: readonly Token[], action: readonly Token[], source: string): Node {
    if (LATER.has(word)) throw new TemplateError(`{{ ${word} }} is not known in a rule`);
    if (word === 'if' || word === 'with') return this.#branch(word, rest, source);
    if (word === 'range') return this.#range(rest, source);
    const [variable, sign] = action;
    if (variable?.kind === 'variable' && sign?.kind === 'sign' && (sign.value === ':=' || sign.value === '=')) {
      const pipeline = this.#pipeline(action.slice(2), source);
      return { kind: 'assign', name: variable.value, isNew: sign.value === ':=', pipeline };
    }
    return { kind: 'output', pipeline: this.#pipeline(action, source), source };
  }

  #branch(kind: 'if' | 'with', tokens: readonly Token[], source: string): Branch {
    const { names, rest } = declared(tokens);
    const pipeline = this.#pipeline(rest, source);
    if (kind === 'with') this.#moved++;
    const body = this.#nodes();
    if (kind === 'with') this.#moved--;
    return { kind, name: names[0] ?? '', pipeline, body: body.nodes, otherwise: this.#otherwise(body.ending, kind) };
  }

  #range(tokens: readonly Token[], source: string): Node {
    const { names, rest } = declared(tokens);
    const pipeline = this.#pipeline(rest, source);
    this.#moved++;
    const body = this.#nodes();
    this.#moved--;
    const [first = '', second] = names;
    const named = second === undefined ? { key: '', entry: first } : { key: first, entry: second };
    return { kind: 'range', ...named, pipeline, body: body.nodes, otherwise: this.#otherwise(body.ending, 'range') };
  }

  #otherwise(ending: Ending | null, of: string): readonly Node[] {
    if (ending === null) throw new TemplateError(`{{ ${of} }} has no {{ end }}`);
    if (ending.word === 'end') return [];
    const [next, ...rest] = ending.rest;
    if (next?.kind === 'word' && (next.value === 'if' || next.value === 'with')) {
      return [this.#branch(next.value, rest, ending.source)];
    }
    const { nodes, ending: last } = this.#nodes();
    if (last?.word !== 'end') throw new TemplateError(`{{ else }} of {{ ${of} }} has no {{ end }}`);
    return nodes;
  }

  #pipeline(tokens: readonly Token[], source: string): Pipeline {
    const reader = { tokens, at: 0 };
    const pipeline = this.#readPipeline(reader, source);
    if (reader.at < tokens.length)
      throw new TemplateError(`"${tokens[reader.at]!.value}" in {{ ${source} }} is not expected there`);
    return pipeline;
  }

  #readPipeline(reader: TokenReader, source: string): Pipeline {
    const commands: (readonly Operand[])[] = [];
    do {
      const operands: Operand[] = [];
      for (let operand = this.#operand(reader, source); operand !== null; operand = this.#operand(reader, source)) {
        operands.push(operand);
      }
      if (operands.length === 0) throw new TemplateError(`a value is missing in {{ ${source} }}`);
      const isCall = operands[0]!.kind === 'function';
      if (!isCall && (operands.length > 1 || commands.length > 0)) {
        throw new TemplateError(`in {{ ${source} }} a function has to stand before what it is given`);
      }
      commands.push(operands);
    } while (takeSign(reader, '|'));
    return { commands };
  }

  #operand(reader: TokenReader, source: string): Operand | null {
    const token = reader.tokens[reader.at];
    if (token === undefined || (token.kind === 'sign' && token.value !== '(' && token.value !== '.')) return null;
    reader.at++;
    switch (token.kind) {
      case 'text':
        return { kind: 'constant', value: token.value };
      case 'number':
        return { kind: 'constant', value: Number(token.value) };
      case 'field': {
        const names = token.value.split('.');
        if (this.#moved === 0) this.#check(names[0]!, source);
        return { kind: 'field', names };
      }
      case 'variable': {
        const [name = '', ...names] = token.value.split('.');
        if (name === '' && names[0] !== undefined) this.#check(names[0], source);
        return { kind: 'variable', name, names };
      }
      case 'word':
        return word(token.value, source);
      case 'sign':
        if (token.value === '.') return { kind: 'field', names: [] };
        return this.#parenthesis(reader, source);
    }
  }

  #parenthesis(reader: TokenReader, source: string): Operand {
    if (++this.#depth > MAX_DEPTH) throw new TemplateError('it is nested too deeply');
    const pipeline = this.#readPipeline(reader, source);
    if (!takeSign(reader, ')')) throw new TemplateError(`a ")" is missing in {{ ${source} }}`);
    this.#depth--;
    const next = reader.tokens[reader.at];
    if (next?.kind !== 'field' || !next.isAdjacent) return { kind: 'pipeline', pipeline, names: [] };
    reader.at++;
    return { kind: 'pipeline', pipeline, names: next.value.split('.') };
  }

  #check(name: string, source: string): void {
    if (this.#names.includes(name)) return;
    const near = didYouMean(name, this.#names);
    const hint =
      near === null ? `there are ${this.#names.map((one) => `.${one}`).join(', ')}` : `did you mean ".${near}"?`;
    throw new TemplateError(`there is no ".${name}" in {{ ${source} }}; ${hint}`);
  }
}

interface TokenReader {
  readonly tokens: readonly Token[];
  at: number;
}

function takeSign(reader: TokenReader, sign: string): boolean {
  const token = reader.tokens[reader.at];
  if (token?.kind !== 'sign' || token.value !== sign) return false;
  reader.at++;
  return true;
}

/** `$name :=` or `$key, $name :=` in front of a pipeline. */
function declared(tokens: readonly Token[]): { readonly names: readonly string[]; readonly rest: readonly Token[] } {
  const end = tokens.findIndex(({ kind, value }) => kind === 'sign' && value === ':=');
  if (end < 0) return { names: [], rest: tokens };
  const names = tokens.slice(0, end).filter(({ kind }) => kind === 'variable');
  return { names: names.map(({ value }) => value), rest: tokens.slice(end + 1) };
}

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([['true', true], ['false', false], ['nil', null]]); // prettier-ignore

function word(name: string, source: string): Operand {
  const constant = CONSTANTS.get(name);
  if (constant !== undefined) return { kind: 'constant', value: constant };
  if (Object.hasOwn(FUNCTIONS, name)) return { kind: 'function', name };
  if (REFUSED_FUNCTIONS.has(name)) {
    throw new TemplateError(
      `"${name}" in {{ ${source} }} would read the process; a rule is made of the workload alone`,
    );
  }
  const near = didYouMean(name, Object.keys(FUNCTIONS));
  throw new TemplateError(
    `there is no function "${name}" in {{ ${source} }}${near === null ? '' : `; did you mean "${near}"?`}`,
  );
}
