// Descriptors that are used up: whoever cannot be served is told to go, servers are not blamed, and the router goes on.

import net from 'node:net';
import { expect, test } from 'vitest';
import { NamedOrigin } from '../support/named-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const OPEN_FILES = 256;
const CLIENTS = 400;

function start(origin: NamedOrigin): Promise<RouterProcess> {
  return startRouter({
    openFiles: OPEN_FILES,
    install: `
entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: {}
ping: {}
metrics: { prometheus: {} }
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: s } }
  services:
    s:
      loadBalancer:
        servers: [{ url: "${origin.url}" }]
        passiveHealthCheck: { maxFailedAttempts: 1, failureWindow: 1h }
        healthCheck: { path: /health, interval: 100ms, timeout: 1h, unhealthyThreshold: 1 }
`,
  });
}

class Client {
  readonly socket: net.Socket;
  /** Settles also when it is refused at once. */
  readonly connected: Promise<void>;
  /** Settles with that of the answer, or null for a connection that was refused. */
  readonly status: Promise<number | null>;

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.connected = new Promise((resolve) => {
      this.socket.on('connect', () => resolve());
      this.socket.on('close', () => resolve());
    });
    this.status = new Promise((resolve) => {
      this.socket.on('data', (chunk: Buffer) => resolve(Number(chunk.toString('latin1', 9, 12))));
      this.socket.on('close', () => resolve(null));
    });
  }

  ask(): void {
    this.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  }
}

test('more clients than there are descriptors: some are refused, none fails, and no server is taken down', async () => {
  await using origin = await NamedOrigin.start('a');
  let open = (): void => {};
  origin.gate = new Promise((resolve) => {
    open = resolve;
  });
  await using router = await start(origin);
  // All are there before one of them asks, as those of a busy machine are: who has just come is not who rests.
  const asking: Client[] = [];
  while (asking.length < CLIENTS) {
    const client = new Client(router.ports['web']!);
    asking.push(client);
    await client.connected;
  }
  for (const client of asking) client.ask();
  await router.sees('descriptors are used up: clients are refused');
  const admin = `http://127.0.0.1:${router.ports['traefik']!}`;
  expect((await fetch(`${admin}/ping`)).status).toBe(200);
  expect(await (await fetch(`${admin}/metrics`)).text()).toMatch(/signalbox_connections_refused_total [1-9]/);
  origin.gate = null;
  open();
  const statuses = await Promise.all(asking.map(({ status }) => status));
  expect(new Set(statuses)).toEqual(new Set([200, null]));
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(30);
  // Those that are kept rest: they make room for others.
  const later = [];
  for (let index = 0; index < 100; index++) {
    const one = new Client(router.ports['web']!);
    one.ask();
    later.push(one);
    expect(await one.status).toBe(200);
  }
  const service = (await (await fetch(`${admin}/api/http/services/s@install`)).json()) as { serverStatus: object };
  expect(service.serverStatus).toEqual({ [origin.url]: 'UP' });
  expect(router.stderr()).not.toContain('a server is down');
  for (const { socket } of [...asking, ...later]) socket.destroy();
});
