import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';

let directory: string;
let api: FakeApi;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'diff-'));
  api = await FakeApi.start();
  api.answer = () => ({ body: { isValid: true, diagnostics: [], changes: [] } });
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test('files, and those of directories in the order of their names, go to the router as they are', async () => {
  mkdirSync(join(directory, 'd', 'deep'), { recursive: true });
  for (const name of ['one.txt', 'd/b.yml', 'd/a.toml', 'd/skipped.txt', 'd/deep/c.json']) {
    writeFileSync(join(directory, name), `text of ${name}`);
  }
  const answer = await runAgainst(api, 'diff', join(directory, 'one.txt'), join(directory, 'd'));
  expect(answer).toEqual([0, 'no changes\n', '']);
  expect(api.asked).toMatchObject([{ method: 'POST', path: '/api/check' }]);
  expect(JSON.parse(api.asked[0]!.body)).toEqual({
    files: ['one.txt', 'd/a.toml', 'd/b.yml', 'd/deep/c.json'].map((name) => ({
      path: join(directory, name),
      text: `text of ${name}`,
    })),
  });
});

test('an install file is compared with what came from it, and so are the routing files that it names', async () => {
  const routing = join(directory, 'r.yml');
  const install = join(directory, 'signalbox.yml');
  writeFileSync(routing, 'http: {}\n');
  const text = `entryPoints: { web: { address: ":80" } }\nproviders: { file: { filename: "${routing}" } }\nhttp: {}\n`;
  writeFileSync(install, text);
  const files = [
    { path: install, text, provider: 'install' },
    { path: routing, text: 'http: {}\n' },
  ];
  await runAgainst(api, 'diff', install);
  await runAgainst(api, 'diff', directory);
  expect(api.asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([{ files }, { files: files.toReversed() }]);
});

test('changes are told field by field, with what is wrong first; those of what goes are not', async () => {
  const file = join(directory, 'a.yml');
  writeFileSync(file, '');
  const changes = [
    {
      kind: 'router', name: 'a', change: 'changed', status: 'enabled',
      fields: [{ path: 'rule', before: 'x', after: 'y' }, { path: 'new', after: 1 }, { path: 'old', before: null }],
    },
    { kind: 'service', name: 'b', change: 'added', status: 'disabled', fields: [{ path: 'url', after: 'u' }] },
    { kind: 'service', name: 'c', change: 'removed', status: 'enabled', fields: [{ path: 'url', before: 'u' }] },
  ]; // prettier-ignore
  const diagnostics = [{ severity: 'error', source: 'a.yml', line: 0, column: 0, path: 'p', message: 'wrong' }];
  api.answer = () => ({ headers: { 'X-Signalbox-Pin': 'pinned' }, body: { isValid: false, diagnostics, changes } });
  const [code, text] = await runAgainst(api, 'diff', file);
  expect([code, text.split('\n')]).toEqual([
    1,
    [
      'pinned', 'error   a.yml  p', '        wrong', '~ router a', '    ~ rule: "x" → "y"', '    + new: 1', '    - old: null',
      '+ service b  (disabled)', '    + url: "u"', '- service c', '',
    ],
  ]); // prettier-ignore
  const [, json] = await runAgainst(api, 'diff', file, '--json');
  expect(JSON.parse(json)).toEqual({ isValid: false, diagnostics, changes });
});

test('a file that cannot be read is named, and nobody is asked', async () => {
  const missing = join(directory, 'missing.yml');
  const [code, , text] = await runAgainst(api, 'diff', missing);
  expect([code, text]).toEqual([
    2,
    expect.stringMatching(/^ERR_CONFIG_UNREADABLE: there is no file or directory .*missing\.yml/),
  ]);
  mkdirSync(join(directory, 'd', 'a.yml'), { recursive: true });
  const [again, , why] = await runAgainst(api, 'diff', join(directory, 'd'));
  expect([again, why]).toEqual([2, expect.stringMatching(/^ERR_CONFIG_UNREADABLE: .*a\.yml cannot be read: /)]);
  expect(api.asked).toEqual([]);
});
