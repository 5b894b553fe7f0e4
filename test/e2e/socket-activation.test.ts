// Sockets that a service manager has bound: systemd's own launcher where it is installed, and a shell in its place.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { bindSocket, type BoundSocket } from '../../dist/dataplane/net/listening-socket.js';
import { Engine, findProgram } from '../support/engine.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { holdPort } from '../support/ports.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

let directory = '';
let child: ChildProcess | null = null;
const open: { close(): void }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = null;
  await rm(directory, { recursive: true, force: true });
});

async function configure(entryPoints: string, origin = 1): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-activation-'));
  const path = join(directory, 'signalbox.yml');
  await writeFile(
    path,
    `entryPoints: ${entryPoints}
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: origin } }
  services: { origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin}" }] } } }
`,
  );
  return path;
}

async function bind(protocol: 'tcp' | 'udp' = 'tcp'): Promise<BoundSocket> {
  const bound = await bindSocket('test', { host: '127.0.0.1', port: 0, protocol });
  open.push(bound.handle);
  return bound;
}

/** Settles with what the router says by the time it serves. A shell puts its process id in, and becomes the router. */
async function launch(config: string, fds: readonly number[], names: string, pid = '$$'): Promise<string> {
  child = spawn(
    'sh',
    ['-c', `LISTEN_PID=${pid} exec "$@"`, 'sh', process.execPath, MAIN, 'run', '-c', config, '-w', '2'],
    {
      stdio: ['ignore', 'ignore', 'pipe', ...fds],
      env: cleanEnvironment({ LISTEN_FDS: String(fds.length), LISTEN_FDNAMES: names }),
    },
  );
  let said = '';
  for await (const chunk of child.stderr!) {
    said += String(chunk);
    if (/\d+ middlewares?\n/.test(said)) return said;
  }
  return said;
}

test('a descriptor with the name of an entry point is used, whatever the address says', async () => {
  await using origin = await RecordingOrigin.start();
  const web = await bind();
  const dns = await bind('udp');
  const config = await configure('{ web: { address: ":80" }, dns: { address: ":53/udp" } }', origin.port);
  const said = await launch(config, [web.handle.fd, dns.handle.fd], 'web:dns');
  expect(said).toContain(`http://127.0.0.1:${web.address.port}\n`);
  expect(said).toContain(`udp://127.0.0.1:${dns.address.port}\n`);
  expect(said).toContain('an entry point has the socket that was passed for it');
  expect(said).not.toContain('WARN');
  expect((await RawClient.exchange(web.address.port, REQUEST)).status).toBe(200);
});

test('without a name of use, the address tells; what belongs to nothing is named and closed', async () => {
  await using origin = await RecordingOrigin.start();
  const [web, stray] = [await bind(), await bind()];
  const config = await configure(`{ web: { address: "127.0.0.1:${web.address.port}" } }`, origin.port);
  const said = await launch(config, [stray.handle.fd, web.handle.fd], 'a.socket:a.socket');
  expect(said).toContain('a socket was passed that belongs to no entry point; it is closed');
  expect(said).toContain(`port=${stray.address.port}`);
  expect((await RawClient.exchange(web.address.port, REQUEST)).status).toBe(200);
});

test('what is no listening socket is said to be none, and the entry point binds its own', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  await once(client, 'connect');
  const connection = (client as unknown as { _handle: { fd: number } })._handle.fd;
  const file = openSync('/dev/null', 'r');
  open.push({ close: () => closeSync(file) });
  const config = await configure('{ web: { address: "127.0.0.1:0" } }');
  const said = await launch(config, [connection, file], 'web:web');
  client.destroy();
  expect(said).toContain('descriptor 3 (web) cannot be used: it is a connection rather than a listening socket');
  expect(said).toContain('descriptor 4 (web) cannot be used: it is no socket for TCP or UDP');
  expect(said).toMatch(/web +http:\/\/127\.0\.0\.1:\d+\n/);
});

test('descriptors for another process are left alone', async () => {
  const web = await bind();
  const config = await configure('{ web: { address: "127.0.0.1:0" } }');
  const said = await launch(config, [web.handle.fd], 'web', '1');
  expect(said).toContain('LISTEN_FDS=1 is meant for process 1 and this is');
  expect(said).not.toContain(`:${web.address.port}\n`);
});

test('children get neither the descriptors nor the variables', async () => {
  await using origin = await RecordingOrigin.start();
  const web = await bind();
  const probe = join(await mkdtemp(join(tmpdir(), 'signalbox-probe-')), 'probe');
  const config = await configure('{ web: { address: ":80" } }', origin.port);
  // The program that tells the service manager is a child like any other.
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'systemd-notify'), `#!/bin/sh\nls -l /proc/self/fd > ${probe}\nenv >> ${probe}\n`, {
    mode: 0o755,
  });
  child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, MAIN, 'run', '-c', config, '-w', '1'], {
    stdio: ['ignore', 'ignore', 'pipe', web.handle.fd],
    env: cleanEnvironment({
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'web',
      NOTIFY_SOCKET: join(directory, 'notify'),
    }),
  });
  let said = '';
  for await (const chunk of child.stderr!) {
    said += String(chunk);
    if (/\d+ middlewares?\n/.test(said)) break;
  }
  const seen = await readFile(probe, 'utf8');
  expect(seen).toContain('NOTIFY_SOCKET=');
  expect(seen).not.toContain('LISTEN_');
  expect(seen).not.toContain('socket:[');
  // It is open in the router itself.
  const fds = await readdir(`/proc/${child.pid}/fd`);
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/${child!.pid}/fd/${fd}`).catch(() => '')));
  expect(links.some((link) => link.startsWith('socket:['))).toBe(true);
});

const launcher = findProgram('systemd-socket-activate');
if (launcher === null) test.skip('systemd-socket-activate: skipped, systemd is not installed', () => {});
else {
  test('systemd-socket-activate: the connection that starts the router is answered', async () => {
    await using origin = await RecordingOrigin.start();
    const port = holdPort();
    const config = await configure('{ web: { address: ":80" } }', origin.port);
    await using systemd = await Engine.start('systemd-socket-activate', {
      args: [
        '--listen',
        `127.0.0.1:${port}`,
        '--fdname',
        'web',
        process.execPath,
        MAIN,
        'run',
        '-c',
        config,
        '-w',
        '1',
      ],
      ready: /Listening on/,
    });
    expect((await RawClient.exchange(port!, REQUEST)).status).toBe(200);
    expect(systemd.said()).toContain('an entry point has the socket that was passed for it');
  });
}
