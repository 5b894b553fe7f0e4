// The README says what works and what does not yet: its table names every provider, service and middleware that is
// known and missing, and none that is there, and its configuration runs.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LATER_PROVIDERS } from '../src/controlplane/providers/registry.ts';
import { OBJECT_KINDS } from '../src/controlplane/config/routing/object-kinds.ts';
import { LATER_MIDDLEWARES } from '../src/dataplane/middleware/registry.ts';
import { runCommand } from './support/command.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'signalbox-readme-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What stands in the last column of a row, without what is in brackets. */
function notYet(subject: string): string[] {
  const row = README.split('\n').find((line) => line.startsWith(`| ${subject} `));
  const cell = row!
    .split('|')
    .at(-2)!
    .replaceAll(/\([^)]*\)/g, '');
  return cell
    .split(/[,;]/)
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

test('providers that are known and missing, each by the first word of its name', () => {
  const words = notYet('where configuration comes from').map((word) => word.split(' ')[0]!.toLowerCase());
  const kinds = Object.keys(LATER_PROVIDERS).map((kind) => (kind === 'plugin' ? 'provider' : kind.toLowerCase()));
  expect(kinds.filter((kind) => !words.some((word) => kind.startsWith(word)))).toEqual([]);
  expect(words.filter((word) => !kinds.some((kind) => kind.startsWith(word)))).toEqual([]);
});

test('middlewares and services that are known and missing', () => {
  expect(notYet('middlewares').toSorted()).toEqual(Object.keys(LATER_MIDDLEWARES).toSorted());
  const services = Object.entries(OBJECT_KINDS.services.options.fields ?? {});
  const missing = services.filter(([, { later }]) => later !== null).map(([kind]) => kind);
  expect(notYet('services').toSorted()).toEqual(missing.toSorted());
});

test('every row that says what works leads to a page', () => {
  const rows = README.split('\n').filter((line) => /^\| [a-z]/i.test(line) && !line.startsWith('| subject'));
  expect(rows.length).toBeGreaterThan(8);
  const without = rows.filter((row) => !row.includes('](docs/')).map((row) => row.split('|')[1]!.trim());
  expect(without).toEqual([]);
});

test('its three lines are a configuration that check has nothing to say against', async () => {
  writeFileSync(join(directory, 'signalbox.yml'), /```yaml\n([\s\S]*?)```/.exec(README)![1]!);
  const { code, stdout } = await runCommand(['check', 'signalbox.yml'], { directory });
  expect([code, stdout]).toEqual([0, '0 errors, 0 warnings\n']);
});
