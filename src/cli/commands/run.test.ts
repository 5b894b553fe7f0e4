import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApi, RecordedIo } from '../../../test/support/fake-api.ts';
import { runCommandLine } from '../command-line.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'run-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function config(text: string): string {
  const path = join(directory, 'signalbox.yml');
  writeFileSync(path, text);
  return path;
}

async function run(argv: readonly string[], environment = {}): Promise<readonly [number, string, string]> {
  const io = new RecordedIo({ HOME: directory, ...environment });
  const code = await runCommandLine(['run', ...argv], io);
  return [code, io.stdout, io.stderr];
}

test.each(['0', '129', '1.5', 'many', ''])('"%s" is no number of workers', async (workers) => {
  expect(await run([`--workers=${workers}`])).toEqual([
    2, '', `--workers takes a whole number from 1 to 128, found "${workers}"\n`,
  ]); // prettier-ignore
});

test('without a configuration nothing is started', async () => {
  const [code, , text] = await run(['--workers', '128']);
  expect([code, text]).toEqual([
    2,
    expect.stringMatching(/^run: there is no configuration\. Name a file with --config FILE/),
  ]);
});

test('a configuration with errors is told of, in words and as JSON, and nothing is started', async () => {
  const path = config('entryPoints: { web: { address: nowhere } }\n');
  const [code, , text] = await run(['--config', path]);
  expect([code, text]).toEqual([
    2,
    expect.stringMatching(/^error   .*signalbox\.yml:1:\d+  entryPoints\.web\.address\n/),
  ]);
  expect(text.endsWith(`\n\n${path} has errors; nothing was started.\n`)).toBe(true);
  const [, , json] = await run(['--config', path, '--json']);
  expect(JSON.parse(json.split('\n')[0]!)).toMatchObject({ severity: 'error', path: 'entryPoints.web.address' });
  const [options, , why] = await run(['--entryPoints.web.address=nowhere']);
  expect([options, why]).toEqual([
    2,
    expect.stringContaining('\nthe configuration has errors; nothing was started.\n'),
  ]);
});

test('a configuration without an entry point is no use', async () => {
  const [code, , text] = await run([], { SIGNALBOX_LOG_LEVEL: 'ERROR' });
  expect([code, text]).toEqual([2, expect.stringContaining('entryPoints')]);
});

test('a successor is asked for, and the running router’s word is what counts', async () => {
  await using api = await FakeApi.start();
  const path = config('entryPoints: { web: { address: ":0" } }\n');
  const takeOver = (): Promise<readonly [number, string, string]> =>
    run(['--takeover', '--config', path], { SIGNALBOX_ADMIN_URL: api.url });
  api.answer = () => ({ body: { pid: 77 } });
  expect(await takeOver()).toEqual([
    0,
    '',
    'process 77 serves now; the one before finishes what it has begun and ends\n',
  ]);
  expect(api.asked).toMatchObject([{ method: 'POST', path: '/api/takeover' }]);
  api.answer = () => ({ status: 409, body: { message: 'it did not start' } });
  expect(await takeOver()).toEqual([1, '', 'ERR_TAKEOVER_FAILED: it did not start; the running router goes on\n']);
  api.answer = () => ({ status: 401, body: '' });
  expect((await takeOver())[0]).toBe(3);
  config('entryPoints: { web: { address: nowhere } }\n');
  const [code, , text] = await takeOver();
  expect([code, text]).toEqual([1, expect.stringContaining(`${path} has errors; the running router goes on.\n`)]);
  const [, , json] = await run(['--takeover', '--json', '--config', path]);
  expect(JSON.parse(json.split('\n')[0]!)).toMatchObject({ severity: 'error', path: 'entryPoints.web.address' });
  expect(api.asked).toHaveLength(3);
});
