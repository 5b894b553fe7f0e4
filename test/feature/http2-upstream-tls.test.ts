// Servers over TLS: which protocol is spoken is what they choose, unless the transport forbids one.

import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:tls';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { GET, RawHttp2 } from '../support/raw-http2.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';

const pair = certificateFor(['origin.test']);
const tls = { cert: pair.certificate, key: pair.key };

let both: http2.Http2SecureServer;
let tunnelling: http2.Http2SecureServer;
let old: https.Server;
let router: RouterProcess;
let port: number;
/** Connections that `both` has accepted. */
let accepted = 0;

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)); // A TCP server.
  });
}

beforeAll(async () => {
  both = http2.createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
    response.setHeader('x-version', request.httpVersion);
    response.end(request.httpVersion);
  });
  both.on('secureConnection', () => accepted++);
  both.on('upgrade', (request, socket) => {
    const key = String(request.headers['sec-websocket-key']);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  tunnelling = http2.createSecureServer({ ...tls, settings: { enableConnectProtocol: true } });
  tunnelling.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':method'] === 'CONNECT') stream.pipe(stream);
    else stream.end('2.0');
  });
  old = https.createServer(tls, (request, response) => response.end(request.httpVersion));
  const ports = { both: await listen(both), tunnelling: await listen(tunnelling), old: await listen(old) };
  const service = (name: string, url: number, transport = 'trusting'): string =>
    `    ${name}: { loadBalancer: { serversTransport: ${transport}, servers: [{ url: "https://127.0.0.1:${url}" }] } }`;
  const names = ['both', 'first', 'tunnelling', 'old', 'forbidden'];
  router = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
http:
  routers:
${names.map((name) => `    ${name}: { rule: "PathPrefix(\`/${name}\`)", service: ${name} }`).join('\n')}
  services:
${service('both', ports.both)}
${service('first', ports.both)}
${service('tunnelling', ports.tunnelling)}
${service('old', ports.old)}
${service('forbidden', ports.both, 'only-1')}
  serversTransports:
    trusting: { serverName: origin.test, rootCAs: [DIR/server.pem] }
    only-1: { serverName: origin.test, rootCAs: [DIR/server.pem], disableHTTP2: true }
`,
    files: { 'server.pem': pair.certificate },
  });
  port = router.ports['web']!;
});
afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  both?.close();
  tunnelling?.close();
  old?.close();
});

const ask = (path: string): ReturnType<typeof RawClient.exchange> =>
  RawClient.exchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);

test.each([
  ['HTTP/2 where the server has it', '/both', '2.0'],
  ['HTTP/1.1 where it has not', '/old', '1.1'],
  ['HTTP/1.1 where the transport says so', '/forbidden', '1.1'],
])('%s', async (_, path, version) => {
  // The first requests come together, before anything is known of the server.
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(path)));
  expect(answers.map(({ status, body }) => [status, body])).toEqual(answers.map(() => [200, version]));
});

test('many requests need one connection', async () => {
  const before = accepted;
  await ask('/both');
  await Promise.all(Array.from({ length: 20 }, () => ask('/both')));
  expect(accepted - before).toBeLessThanOrEqual(1);
});

const HANDSHAKE = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

async function echoes(path: string): Promise<void> {
  const client = await RawClient.connect(port);
  client.send(HANDSHAKE(path));
  await client.until(() => client.received.includes('\r\n\r\n'));
  expect(client.received).toMatch(/^HTTP\/1.1 101 [^]*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  client.send('hello');
  await client.until(() => client.received.endsWith('hello'));
  client.socket.destroy();
}

test('WebSocket: by extended CONNECT where the server has it, over HTTP/1.1 where it has not', async () => {
  await ask('/tunnelling');
  await echoes('/tunnelling');
  await ask('/both');
  await echoes('/both');
  await echoes('/forbidden');
  // The HTTP/2 connection serves on.
  expect((await ask('/both')).body).toBe('2.0');
});

test('WebSocket as the first request of all', async () => {
  await echoes('/first');
});

test('WebSocket from a client of HTTP/2', async () => {
  const client = await RawHttp2.connect(port);
  const fields = GET.slice(1).map(([name, value]) => [name, name === ':path' ? '/tunnelling' : value] as const);
  client.headers(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], ...fields], false);
  expect(await client.status(1)).toBe('200');
  client.data(1, 'hello');
  await client.until(() => client.body(1) === 'hello');
  client.socket.destroy();
});
