// What to say about text that the parser of TOML refuses, and how to read on behind a name that stands twice.

import type { TomlError } from 'smol-toml';
import { parserWords } from './parser-words.ts';
import type { Duplicate, SyntaxProblem } from './yaml-problems.ts';

export function tomlProblem(error: TomlError, text: string): SyntaxProblem {
  const line = text.split('\n')[error.line - 1] ?? '';
  return {
    message: mistakeIn(line) ?? parserWords(error.message.split('\n')[0]!),
    line: error.line,
    column: error.column,
  };
}

/** Of a line that people write; the patterns here take the square of its length. */
const MAX_LENGTH = 2_000;

function mistakeIn(line: string): string | null {
  if (line.length > MAX_LENGTH) return null;
  const colon = /^\s*([\w.-]+):\s*(\S.*)?$/.exec(line);
  if (colon !== null) {
    return colon[2] === undefined
      ? `TOML has no "${colon[1]}:"; write [${colon[1]}] with all names above it, as in [http.routers]`
      : `TOML writes "=", not a colon: ${colon[1]} = ${colon[2]}`;
  }
  if (/^\s*[{}]/.test(line)) return 'this is JSON or YAML in a file for TOML; call the file .json or .yml';
  const value = /^\s*[\w."'-]+\s*=\s*([^\s"'[{\d+-].*)$/.exec(line)?.[1];
  if (value !== undefined && /^(?:true|false|yes|no|on|off)$/i.test(value))
    return `write ${/^(?:true|yes|on)$/i.test(value)}`;
  if (value !== undefined && !value.includes("'")) return `text stands in quotes: '${value}'`;
  if (value !== undefined) return `text stands in quotes: "${value}"`;
  if (/^\s*\[{1,2}[^\]]*$/.test(line)) return 'the "]" of the name of a table is missing';
  return null;
}

/** The text without the name that stands twice at the place; null when what stands there is not one. */
export function withoutRedefined(
  error: TomlError,
  text: string,
): { readonly text: string; readonly duplicate: Duplicate } | null {
  if (!/redefine an already defined/.test(error.message)) return null;
  const lines = text.split('\n');
  const index = error.line - 1;
  const line = lines[index] ?? '';
  if (line.length > MAX_LENGTH) return null;
  const name = /^\s*\[{1,2}([^\]]+)\]/.exec(line)?.[1] ?? /^\s*([^=]+?)\s*=/.exec(line)?.[1];
  if (name === undefined) return null;
  const next = line.trimStart().startsWith('[')
    ? lines.findIndex((one, at) => at > index && /^\s*\[/.test(one))
    : index + 1;
  const end = next < 0 ? lines.length : next;
  const cut = lines.map((one, at) => (at >= index && at < end ? '' : one)).join('\n');
  const column = line.length - line.trimStart().length + 1;
  const message = `"${name}" is defined twice: the first counts, and this one is left out`;
  return { text: cut, duplicate: { message, path: [], line: error.line, column } };
}
