// The access log on standard output, when its reader is slow, stuck or gone.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const REQUEST = `GET /${'p'.repeat(4_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;

const directories: string[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** The router with a real pipe as its standard output, read by `reader`; the shell says the router's process id first. */
async function startPiped(
  originPort: number,
  reader: string,
): Promise<{ port: number; pid: number; child: ChildProcess }> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-pipe-'));
  directories.push(directory);
  const config = join(directory, 'signalbox.yml');
  await writeFile(config, simpleInstall(originPort, 'accessLog: {}'));
  const script = `{ echo "pid $BASHPID" >&2; exec "$0" "$1" run --config "$2" --workers 1; } | ${reader}`;
  const child = spawn('bash', ['-c', script, process.execPath, MAIN, config], { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let text = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (/\d+ middlewares?\n/.test(text)) break;
  }
  child.stderr!.resume();
  return {
    port: Number(/web\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(text)![1]!),
    pid: Number(/pid (\d+)/.exec(text)![1]!),
    child,
  };
}

test('a reader that goes away costs log lines and no request', async () => {
  await using origin = await RecordingOrigin.start();
  const { port, pid, child } = await startPiped(origin.port, 'head -n 1');
  const client = await RawClient.connect(port);
  for (let count = 0; count < 200; count++) {
    client.send(REQUEST);
    expect((await client.response()).status).toBe(200);
  }
  client.socket.destroy();
  process.kill(pid, 'SIGTERM');
  await once(child, 'exit');
});

test('a reader that takes nothing holds up neither requests, nor the API, nor the end', async () => {
  await using origin = await RecordingOrigin.start();
  const { port, pid, child } = await startPiped(origin.port, '{ read -r line; exec sleep 1000; }');
  const client = await RawClient.connect(port);
  // More than any pipe holds.
  for (let count = 0; count < 600; count++) {
    client.send(REQUEST);
    expect((await client.response()).status).toBe(200);
  }
  client.socket.destroy();
  const gone = new Promise<void>((resolve) => {
    const look = setInterval(() => {
      try {
        process.kill(pid, 0);
      } catch {
        clearInterval(look);
        resolve();
      }
    }, 50);
  });
  process.kill(pid, 'SIGTERM');
  await gone;
  child.kill('SIGKILL');
});

test('every line is there when the reader is slow to take them', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port, 'accessLog: {}'), workers: 2 });
  const client = await RawClient.connect(router.ports['web']!);
  for (let count = 0; count < 300; count++) {
    client.send(REQUEST);
    await client.response();
  }
  client.socket.destroy();
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  expect(router.stdout().trimEnd().split('\n')).toHaveLength(300);
});
