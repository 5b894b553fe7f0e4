import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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

const PLAIN = { color: false, isTerminal: false };

test('a diagnostic says where as far as it is known, and what', () => {
  expect(formatDiagnostics([ERROR, WARNING, { ...ERROR, source: '', line: 0 }], PLAIN)).toBe(
    [
      'error   a.yml:3:5  http.routers', '        no',
      'warning a.yml', '        no',
      'error   http.routers', '        no',
      '',
    ].join('\n'),
  ); // prettier-ignore
});

test('colours tell errors from warnings', () => {
  expect(formatDiagnostics([ERROR], { color: true, isTerminal: false })).toContain('\x1b[31merror  \x1b[0m a.yml');
  expect(formatDiagnostics([WARNING], { color: true, isTerminal: false })).toContain('\x1b[33mwarning\x1b[0m a.yml');
});

const scratch = mkdtempSync(join(tmpdir(), 'signalbox-frames-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** What a terminal shows below the message, of a file with this one line in its second. */
function frame(line: string, changes: Partial<Diagnostic> = {}): string {
  const source = join(scratch, 'a.yml');
  writeFileSync(source, `first: 1\r\n${line}\r\nlast: 1\n`);
  const shown = formatDiagnostics([{ ...ERROR, source, line: 2, ...changes }], { color: false, isTerminal: true });
  return shown.split('\n').slice(2, -1).join('\n');
}

test('a terminal shows the line, with a mark below the place', () => {
  expect(frame("    rule: Host('a')", { column: 16 })).toBe(
    ["        2 |     rule: Host('a')", '          |                ^'].join('\n'),
  );
  expect(frame('x.'.repeat(150), { column: 200 })).toBe(
    [`        2 | ${'.x'.repeat(48)}`, `          | ${' '.repeat(48)}^`].join('\n'),
  );
});

test('there is no frame without a line to show', () => {
  expect(frame('a: 1', { line: 9 })).toBe('');
  expect(frame('a: 1', { source: 'SIGNALBOX_LOG_LEVEL' })).toBe('');
  expect(frame('   ')).toBe('');
});

test.each([
  ['  password: hunter2'],
  ['  - "admin:$2y$05$nJ0pC7ubzg2Yt1qg6uaZvOaUB8yMLLwNMTAIbPLZ1ZXVGCWZ9yHmu"'],
  ['  url: "http://me:word@127.0.0.1"'],
  ['-----BEGIN PRIVATE KEY-----'],
])('a line that may hold a secret is not shown: %j', (line) => {
  expect(frame(line)).toBe('');
});

test('what stands below an option that is secret by its name is not shown', () => {
  expect(frame('    X: y', { path: 'api.token.x' })).toBe('');
});
