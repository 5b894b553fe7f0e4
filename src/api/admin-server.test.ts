import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { InternalService } from '../controlplane/compile/internal-services.ts';
import type { AdminConfig } from '../controlplane/config/install/admin-config.ts';
import { SignalboxError } from '../core/errors.ts';
import { bindSocket } from '../dataplane/net/listening-socket.ts';
import { AdminServer, type AdminSources } from './admin-server.ts';
import { say, type Operation } from './operation.ts';

const ON: AdminConfig = {
  address: { host: '127.0.0.1', port: 0, protocol: 'tcp' },
  socket: null,
  token: null,
  allowedHosts: [],
  api: { basePath: '/base/', hasDashboard: true, isOnAddress: true },
  ping: { terminatingStatusCode: 503, isOnAddress: true, entryPoint: 'traefik' },
  metrics: { isOnAddress: true },
  rest: null,
};

function echo(method: Operation['method'], path: string): Operation {
  return { method, path, summary: '', answer: {}, handle: ({ params, body }) => say({ params, body }) };
}

function sources(config: Partial<AdminConfig> = {}): AdminSources {
  return {
    config: { ...ON, ...config },
    version: '1',
    ownSocket: join(scratch, 'owner'),
    operations: [echo('GET', '/api/things/{name}'), echo('POST', '/api/check')],
    rest: echo('PUT', '/api/providers/rest'),
    openAddress: (address) => bindSocket('traefik', address),
    isHandingOver: () => false,
    metrics: () => ({ contentType: 'text/plain; version=0.0.4', body: 'x 1\n' }),
    dashboard: () => '<h1>page</h1>',
  };
}

const running: AdminServer[] = [];
let scratch: string;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'signalbox-admin-'));
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function start(config: Partial<AdminConfig> = {}): Promise<{ server: AdminServer; port: number }> {
  const server = new AdminServer(sources(config));
  const bound = await server.start();
  running.push(server);
  return { server, port: bound!.port };
}

