import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, runAgainst } from '../../../test/support/fake-api.ts';
import { COMMANDS } from '../commands.ts';

let api: FakeApi;
let directory: string;
beforeEach(async () => {
  api = await FakeApi.start();
  directory = await mkdtemp(join(tmpdir(), 'signalbox-'));
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** What the last of the words may become. */
async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const [code, text, errors] = await runAgainst(api, '__complete', ...words);
  expect([code, errors]).toEqual([0, '']);
  return text.split('\n').slice(0, -1);
}

test('commands, their words and flags; names of files where one is meant', async () => {
  expect(await complete('')).toEqual([...COMMANDS.map(({ name }) => name), 'help']);
  expect(await complete('he')).toEqual(['healthcheck', 'help']);
  expect(await complete('help', 'ex')).toEqual(['explain']);
  expect(await complete('help', 'explain', '')).toEqual([]);
  expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  expect(await complete('completion', 'bash', '')).toEqual([]);
  expect(await complete('get', 'rou')).toEqual(['routers']);
  expect(await complete('rollback', '--rel')).toEqual(['--release']);
  expect(await complete('run', '--config', '')).toEqual([':files']);
  // As Bash takes `--config=sig` apart.
  expect(await complete('run', '--config', '=', 'sig')).toEqual([':files']);
  expect(await complete('run', '--config', '=')).toEqual([':files']);
  expect(await complete('run', '--workers', '')).toEqual([]);
  expect(await complete('diff', '')).toEqual([':files']);
  expect(await complete('nothing', '')).toEqual([]);
  for (const { name, flags } of COMMANDS) {
    expect(await complete(name, '--')).toEqual(
      expect.arrayContaining([...Object.keys(flags), 'help'].map((flag) => `--${flag}`)),
    );
  }
});

test('options of the install configuration, level by level, with the names that the file has', async () => {
  const file = join(directory, 'signalbox.yml');
  await writeFile(file, 'entryPoints: { web: { address: ":80" }, websecure: { address: ":443" } }\n');
  expect(await complete('run', '--acc')).toEqual(['--accessLog', '--accessLog.']);
  expect(await complete('--acc')).toEqual(['--accessLog', '--accessLog.']);
  expect((await complete('--ping', '--accesslog.fi')).toSorted()).toEqual([
    '--accesslog.fields',
    '--accesslog.fields.',
    '--accesslog.filePath=',
    '--accesslog.filters',
    '--accesslog.filters.',
  ]);
  expect(await complete('run', '--config', file, '--entryPoints.')).toEqual([
    '--entryPoints.web.',
    '--entryPoints.websecure.',
  ]);
  expect(await complete('run', '--config', file, '--entryPoints.web.ad')).toEqual(['--entryPoints.web.address=']);
  expect(await complete('run', '--config', join(directory, 'none.yml'), '--entryPoints.')).toEqual([]);
  expect(await complete('run', '--nothing.at.')).toEqual([]);
  expect(await complete('get', '--acc')).toEqual([]);
});

test('names of what the running router has, without the provider where that is enough', async () => {
  api.answer = ({ path }) => ({
    body: path.startsWith('/api/snapshots')
      ? { snapshots: [{ version: 3 }, { version: 14 }] }
      : path.startsWith('/api/http/routers')
        ? [{ name: 'shop@docker' }, { name: 'blog@file' }, { name: 'blog@docker' }]
        : [],
  });
  expect(await complete('get', 'router', '')).toEqual(['shop', 'blog@file', 'blog@docker']);
  expect(await complete('get', 'routers', 's')).toEqual(['shop']);
  expect(await complete('get', 'routers', 'shop', '')).toEqual([]);
  expect(await complete('rollback', '1')).toEqual(['14']);
  api.answer = () => ({ status: 500, body: 'broken' });
  expect(await complete('get', 'routers', '')).toEqual([]);
});
