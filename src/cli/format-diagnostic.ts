// A diagnostic as people read it, the same in every command.

import type { Diagnostic } from '../model/diagnostic.ts';
import { CodeFrames } from './code-frame.ts';
import type { Io } from './io.ts';

const RED = '\x1b[31m';
const YELLOW = '\x1b[33m';
const RESET = '\x1b[0m';

/** Where, and what; at a terminal also the line itself, unless the files are another machine's. */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  { color, isTerminal }: Pick<Io, 'color' | 'isTerminal'>,
): string {
  const frames = isTerminal ? new CodeFrames() : null;
  return diagnostics.map((one) => formatDiagnostic(one, color) + (frames?.of(one) ?? '')).join('');
}

function formatDiagnostic(diagnostic: Diagnostic, color: boolean): string {
  const { severity, source, line, column, path, message } = diagnostic;
  const name = severity.padEnd(7);
  const shown = color ? `${severity === 'error' ? RED : YELLOW}${name}${RESET}` : name;
  const place = [source + (line > 0 ? `:${line}:${column}` : ''), path].filter((part) => part !== '').join('  ');
  return `${shown} ${place}\n        ${message}\n`;
}

/**
 * What is wrong by itself, and what is disabled by that alone: routers and chains that name it, a line each in other
 * places, are told in one at the end. One cause is one error.
 */
export function withoutConsequences(diagnostics: readonly Diagnostic[]): {
  readonly causes: readonly Diagnostic[];
  /** Paths of objects that are disabled by the causes, each once. */
  readonly disabled: readonly string[];
} {
  const isConsequence = ({ code }: Diagnostic): boolean => code === 'unusable-reference';
  const causes = diagnostics.filter((one) => !isConsequence(one));
  // One that is disabled by what is not told of here is a cause.
  if (!causes.some(({ severity }) => severity === 'error')) return { causes: diagnostics, disabled: [] };
  const disabled = diagnostics.filter(isConsequence).map(({ path }) => path.split('.').slice(0, 3).join('.'));
  return { causes, disabled: [...new Set(disabled)] };
}
