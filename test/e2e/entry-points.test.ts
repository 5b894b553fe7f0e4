// Entry points that come, change and go while others are served.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { holdPorts, ownAddress, ownPort } from '../support/ports.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { replaceFile } from '../support/replace-file.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

interface Parts {
  readonly entryPoints: string;
  readonly origin: number;
  readonly routers?: string;
  readonly extra?: string;
}

function install({ entryPoints, origin, routers = '', extra = '' }: Parts): string {
  return `
entryPoints:
${entryPoints}
  traefik: { address: "127.0.0.1:0" }
api: {}
metrics: { prometheus: {} }
${extra}
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: origin }
${routers}
  middlewares:
    mark: { headers: { customResponseHeaders: { X-Mark: "1" } } }
  services:
    origin: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin}" }] } }
`;
}

/** Writes the file anew; settles when the router has put it into force. */
async function change(router: RouterProcess, text: string): Promise<void> {
  const before = count(router, 'install configuration in force');
  await replaceFile(join(router.directory, 'signalbox.yml'), text);
  await router.sees((said) => said.split('install configuration in force').length - 1 > before);
}

function count(router: RouterProcess, text: string): number {
  return router.stderr().split(text).length - 1;
}

function ask(port: number): Promise<{ status: number; head: string }> {
  return RawClient.exchange(port, REQUEST);
}

