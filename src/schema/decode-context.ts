// Where a decoder is, and what it has found wrong so far.

import { didYouMean } from '../core/did-you-mean.ts';
import { hideSecrets, HIDDEN, isSecretName } from '../core/hide-secrets.ts';
import type { Diagnostic, Severity } from '../model/diagnostic.ts';
import { INVALID, type Invalid } from './invalid.ts';
import { substitute, type Substitutions } from './substitution.ts';
import { Written } from './written.ts';
import type { DiagnosticCode } from '../model/diagnostic-codes.ts';

export type PathSegment = string | number;

export interface Place {
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** When it is another than the document's: an environment variable, a flag. */
  readonly source?: string;
}

/** Turns a path into a place in the text it came from; null when it cannot be told. */
export interface Locate {
  (path: readonly PathSegment[]): Place | null;
  /** Where the value of the path begins that stands behind its key; null for a section, and where it cannot be told. */
  readonly ofValue?: (path: readonly PathSegment[]) => Place | null;
  /** A scalar as it is written, in formats whose parser keeps values alone; null when it cannot be told. */
  readonly written?: (path: readonly PathSegment[]) => string | null;
  /** Options stand there by their whole names, as in labels: nothing is below or beside another one. */
  readonly isByName?: boolean;
}

/** A value that was substituted: shown as it was written, never as what it stands for. */
export interface Substituted {
  readonly path: readonly PathSegment[];
  readonly written: string;
}

/** Decodes the options of a plugin: a Schema, which this file cannot name without a cycle. */
export interface PluginOptions {
  decode(input: unknown, context: DecodeContext): object | Invalid;
}

/** The plugins that routing configuration may name. */
export interface KnownPlugins {
  get(name: string): PluginOptions | undefined;
  keys(): Iterable<string>;
}

export const NO_PLUGINS: KnownPlugins = new Map<string, PluginOptions>();

/** For routing configuration without the install configuration it belongs to: every plugin may be there. */
export const ANY_PLUGIN: KnownPlugins = {
  get: () => ({ decode: (input) => (typeof input === 'object' && input !== null ? input : {}) }),
  keys: () => [],
};

/** A section around a value: its Fields, which this file cannot name without a cycle. */
export interface Enclosing {
  readonly fields: object;
  /** Segments of the path that lead to it. */
  readonly depth: number;
}

/** How much has been said at some moment. */
export interface Mark {
  readonly diagnostics: number;
  readonly errors: number;
}

/** A key that would change the prototype of a map. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN_KEYS.has(key);
}

const MAX_DIAGNOSTICS = 200;
const MAX_DEPTH = 50;

/** `routers.shop.servers[0]`. */
export function formatPath(path: readonly PathSegment[]): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}

/** What is wrong about keys, and about what is not there. */
const OF_KEYS: ReadonlySet<string> = new Set([
  'unknown-option', 'misplaced-option', 'missing-option', 'not-supported-yet', 'forbidden-key', 'duplicate-key', 'deprecated-option',
  'wrong-kind-of-file', 'option-without-effect',
]); // prettier-ignore

/** Where people are to look: at the value, or at its key. */
export function placeOf(locate: Locate, path: readonly PathSegment[], code: string): Place | null {
  return (OF_KEYS.has(code) ? null : locate.ofValue?.(path)) ?? locate(path);
}

/** What a person calls the type of a value. */
function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Written) return typeName(value.value);
  switch (typeof value) {
    case 'string':
      return 'a string';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return 'a map';
  }
}

export class DecodeContext {
  readonly diagnostics: Diagnostic[] = [];
  /** Paths of files whose content became part of what was decoded. */
  readonly filesRead = new Set<string>();
  /** How often one was read, the same ones included. */
  fileReads = 0;
  /** Files were read of which the last good content goes on while they are wrong: see `pem`. */
  mayKeepLast = false;
  readonly source: string;
  readonly #locate: Locate;
  readonly #path: PathSegment[];
  readonly #enclosing: Enclosing[] = [];
  readonly #substitutions: Substitutions | null;
  /** Whoever may substitute may read what the process can read; of others it would be a way to read it. */
  readonly mayNameFiles: boolean;
  readonly plugins: KnownPlugins;
  readonly substituted: Substituted[] = [];
  #errors = 0;

  /**
   * Without `substitutions` these are the words of a tenant: `${NAME}` is plain text, and no option names a file unless
   * the operator lets tenants do so.
   */
  constructor(
    source: string,
    locate: Locate,
    substitutions: Substitutions | null = null,
    plugins: KnownPlugins = NO_PLUGINS,
    mayNameFiles = substitutions !== null,
  ) {
    this.source = source;
    this.plugins = plugins;
    this.#locate = locate;
    this.#path = [];
    this.#substitutions = substitutions;
    this.mayNameFiles = mayNameFiles;
  }

  get isByName(): boolean {
    return this.#locate.isByName === true;
  }

  noteFile(path: string): void {
    this.filesRead.add(path);
    this.fileReads++;
  }

  /**
   * The value at the present path as the file has it, where the parser did not keep that; null when it cannot be told.
   */
  writtenText(): string | null {
    return this.#locate.written?.(this.#path) ?? null;
  }

