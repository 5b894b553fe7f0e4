import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { FakeApi, RecordedIo } from '../../../test/support/fake-api.ts';
import type { BoundEntryPoint } from '../../app/standalone.ts';
import { runCommandLine } from '../command-line.ts';
import { runRouter } from './run.ts';

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

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'unhandledRejection'] as const;
const WORKER = new URL('../../../test/support/obedient-worker.mjs', import.meta.url);

interface Running {
  readonly io: RecordedIo;
  readonly ended: Promise<number>;
  readonly bound: readonly BoundEntryPoint[];
}

/** What a router does to its process is undone after the test. */
function restoreProcess(): void {
  const before = SIGNALS.map((name) => [name, process.listeners(name as 'SIGTERM')] as const);
  onTestFinished(() => {
    for (const [name, listeners] of before) {
      process.removeAllListeners(name);
      for (const listener of listeners) process.on(name as 'SIGTERM', listener);
    }
  });
}

/** A router in this process whose worker does nothing. */
async function start(text: string, isJson = false): Promise<Running> {
  restoreProcess();
  const io = new RecordedIo({ HOME: directory });
  const log = text.includes('log:') ? '' : `log: { filePath: ${directory}/run.log }\n`;
  const request = { path: config(log + text), environment: {}, flags: [] };
  let ended: Promise<number>;
  const bound = await new Promise<readonly BoundEntryPoint[]>((resolve, reject) => {
    ended = runRouter({ request, isJson, workers: 1, workerUrl: WORKER, onReady: resolve }, io);
    ended.then(() => reject(new Error(io.stderr)), reject);
  });
  return { io, bound, ended: ended! };
}

const WEB = 'entryPoints: { web: { address: "127.0.0.1:0" } }\n';
const ROUTING = `
http:
  routers: { all: { rule: PathPrefix("/"), service: s } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:9" }] } } }
`;

test('a router that runs says where it listens and what it has, and ends in order with a signal', async () => {
  const { io, ended, bound } = await start(WEB + ROUTING);
  const [{ name, address }] = bound as [BoundEntryPoint];
  expect(name).toBe('web');
  expect(io.stderr).toContain(`  web          http://127.0.0.1:${address.port}\n1 router, 1 service, 0 middlewares\n`);
  expect(io.stderr).not.toContain('nothing to route');
  process.emit('SIGTERM');
  expect(await ended).toBe(0);
});

test('a second signal ends it at once', async () => {
  const { io, ended } = await start(WEB + ROUTING);
  process.emit('SIGINT');
  process.emit('SIGTERM');
  expect(await ended).toBe(1);
  expect(io.stderr.endsWith('second signal: ending at once\n')).toBe(true);
});

test.each([
  ['nothing to route', WEB, 'There is nothing to route yet.'],
  [
    'a file without a router',
    `${WEB}providers: { file: { filename: DIR/none.yml } }\n`,
    'Every request is answered 404',
  ],
])('with %s it says so', async (_, text, hint) => {
  writeFileSync(join(directory, 'none.yml'), 'http: {}\n');
  const { io, ended } = await start(text.replaceAll('DIR', directory));
  expect(io.stderr).toContain('0 routers, 0 services, 0 middlewares\n');
  expect(io.stderr).toContain(hint);
  process.emit('SIGTERM');
  await ended;
});

test('a JSON log on standard error has no lines of text between its own', async () => {
  const { io, ended } = await start(`${WEB}log: { format: json }\n${ROUTING.replace('service: s', 'service: gone')}`);
  expect(io.stderr).toBe('');
  process.emit('SIGTERM');
  expect(await ended).toBe(0);
});

test('problems of routing are shown once, as they are asked for', async () => {
  const wrong = WEB + ROUTING.replace('service: s', 'service: gone');
  const text = await start(wrong);
  expect(text.io.stderr.match(/http\.routers\.all\.service/g)).toHaveLength(1);
  process.emit('SIGTERM');
  await text.ended;
  const json = await start(wrong, true);
  const lines = json.io.stderr.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ path: 'http.routers.all.service' }]);
  process.emit('SIGTERM');
  await json.ended;
});

test('an address that somebody has is told, with the code, and nothing runs', async () => {
  const other = net.createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as net.AddressInfo;
  const io = new RecordedIo({ HOME: directory });
  const request = {
    path: config(`entryPoints: { web: { address: "127.0.0.1:${port}" } }\n`),
    environment: {},
    flags: [],
  };
  restoreProcess();
  expect(await runRouter({ request, workers: 1, workerUrl: WORKER }, io)).toBe(2);
  expect(io.stderr).toContain('ERR_LISTEN_ADDRESS_IN_USE: entryPoints.web.address: another process listens on');
  other.close();
});