function refused(port: number, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

async function api(router: RouterProcess, path: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${router.ports['traefik']!}${path}`)).json();
}

test('entry points are added, moved and removed, and one under load does not notice', async () => {
  await using origin = await RecordingOrigin.start();
  const [web, second, third] = holdPorts(3);
  const lines = (...more: string[]): string => [`  web: { address: "127.0.0.1:${web}" }`, ...more].join('\n');
  const at = (port: number | undefined): string => `  more: { address: "127.0.0.1:${port}" }`;
  await using router = await startRouter({
    install: install({ entryPoints: lines(), origin: origin.port }),
    workers: 2,
  });
  const load = new SteadyLoad({ port: web!, kept: 4, fresh: 2 });
  await load.more(50);
  for (let turn = 0; turn < 3; turn++) {
    await change(router, install({ entryPoints: lines(at(second)), origin: origin.port }));
    expect((await ask(second!)).status).toBe(200);
    await change(router, install({ entryPoints: lines(at(third)), origin: origin.port }));
    expect((await ask(third!)).status).toBe(200);
    expect(await refused(second!)).toBe('ECONNREFUSED');
    await change(router, install({ entryPoints: lines(), origin: origin.port }));
    expect(await refused(third!)).toBe('ECONNREFUSED');
    await load.more(20);
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.renewed).toBe(0);
  expect(count(router, 'a worker')).toBe(0);
});

test('options change in place: the connection stays and its next request goes by them', async () => {
  await using origin = await RecordingOrigin.start();
  const entryPoint = (options: string): string => `  web: { address: "127.0.0.1:0"${options} }`;
  await using router = await startRouter({ install: install({ entryPoints: entryPoint(''), origin: origin.port }) });
  const port = router.ports['web']!;
  const load = new SteadyLoad({ port, kept: 2, fresh: 1 });
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  expect((await client.response()).head).not.toContain('X-Mark');
  const narrow = ', http: { middlewares: [mark], encodedCharacters: { allowEncodedSlash: false } }';
  await change(router, install({ entryPoints: entryPoint(narrow), origin: origin.port }));
  client.send(REQUEST);
  expect((await client.response()).head).toContain('X-Mark: 1');
  client.send('GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.response()).status).toBe(400);
  const limited = ', transport: { keepAliveMaxRequests: 1 }';
  await change(router, install({ entryPoints: entryPoint(limited), origin: origin.port }));
  const fresh = await ask(port);
  expect(fresh.head).toContain('Connection: close');
  expect(fresh.head).not.toContain('X-Mark');
  await change(router, install({ entryPoints: entryPoint(''), origin: origin.port }));
  await load.more(20);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test('an entry point that gets TLS by default serves its routers over TLS from then on', async () => {
  await using origin = await RecordingOrigin.start();
  const entryPoint = (options: string): string => `  web: { address: "127.0.0.1:0"${options} }`;
  await using router = await startRouter({ install: install({ entryPoints: entryPoint(''), origin: origin.port }) });
  const port = router.ports['web']!;
  expect((await ask(port)).status).toBe(200);
  await change(router, install({ entryPoints: entryPoint(', http: { tls: {} }'), origin: origin.port }));
  expect((await ask(port)).status).toBe(404);
  const load = new SteadyLoad({ port, kept: 1, fresh: 0, tls: true });
  await load.more(2);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test('an address that cannot be had costs its entry point alone', async () => {
  await using origin = await RecordingOrigin.start();
  const [web, taken] = holdPorts(2) as [number, number];
  const holder = net.createServer().listen(taken, '127.0.0.1');
  await once(holder, 'listening');
  const routers = '    both: { rule: "Path(`/both`)", service: origin, entryPoints: [web, more] }';
  const at = (one: number | undefined, more = ''): string =>
    install({
      entryPoints: `  web: { address: "127.0.0.1:${one}" }\n${more}`,
      origin: origin.port,
      routers: more === '' ? '' : routers,
    });
  await using router = await startRouter({ install: at(web) });
  await change(router, at(taken, `  more: { address: "127.0.0.1:${taken}" }`));
  await router.sees(
    `another process listens on 127.0.0.1:${taken}; stop it (ss -ltnp "sport = :${taken}" names it) or choose another port; the entry point stays on 127.0.0.1:${web}`,
  );
  expect(router.stderr()).toContain('the entry point is not served until the configuration is read again');
  expect((await RawClient.exchange(web!, 'GET /both HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(200);
  expect(await api(router, '/api/entrypoints')).toMatchObject([
    { name: 'traefik' },
    { name: 'web', address: `127.0.0.1:${web}` },
  ]);
  expect(await api(router, '/api/diagnostics')).toMatchObject([
    { code: 'not-bound', path: 'entryPoints.web.address', line: 3 },
    { code: 'not-bound', path: 'entryPoints.more.address', line: 4 },
  ]);
  await new Promise((resolve) => holder.close(resolve));
  router.signal('SIGHUP');
  await router.sees((said) => said.split('install configuration in force').length > 2);
  expect(await api(router, '/api/diagnostics')).toMatchObject([
    { code: 'not-bound', path: 'entryPoints.more.address' },
  ]);
  expect((await ask(taken)).status).toBe(200);
});

test('two entry points that change places, and a host that changes on the same port', async () => {
  await using origin = await RecordingOrigin.start();
  const [a, b] = holdPorts(2);
  const at = (first: string, second: string): string =>
    install({
      entryPoints: `  one: { address: "${first}", http: { middlewares: [mark] } }\n  two: { address: "${second}" }`,
      origin: origin.port,
    });
  await using router = await startRouter({ install: at(`127.0.0.1:${a}`, `127.0.0.1:${b}`), workers: 2 });
  expect((await ask(a!)).head).toContain('X-Mark');
  await change(router, at(`127.0.0.1:${b}`, `127.0.0.1:${a}`));
  expect((await ask(b!)).head).toContain('X-Mark');
  expect((await ask(a!)).head).not.toContain('X-Mark');
  await change(router, at(`:${b}`, `127.0.0.1:${a}`));
  expect((await ask(b!)).head).toContain('X-Mark');
  expect(await api(router, '/api/diagnostics')).toEqual([]);
});

test('a removed entry point finishes what is in flight within its grace time', async () => {
  await using origin = await RecordingOrigin.start(() => {});
  const [web, more, short] = holdPorts(3);
  const base = `  web: { address: "127.0.0.1:${web}" }`;
  const leaving = `
  more: { address: "127.0.0.1:${more}", transport: { lifeCycle: { graceTimeOut: 1h } } }
  short: { address: "127.0.0.1:${short}", transport: { lifeCycle: { graceTimeOut: 1ms } } }`;
  await using router = await startRouter({ install: install({ entryPoints: base + leaving, origin: origin.port }) });
  const [busy, cut] = [await RawClient.connect(more!), await RawClient.connect(short!)];
  busy.send(REQUEST);
  await origin.until(() => origin.received.split('GET').length === 2);
  cut.send(REQUEST);
  await origin.until(() => origin.received.split('GET').length === 3);
  await change(router, install({ entryPoints: base, origin: origin.port }));
  await cut.closed();
  expect(await refused(more!)).toBe('ECONNREFUSED');
  origin.connections[0]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const response = await busy.response();
  expect([response.body, /connection: close/i.test(response.head)]).toEqual(['ok', true]);
  await busy.closed();
});

test('what a running process cannot change is named, and a file with errors changes nothing', async () => {
  await using origin = await RecordingOrigin.start();
  const entryPoints = '  web: { address: "127.0.0.1:0" }';
  const parts = { entryPoints, origin: origin.port };
  await using router = await startRouter({ install: install(parts) });
  await change(router, install({ ...parts, extra: 'accessLog: { format: json }\nlog: { level: debug }' }));
  expect(await api(router, '/api/diagnostics')).toMatchObject([
    { severity: 'warning', code: 'needs-restart', path: 'accessLog.format', line: 7 },
  ]);
  expect(router.stderr()).toContain('signalbox run --takeover');
  const more = '  web: { address: "127.0.0.1:0", http: { middlewares: [mark] } }';
  await change(router, install({ ...parts, entryPoints: more, extra: 'log: { level: debug }' }));
  await router.sees('DEBUG worker applied a configuration');
  const path = join(router.directory, 'signalbox.yml');
  await replaceFile(path, (await readFile(path, 'utf8')).replace('web: {', 'web: { adress: x,'));
  await router.sees('did you mean "address"?');
  expect(router.stderr()).toContain('the changed install configuration has errors; what is in force stays');
  expect((await ask(router.ports['web']!)).status).toBe(200);
  await replaceFile(path, 'api: {}\n');
  await router.sees('names no entry point any more');
  expect((await ask(router.ports['web']!)).status).toBe(200);
  await change(router, install(parts));
  expect(await api(router, '/api/diagnostics')).toEqual([]);
  const metrics = await (await fetch(`http://127.0.0.1:${router.ports['traefik']!}/metrics`)).text();
  expect(metrics).toContain('signalbox_config_install_reloads_total{outcome="refused"} 2');
  expect(metrics).toContain('signalbox_config_install_reloads_total{outcome="applied"} 3');
});

