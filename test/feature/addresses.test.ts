// Servers with several addresses: any name below localhost has two, 127.0.0.1 and ::1 (RFC 6761).

import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { DatagramClient, NamedDatagramServer } from '../support/datagrams.ts';
import { holdPort, refuseDatagrams } from '../support/ports.ts';
import { RestRouter } from '../support/rest-router.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { silence } from '../support/silent-address.ts';

/** Answers on ::1 alone, at a port that nobody has at 127.0.0.1, each time on a connection of its own. */
async function sixOrigin(): Promise<Server & AsyncDisposable> {
  const server = createServer((_, response) => {
    response.setHeader('Connection', 'close');
    response.end('six');
  });
  server.listen(holdPort(), '::1');
  await once(server, 'listening');
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port; // TCP.

test('requests reach a server one of whose addresses swallows packets', async () => {
  await using origin = await sixOrigin();
  const port = portOf(origin);
  await using _ = await silence('127.0.0.1', port);
  await using router = await RestRouter.start({
    services: { s: { loadBalancer: { servers: [{ url: `http://two.localhost:${port}` }], serversTransport: 't' } } },
    // Without a limit only the next address can help.
    serversTransports: { t: { forwardingTimeouts: { dialTimeout: '0s' } } },
  });
  expect(await router.count(10)).toEqual({ six: 10 });
});

test('health checks try all addresses, over HTTP and TCP', async () => {
  await using origin = await sixOrigin();
  const url = `http://two.localhost:${portOf(origin)}`;
  await using router = await RestRouter.start({ services: {} });
  const check = { path: '/', interval: '100ms', timeout: '1h', jitter: '0s', initialState: 'down' };
  const events = await router.healthEvents(1, async () => {
    await router.put({ services: { s: { loadBalancer: { servers: [{ url }], healthCheck: check } } } });
  });
  expect(events).toEqual([`${url} up`]);
  expect(await router.count(2)).toEqual({ six: 2 });
});

test('TCP connections and their checks try all addresses, refused and silent', async () => {
  await using origin = await sixOrigin();
  const port = portOf(origin);
  await using _ = await silence('127.0.0.1', port);
  await using router = await startRouter({
    install: `
entryPoints: { tcp: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: {}
tcp:
  routers: { all: { rule: "HostSNI(\`*\`)", service: s } }
  services:
    s:
      loadBalancer:
        servers: [{ address: "two.localhost:${port}" }]
        serversTransport: t
        healthCheck: { interval: 100ms, timeout: 1h, initialState: down }
  serversTransports: { t: { dialTimeout: 0s } }
`,
  });
  await router.sees(/a server is up/);
  const ask = async (): Promise<string> => {
    const client = net.connect(router.ports['tcp']!, '127.0.0.1');
    client.write('GET / HTTP/1.0\r\n\r\n');
    try {
      const [chunk] = (await once(client, 'data')) as [Buffer];
      return chunk.toString();
    } finally {
      client.destroy();
    }
  };
  for (let turn = 0; turn < 4; turn++) expect(await ask()).toContain('200 OK');
});

test('a UDP session goes on to the next address when the first one refuses', async () => {
  await using server = await NamedDatagramServer.start('six', '::1');
  expect(await refuseDatagrams(server.port)).toBe(server.port);
  await using router = await startRouter({
    install: `
entryPoints: { udp: { address: "127.0.0.1:0/udp" }, traefik: { address: "127.0.0.1:0" } }
udp:
  routers: { all: { service: s } }
  services: { s: { loadBalancer: { servers: [{ address: "two.localhost:${server.port}" }] } } }
`,
  });
  for (let turn = 0; turn < 3; turn++) {
    using client = new DatagramClient(router.ports['udp']!);
    expect(await client.ask(`hello ${turn}`)).toBe(`six hello ${turn}`);
  }
});

test('whoever connects while the workers are busy is kept: the queue holds thousands', async () => {
  await using router = await startRouter({ install: simpleInstall(9) });
  router.signal('SIGSTOP');
  // A full queue leaves those that come unanswered: this would never be done.
  const sockets = Array.from({ length: 1500 }, () => net.connect(router.ports['web']!, '127.0.0.1'));
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  } finally {
    for (const socket of sockets) socket.destroy();
    router.signal('SIGCONT');
  }
});
