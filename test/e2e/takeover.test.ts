// One process succeeds another while clients ask.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { Succession } from '../support/succession.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

function install(origin: number, extra = '', entryPoints = ''): string {
  return `
entryPoints:
  web:
    address: "127.0.0.1:0"
    transport: { lifeCycle: { graceTimeOut: 1h }, respondingTimeouts: { headerTimeout: 1h } }
  secure: { address: "127.0.0.1:0", http: { tls: {} }, transport: { lifeCycle: { graceTimeOut: 1h } } }
${entryPoints}
  traefik: { address: "127.0.0.1:0" }
api: { socket: DIR/api.sock }
ping: {}
${extra}
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin}" }] } }
`;
}

/** Over the Unix socket. */
function api(router: Succession, path: string, method = 'GET', body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath: join(router.directory, 'api.sock'),
        // A connection that was kept may be the predecessor's.
        agent: false,
        path,
        method,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function pidOf(router: Succession): Promise<number> {
  return (JSON.parse((await api(router, '/api/version')).text) as { pid: number }).pid;
}

test('three takeovers under load: no request is refused or lost, over plain connections and TLS, kept and new', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await Succession.start({ install: install(origin.port), workers: 2 });
  const loads = [
    new SteadyLoad({ port: router.ports['web']!, kept: 3, fresh: 2 }),
    new SteadyLoad({ port: router.ports['secure']!, kept: 2, fresh: 1, tls: true }),
  ];
  const pids = [router.pid];
  for (let turn = 0; turn < 3; turn++) {
    for (const load of loads) await load.more(50);
    expect(await router.takeOver()).toMatchObject({ code: 0 });
    pids.push(router.pid);
    expect(await pidOf(router)).toBe(router.pid);
    for (const load of loads) await load.more(50);
  }
  expect(new Set(pids).size).toBe(4);
  expect(await router.firstExited).toBe(0);
  for (const load of loads) {
    await load.stop();
    expect(load.failures).toEqual([]);
    // Kept connections were told to go elsewhere.
    expect(load.renewed).toBeGreaterThanOrEqual(3);
  }
  await router.end();
});

/** Through the first connection of the origin that is asked for one. */
async function openTunnel(origin: RecordingOrigin, port: number): Promise<RawClient> {
  const tunnel = await RawClient.connect(port);
  tunnel.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await origin.until(() => /GET \/ws[\s\S]*\r\n\r\n/.test(origin.received));
  origin.connections
    .at(-1)!
    .socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await tunnel.until(() => tunnel.received.includes('101'));
  return tunnel;
}

test('a tunnel that lasts is ended with the grace time of the process that it began in', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await Succession.start({ install: install(origin.port).replaceAll('1h', '1s') });
  const tunnel = await openTunnel(origin, router.ports['web']!);
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await tunnel.closed();
  expect(await router.firstExited).toBe(0);
});

test('what is in flight finishes where it began, and so do tunnels', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await Succession.start({ install: install(origin.port) });
  const port = router.ports['web']!;
  const slow = await RawClient.connect(port);
  slow.send(REQUEST);
  await origin.until(() => origin.received.includes('GET / '));
  const idle = await RawClient.connect(port);
  const tunnel = await openTunnel(origin, port);
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  // With one worker: when it has closed the idle connection, it is draining.
  await idle.closed();
  tunnel.send('still here');
  await origin.until(() => origin.received.includes('still here'));
  origin.connections[1]!.socket.write('so am I');
  await tunnel.until(() => tunnel.received.includes('so am I'));
  origin.connections[0]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const answer = await slow.response();
  expect([answer.status, /connection: close/i.test(answer.head)]).toEqual([200, true]);
  tunnel.socket.end();
  await tunnel.closed();
  expect(await router.firstExited).toBe(0);
});

