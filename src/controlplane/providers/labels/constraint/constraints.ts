// The option `constraints` of providers: an expression over labels, or over tags, that says which workloads are looked
// at. The operators of Go, of which `&&` binds closer than `||`.

import { didYouMean } from '../../../../core/did-you-mean.ts';
import { compilePattern, patternError } from '../../../../dataplane/match/pattern.ts';

/** What a workload has that constraints ask about. */
export interface Constrained {
  readonly labels: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
}

export interface Constraints {
  /** Labels that it asks about: they are known, whatever they begin with. */
  readonly labels: ReadonlySet<string>;
  matches(subject: Constrained): boolean;
}

export type ConstraintDialect = 'labels' | 'tags';

type Test = (subject: Constrained) => boolean;

interface FunctionRow {
  /** What its arguments are called in messages. */
  readonly takes: readonly string[];
  /** The last argument is a pattern. */
  readonly isPattern: boolean;
  test(args: readonly string[]): Test;
}

const LABEL_FUNCTIONS: Readonly<Record<string, FunctionRow>> = {
  Label: {
    takes: ['key', 'value'],
    isPattern: false,
    test:
      ([key = '', value]) =>
      ({ labels }) =>
        labelOf(labels, key) === value,
  },
  LabelRegex: {
    takes: ['key', 'pattern'],
    isPattern: true,
    test: ([key = '', pattern = '']) => {
      const isMatch = compilePattern(pattern);
      return ({ labels }) => {
        const value = labelOf(labels, key);
        return value !== undefined && isMatch(value);
      };
    },
  },
};

const TAG_FUNCTIONS: Readonly<Record<string, FunctionRow>> = {
  Tag: {
    takes: ['tag'],
    isPattern: false,
    test:
      ([tag = '']) =>
      ({ tags = [] }) =>
        tags.includes(tag),
  },
  TagRegex: {
    takes: ['pattern'],
    isPattern: true,
    test: ([pattern = '']) => {
      const isMatch = compilePattern(pattern);
      return ({ tags = [] }) => tags.some((tag) => isMatch(tag));
    },
  },
};

const FUNCTIONS: Readonly<Record<ConstraintDialect, Readonly<Record<string, FunctionRow>>>> = {
  labels: LABEL_FUNCTIONS,
  tags: TAG_FUNCTIONS,
};

const MAX_LENGTH = 8_192;
const MAX_DEPTH = 100;

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** Null for an empty one, which everything meets; a problem is a sentence for people. */
export function parseConstraints(
  text: string,
  dialect: ConstraintDialect = 'labels',
): Constraints | { readonly problem: string } | null {
  if (text.trim() === '') return null;
  if (text.length > MAX_LENGTH) return { problem: `the expression is longer than ${MAX_LENGTH} characters` };
  try {
    const parser = new ConstraintParser(text, FUNCTIONS[dialect]);
    const matches = parser.whole();
    return { labels: parser.labels, matches };
  } catch (error) {
    if (error instanceof ConstraintError) return { problem: error.message };
    throw error;
  }
}

class ConstraintError extends Error {}

class ConstraintParser {
  readonly labels = new Set<string>();
  readonly #text: string;
  readonly #functions: Readonly<Record<string, FunctionRow>>;
  #at = 0;
  #depth = 0;

  constructor(text: string, functions: Readonly<Record<string, FunctionRow>>) {
    this.#text = text;
    this.#functions = functions;
  }

  whole(): Test {
    const test = this.#either();
    if (this.#peek() !== '') throw this.#unexpected('&&, || or the end');
    return test;
  }

  #either(): Test {
    const parts = [this.#both()];
    while (this.#take('||')) parts.push(this.#both());
    return parts.length === 1 ? parts[0]! : (subject) => parts.some((part) => part(subject));
  }

  #both(): Test {
    const parts = [this.#single()];
    while (this.#take('&&')) parts.push(this.#single());
    return parts.length === 1 ? parts[0]! : (subject) => parts.every((part) => part(subject));
  }

  #single(): Test {
    if (++this.#depth > MAX_DEPTH) throw new ConstraintError('the expression is nested too deeply');
    try {
      if (this.#take('!')) {
        const inner = this.#single();
        return (subject) => !inner(subject);
      }
      if (this.#take('(')) {
        const inner = this.#either();
        this.#expect(')');
        return inner;
      }
      return this.#call();
    } finally {
      this.#depth--;
    }
  }

  #call(): Test {
    this.#skipSpace();
    const start = this.#at;
    const name = /[A-Za-z]\w*/y;
    name.lastIndex = start;
    const written = name.exec(this.#text)?.[0];
    const known = Object.keys(this.#functions);
    if (written === undefined) throw this.#unexpected(known.map((one) => `${one}(…)`).join(' or '));
    this.#at += written.length;
    const found = known.find((one) => one.toLowerCase() === written.toLowerCase());
    if (found === undefined) {
      const near = didYouMean(written, known);
      const hint = near === null ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`;
      throw new ConstraintError(`there is no "${written}" (character ${start + 1}); ${hint}`);
    }
    const row = this.#functions[found]!;
    const args = this.#args();
    if (args.length !== row.takes.length) {
      const form = `${found}(${row.takes.map((one) => `\`${one}\``).join(', ')})`;
      throw new ConstraintError(
        `${found} (character ${start + 1}) takes ${row.takes.length}, found ${args.length}; write ${form}`,
      );
    }
    if (row.isPattern) {
      const error = patternError(args.at(-1)!);
      if (error !== null) throw new ConstraintError(`${found} (character ${start + 1}): ${error}`);
    }
    if (row.takes[0] === 'key') this.labels.add(args[0]!);
    return row.test(args);
  }

  #args(): readonly string[] {
    this.#expect('(');
    if (this.#take(')')) return [];
    const args = [this.#quoted()];
    while (this.#take(',')) args.push(this.#quoted());
    this.#expect(')');
    return args;
  }

  /** Between backticks nothing is escaped; between double quotes, as in Go. */
  #quoted(): string {
    this.#skipSpace();
    const quote = this.#text[this.#at];
    if (quote !== '`' && quote !== '"') throw this.#unexpected('text in backticks or double quotes');
    const start = this.#at++;
    let value = '';
    for (; ; this.#at++) {
      const character = this.#text[this.#at];
      if (character === undefined) throw new ConstraintError(`the ${quote} at character ${start + 1} has no end`);
      if (character === quote) break;
      if (character === '\\' && quote === '"') {
        this.#at++;
        const escaped = this.#text[this.#at] ?? '';
        value += ESCAPES[escaped] ?? escaped;
      } else value += character;
    }
    this.#at++;
    return value;
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  /** '' at the end. */
  #peek(): string {
    this.#skipSpace();
    return this.#text[this.#at] ?? '';
  }

  #take(sign: string): boolean {
    this.#skipSpace();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(`"${sign}"`);
  }

  #unexpected(expected: string): ConstraintError {
    const rest = this.#text.slice(this.#at).trim();
    const found = rest === '' ? 'the end' : `"${rest.slice(0, 20)}"`;
    return new ConstraintError(`expected ${expected} at character ${this.#at + 1}, found ${found}`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
