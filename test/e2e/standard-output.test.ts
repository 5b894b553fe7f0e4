// The access log on standard output, when its reader is slow, stuck or gone.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
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
  // The whole pipeline, which is a process group of its own.
  for (const child of children.splice(0)) if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

/**
 * The router with a real pipe as its standard output, read by `reader`; the shell says the router's process id first.
 */
async function startPiped(
  originPort: number,
  reader: string,
): Promise<{ port: number; adminPort: number; pid: number; ended: Promise<unknown> }> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-pipe-'));
  directories.push(directory);
  const config = join(directory, 'signalbox.yml');
  await writeFile(config, simpleInstall(originPort, 'accessLog: {}'));
  // Only the router keeps standard error, so that its end is the router's.
  const script = `{ echo "pid $BASHPID" >&2; exec "$0" "$1" run --config "$2" --workers 1; } | { exec 2>&-; ${reader}; } &
exec 2>&-; wait`;
  const child = spawn('bash', ['-c', script, process.execPath, MAIN, config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  children.push(child);
  let text = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (/\d+ middlewares?\n/.test(text)) break;
  }
  const ended = once(child.stderr!, 'end');
  child.stderr!.resume();
  return {
    adminPort: Number(/traefik\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(text)![1]!),
    port: Number(/web\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(text)![1]!),
    pid: Number(/pid (\d+)/.exec(text)![1]!),
    ended,
  };
}

test('a reader that goes away costs log lines and no request', async () => {
  await using origin = await RecordingOrigin.start();
  const { port, pid, ended } = await startPiped(origin.port, 'head -n 1');
  const client = await RawClient.connect(port);
  for (let count = 0; count < 200; count++) {
    client.send(REQUEST);
    expect((await client.response()).status).toBe(200);
  }
  client.socket.destroy();
  process.kill(pid, 'SIGTERM');
  await ended;
});

test('a reader that takes nothing holds up neither requests, nor the API, nor the end', async () => {
  await using origin = await RecordingOrigin.start();
  const { port, adminPort, pid, ended } = await startPiped(origin.port, '{ read -r line; exec sleep 1000; }');
  const client = await RawClient.connect(port);
  // More than any pipe holds.
  for (let count = 0; count < 600; count++) {
    client.send(REQUEST);
    expect((await client.response()).status).toBe(200);
  }
  client.socket.destroy();
  expect((await fetch(`http://127.0.0.1:${adminPort}/ping`)).status).toBe(200);
  process.kill(pid, 'SIGTERM');
  await ended;
});

test('lines on their way are written before the process ends', async () => {
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

test.each([
  ['a pipe', '| { exec 3>&-; read -r line; exec sleep 1000; }'],
  ['a socket', ''],
])('standard error that nobody reads holds up nothing: %s', async (kind, reader) => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-stderr-'));
  directories.push(directory);
  const config = join(directory, 'signalbox.yml');
  // What is wrong with these is more than a pipe or a socket holds.
  const routers = Array.from({ length: 1_000 }, (_, index) => `    ${'r'.repeat(400)}${index}: { rule: "Path(\`/\`)", service: none }\n`);
  const install = `entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
log: { level: DEBUG }
api: { socket: ${directory}/api }
http:
  routers:
${routers.join('')}`;
  await writeFile(config, install);
  const redirection = kind === 'a pipe' ? '2>&1 >/dev/null 3>&-' : '2>&4 4>&- 3>&-';
  const script = `{ echo "pid $BASHPID" >&3; exec "$0" "$1" run --config "$2" --workers 1 ${redirection}; } ${reader}`;
  const child = spawn('bash', ['-c', script, process.execPath, MAIN, config], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.push(child);
  const [said] = (await once(child.stdio[3]!, 'data')) as [Buffer];
  const pid = Number(/pid (\d+)/.exec(String(said))![1]!);
  const ask = async (): Promise<number | null> => {
    const request = http.get({ socketPath: join(directory, 'api'), path: '/api/version', agent: false });
    const [answer] = (await once(request, 'response').catch(() => [])) as [http.IncomingMessage?];
    answer?.resume();
    return answer?.statusCode ?? null;
  };
  let status = await ask();
  while (status === null) status = await ask();
  expect(status).toBe(200);
  // Both that are said for each of these are lines more.
  for (let count = 0; count < 10; count++) {
    process.kill(pid, 'SIGHUP');
    expect(await ask()).toBe(200);
  }
  process.kill(pid, 'SIGTERM');
  for (let isThere = true; isThere; ) {
    await new Promise((resolve) => setImmediate(resolve));
    isThere = existsSync(`/proc/${pid}/fd/0`);
  }
}); // prettier-ignore
