import { expect, test } from 'vitest';
import type { Diagnostic } from '../model/diagnostic.ts';
import { RecordingLog } from '../../test/support/recording-log.ts';
import { logDiagnostics } from './diagnostic-log.ts';

function diagnostic(severity: Diagnostic['severity'], message: string): Diagnostic {
  return { severity, code: 'rule-syntax', message, source: 'a.yml', path: 'http.routers.r', line: 3, column: 5 };
}

test('errors come first, and there is an end of them', () => {
  const log = new RecordingLog();
  const warnings = Array.from({ length: 60 }, (_, index) => diagnostic('warning', `warning ${index}`));
  logDiagnostics([...warnings, diagnostic('error', 'the error')], log);
  expect(log.records).toHaveLength(51);
  const fields = { at: 'a.yml:3:5', path: 'http.routers.r', code: 'rule-syntax' };
  expect(log.records[0]).toEqual({ level: 'error', message: 'the error', fields });
  expect(log.records.at(-1)).toMatchObject({ level: 'warn', fields: { more: 11 } });
});
