// A configuration file's text as plain values, and the way back from a value to its line. Values come from fast parsers
// (10,000 routers: 75 ms); places are looked up only when there is something to say, with a parser that keeps them
// (1.5 s for the same file, which is why it does not do both).

import * as jsYaml from 'js-yaml';
import { parse as parseToml, TomlError } from 'smol-toml';
import { isMap as isYamlMap, isSeq, isScalar, LineCounter, parseDocument, type Node } from 'yaml';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Locate, PathSegment } from '../../schema/decode-context.ts';
import { locateInToml } from './toml-locator.ts';

export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Values in a document, aliases counted as often as they are used: stops a bomb of a few lines that unfolds to millions. */
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
  const locate: Locate = isToml ? (path) => locateInToml(text, path) : yamlLocator(text);
  const problem = (code: string, message: string, line = 0, column = 0): ConfigDocument => ({
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
  if (/\{\{/.test(text)) {
    const place = placeOf(text, text.indexOf('{{'));
    const warning = templateWarning(source, place);
    const parsed = parseValues(source, text, isToml, problem);
    // A template that breaks the syntax is the likelier news.
    return { ...parsed, diagnostics: [warning, ...parsed.diagnostics], locate };
  }
  return { ...parseValues(source, text, isToml, problem), locate };
}

function templateWarning(source: string, place: { line: number; column: number }): Diagnostic {
  return {
    severity: 'warning',
    code: 'go-template',
    message:
      'Go templates are not run; write the values out, generate the file before it gets here, or use a provider that discovers them',
    source,
    path: '',
    ...place,
  };
}

function parseValues(
  source: string,
  text: string,
  isToml: boolean,
  problem: (code: string, message: string, line?: number, column?: number) => ConfigDocument,
): ConfigDocument {
  let value: unknown;
  try {
    value = isToml ? parseToml(text) : onlyDocument(jsYaml.loadAll(text, { filename: source }));
  } catch (error) {
    if (error instanceof TomlError) {
      return problem('syntax', firstLine(error.message), error.line, error.column);
    }
    if (error instanceof jsYaml.YAMLException) {
      const mark = error.mark as { line: number; column: number } | undefined;
      const line = mark === undefined ? '' : (text.split('\n')[mark.line] ?? '');
      // Braces have a meaning of their own between braces.
      const hint = line.includes('${') ? '; put values that hold "${…}" in quotes' : '';
      return problem(
        'syntax',
        error.reason + hint,
        mark === undefined ? 0 : mark.line + 1,
        mark === undefined ? 0 : mark.column + 1,
      );
    }
    return problem('syntax', error instanceof Error ? firstLine(error.message) : String(error));
  }
  const size = measure(value, { left: MAX_VALUES }, 0);
  if (size !== null) return problem('document-too-complex', size);
  return { source, text, value, diagnostics: [], locate: () => null };
}

/** An empty file is an empty configuration; several documents in one file would silently lose all but one elsewhere. */
function onlyDocument(documents: readonly unknown[]): unknown {
  if (documents.length > 1) throw new Error('the file holds several documents; put each into a file of its own');
  return documents[0] ?? null;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

/** What is too much about a value, or null. */
function measure(value: unknown, budget: { left: number }, depth: number): string | null {
  if (--budget.left < 0) return `the document holds more than ${MAX_VALUES} values once its aliases are followed`;
  if (typeof value !== 'object' || value === null) return null;
  if (depth > MAX_DEPTH) return `the document is nested more than ${MAX_DEPTH} levels deep`;
  for (const child of Object.values(value)) {
    const problem = measure(child, budget, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/** 1-based line and column of an offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}

/** Parses for places at the first question. */
function yamlLocator(text: string): Locate {
  let root: { contents: unknown; lines: LineCounter } | null = null;
  return (path) => {
    if (root === null) {
      const lines = new LineCounter();
      root = { contents: parseDocument(text, { lineCounter: lines, logLevel: 'silent' }).contents, lines };
    }
    const offset = offsetOf(root.contents, path);
    if (offset === null) return null;
    const { line, col } = root.lines.linePos(offset);
    return { line, column: col };
  };
}

/** Where the key or list entry of the path begins; of the nearest one that exists when the last is missing. */
function offsetOf(contents: unknown, path: readonly PathSegment[]): number | null {
  let node = contents;
  let offset: number | null = null;
  for (const segment of path) {
    let next: unknown = null;
    if (isYamlMap(node)) {
      const wanted = String(segment).toLowerCase();
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value).toLowerCase() === wanted);
      if (pair === undefined) break;
      offset = rangeStart(pair.key) ?? offset;
      next = pair.value;
    } else if (isSeq(node) && typeof segment === 'number') {
      next = node.items[segment] ?? null;
      offset = rangeStart(next) ?? offset;
    } else break;
    node = next;
  }
  return offset;
}

function rangeStart(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null; // Items of a parsed document are nodes.
}
