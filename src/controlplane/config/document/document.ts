// A configuration file's text as plain values, and the way back from a value to its line. Values come from fast parsers
// (10,000 routers: 75 ms); places are looked up only when there is something to say, with a parser that keeps them
// (1.5 s for the same file, which is why it does not do both).

import * as jsYaml from 'js-yaml';
import { hideSecrets } from '../../../core/hide-secrets.ts';
import { onDemand } from '../../../core/on-demand.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { formatPath, type Locate } from '../../../schema/decode-context.ts';
import { Written } from '../../../schema/written.ts';
import { foreignDocument, foreignText } from './foreign-kind.ts';
import { templateDiagnostic } from './go-template.ts';
import { tomlLocator } from './toml-locator.ts';
import { yamlLocator } from './yaml-locator.ts';
import { tomlProblem, withoutRedefined } from './toml-problems.ts';
import { TWICE, withoutDuplicates, yamlProblems, type Duplicate, type SyntaxProblem } from './yaml-problems.ts';
import { parseYaml } from './yaml-values.ts';
import type { DiagnosticCode } from '../../../model/diagnostic-codes.ts';

const toml = onDemand<typeof import('smol-toml')>('smol-toml');

export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/**
 * Values in a document, aliases counted as often as they are used: stops a bomb of a few lines that unfolds to
 * millions.
 */
const MAX_VALUES = 2_000_000;
const MAX_DEPTH = 60;

export interface ConfigDocument {
  readonly source: string;
  readonly text: string;
  /** Undefined when the text could not be parsed. */
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly locate: Locate;
}

export function isConfigFile(path: string): boolean {
  return /\.(?:ya?ml|toml|json)$/i.test(path);
}

/** Parses by the ending of `source`; TOML for `.toml`, YAML (and so JSON) for everything else. Never throws. */
export function parseConfig(source: string, text: string): ConfigDocument {
  const isToml = /\.toml$/i.test(source);
  const locate: Locate = isToml ? tomlLocator(text) : yamlLocator(text);
  const problem = (code: DiagnosticCode, message: string, line = 0, column = 0): ConfigDocument => ({
    source,
    text,
    value: undefined,
    locate,
    diagnostics: [{ severity: 'error', code, message, source, path: '', line, column }],
  });
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    return problem(
      'file-too-large',
      `the file is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB; split it and use providers.file.directory`,
    );
  }
  const parsed = { ...parseValues(source, text, isToml, problem), locate };
  const isText = parsed.value === undefined || typeof parsed.value === 'string';
  const foreign = isText ? foreignText(text) : null;
  if (foreign !== null) return problem('wrong-kind-of-file', foreign, 1, 1);
  const template = templateDiagnostic(source, text, parsed.value !== undefined);
  if (template === null) return parsed;
  // What the parser says of text that is none of its language helps nobody.
  return { ...parsed, diagnostics: parsed.value === undefined ? [template] : [template, ...parsed.diagnostics] };
}

/** Names of TOML that stand twice are left out and told, of which each takes another reading. */
const MAX_REDEFINED = 50;
/** Characters that are read for that, and a first time whatever they are. */
const MAX_READ_AGAIN = 8_000_000;

function parseValues(
  source: string,
  text: string,
  isToml: boolean,
  problem: (code: DiagnosticCode, message: string, line?: number, column?: number) => ConfigDocument,
): ConfigDocument {
  const refused = (problems: readonly SyntaxProblem[]): ConfigDocument => ({
    ...problem('syntax', ''),
    diagnostics: problems.flatMap(
      ({ message, line, column }) => problem('syntax', hideSecrets(message), line, column).diagnostics,
    ),
  });
  let read: { value: unknown; duplicates: readonly Duplicate[] };
  try {
    read = isToml ? tomlValue(text) : yamlValue(source, text);
  } catch (error) {
    if (isToml && error instanceof toml().TomlError) return refused([tomlProblem(error, text)]);
    if (error instanceof jsYaml.YAMLException) return refused(yamlProblems(error, text));
    if (error instanceof UnreadableRest) return refused(yamlProblems(error.problem, error.text));
    if (error instanceof SeveralDocuments) return problem('syntax', error.message, secondDocument(text), 1);
    return problem('syntax', error instanceof Error ? firstLine(error.message) : String(error));
  }
  const size = measure(read.value, { left: MAX_VALUES }, 0);
  if (size !== null) return problem('document-too-complex', size);
  const diagnostics = read.duplicates.map(({ message, path, line, column }): Diagnostic => ({
    severity: 'warning',
    code: 'duplicate-key',
    message,
    source,
    path: formatPath(path),
    line,
    column,
  }));
  return { source, text, value: read.value, diagnostics, locate: () => null };
}

