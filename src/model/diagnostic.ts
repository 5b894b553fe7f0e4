// What Signalbox tells a person about their configuration. One shape for files, labels and keys, shown the same in
// log, CLI, API and dashboard. Diagnostics are collected, never thrown.

import type { ErrorCode } from '../core/errors.ts';
import type { DiagnosticCode } from './diagnostic-codes.ts';

export type Severity = 'error' | 'warning';

export interface Diagnostic {
  readonly severity: Severity;
  /** What stands for an error that was thrown has the code of that error. */
  readonly code: DiagnosticCode | ErrorCode;
  /** One sentence: what is wrong and, when it can be said, what to write instead. */
  readonly message: string;
  /** File path or other place the text came from; '' when there is none. */
  readonly source: string;
  /** Path of the value, `http.routers.shop.rule`. */
  readonly path: string;
  /** 1-based; 0 when unknown. */
  readonly line: number;
  readonly column: number;
  readonly expected?: string;
  readonly received?: string;
  readonly hint?: string;
}
