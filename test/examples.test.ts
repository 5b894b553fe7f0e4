// Every folder of examples/ validates, starts and answers, with its ports exchanged for free ones.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawClient } from './support/raw-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/main.js');

/** Requests to each example and what comes back: server, path it saw. */
const REQUESTS: Readonly<Record<string, readonly (readonly [host: string, path: string, answer: string])[]>> = {
  'first-router': [
    ['any', '/x', '9001 /x'],
    ['blog.localhost', '/post', '9002 /post'],
    ['any', '/api/users', '9003 /api/users'],
  ],
  'path-rewriting': [['any', '/public/logo.svg', '9001 /v2/logo.svg']],
  plugin: [
    ['acme.localhost', '/x', '9001 /x'],
    ['nobody.localhost', '/x', 'no such tenant\n'],
  ],
  directory: [
    ['shop.localhost', '/', '9001 /'],
    ['blog.localhost', '/', '9003 /'],
  ],
};

const servers = new Map<number, Server>();

beforeAll(async () => {
  for (const port of [9001, 9002, 9003]) {
    const server = createServer((request, response) => response.end(`${port} ${request.url ?? ''}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.set(port, server);
  }
});
afterAll(() => {
  for (const server of servers.values()) {
    server.close();
    server.closeAllConnections();
  }
});

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Those that need more than servers, each with a test of its own. */
const ELSEWHERE = ['docker', 'docker-compose'];

test('each folder has requests here, or a test of its own', async () => {
  const tested = [...Object.keys(REQUESTS), ...ELSEWHERE].toSorted();
  expect((await readdir(join(ROOT, 'examples'))).toSorted()).toEqual(tested);
});

test.each(Object.keys(REQUESTS))('%s', async (name) => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-example-'));
  await cp(join(ROOT, 'examples', name), directory, { recursive: true });
  for (const file of await filesBelow(directory)) {
    let text = await readFile(file, 'utf8');
    for (const [port, server] of servers)
      text = text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    text = text.replace('entryPoints:\n', "entryPoints:\n  traefik:\n    address: '127.0.0.1:0'\n");
    text = text.replace("'127.0.0.1:8000'", "'127.0.0.1:0'");
    await writeFile(file, text);
  }
  const check = spawn(process.execPath, [MAIN, 'check', 'signalbox.yml'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let verdict = '';
  check.stdout.on('data', (chunk: Buffer) => (verdict += chunk.toString()));
  await once(check, 'close');
  expect(verdict).toBe('0 errors, 0 warnings\n');

  const router = spawn(process.execPath, [MAIN, 'run', '--workers', '1'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  for await (const chunk of router.stderr) {
    said += String(chunk);
    if (/middlewares?\n/.test(said)) break;
  }
  const port = Number(/web\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(said)![1]);
  for (const [host, path, answer] of REQUESTS[name]!) {
    const response = await RawClient.exchange(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(response.body).toBe(answer);
    if (name === 'plugin' && host === 'acme.localhost') expect(response.head).toContain('X-Tenant: acme\r\n');
    if (name === 'path-rewriting') expect(response.head).toContain('X-Frame-Options: DENY\r\n');
  }
  router.kill('SIGTERM');
  expect(await once(router, 'exit')).toEqual([0, null]);
  await rm(directory, { recursive: true });
});

test('the test of the plugin example passes', async () => {
  const child = spawn(process.execPath, ['--test', join(ROOT, 'examples/plugin/tenant.test.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, said]).toEqual([0, expect.stringMatching(/^# pass 1$/m)]);
});