/** Status and body of a request written out. */
async function ask(
  port: number,
  line: string,
  host = 'localhost',
  more = '',
): Promise<{ status: number; head: string; body: string }> {
  const socket = net.connect(port, '127.0.0.1');
  return exchange(socket, `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);
}

async function exchange(socket: net.Socket, request: string): Promise<{ status: number; head: string; body: string }> {
  socket.end(request);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  const [head, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n') + 4)];
  return { status: Number(head.slice(9, 12)), head, body };
}

test('answers what is switched on', async () => {
  const { port } = await start();
  const ping = await ask(port, 'GET /ping');
  expect(ping.status).toBe(200);
  expect(ping.body).toContain('OK');
  expect((await ask(port, 'GET /metrics?x')).body).toContain('x 1\n');
  expect((await ask(port, 'GET /base/api/things/a%40b')).body).toContain('{"params":{"name":"a@b"}');
  expect((await ask(port, 'GET /base/dashboard/')).head).toContain("default-src 'none'");
  expect((await ask(port, 'GET /base/api/openapi.json')).body).toContain('"openapi":"3.1.0"');
  expect((await ask(port, 'GET /api/things/a')).status).toBe(404);
  expect((await ask(port, 'HEAD /ping')).body).toBe('');
});

test('what is served elsewhere only is not served on the address', async () => {
  const { port } = await start({
    api: { basePath: '/', hasDashboard: true, isOnAddress: false },
    metrics: { isOnAddress: false },
    rest: { isOnAddress: false },
  });
  for (const path of ['/metrics', '/api/things/a', '/dashboard/', '/api/providers/rest', '/']) {
    expect((await ask(port, `GET ${path}`)).status).toBe(404);
  }
  expect((await ask(port, 'GET /ping')).status).toBe(200);
});

test('the path of the API leads to its page', async () => {
  const { port } = await start();
  for (const path of ['/base', '/base/']) {
    const answer = await ask(port, `GET ${path}`);
    expect([answer.status, answer.head]).toEqual([302, expect.stringContaining('Location: /base/dashboard/\r\n')]);
  }
  const behind = await ask(port, 'GET /base', 'localhost', 'X-Forwarded-Prefix: /ops/\r\n');
  expect(behind.head).toContain('Location: /ops/base/dashboard/\r\n');
  for (const prefix of ['//evil.example', 'http://evil.example', '/\\\\evil.example']) {
    const answer = await ask(port, 'GET /base', 'localhost', `X-Forwarded-Prefix: ${prefix}\r\n`);
    expect(answer.head).toContain('Location: /base/dashboard/\r\n');
  }
  expect((await ask(port, 'GET /')).status).toBe(404);
});

test('targets that are no paths are refused', async () => {
  const { port } = await start();
  for (const target of ['//', '///a', 'http://[x/']) expect((await ask(port, `GET ${target}`)).status).toBe(400);
});

test('other methods are refused with those that would do', async () => {
  const { port } = await start();
  const answer = await ask(port, 'DELETE /base/api/things/a');
  expect(answer.status).toBe(405);
  expect(answer.head).toContain('Allow: GET, HEAD');
  expect((await ask(port, 'GET /base/api/check')).head).toContain('Allow: POST');
});

test('a token opens the API and nothing else needs one', async () => {
  const { port } = await start({ token: 's3cret' });
  expect((await ask(port, 'GET /ping')).status).toBe(200);
  const locked = await ask(port, 'GET /base/api/things/a');
  expect(locked.status).toBe(401);
  expect(locked.head).toContain('WWW-Authenticate: Bearer');
  for (const wrong of ['Basic s3cret', 'Bearer s3cre', 'Bearer s3cret2', 'Bearer']) {
    expect((await ask(port, 'GET /base/api/things/a', 'localhost', `Authorization: ${wrong}\r\n`)).status).toBe(401);
  }
  const right = 'Authorization: bearer s3cret\r\n';
  expect((await ask(port, 'GET /base/api/things/a', 'localhost', right)).status).toBe(200);
  expect((await ask(port, 'GET /base/dashboard/')).status).toBe(401);
});

const TOKEN = 's3cret';
const SHOWN = `Authorization: Bearer ${TOKEN}\r\n`;
const EMPTY = 'Content-Length: 0\r\n';

test.each([
  'Origin: http://evil.example',
  'Origin: null',
  'Origin: http://localhost:1',
  'Origin: http://localhost\r\nOrigin: http://evil.example',
  'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Site: same-site',
  'Origin: http://localhost\r\nSec-Fetch-Site: cross-site',
])('cross-site request: with %j nothing changes, at any door', async (fields) => {
  const { server, port } = await start({ token: TOKEN });
  const more = `${SHOWN}${fields}\r\n${EMPTY}`;
  expect((await ask(port, 'POST /base/api/check', 'localhost', more)).status).toBe(403);
  expect((await ask(port, 'PUT /api/providers/rest', 'localhost', more)).status).toBe(403);
  for (const service of ['api', 'rest'] as const) {
    const path = join(scratch, service);
    await server.startService(service, path);
    const request = `POST /base/api/check HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;
    expect((await exchange(net.connect(path), request)).status).toBe(403);
    expect((await exchange(net.connect(path), request.replace('POST', 'PUT'))).status).toBe(403);
  }
  const owner = `POST /base/api/check HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;
  expect((await exchange(net.connect(join(scratch, 'owner')), owner)).status).toBe(403);
});

test('a page of the same origin may change what the token allows', async () => {
  const { port } = await start({ token: TOKEN });
  const own = `${SHOWN}Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n${EMPTY}`;
  expect((await ask(port, 'POST /base/api/check', 'localhost', own)).status).toBe(200);
  expect((await ask(port, 'POST /base/api/check', 'localhost', `Signalbox-Token: ${TOKEN}\r\n${EMPTY}`)).status).toBe(200);
}); // prettier-ignore

test('without a token the address is for reading, and says where writing goes', async () => {
  const { port } = await start({ rest: { isOnAddress: true } });
  expect((await ask(port, 'GET /base/api/things/a')).status).toBe(200);
  for (const line of ['POST /base/api/check', 'PUT /api/providers/rest']) {
    const answer = await ask(port, line, 'localhost', EMPTY);
    expect([line, answer.status]).toEqual([line, 403]);
    expect(answer.body).toContain(join(scratch, 'owner'));
  }
  const request = `POST /base/api/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${EMPTY}\r\n`;
  expect((await exchange(net.connect(join(scratch, 'owner')), request)).status).toBe(200);
});

test.each(['api', 'rest'] as const)('behind a router of %s@internal, writing needs the token', async (service) => {
  const { server } = await start({ token: TOKEN });
  const path = join(scratch, service);
  await server.startService(service, path);
  const line = service === 'api' ? 'POST /base/api/check' : 'PUT /any';
  const send = (more: string): Promise<{ status: number; body: string }> =>
    exchange(net.connect(path), `${line} HTTP/1.1\r\nHost: any.example\r\n${more}Connection: close\r\n${EMPTY}\r\n`);
  expect((await send('')).status).toBe(401);
  expect((await send('Authorization: Basic dTpw\r\n')).status).toBe(401);
  expect((await send(`Authorization: Basic dTpw\r\nSignalbox-Token: ${TOKEN}\r\n`)).status).toBe(200);
  expect((await send(SHOWN)).status).toBe(200);
});

test('two hosts are refused', async () => {
  const { port } = await start();
  for (const line of ['GET /ping', 'GET /base/api/things/a', 'GET /metrics']) {
    expect((await ask(port, line, 'localhost', 'Host: localhost\r\n')).status).toBe(400);
  }
});

test('names that are allowed, and the token, open what names of others do not', async () => {
  const { port, server } = await start({ allowedHosts: ['router.internal'] });
  expect((await ask(port, 'GET /base/api/things/a', 'Router.internal:8080')).status).toBe(200);
  expect((await ask(port, 'GET /base/api/things/a', '10.1.2.3:8080')).status).toBe(200);
  expect((await ask(port, 'GET /base/api/things/a', 'rebound.example')).status).toBe(403);
  await server.stop();
  const guarded = await start({ token: TOKEN, address: { host: '0.0.0.0', port: 0, protocol: 'tcp' } });
  expect((await ask(guarded.port, 'GET /base/api/things/a', 'rebound.example', SHOWN)).status).toBe(200);
});

test('on an address of the network, probes come by any name and the API does not', async () => {
  const { port } = await start({ address: { host: '0.0.0.0', port: 0, protocol: 'tcp' } });
  expect((await ask(port, 'GET /ping', 'router:8080')).status).toBe(200);
  expect((await ask(port, 'GET /metrics', 'router:8080')).status).toBe(200);
  expect((await ask(port, 'GET /base/api/things/a', 'router:8080')).status).toBe(403);
  expect((await ask(port, 'GET /base/dashboard/', 'router:8080')).status).toBe(403);
  expect((await ask(port, 'GET /base/api/things/a', '192.0.2.1:8080')).status).toBe(200);
});

test('silent connections make room for who asks', async () => {
  const { port } = await start();
  const silent: net.Socket[] = [];
  for (let count = 0; count < 300; count++) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    silent.push(socket);
  }
  for (let count = 0; count < 5; count++) expect((await ask(port, 'GET /ping')).status).toBe(200);
  for (const socket of silent) socket.destroy();
});

test('a body beyond the limit is refused with an answer', async () => {
  const { port } = await start({ token: TOKEN });
  const body = 'x'.repeat(17 * 1024 * 1024);
  const socket = net.connect(port, '127.0.0.1');
  const head = `POST /base/api/check HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${SHOWN}Content-Length: ${body.length}\r\n\r\n`;
  expect((await exchange(socket, head + body)).status).toBe(413);
});

test('the Unix socket is for its owner, needs no token, and takes the place of a dead one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-admin-'));
  const socket = join(directory, 'api.sock');
  try {
    // What a killed process leaves behind.
    const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await stat(socket)).isSocket()).toBe(true);
    await start({ socket, token: 's3cret' });
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    const request = 'GET /base/api/things/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    expect((await exchange(net.connect(socket), request)).status).toBe(200);
    const second = await new AdminServer(sources({ socket })).start().catch((reason: unknown) => reason);
    expect(String(second)).toContain('another process listens');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the doors behind internal services open what they are named for', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-admin-'));
  const server = new AdminServer(sources({ token: TOKEN }));
  running.push(server);
  const get = async (service: InternalService, line: string): Promise<{ status: number; body: string }> => {
    const request = `${line} HTTP/1.1\r\nHost: any.example\r\n${SHOWN}Connection: close\r\nContent-Length: 0\r\n\r\n`;
    return exchange(net.connect(join(directory, service)), request);
  };
  try {
    for (const service of ['api', 'dashboard', 'ping', 'prometheus', 'rest'] as const) {
      await server.startService(service, join(directory, service));
    }
    expect((await get('ping', 'GET /any')).body).toContain('OK');
    expect((await get('prometheus', 'GET /any')).body).toContain('x 1');
    expect((await get('dashboard', 'GET /any')).body).toContain('page');
    expect((await get('api', 'GET /base/api/things/a')).status).toBe(200);
    expect((await get('api', 'GET /ping')).status).toBe(404);
    expect((await get('rest', 'PUT /any')).status).toBe(200);
    expect((await get('rest', 'GET /any')).status).toBe(405);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '', 'localhost:80:80', '[::1', 'x@localhost'])(
  'DNS rebinding: on loopback the name %j is not answered',
  async (host) => {
    const { port } = await start();
    expect((await ask(port, 'GET /base/api/rawdata', host)).status).toBeGreaterThanOrEqual(400);
  },
); // prettier-ignore

test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '[::1]:8080'])(
  'on loopback the name %j is answered',
  async (host) => {
    const { port } = await start();
    expect((await ask(port, 'GET /ping', host)).status).toBe(200);
  },
);

test('a thread for /ping that ends is replaced by the main thread', async () => {
  let threads = 0;
  const probe = {
    get listener() {
      threads++;
      return new URL('data:text/javascript,process.exit(3)');
    },
    mainSocket: join(scratch, 'address'),
  };
  const server = new AdminServer({ ...sources(), probe });
  running.push(server);
  await server.startService('ping', join(scratch, 'ping'));
  const { port } = (await server.start())!;
  expect((await ask(port, 'GET /ping')).status).toBe(200);
  const request = 'GET /any HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n';
  expect((await exchange(net.connect(join(scratch, 'ping')), request)).status).toBe(200);
  // Another one would end as well, and the socket that is served by then would be opened anew.
  expect(threads).toBe(1);
});

test('ping says when the process is ending', async () => {
  const { server, port } = await start();
  server.isTerminating = true;
  expect((await ask(port, 'GET /ping')).status).toBe(503);
});

test('an address in use is an error with its option', async () => {
  const { port } = await start();
  const second = new AdminServer(sources({ address: { host: '127.0.0.1', port, protocol: 'tcp' }, api: null }));
  const error: unknown = await second.start().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SignalboxError);
  expect(error).toMatchObject({ code: 'ERR_LISTEN_ADDRESS_IN_USE' });
  expect(String(error)).toContain('entryPoints.traefik.address');
});

test('an address that nobody has asked for may be in use', async () => {
  const { port } = await start();
  const told: SignalboxError[] = [];
  const second = new AdminServer({
    ...sources({ address: { host: '127.0.0.1', port, protocol: 'tcp' }, isDeclared: false }),
    ownSocket: join(scratch, 'second'),
    notServed: (error) => told.push(error),
  });
  await second.bind();
  expect(told.map(({ code }) => code)).toEqual(['ERR_LISTEN_ADDRESS_IN_USE']);
  expect(await second.start()).toBeNull();
  expect(second.boundSocket).toBeNull();
  await second.stop();
});

test('what is bound answers nobody before the start, and is given up without one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-admin-'));
  const socket = join(directory, 'api.sock');
  const server = new AdminServer(sources({ socket }));
  await server.bind();
  const { port } = server.boundSocket!.address;
  const early = net.connect(port, '127.0.0.1');
  expect(await once(early, 'connect').catch((error: NodeJS.ErrnoException) => error.code)).toBe('ECONNREFUSED');
  await expect(stat(socket)).rejects.toThrow('ENOENT');
  await server.stop();
  expect(await readdir(directory)).toEqual([]);
  (await bindSocket('again', { host: '127.0.0.1', port, protocol: 'tcp' })).handle.close();
  await rm(directory, { recursive: true });
});
