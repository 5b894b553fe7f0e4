import { expect, test } from 'vitest';
import type { Diagnostic } from '../model/diagnostic.ts';
import { formatDiagnostics } from './format-diagnostic.ts';

const ERROR = {
  severity: 'error',
  source: 'a.yml',
  line: 3,
  column: 5,
  path: 'http.routers',
  message: 'no',
} as Diagnostic;
const WARNING = { ...ERROR, severity: 'warning', line: 0, path: '' } as Diagnostic;

test('a diagnostic says where as far as it is known, and what', () => {
  expect(formatDiagnostics([ERROR, WARNING, { ...ERROR, source: '', line: 0 }], false)).toBe(
    [
      'error   a.yml:3:5  http.routers', '        no',
      'warning a.yml', '        no',
      'error   http.routers', '        no',
      '',
    ].join('\n'),
  ); // prettier-ignore
});

test('colours tell errors from warnings', () => {
  expect(formatDiagnostics([ERROR], true)).toContain('\x1b[31merror  \x1b[0m a.yml');
  expect(formatDiagnostics([WARNING], true)).toContain('\x1b[33mwarning\x1b[0m a.yml');
});
