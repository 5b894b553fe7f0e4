// Peers that stop in the middle of something large, with HTTP/2 on both sides: what the router holds for them is
// bounded, and they are given up in time. Resident memory keeps what was the most, so it is measured at the end.

import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { frame, GET, POST, RawHttp2, RawHttp2Server, settings, uint32 } from '../support/raw-http2.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const GIGABYTE = 1024 * 1024 * 1024;
const INITIAL_WINDOW_SIZE = 4;
const CANCEL = 8;

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

function start(port: number): Promise<RouterProcess> {
  return startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0", transport: { respondingTimeouts: { writeIdleTimeout: 1s } } } }
serversTransport: { forwardingTimeouts: { writeIdleTimeout: 1s } }
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: s } }
  services: { s: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${port}" }] } } }
`,
  });
}

interface Source extends AsyncDisposable {
  readonly port: number;
  /** Settles when the first response has been given up. */
  readonly givenUp: Promise<void>;
}

/** Answers every request with a gigabyte, as fast as windows allow. */
async function endless(): Promise<Source> {
  const piece = Buffer.alloc(64 * 1024, 'x');
  const sessions = new Set<http2.ServerHttp2Session>();
  let giveUp: () => void = () => {};
  const givenUp = new Promise<void>((resolve) => (giveUp = resolve));
  const server = http2.createServer((_, response) => {
    response.writeHead(200, { 'content-length': String(GIGABYTE) });
    const fill = (): void => {
      while (!response.destroyed && response.write(piece));
      response.once('drain', fill);
    };
    response.stream.on('error', () => {});
    response.stream.on('close', giveUp);
    fill();
  });
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port, // A TCP server.
    givenUp,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

test('a client that opens its windows wide and reads nothing', async () => {
  await using source = await endless();
  await using router = await start(source.port);
  const client = await RawHttp2.connect(router.ports['web']!, settings([INITIAL_WINDOW_SIZE, 0x7fff_ffff]));
  client.send(frame(8, 0, 0, uint32(0x7fff_0000)));
  await client.settled();
  const before = residentMb(router.pid);
  client.socket.pause();
  client.headers(1, GET);
  await source.givenUp;
  expect(residentMb(router.pid) - before).toBeLessThan(32);
  client.socket.destroy();
});

test('fifty downloads of a client with windows of zero: each is reset, and nobody else waits', async () => {
  await using source = await endless();
  await using router = await start(source.port);
  const port = router.ports['web']!;
  const client = await RawHttp2.connect(port, settings([INITIAL_WINDOW_SIZE, 0]));
  await client.settled();
  const before = residentMb(router.pid);
  for (let id = 1; id < 100; id += 2) client.headers(id, GET);
  await client.status(99);
  const other = await RawHttp2.connect(port);
  other.headers(1, GET);
  await other.until(() => other.dataBytes >= 65_535);
  other.socket.destroy();
  for (let id = 1; id < 100; id += 2) expect(await client.reset(id)).toBe(CANCEL);
  expect(residentMb(router.pid) - before).toBeLessThan(32);
  expect(client.dataBytes).toBe(0);
  client.socket.destroy();
});

test('uploads to a server that gives no window are stopped by the client’s, and given up in time', async () => {
  await using server = await RawHttp2Server.start();
  server.settings = settings([INITIAL_WINDOW_SIZE, 0]);
  await using router = await start(server.port);
  const client = await RawHttp2.connect(router.ports['web']!);
  await client.settled();
  const before = residentMb(router.pid);
  const ids = Array.from({ length: 20 }, (_, index) => index * 2 + 1);
  for (const id of ids) client.headers(id, POST, false);
  const piece = Buffer.alloc(16_384, 'x');
  // All that the windows of the connection allow.
  for (let sent = 0; sent + piece.length < 1024 * 1024; sent += piece.length)
    client.data(ids[(sent / piece.length) % 20]!, piece);
  for (const id of ids) expect(await client.status(id)).toBe('504');
  const upstream = await server.connection(0);
  for (const id of ids) expect(await upstream.reset(id)).toBe(CANCEL);
  expect(upstream.dataBytes).toBe(0);
  expect(residentMb(router.pid) - before).toBeLessThan(32);
  client.socket.destroy();
});
