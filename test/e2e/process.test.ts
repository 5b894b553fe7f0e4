// The built program as a process: starting, ending, signals, workers, logs and metrics.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile, mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

test('SIGTERM lets a request finish, tells its client, refuses new ones and exits 0', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await startRouter({ install: simpleInstall(origin.port) });
  const port = router.ports['web']!;
  const busy = await RawClient.connect(port);
  busy.send(REQUEST);
  await origin.until(() => origin.received.includes('GET'));
  const idle = await RawClient.connect(port);
  router.signal('SIGTERM');
  // One worker: when it has closed the idle connection, it is draining.
  await idle.closed();
  origin.connections[0]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const response = await busy.response();
  expect(response.body).toBe('ok');
  expect(response.head).toContain('Connection: close\r\n');
  expect(await router.exited).toBe(0);
});

test('from SIGTERM on every answer is the last, a new client has its one, and then the port refuses', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  const lifeCycle = '    transport: { lifeCycle: { requestAcceptGraceTimeout: 1h } }';
  await using accepting = await startRouter({ install: simpleInstall(origin.port, '', lifeCycle), workers: 2 });
  const requests = (count: number): Promise<void> =>
    origin.until(() => (origin.received.match(/GET/g) ?? []).length === count);
  const answerAll = (): void => {
    for (const { socket } of origin.connections) {
      if (socket.writable) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    }
  };
  const kept = await RawClient.connect(accepting.ports['web']!);
  kept.send(REQUEST);
  await requests(1);
  answerAll();
  expect((await kept.response()).head).not.toContain('Connection: close');
  const silent = await RawClient.connect(accepting.ports['web']!);
  accepting.signal('SIGTERM');
  await accepting.sees('shutting down');
  // Idle, and gone after a moment.
  await kept.closed();
  await silent.closed();
  const fresh = await RawClient.connect(accepting.ports['web']!);
  fresh.send(REQUEST);
  await requests(2);
  answerAll();
  expect((await fresh.response()).head).toContain('Connection: close\r\n');
  await fresh.closed();

  await using draining = await startRouter({ install: simpleInstall(origin.port), workers: 2 });
  const busy = await RawClient.connect(draining.ports['web']!);
  const late = await RawClient.connect(draining.ports['web']!);
  busy.send(REQUEST);
  await requests(3);
  draining.signal('SIGTERM');
  // Accepted before, and asking now.
  late.send(REQUEST);
  await requests(4);
  for (;;) {
    const socket = net.connect(draining.ports['web']!, '127.0.0.1');
    const error = await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch((reason: unknown) => [reason]);
    socket.destroy();
    if ((error[0] as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED') break;
  }
  answerAll();
  for (const client of [busy, late]) expect((await client.response()).head).toContain('Connection: close\r\n');
  expect(await draining.exited).toBe(0);
}); // prettier-ignore

test('every entry point answers, whichever worker it comes to', async () => {
  await using origin = await RecordingOrigin.start();
  const install = simpleInstall(
    origin.port,
    '',
    '  second: { address: "127.0.0.1:0" }\n  third: { address: "127.0.0.1:0" }',
  );
  await using router = await startRouter({ install, workers: 2 });
  for (const name of ['web', 'second', 'third']) {
    expect((await RawClient.exchange(router.ports[name]!, REQUEST)).body).toBe('ok');
  }
});

test('the deadline ends what does not finish, and a second signal ends at once', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  const lifeCycle = (time: string): string => `    transport: { lifeCycle: { graceTimeOut: ${time} } }`;
  await using patient = await startRouter({ install: simpleInstall(origin.port, '', lifeCycle('200ms')) });
  const first = await RawClient.connect(patient.ports['web']!);
  first.send(REQUEST);
  await origin.until(() => origin.received.includes('GET'));
  patient.signal('SIGTERM');
  await first.closed();
  expect(await patient.exited).toBe(0);

  await using stubborn = await startRouter({ install: simpleInstall(origin.port, '', lifeCycle('1h')) });
  const second = await RawClient.connect(stubborn.ports['web']!);
  second.send(REQUEST);
  await origin.until(() => origin.connections.length === 2);
  stubborn.signal('SIGTERM');
  await stubborn.sees('shutting down');
  stubborn.signal('SIGTERM');
  expect(await stubborn.exited).toBe(1);
});

test('while it shuts down, ping says so', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await startRouter({
    install: simpleInstall(origin.port, '', '    transport: { lifeCycle: { requestAcceptGraceTimeout: 1h } }'),
  });
  const ping = `http://127.0.0.1:${router.ports['traefik']!}/ping`;
  expect((await fetch(ping)).status).toBe(200);
  router.signal('SIGTERM');
  await router.sees('shutting down');
  expect((await fetch(ping)).status).toBe(503);
  // Still accepting during the grace time.
  const client = await RawClient.connect(router.ports['web']!);
  client.send(REQUEST);
  await origin.until(() => origin.received.includes('GET'));
  client.socket.destroy();
});

