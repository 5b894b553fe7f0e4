import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordedIo } from '../../test/support/fake-api.ts';
import { apiTarget, pingTarget, type Target } from './admin-target.ts';
import type { Arguments } from './arguments.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'admin-target-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Given {
  readonly config?: string;
  readonly options?: Readonly<Record<string, string | null>>;
  readonly environment?: Readonly<Record<string, string>>;
}

function given({ config, options = {}, environment = {} }: Given): [Arguments, RecordedIo] {
  const path = join(directory, 'signalbox.yml');
  if (config !== undefined) writeFileSync(path, config);
  const flags = new Map(config === undefined ? [] : [['config', [path]]]);
  const args = { positionals: [], flags, options: Object.entries(options).map(([name, value]) => ({ name, value })) };
  return [args, new RecordedIo({ XDG_CONFIG_HOME: directory, HOME: directory, ...environment })];
}

async function ping(what: Given): Promise<string> {
  const target = await pingTarget(...given(what));
  return typeof target === 'string' ? target : shown(target);
}

function shown({ shown: text, basePath, isSecure }: Target): string {
  return `${text}${basePath}${isSecure ? ' over TLS' : ''}`;
}

test('ping is asked at the entry point that has it', async () => {
  const web = "entryPoints: { web: { address: ':8123' }, traefik: { address: '0.0.0.0:8124' } }\n";
  expect(await ping({ config: `${web}ping: {}` })).toBe('http://127.0.0.1:8124');
  expect(await ping({ config: `${web}ping: { entryPoint: web }` })).toBe('http://127.0.0.1:8123');
  const own = `${web}ping: { manualRouting: true }\n`;
  expect(await ping({ config: own })).toBe(
    'only a router that names ping@internal has the ping; say where with --admin',
  );
  expect(await ping({ config: `${own}api: { socket: /run/api.sock }` })).toBe('unix:/run/api.sock');
  expect(await ping({ config: `${web}ping: {}\napi: { basePath: /base }` })).toBe('http://127.0.0.1:8124');
  const secure = "entryPoints: { web: { address: '[::1]:8123', http: { tls: {} } } }\nping: { entryPoint: web }";
  expect(await ping({ config: secure })).toBe('https://[::1]:8123 over TLS');
});

test('flags say it as they say it to the router', async () => {
  expect(await ping({ options: { ping: null } })).toBe('http://127.0.0.1:8080');
  const options = { ping: null, 'ping.entrypoint': 'web', 'entrypoints.web.address': ':8123' };
  expect(await ping({ options })).toBe('http://127.0.0.1:8123');
  const environment = { SIGNALBOX_DEFAULT_INTERNAL_ADDRESS: ':8125' };
  expect(await ping({ options: { ping: null }, environment })).toBe('http://127.0.0.1:8125');
});

test('what cannot be asked is told', async () => {
  expect(await ping({ options: { 'entrypoints.web.address': ':8123' } })).toMatch(/no ping to ask; switch it on/);
  const config = "entryPoints: { web: { address: ':8123' } }\nping: { entryPoint: wbe }";
  expect(await ping({ config })).toMatch(/there is no such entry point; known: web$/);
});

test('the one router of a container is asked whatever it was started with, unless the command says which', async () => {
  const run = join(directory, 'run');
  mkdirSync(run);
  const environment = { SIGNALBOX_RUN_DIRECTORY: run };
  const nobody = shown(await apiTarget(...given({ environment })));
  expect(nobody).toBe('http://127.0.0.1:8080');
  // At the address another one may answer.
  expect(await ping({ environment })).toBe(`unix:${run}/health`);
  const servers = ['owner', 'health'].map((name) => net.createServer().listen(join(run, name)));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  expect(await ping({ environment })).toBe(`unix:${run}/health`);
  expect(shown(await apiTarget(...given({ environment })))).toBe(`unix:${run}/owner`);
  expect(await ping({ environment, options: { ping: null } })).toBe('http://127.0.0.1:8080');
  const named = { ...environment, SIGNALBOX_ADMIN_URL: 'http://192.0.2.1:1' };
  expect(await ping({ environment: named })).toBe('http://192.0.2.1:1');
  expect(await ping({ environment, config: 'ping: {}' })).toBe('http://127.0.0.1:8080');
  for (const server of servers) server.close();
});