test('a successor that does not come to serve leaves the running process as it was', async () => {
  await using origin = await RecordingOrigin.start();
  const good = install(origin.port, 'state: { directory: DIR/state }');
  await using router = await Succession.start({ install: good });
  const first = router.pid;
  const load = new SteadyLoad({ port: router.ports['web']!, kept: 2, fresh: 1 });
  await load.more(10);

  // Errors are found before anybody is asked.
  const lacking = await router.takeOver(['--entryPoints.web.transport.lifeCycle.graceTimeOut=soon']);
  expect(lacking).toMatchObject({ code: 1 });
  expect(lacking.stderr).toContain('has errors; the running router goes on');
  expect(router.said()).not.toContain('a successor was started');

  // A successor that cannot bind an entry point of its own.
  const holder = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port: taken } = holder.address() as net.AddressInfo;
  const blocked = await router.takeOver([`--entryPoints.more.address=127.0.0.1:${taken}`]);
  expect(blocked).toMatchObject({ code: 1 });
  expect(blocked.stderr).toContain(
    `ERR_LISTEN_ADDRESS_IN_USE: entryPoints.more.address: another process listens on 127.0.0.1:${taken}`,
  );
  expect(blocked.stderr).toContain('the running router goes on');
  holder.close();

  // A successor that ends before it asks for anything.
  const broken = join(router.directory, 'broken.mjs');
  await writeFile(broken, 'process.exit(3);\n');
  const command = {
    executable: process.execPath,
    nodeArgs: [],
    program: broken,
    args: [],
    directory: '/',
    environment: {},
  };
  expect(await api(router, '/api/takeover', 'POST', JSON.stringify(command))).toMatchObject({
    status: 409,
    text: expect.stringContaining('it ended with exit code 3') as string,
  });

  // It still writes its state, and takes changes.
  expect(await pidOf(router)).toBe(first);
  await router.write(good.replace('PathPrefix(`/`)', 'PathPrefix(`/load`)'));
  await router.sees('configuration changed version=2');
  expect((await stat(join(router.directory, 'state', 'lock'))).isFile()).toBe(true);
  await load.more(10);

  expect(router.said()).not.toContain('the state directory cannot be opened');
  expect(router.said()).not.toContain('state cannot be written');

  // And can be succeeded afterwards.
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  expect(await router.firstExited).toBe(0);
  await load.more(10);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test('state, versions and what is pinned go over; the lock is always one process’s', async () => {
  await using origin = await RecordingOrigin.start();
  const good = install(origin.port, 'state: { directory: DIR/state }');
  await using router = await Succession.start({ install: good });
  await router.write(good.replace('PathPrefix(`/`)', 'PathPrefix(`/only`)'));
  await router.sees('configuration changed version=2');
  expect(await api(router, '/api/snapshots/1/activate', 'POST')).toMatchObject({ status: 200 });
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await router.firstExited;
  expect(JSON.parse(await readFile(join(router.directory, 'state', 'lock'), 'utf8'))).toMatchObject({
    pid: router.pid,
  });
  const snapshots = JSON.parse((await api(router, '/api/snapshots')).text) as { pinned: number; current: number };
  expect(snapshots.pinned).toBe(1);
  expect(snapshots.current).toBeGreaterThan(2);
  // As pinned, not as written.
  expect((await RawClient.exchange(router.ports['web']!, REQUEST)).status).toBe(200);
});

test('without a state directory, what was pushed and what is pinned go over in memory', async () => {
  await using origin = await RecordingOrigin.start();
  const text = install(origin.port, 'providers: { rest: {} }').replace(/\nhttp:[\s\S]*/, '\n');
  await using router = await Succession.start({ install: text });
  const pushed = (rule: string): string =>
    JSON.stringify({
      http: {
        routers: { r: { rule, service: 's' } },
        services: { s: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${origin.port}` }] } } },
      },
    });
  const port = router.ports['web']!;
  expect(await api(router, '/api/providers/rest', 'PUT', pushed('PathPrefix(`/`)'))).toMatchObject({ status: 200 });
  const load = new SteadyLoad({ port, kept: 2, fresh: 1 });
  await load.more(10);
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await load.more(10);
  await load.stop();
  expect(load.failures).toEqual([]);
  // Until it is gone, the first process serves who comes to it, as it was configured.
  await router.firstExited;
  expect(await api(router, '/api/providers/rest', 'PUT', pushed('PathPrefix(`/other`)'))).toMatchObject({
    status: 200,
  });
  const { snapshots } = JSON.parse((await api(router, '/api/snapshots')).text) as { snapshots: { version: number }[] };
  expect((await RawClient.exchange(port, REQUEST)).status).toBe(404);
  const before = snapshots.at(-2)!.version;
  expect(await api(router, `/api/snapshots/${before}/activate`, 'POST')).toMatchObject({ status: 200 });
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  expect((await RawClient.exchange(port, REQUEST)).status).toBe(200);
  expect(JSON.parse((await api(router, '/api/snapshots')).text)).toMatchObject({ pinned: before });
});

test('a new entry point and other options come with the successor', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await Succession.start({ install: install(origin.port) });
  await router.write(
    install(origin.port, 'accessLog: { filePath: DIR/access.log }', '  more: { address: "127.0.0.1:0" }'),
  );
  await router.sees('this option is new; it takes effect with the next start');
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  // The command may end before what the successor says has been read.
  await router.sees(/^ {2}more\s+http:/m);
  expect((await RawClient.exchange(router.ports['more']!, REQUEST)).status).toBe(200);
  expect((await stat(join(router.directory, 'access.log'))).isFile()).toBe(true);
  // The next one gets it from its predecessor.
  const more = router.ports['more']!;
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  expect(router.ports['more']).toBe(more);
  expect((await RawClient.exchange(more, REQUEST)).status).toBe(200);
});

test('who may ask: the Unix socket any command, a token the running one, anybody else nothing', async () => {
  await using origin = await RecordingOrigin.start();
  await using open = await Succession.start({ install: install(origin.port) });
  const address = `http://127.0.0.1:${open.ports['traefik']!}`;
  const refused = await fetch(`${address}/api/takeover`, { method: 'POST' });
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('api.socket')]);
  const foreign = { nodeArgs: [], args: [], directory: '/', environment: {} };
  for (const [command, reason] of [
    [{ ...foreign, executable: 'node', program: '/x' }, 'node is no absolute path'],
    [{ ...foreign, executable: process.execPath, program: '/x' }, '/x is no file'],
  ] as const) {
    expect(await api(open, '/api/takeover', 'POST', JSON.stringify(command))).toMatchObject({
      status: 409,
      text: expect.stringContaining(reason) as string,
    });
  }
  expect(await api(open, '/api/takeover', 'POST', '{}')).toMatchObject({ status: 403 });

  const guarded = install(origin.port).replace('api: { socket: DIR/api.sock }', 'api: { token: secret }');
  await using router = await Succession.start({ install: guarded });
  const withToken = { SIGNALBOX_ADMIN_TOKEN: 'secret' };
  const admin = ['--admin', `http://127.0.0.1:${router.ports['traefik']!}`];
  expect(await router.takeOver(admin, withToken)).toMatchObject({ code: 0 });
  const other = await router.takeOver([...admin, '--log.level=debug'], withToken);
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('only the command of the running process can be started again');
});

test('the successor has the variables the asker was given, and no descriptor or variable of the handover', async () => {
  await using origin = await RecordingOrigin.start();
  const text = install(origin.port).replace('all: {', '${SIGNALBOX_TEST}: {');
  await using router = await Succession.start({
    install: text,
    environment: { KEPT: 'yes', SIGNALBOX_LOG_LEVEL: 'info' },
  });
  expect(await router.takeOver([], { SIGNALBOX_LOG_LEVEL: 'debug', OTHER: 'shell' })).toMatchObject({ code: 0 });
  const environ = (await readFile(`/proc/${router.pid}/environ`, 'latin1')).split('\0');
  expect(environ).toEqual(expect.arrayContaining(['KEPT=yes', 'SIGNALBOX_LOG_LEVEL=debug']));
  expect(environ.filter((one) => one.startsWith('OTHER='))).toEqual([]);
  expect(environ.some((one) => /secret|ticket/i.test(one))).toBe(false);
});

test('the service manager is told who the service is, and that it reloads and stops', async () => {
  await using origin = await RecordingOrigin.start();
  const bin = await mkdtemp(join(tmpdir(), 'signalbox-notify-'));
  const told = join(bin, 'told');
  await writeFile(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${told}\n`, { mode: 0o755 });
  const environment = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: join(bin, 'socket') };
  await using router = await Succession.start({ install: install(origin.port), environment });
  const first = router.pid;
  process.kill(first, 'SIGHUP');
  await router.sees('the configuration was read again');
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await router.firstExited;
  await router.end();
  const lines = (await readFile(told, 'utf8')).trim().split('\n');
  expect(lines.map((line) => line.replace(/(MONOTONIC_USEC)=\d+/, '$1=…'))).toEqual([
    `READY=1 MAINPID=${first}`,
    'RELOADING=1 MONOTONIC_USEC=…',
    `READY=1 MAINPID=${first}`,
    expect.stringMatching(`MAINPID=${router.pid}$`),
    expect.stringMatching(`MAINPID=${router.pid}$`),
    'STOPPING=1',
  ]);
  await rm(bin, { recursive: true });
});

test('systemd would end a successor with a service that does not tell it who it is', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await Succession.start({
    install: install(origin.port),
    shell: 'SYSTEMD_EXEC_PID=$$ exec "$@"',
  });
  const answer = await router.takeOver();
  expect(answer.code).toBe(1);
  expect(answer.stderr).toContain('its unit needs Type=notify and NotifyAccess=all');
});

test('a session of TLS is resumed by the successor, and streams of HTTP/2 finish where they began', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  await using router = await Succession.start({ install: install(origin.port) });
  const port = router.ports['secure']!;
  const session = await new Promise<Buffer>((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'a.test' });
    socket.once('session', (ticket: Buffer) => {
      resolve(ticket);
      socket.destroy();
    });
    socket.once('error', reject);
  });
  const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const goneAway = once(client, 'goaway');
  const slow = client.request({ ':path': '/slow' });
  await origin.until(() => origin.received.includes('GET /slow'));
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await goneAway;
  origin.connections[0]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const [head] = (await once(slow, 'response')) as [Record<string, unknown>];
  expect(head[':status']).toBe(200);
  slow.resume();
  await once(slow, 'end');
  client.close();
  const isResumed = await new Promise<boolean>((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'a.test', session });
    socket.once('secureConnect', () => {
      resolve(socket.isSessionReused());
      socket.destroy();
    });
    socket.once('error', reject);
  });
  expect(isResumed).toBe(true);
  // Which was the successor: the first is gone, or does not accept.
  await router.firstExited;
});

test('HTTP/2 clients that open streams all the time lose none', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await Succession.start({ install: install(origin.port), workers: 2 });
  const port = router.ports['secure']!;
  const failures: string[] = [];
  let answered = 0;
  let isStopping = false;
  const wake = new Set<() => void>();
  const one = (client: http2.ClientHttp2Session): Promise<void> =>
    new Promise((resolve) => {
      const stream = client.request({ ':path': '/' });
      let status = 0;
      stream.on('response', (head) => (status = Number(head[':status'])));
      stream.on('error', () => {});
      stream.on('close', () => {
        if (status === 200) answered++;
        // The client's own library takes no stream any more once it has read GOAWAY, before it says so: it was never
        // sent.
        else if (stream.rstCode !== http2.constants.NGHTTP2_REFUSED_STREAM)
          failures.push(`${status} ${stream.rstCode}`);
        for (const call of wake) call();
        resolve();
      });
      stream.resume();
    });
  const load = async (): Promise<void> => {
    while (!isStopping) {
      const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
      client.on('error', (error) => failures.push(error.message));
      let isUsed = true;
      client.on('goaway', () => (isUsed = false));
      const lane = async (): Promise<void> => {
        while (isUsed && !isStopping) await one(client);
      };
      await Promise.all([lane(), lane(), lane()]);
      client.close();
    }
  };
  const more = async (count: number): Promise<void> => {
    const goal = answered + count;
    while (answered < goal) await new Promise<void>((resolve) => wake.add(resolve));
  };
  const running = Promise.all([load(), load()]);
  for (let turn = 0; turn < 2; turn++) {
    await more(50);
    expect(await router.takeOver()).toMatchObject({ code: 0 });
    await more(50);
  }
  isStopping = true;
  await running;
  expect(failures).toEqual([]);
});

test('connections of TCP last on, new ones are never refused, and every datagram of UDP is answered', async () => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: echo } = server.address() as net.AddressInfo;
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, { port, address }) => datagrams.send(message, port, address));
  datagrams.bind(0, '127.0.0.1');
  await once(datagrams, 'listening');
  await using origin = await RecordingOrigin.start();
  const routing = `
tcp:
  routers: { echo: { rule: "HostSNI(\`*\`)", entryPoints: [raw], service: echo } }
  services: { echo: { loadBalancer: { servers: [{ address: "127.0.0.1:${echo}" }] } } }
udp:
  routers: { echo: { entryPoints: [dns], service: echo } }
  services: { echo: { loadBalancer: { servers: [{ address: "127.0.0.1:${datagrams.address().port}" }] } } }
`;
  const entryPoints = '  raw: { address: "127.0.0.1:0" }\n  dns: { address: "127.0.0.1:0/udp" }';
  await using router = await Succession.start({ install: install(origin.port, routing, entryPoints), workers: 2 });
  const { raw, dns } = router.ports;
  const lasting = await RawClient.connect(raw!);
  lasting.send('before');
  await lasting.until(() => lasting.received === 'before');

  let isStopping = false;
  const failures: string[] = [];
  const counts = { tcp: 0, udp: 0 };
  const wake = new Set<() => void>();
  const streams = async (): Promise<void> => {
    while (!isStopping) {
      try {
        const client = await RawClient.connect(raw!);
        client.send('x');
        await client.until(() => client.received === 'x');
        client.socket.destroy();
        counts.tcp++;
      } catch (error) {
        failures.push(String(error));
      }
      for (const call of wake) call();
    }
  };
  // One at a time: a datagram that is lost ends the test by its time limit.
  const asker = createSocket('udp4');
  const questions = async (): Promise<void> => {
    while (!isStopping) {
      const answered = once(asker, 'message') as Promise<[Buffer]>;
      asker.send(`question ${counts.udp}`, dns!, '127.0.0.1');
      const [answer] = await answered;
      if (answer.toString() !== `question ${counts.udp}`) failures.push(answer.toString());
      counts.udp++;
      for (const call of wake) call();
    }
  };
  const more = async (): Promise<void> => {
    const goal = { tcp: counts.tcp + 20, udp: counts.udp + 20 };
    while (counts.tcp < goal.tcp || counts.udp < goal.udp) await new Promise<void>((resolve) => wake.add(resolve));
  };
  const running = Promise.all([streams(), streams(), questions()]);
  await more();
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  lasting.send(' and after');
  await lasting.until(() => lasting.received === 'before and after');
  lasting.socket.destroy();
  await more();
  expect(await router.takeOver()).toMatchObject({ code: 0 });
  await more();
  isStopping = true;
  await running;
  asker.close();
  datagrams.close();
  server.close();
  expect(failures).toEqual([]);
});

test.each(['a successor was started', 'an entry point has the socket'])(
  'when the running process dies while its successor starts, the successor serves: %s',
  async (stage) => {
    await using origin = await RecordingOrigin.start();
    await using succession = await Succession.start({
      install: install(origin.port, 'state: { directory: DIR/state }'),
    });
    const { pid, ports } = succession;
    const asked = succession.takeOver();
    await succession.sees(stage);
    process.kill(pid, 'SIGKILL');
    succession.pid = Number(/a successor was started pid=(\d+)/.exec(succession.said())![1]);
    await succession.sees(/(?:\d+ middlewares?\n[\s\S]*){2}/);
    expect((await RawClient.exchange(ports['web']!, REQUEST)).status).toBe(200);
    await asked;
    await succession.end();
  },
);

test('a successor that cannot have another address says so, and stays where the one before was', async () => {
  await using origin = await RecordingOrigin.start();
  await using succession = await Succession.start({ install: install(origin.port) });
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  const { ports } = succession;
  await succession.write(install(origin.port).replace('web:\n    address: "127.0.0.1:0"', `web:\n    address: "127.0.0.1:${port}"`));
  expect((await succession.takeOver()).code).toBe(0);
  expect(succession.said()).toMatch(
    /ERROR an entry point cannot be had where the configuration says, and stays where it was entryPoint=web .*another process listens on/,
  );
  expect((await RawClient.exchange(ports['web']!, REQUEST)).status).toBe(200);
  taken.close();
  await succession.end();
}); // prettier-ignore
