// A diagnostic as people read it, the same in every command.

import type { Diagnostic } from '../model/diagnostic.ts';

const RED = '\x1b[31m';
const YELLOW = '\x1b[33m';
const RESET = '\x1b[0m';

/** Two lines: where, and what. */
function formatDiagnostic(diagnostic: Diagnostic, color: boolean): string {
  const { severity, source, line, column, path, message } = diagnostic;
  const name = severity.padEnd(7);
  const shown = color ? `${severity === 'error' ? RED : YELLOW}${name}${RESET}` : name;
  const place = [source + (line > 0 ? `:${line}:${column}` : ''), path].filter((part) => part !== '').join('  ');
  return `${shown} ${place}\n        ${message}\n`;
}

export function formatDiagnostics(diagnostics: readonly Diagnostic[], color: boolean): string {
  return diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, color)).join('');
}
