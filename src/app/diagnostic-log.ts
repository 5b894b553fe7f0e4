// Diagnostics of a running router as lines of its log, in the format of the log and wherever that goes.

import type { Log } from '../core/log.ts';
import type { Diagnostic } from '../model/diagnostic.ts';

/** Of one change; the rest is counted, and the API has all of them. */
const MAX_LINES = 50;

export function logDiagnostics(diagnostics: readonly Diagnostic[], log: Log): void {
  // Errors come first: they must not be those that are only counted.
  const sorted = diagnostics.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
  for (const { severity, code, message, source, line, column, path } of sorted.slice(0, MAX_LINES)) {
    const at = line > 0 ? `${source}:${line}:${column}` : source;
    const fields = { at, ...(path === '' ? {} : { path }), code };
    if (severity === 'error') log.error(message, fields);
    else log.warn(message, fields);
  }
  const rest = sorted.length - MAX_LINES;
  if (rest > 0) log.warn('there are more diagnostics; "signalbox get diagnostics" lists them all', { more: rest });
}
