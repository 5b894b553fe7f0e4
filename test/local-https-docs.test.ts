// docs/local-https.md: its configuration gives what the page says, and the command prints what it shows.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanEnvironment } from './support/marked-processes.ts';
import { NamedOrigin } from './support/named-origin.ts';
import { startRouter } from './support/router.ts';
import { tlsGet } from './support/tls-client.ts';

const PAGE = readFileSync(new URL('../docs/local-https.md', import.meta.url), 'utf8');
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let home: string;
let origin: NamedOrigin;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'signalbox-home-'));
  origin = await NamedOrigin.start('hello');
});

afterAll(async () => {
  await origin?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

const root = (): string => readFileSync(join(home, '.local/share/signalbox/authority/root.pem'), 'utf8');

test('the configuration has HTTPS that a client trusts, without a certificate in it', async () => {
  const install = /```yaml\n([\s\S]*?)```/
    .exec(PAGE)![1]!
    .replace("':8443'", "'127.0.0.1:0'")
    .replace('3000', String(origin.port));
  await using router = await startRouter({ install, environment: { HOME: home } });
  const options = { host: 'app.localhost', ca: root(), rejectUnauthorized: true };
  expect(await tlsGet(router.ports['websecure']!, options)).toMatchObject({ status: 200, subject: 'app.localhost' });
});

test('the command prints what the page shows', async () => {
  const shown = /\$ signalbox proxy app\.localhost 3000\n\n([\s\S]*?)\n\n\d\d:/.exec(PAGE)![1]!;
  const args = ['proxy', 'app.localhost', String(origin.port), '--port', '0', '--http-port', '0', '--workers', '1'];
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: cleanEnvironment({ HOME: home }),
  });
  let said = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Ctrl-C')) resolve();
    });
    child.once('close', () => resolve());
  });
  const ended = once(child, 'close');
  child.kill('SIGINT');
  await ended;
  // On the page the ports are those of browsers.
  const plain = said
    .trim()
    .replace(String(origin.port), '3000')
    .replaceAll(/(app\.localhost):\d+/g, '$1');
  expect(plain).toBe(shown.trim());
});
