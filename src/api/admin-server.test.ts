import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SignalboxError } from '../core/errors.ts';
import { AdminServer, type AdminSources } from './admin-server.ts';

const ALL: AdminSources = {
  ping: { terminatingStatusCode: 503 },
  metrics: () => ({ contentType: 'text/plain; version=0.0.4', body: 'x 1\n' }),
  api: { basePath: '/base/', rawData: () => ({ routers: {} }), version: () => ({ Version: '1' }) },
};

const running: AdminServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(sources: AdminSources): Promise<{ server: AdminServer; port: number }> {
  const server = new AdminServer({ host: '127.0.0.1', port: 0 }, sources);
  const { port } = await server.start();
  running.push(server);
  return { server, port };
}

/** Status and body of a request written out. */
async function ask(
  port: number,
  line: string,
  host = 'localhost',
): Promise<{ status: number; head: string; body: string }> {
  const socket = net.connect(port, '127.0.0.1');
  socket.end(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  const [head, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n') + 4)];
  return { status: Number(head.slice(9, 12)), head, body };
}

test('answers what is switched on', async () => {
  const { port } = await start(ALL);
  const ping = await ask(port, 'GET /ping');
  expect(ping.status).toBe(200);
  expect(ping.body).toContain('OK');
  expect((await ask(port, 'GET /metrics?x')).body).toContain('x 1\n');
  expect((await ask(port, 'GET /base/api/rawdata')).body).toContain('{"routers":{}}');
  expect((await ask(port, 'GET /base/api/version')).body).toContain('{"Version":"1"}');
  expect((await ask(port, 'GET /api/rawdata')).status).toBe(404);
  expect((await ask(port, 'HEAD /ping')).body).toBe('');
});

test('answers nothing that is switched off', async () => {
  const { port } = await start({ ping: null, metrics: null, api: null });
  for (const path of ['/ping', '/metrics', '/api/rawdata', '/api/version', '/']) {
    expect((await ask(port, `GET ${path}`)).status).toBe(404);
  }
});

test('changes nothing: other methods are refused', async () => {
  const { port } = await start(ALL);
  const answer = await ask(port, 'DELETE /base/api/rawdata');
  expect(answer.status).toBe(405);
  expect(answer.head).toContain('Allow: GET, HEAD');
});

test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '', 'localhost:80:80', '[::1', 'x@localhost'])(
  'DNS rebinding: on loopback the name %j is not answered',
  async (host) => {
    const { port } = await start(ALL);
    expect((await ask(port, 'GET /base/api/rawdata', host)).status).toBeGreaterThanOrEqual(400);
  },
); // prettier-ignore

test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '[::1]:8080'])(
  'on loopback the name %j is answered',
  async (host) => {
    const { port } = await start(ALL);
    expect((await ask(port, 'GET /ping', host)).status).toBe(200);
  },
);

test('ping says when the process is ending', async () => {
  const { server, port } = await start(ALL);
  server.isTerminating = true;
  expect((await ask(port, 'GET /ping')).status).toBe(503);
});

test('an address in use is an error with its option', async () => {
  const { port } = await start(ALL);
  const second = new AdminServer({ host: '127.0.0.1', port }, ALL);
  const error: unknown = await second.start().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SignalboxError);
  expect(error).toMatchObject({ code: 'ERR_LISTEN_ADDRESS_IN_USE' });
  expect(String(error)).toContain('entryPoints.traefik.address');
});
