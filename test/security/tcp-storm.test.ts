// Clients and servers of a TCP router that leave in every possible way, many at a time: afterwards nothing of them is
// left, in no count and no limit. TCP_STORM_SEED=… repeats a storm,
// TCP_STORM_CLIENTS makes it longer.

import net from 'node:net';
import tls from 'node:tls';
import { expect, onTestFailed, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { connectPlain, plainServer, type Gatherer } from '../support/tcp-servers.ts';
import { certificateFor } from '../support/tls-client.ts';

const CLIENTS = Number(process.env['TCP_STORM_CLIENTS'] ?? 300);
const AT_A_TIME = 25;
const MAX_PER_CLIENT = 40;

/** Mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function leave(socket: net.Socket, random: () => number): void {
  const way = Math.floor(random() * 4);
  if (way === 0) socket.end();
  else if (way === 1) socket.destroy();
  // Node never closes a socket that is reset while it is being shut down.
  else if (way === 2 && !(socket instanceof tls.TLSSocket) && !socket.writableEnded) socket.resetAndDestroy();
  else socket.end(Buffer.alloc(Math.floor(random() * 300_000)));
}

async function client(port: number, random: () => number): Promise<void> {
  const isSecure = random() < 0.4;
  const socket: net.Socket = isSecure
    ? tls.connect({ port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false })
    : net.connect({ port, host: '127.0.0.1', allowHalfOpen: random() < 0.5 });
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  if (random() < 0.1) leave(socket, random);
  else {
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      const isTalker = random() < 0.7;
      if (isTalker) socket.write(Buffer.alloc(1 + Math.floor(random() * 200_000)));
      if (!isTalker || random() < 0.8) setImmediate(() => leave(socket, random));
      else socket.once('data', () => leave(socket, random));
    });
    // Half-open ones would stay: the server's end is theirs.
    socket.once('end', () => socket.end());
  }
  await closed;
}

async function metric(router: RouterProcess, series: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${router.ports['traefik']}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(series));
  return Number(line?.split(' ').at(-1));
}

test('nothing is left of connections, however they end', async () => {
  const seed = Number(process.env['TCP_STORM_SEED'] ?? Math.floor(Math.random() * 1e9));
  onTestFailed(() => {
    process.stderr.write(`TCP_STORM_SEED=${seed}\n`);
  });
  const random = randomNumbers(seed);
  const own = certificateFor(['a.example']);
  let isCalm = false;
  const server = await plainServer((socket) => {
    if (!isCalm && random() < 0.3) socket.write('hello');
    socket.on('data', (chunk) => {
      if (!isCalm && random() < 0.1) leave(socket, random);
      else if (socket.writable) socket.write(chunk);
    });
    socket.on('end', () => socket.end());
  });
  {
    await using router = await startRouter({
      install: `
entryPoints: { db: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
metrics: { prometheus: {} }
tcp:
  routers:
    plain: { rule: "HostSNI(\`*\`)", service: s, middlewares: [few], entryPoints: [db] }
    secure: { rule: "HostSNI(\`a.example\`)", service: s, tls: {}, middlewares: [few], entryPoints: [db] }
  middlewares: { few: { inFlightConn: { amount: ${MAX_PER_CLIENT} } } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:${server.port}" }], serversTransport: quick } } }
  serversTransports: { quick: { terminationDelay: 500ms } }
tls: { certificates: [{ certFile: DIR/own.pem, keyFile: DIR/own.key }] }
`,
      workers: 2,
      files: { 'own.pem': own.certificate, 'own.key': own.key },
    });
    const port = router.ports['db']!;
    let left = CLIENTS;
    const one = async (): Promise<void> => {
      while (left-- > 0) await client(port, random);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, one));
    while ((await metric(router, 'signalbox_open_connections{entrypoint="db"')) > 0);
    while ((await metric(router, 'signalbox_service_server_open_connections')) > 0);
    while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
    // The limit is what it was: so many, and no more.
    isCalm = true;
    const clients: Gatherer[] = [];
    for (let index = 0; index < MAX_PER_CLIENT; index++) {
      const next = await connectPlain(port);
      next.socket.write('ping');
      await next.has('ping');
      clients.push(next);
    }
    const tooMany = await connectPlain(port);
    tooMany.socket.write('ping');
    await tooMany.ended();
    expect(tooMany.text).toBe('');
    for (const { socket } of clients) socket.destroy();
    expect(router.stderr()).not.toMatch(/a worker (crashed|is replaced)/);
  }
  await server.close();
});