test('routing in the install file changes with it, and comes where there was none', async () => {
  await using origin = await RecordingOrigin.start();
  const bare = 'entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }\napi: {}\n';
  await using router = await startRouter({ install: bare });
  const port = router.ports['web']!;
  expect((await ask(port)).status).toBe(404);
  const routing = `http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: s } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } } }
`;
  await change(router, bare + routing);
  expect((await ask(port)).status).toBe(200);
  await change(router, bare);
  expect((await ask(port)).status).toBe(404);
});

test('entry points of TCP and UDP come, move and go like others', async () => {
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, { port, address }) => datagrams.send(message, port, address));
  datagrams.bind(0, '127.0.0.1');
  await Promise.all([once(echo, 'listening'), once(datagrams, 'listening')]);
  const host = ownAddress();
  const [first, second] = [ownPort(), ownPort()];
  const at = (lines: string): string => `
entryPoints:
  web: { address: "127.0.0.1:0" }
${lines}
tcp:
  routers: { echo: { rule: "HostSNI(\`*\`)", entryPoints: [raw], service: echo } }
  services: { echo: { loadBalancer: { servers: [{ address: "127.0.0.1:${(echo.address() as net.AddressInfo).port}" }] } } }
udp:
  routers: { echo: { entryPoints: [dns], service: echo } }
  services: { echo: { loadBalancer: { servers: [{ address: "127.0.0.1:${datagrams.address().port}" }] } } }
`;
  const both = (port: number): string =>
    `  raw: { address: "${host}:${port}", transport: { lifeCycle: { graceTimeOut: 1h } } }\n  dns: { address: "${host}:${port}/udp" }`;
  await using router = await startRouter({ install: at(''), workers: 2 });
  const asker = createSocket('udp4');
  // A file that is written may be read twice, and what is said of the second reading belongs to no later change.
  const opens = async (port: number): Promise<void> => {
    while ((await refused(port, host)) !== 'connected');
  };
  const closes = async (port: number): Promise<void> => {
    while ((await refused(port, host)) !== 'ECONNREFUSED');
  };
  const answers = async (port: number): Promise<string> => {
    await opens(port);
    const client = await RawClient.connect(port, { host });
    client.send('stream');
    await client.until(() => client.received === 'stream');
    client.socket.destroy();
    const answered = once(asker, 'message') as Promise<[Buffer]>;
    asker.send('datagram', port, host);
    return (await answered)[0].toString();
  };
  await change(router, at(both(first)));
  expect(await answers(first)).toBe('datagram');
  // A connection that lasts is not broken off when its entry point moves.
  const lasting = await RawClient.connect(first, { host });
  lasting.send('one');
  await lasting.until(() => lasting.received === 'one');
  await change(router, at(both(second)));
  expect(await answers(second)).toBe('datagram');
  await closes(first);
  lasting.send(' two');
  await lasting.until(() => lasting.received === 'one two');
  await change(router, at(''));
  await closes(second);
  const fresh = createSocket('udp4');
  fresh.bind(second, host);
  await once(fresh, 'listening');
  for (const one of [asker, datagrams, fresh, echo]) one.close();
  lasting.socket.destroy();
});

test('two entry points of one address are told apart at start', async () => {
  const [port] = holdPorts(1);
  await using router = await startRouter({
    install: `entryPoints: { one: { address: "127.0.0.1:${port}" }, two: { address: ":${port}" } }\n`,
    isExpectedToStart: false,
  });
  expect(await router.exited).toBe(2);
  expect(router.stderr()).toContain('entryPoints.two.address: the entry point "one" has this address');
});

test('commands find the router while its install file has errors', async () => {
  const [port] = holdPorts(1);
  const text = (web: string): string =>
    `entryPoints: { web: { address: "${web}" }, traefik: { address: "127.0.0.1:${port}" } }\napi: {}\n`;
  await using router = await startRouter({ install: text('127.0.0.1:0') });
  await replaceFile(join(router.directory, 'signalbox.yml'), text('nowhere'));
  await router.sees('"nowhere" is no address');
  const shown = await runCommand(['get', 'entrypoints', '--config', join(router.directory, 'signalbox.yml')]);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^web +127\.0\.0\.1:\d+$/m) as string });
});