test('a port in use names the option and ends with 2', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await using router = await startRouter({
    install: `entryPoints: { web: { address: "127.0.0.1:${port}" } }`,
    isExpectedToStart: false,
  });
  expect(await router.exited).toBe(2);
  expect(router.stderr()).toContain(`entryPoints.web.address: another process listens on 127.0.0.1:${port}`);
  taken.close();
});

test('the address of the internal entry point in use ends the start before anybody is served', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await using router = await startRouter({
    install: `entryPoints:\n  web: { address: "127.0.0.1:0" }\n  traefik: { address: "127.0.0.1:${port}" }\nping: {}\n`,
    isExpectedToStart: false,
  });
  expect(await router.exited).toBe(2);
  expect(router.stderr()).not.toContain('middlewares');
  expect(router.stderr()).toContain(`entryPoints.traefik.address: another process listens on 127.0.0.1:${port}`);
  taken.close();
});

test('install errors stop the start with 2 and are all shown', async () => {
  await using router = await startRouter({
    install: 'entryPoint: {}\nlog: { level: LOUD }\nproviders: { file: { filename: x, wach: true } }\n',
    isExpectedToStart: false,
  });
  expect(await router.exited).toBe(2);
  expect(router.stderr()).toContain('did you mean "entryPoints"?');
  expect(router.stderr()).toContain('signalbox.yml:2:15  log.level');
  expect(router.stderr()).toContain('did you mean "watch"?');
});

test('an empty configuration says what to write', async () => {
  await using router = await startRouter({ install: '', isExpectedToStart: false });
  expect(await router.exited).toBe(2);
  expect(router.stderr()).toContain('address: ":8000"');
});

test('commands: version, help, misspellings, check', async () => {
  expect((await runCommand(['version'])).stdout).toMatch(/^signalbox \d+\.\d+\.\d+ on Node/);
  expect((await runCommand(['help'])).stdout).toContain('signalbox run');
  expect(await runCommand(['rnu'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean "run"?') as string,
  });
  expect(await runCommand(['run', '--confg', 'x'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean --config?') as string,
  });
  expect(await runCommand(['run', '--workers', 'two'])).toMatchObject({ code: 2 });
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-check-'));
  await writeFile(join(directory, 'good.yml'), 'http: { routers: {} }\n');
  await writeFile(
    join(directory, 'bad.yml'),
    'http:\n  routers:\n    r:\n      rule: Host(`a`) &&\n      service: s\n',
  );
  expect(await runCommand(['check', join(directory, 'good.yml')])).toMatchObject({
    code: 0,
    stdout: '0 errors, 0 warnings\n',
  });
  const bad = await runCommand(['check', join(directory, 'bad.yml')]);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain('bad.yml:4:25  http.routers.r.rule\n        the rule ends too early');
  expect(bad.stdout).toContain('there is no service "s"');
  await rm(directory, { recursive: true });
});

test('metrics and log lines of four workers are exact, and no line is torn', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port, 'accessLog: { format: json }'),
    workers: 4,
  });
  const port = router.ports['web']!;
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(port)));
  await Promise.all(
    clients.map(async (client, index) => {
      for (let count = 0; count < 50; count++) {
        client.send(`GET /${index}/${count} HTTP/1.1\r\nHost: a\r\nUser-Agent: ${'u'.repeat(2000)}\r\n\r\n`);
        expect((await client.response()).status).toBe(200);
      }
      client.socket.destroy();
    }),
  );
  const metrics = await (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
  const labels = 'code="200",method="GET",protocol="http"';
  expect(metrics).toContain(`signalbox_entrypoint_requests_total{${labels},entrypoint="web"} 800\n`);
  expect(metrics).toContain(
    `signalbox_router_requests_total{${labels},router="all@install",service="origin@install"} 800\n`,
  );
  expect(metrics).toContain(`signalbox_service_requests_total{${labels},service="origin@install"} 800\n`);
  expect(metrics).toContain(`signalbox_service_responses_bytes_total{${labels},service="origin@install"} 1600\n`);
  expect(metrics).toMatch(/signalbox_worker_open_connections\{worker="3"\} \d+\n/);
  router.signal('SIGTERM');
  await router.exited;
  const lines = router.stdout().trimEnd().split('\n');
  expect(lines).toHaveLength(800);
  const paths = new Set(lines.map((line) => (JSON.parse(line) as { RequestPath: string }).RequestPath));
  expect(paths.size).toBe(800);
});