  /** The text with its substitutions made, without a word about it; the text itself where one cannot be made. */
  peek(text: string): string {
    if (this.#substitutions === null) return text;
    const result = substitute(text, this.#substitutions);
    if (typeof result !== 'string') return text;
    // What it stands for may be another thing tomorrow.
    if (result === '') this.substituted.push({ path: [...this.#path], written: text });
    return result;
  }

  /** The input with its substitutions made, if it is text that has any. */
  substitute(input: unknown): unknown {
    if (this.#substitutions === null || typeof input !== 'string' || !input.includes('${')) return input;
    const from = this.#substitutions;
    const result = substitute(input, {
      variable: (name) => from.variable(name),
      file: (path) => {
        this.noteFile(path);
        return from.file(path);
      },
    });
    if (typeof result !== 'string') {
      this.report('error', 'substitution', result.message);
      return INVALID;
    }
    if (result !== input) this.substituted.push({ path: [...this.#path], written: input });
    return result;
  }

  /** Errors so far, also those beyond the number that is kept. */
  get errorCount(): number {
    return this.#errors;
  }

  get path(): readonly PathSegment[] {
    return this.#path;
  }

  /** Sections around the present value, the outermost first. */
  get enclosing(): readonly Enclosing[] {
    return this.#enclosing;
  }

  /** The section at the present path is decoded from here to `leave`. */
  enter(fields: object): void {
    this.#enclosing.push({ fields, depth: this.#path.length });
  }

  leave(): void {
    this.#enclosing.pop();
  }

  /** Runs `inner` one level deeper. */
  at<T>(segment: PathSegment, inner: () => T): T {
    this.#path.push(segment);
    try {
      return this.#path.length > MAX_DEPTH
        ? (this.invalid('the configuration is nested too deeply', '', '') as T)
        : inner();
    } finally {
      this.#path.pop();
    }
  }

  report(
    severity: Severity,
    code: DiagnosticCode,
    message: string,
    details: { expected?: string; received?: string; hint?: string } = {},
  ): void {
    if (severity === 'error') this.#errors++;
    if (this.diagnostics.length >= MAX_DIAGNOSTICS) return;
    const place = placeOf(this.#locate, this.#path, code) ?? { line: 0, column: 0 };
    this.diagnostics.push({
      severity,
      code,
      message: hideSecrets(this.#withoutValue(message, details.received)),
      source: this.source,
      path: formatPath(this.#path),
      ...place,
      ...details,
      ...(details.received === undefined
        ? {}
        : { received: hideSecrets(this.#withoutValue(details.received, details.received)) }),
    });
  }

  /** Values of options and fields that hold secrets by their names are not repeated. */
  #withoutValue(text: string, received: string | undefined): string {
    const name = this.#path.findLast((segment) => typeof segment === 'string');
    if (received === undefined || received === '' || name === undefined || !isSecretName(name)) return text;
    const bare = received.replace(/^"(.*)"$/, '$1');
    return bare === '' ? text : text.replaceAll(bare, HIDDEN);
  }

  /** For `downgrade`. */
  mark(): Mark {
    return { diagnostics: this.diagnostics.length, errors: this.#errors };
  }

  /** Makes warnings of the errors since the mark, with what that means added. */
  downgrade(mark: Mark, meaning: string): void {
    for (let index = mark.diagnostics; index < this.diagnostics.length; index++) {
      const diagnostic = this.diagnostics[index]!;
      if (diagnostic.severity !== 'error') continue;
      this.diagnostics[index] = { ...diagnostic, severity: 'warning', message: `${diagnostic.message}; ${meaning}` };
    }
    // Also those that were too many to keep.
    this.#errors = mark.errors;
  }

  invalid(message: string, expected: string, received: string): Invalid {
    this.report('error', 'invalid-value', message, { expected, received });
    return INVALID;
  }

  wrongType(expected: string, input: unknown, hint = ''): Invalid {
    const received = this.show(input);
    this.report('error', 'wrong-type', `expected ${expected}, found ${received}${hint}`, { expected, received });
    return INVALID;
  }

  missing(expected: string): Invalid {
    this.report('error', 'missing-option', 'this option is required', { expected, received: 'nothing' });
    return INVALID;
  }

  /** Reports; returns the option that is meant, or null. `listed` is how those known are shown. */
  unknownOption(key: string, known: readonly string[], listed: readonly string[] = known): string | null {
    const near = didYouMean(key, known);
    const rest = near === null ? `; known here: ${listed.join(', ')}` : `; did you mean "${near}"?`;
    this.report('error', 'unknown-option', `unknown option "${key}"${rest}`, near === null ? {} : { hint: near });
    return near;
  }

  /** `instead` is what this program has in its place. */
  notSupported(isRefused: boolean, instead?: string): void {
    const name = formatPath(this.#path);
    const alternative = instead === undefined ? '' : `; ${instead}`;
    if (isRefused) {
      this.report(
        'error',
        'not-supported-yet',
        `"${name}" is not supported yet: what names it is disabled, and not served without it${alternative}`,
      );
    } else this.report('warning', 'not-supported-yet', `"${name}" is not supported yet and has no effect${alternative}`);
  }

  /** Reports and returns true for a key that no map may have. */
  refuseKey(key: string): boolean {
    if (!isForbiddenKey(key)) return false;
    this.report('error', 'forbidden-key', `"${key}" cannot be used as a name`);
    return true;
  }

  /** Short form of a value for messages. */
  show(given: unknown): string {
    const input = given instanceof Written ? given.text : given;
    if (typeof input !== 'string' && typeof input !== 'number' && typeof input !== 'boolean') return typeName(input);
    const text = String(input);
    return `"${text.length > 60 ? `${text.slice(0, 57)}…` : text}"`;
  }
}