function yamlValue(source: string, text: string): { value: unknown; duplicates: readonly Duplicate[] } {
  try {
    return { value: onlyDocument(parseYaml(source, text)), duplicates: [] };
  } catch (error) {
    if (!(error instanceof jsYaml.YAMLException) || error.reason !== TWICE) throw error;
    const without = withoutDuplicates(text);
    if (without === null) throw error;
    return { value: onlyDocument(readRest(source, without.text)), duplicates: without.duplicates };
  }
}

/** What is left of a text without the keys that stand twice. */
function readRest(source: string, text: string): readonly unknown[] {
  try {
    return parseYaml(source, text);
  } catch (error) {
    throw error instanceof jsYaml.YAMLException ? new UnreadableRest(error, text) : error;
  }
}

class UnreadableRest extends Error {
  readonly problem: jsYaml.YAMLException;
  readonly text: string;

  constructor(problem: jsYaml.YAMLException, text: string) {
    super(problem.message);
    this.problem = problem;
    this.text = text;
  }
}

function tomlValue(text: string): { value: unknown; duplicates: readonly Duplicate[] } {
  const duplicates: Duplicate[] = [];
  for (let present = text; ;) {
    try {
      return { value: plainToml(toml().parse(present, { integersAsBigInt: 'asNeeded' })), duplicates };
    } catch (error) {
      const isLeft = duplicates.length < MAX_REDEFINED && duplicates.length * text.length < MAX_READ_AGAIN;
      const without = error instanceof toml().TomlError && isLeft ? withoutRedefined(error, present) : null;
      if (without === null) throw error;
      present = without.text;
      duplicates.push(without.duplicate);
    }
  }
}

class SeveralDocuments extends Error {
  override readonly message = 'a second document begins here: put each into a file of its own';
}

/** 1-based line of the mark between the first two, of which the first may have one of its own. */
function secondDocument(text: string): number {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => /^[^#\s]/.test(line) && !/^(?:---|%)/.test(line));
  return lines.findIndex((line, index) => index > first && /^---(?:\s|$)/.test(line)) + 1;
}

/** An empty file is an empty configuration; several documents in one file would silently lose all but one elsewhere. */
function onlyDocument(documents: readonly unknown[]): unknown {
  // Objects of Kubernetes come by the file; one of them tells what they are.
  if (documents.length > 1 && foreignDocument(documents[0]) !== null) return documents[0];
  if (documents.length > 1) throw new SeveralDocuments();
  return documents[0] ?? null;
}

/** Whole numbers that no number of JavaScript's can be keep their digits. */
function plainToml(value: unknown): unknown {
  if (typeof value === 'bigint') return new Written(Number(value), String(value));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const parts = value as Record<string, unknown>; // Tables and arrays alike.
  for (const [key, part] of Object.entries(parts)) {
    const plain = plainToml(part);
    if (plain !== part) parts[key] = plain;
  }
  return parts;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

/** What is too much about a value, or null. */
function measure(value: unknown, budget: { left: number }, depth: number): string | null {
  if (--budget.left < 0) return `the document holds more than ${MAX_VALUES} values once its aliases are followed`;
  if (typeof value !== 'object' || value === null || value instanceof Written) return null;
  if (depth > MAX_DEPTH) return `the document is nested more than ${MAX_DEPTH} levels deep`;
  for (const child of Object.values(value)) {
    const problem = measure(child, budget, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}