test('SIGUSR1 reopens the log files', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(
      origin.port,
      'accessLog: { filePath: DIR/access.log }\nlog: { filePath: DIR/router.log, level: INFO }',
    ),
  });
  const file = join(router.directory, 'access.log');
  const ask = (path: string): Promise<unknown> =>
    RawClient.exchange(router.ports['web']!, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await ask('/before');
  await rename(file, `${file}.1`);
  await rename(join(router.directory, 'router.log'), join(router.directory, 'router.log.1')).catch(() => {});
  router.signal('SIGUSR1');
  // The files are opened again when they are there again.
  await expect.poll(() => existsSync(file) && existsSync(join(router.directory, 'router.log'))).toBe(true);
  await ask('/after');
  router.signal('SIGTERM');
  await router.exited;
  expect((await readFile(file, 'utf8')) + (await readFile(`${file}.1`, 'utf8'))).toMatch(
    /\/after[\s\S]*\/before|\/before[\s\S]*\/after/,
  );
  expect(await readFile(file, 'utf8')).toContain('GET /after');
  expect(await readFile(join(router.directory, 'router.log'), 'utf8')).toContain('stopped');
});

test('the API shows what is configured and why something is not', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port).replace(
      '  services:',
      '    lost: { rule: "Path(`/x`)", service: nowhere }\n  services:',
    ),
  });
  const answer = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/rawdata`);
  const data = (await answer.json()) as { routers: Record<string, { status: string; error?: string[] }> };
  expect(data.routers['all@install']!.status).toBe('enabled');
  expect(data.routers['lost@install']).toMatchObject({ status: 'disabled', error: ['there is no service "nowhere"'] });
});

test('the demo starts and answers', async () => {
  const child = spawn(process.execPath, [MAIN, 'demo', '--workers', '1'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  for await (const chunk of child.stderr) {
    text += String(chunk);
    if (text.includes('Ctrl-C ends the demo')) break;
  }
  const url = /web\s+(http:\/\/127\.0\.0\.1:\d+)/.exec(text)![1]!;
  expect(await (await fetch(`${url}/`)).text()).toMatch(/^shop got GET \//);
  const api = await fetch(`${url}/api/users`);
  expect(await api.text()).toMatch(/^api got GET \/users/);
  expect(api.headers.get('x-served-by')).toBe('signalbox');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('reusePort: two processes share an address, or the error says what it takes', async () => {
  const install = (port: number): string => `entryPoints: { web: { address: "127.0.0.1:${port}", reusePort: true } }\n`;
  const [major = 0, minor = 0] = process.versions.uv.split('.').map(Number);
  const isSupported = process.platform === 'linux' && (major > 1 || minor >= 49);
  await using first = await startRouter({ install: install(0), isExpectedToStart: isSupported });
  if (!isSupported) {
    expect(await first.exited).toBe(2);
    expect(first.stderr()).toContain('entryPoints.web.reusePort needs Node.js 22.12 or newer');
    return;
  }
  await using second = await startRouter({ install: install(first.ports['web']!) });
  expect(second.ports['web']).toBe(first.ports['web']);
});

test('a rejection that nobody handles is told, and the router goes on', async () => {
  await using origin = await RecordingOrigin.start();
  // A defect somewhere in the main thread, whenever the signal comes.
  const defect = "process.on('SIGURG', () => void Promise.reject(new Error('nobody waits for it')))";
  await using router = await startRouter({
    install: simpleInstall(origin.port),
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(defect)}`],
  });
  for (let turn = 1; turn <= 2; turn++) {
    router.signal('SIGURG');
    await router.sees(new RegExp(`(?:a rejection that nobody handles[\\s\\S]*nobody waits for it[\\s\\S]*){${turn}}`));
    const { status } = await RawClient.exchange(router.ports['web']!, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(status).toBe(200);
  }
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
});

test('with a log of JSON, everything on standard error is a line of it, from the start on', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port, 'log: { format: json }') });
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  const lines = router.stderr().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // Throws otherwise.
  const port = router.ports['web']!;
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'listening', entryPoint: 'web', address: `http://127.0.0.1:${port}` }));
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'serving', routers: 2, services: 1, middlewares: 0 }));
}); // prettier-ignore

test('routers of UDP are counted at the start', async () => {
  await using router = await startRouter({
    install: `
entryPoints: { dns: { address: "127.0.0.1:0/udp" } }
udp:
  routers: { r: { service: s, entryPoints: [dns] } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:9" }] } } }
`,
  });
  expect(router.stderr()).toContain('0 routers, 1 UDP, 1 service, 0 middlewares\n');
  expect(router.stderr()).not.toContain('404');
});
