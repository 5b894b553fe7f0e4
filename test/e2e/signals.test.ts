// What ends the process: signals at any moment, and threads that do not want to.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const PRELOADED = new URL('../support/end-at-step.mjs', import.meta.url).href;
const STARTS = 27;

const INSTALL = `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
api: {}
state: { directory: DIR/state }
providers: { file: { directory: DIR/rules } }
`;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly said: string;
}

async function startAndEnd(directory: string, environment: Record<string, string>): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ['--import', PRELOADED, MAIN, 'run', '--config', join(directory, 'signalbox.yml'), '--workers', '2'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: cleanEnvironment({ TMPDIR: directory, ...environment }),
    },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, said };
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-signals-'));
  await writeFile(join(directory, 'signalbox.yml'), INSTALL.replaceAll('DIR', directory));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('SIGTERM at any moment of the start ends it with 0 and without a trace', async () => {
  await inDirectory(async (directory) => {
    const whole = await startAndEnd(directory, {});
    const total = Number(/steps: (\d+)/.exec(whole.said)![1]);
    expect(total).toBeGreaterThan(STARTS);
    for (let start = 0; start < STARTS; start++) {
      const step = 1 + Math.floor((total * start) / STARTS);
      const ended = await startAndEnd(directory, { STEP: String(step), STEP_SIGNAL: 'SIGTERM' });
      expect({ step, ...ended }).toMatchObject({ step, code: 0, signal: null });
      expect(ended.said).not.toMatch(/ERR_|Error|\n\s+at /);
      expect(await readdir(directory)).toEqual(expect.not.arrayContaining([expect.stringMatching(/^signalbox-run-/)]));
    }
  });
}); // prettier-ignore

test.each(['SIGHUP', 'SIGUSR1', 'SIGUSR2'])('%s at a moment of the start does not end it', async (name) => {
  await inDirectory(async (directory) => {
    for (const step of [1, 10, 300, 1_500]) {
      const ended = await startAndEnd(directory, { STEP: String(step), STEP_SIGNAL: name });
      expect(ended).toMatchObject({ code: 0, signal: null });
      expect(ended.said).toContain('0 middlewares');
    }
  });
});

/** A router whose only route runs this code in a worker; `fifo` is a named pipe in its scratch directory. */
async function withPlugin(code: string): Promise<RouterProcess> {
  const router = await startRouter({
    install: `
entryPoints:
  web:
    address: "127.0.0.1:0"
    transport: { lifeCycle: { graceTimeOut: 10ms } }
  traefik: { address: "127.0.0.1:0" }
plugins: { stuck: { path: DIR/stuck.mjs } }
http:
  routers: { r: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [m] } }
  middlewares: { m: { plugin: { stuck: {} } } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
`,
    files: {
      'stuck.mjs': `
import { execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { defineMiddleware, object } from 'signalbox/plugin';
export default defineMiddleware({
  kind: 'stuck',
  summary: '',
  description: '',
  options: object({}),
  create: () => () => () => { ${code} },
});
`,
    },
  });
  execFileSync('mkfifo', [join(router.directory, 'fifo')]);
  const client = await RawClient.connect(router.ports['web']!);
  client.socket.on('error', () => {});
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return router;
}

test('a thread that waits for a child process holds up nothing', async () => {
  await using router = await withPlugin(
    `execSync('echo inside >&2; sh -c "sleep 3600"; :', { stdio: ['ignore', 'ignore', 2] })`,
  );
  await router.sees('inside');
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
});

test('after a second signal as well', async () => {
  await using router = await withPlugin(
    `execSync('echo inside >&2; sh -c "sleep 3600"; :', { stdio: ['ignore', 'ignore', 2] })`,
  );
  await router.sees('inside');
  router.signal('SIGTERM');
  await router.sees('shutting down');
  router.signal('SIGTERM');
  expect(await router.exited).toBe(1);
});

test('a thread that nothing can set free ends with the process', async () => {
  await using router = await withPlugin(`readFileSync('DIR/fifo')`);
  // Opened when the thread has opened it for reading.
  const writer = await open(join(router.directory, 'fifo'), 'w');
  router.signal('SIGTERM');
  await router.exited;
  expect(router.exitSignal()).toBe('SIGTERM');
  expect(router.stderr()).toContain('a thread waits inside a call of the system');
  await writer.close();
});
