// What the log says of servers that fail, through the built program: the reason, once, and that it is over.

import { once } from 'node:events';
import net from 'node:net';
import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatagramClient } from '../support/datagrams.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';
import { connectPlain, plainServer, tlsServer, type TestServer } from '../support/tcp-servers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let router: RouterProcess;
let web: number;
/** Resets every connection until it is told not to. */
let moody: TestServer;
let isWell = false;
let secure: TestServer;
let holder: net.Socket;
/** Held by a connection: nobody listens there. */
let refused: number;
/** Takes datagrams of its peer alone: for others nobody is there. */
let taken: Socket;

beforeAll(async () => {
  moody = await plainServer((socket) => {
    socket.on('data', () => (isWell ? socket.write(OK) : socket.resetAndDestroy()));
  });
  secure = await tlsServer(certificateFor(['origin.test']), (socket) => {
    socket.on('data', () => socket.write(OK));
  });
  holder = net.connect(moody.port, '127.0.0.1');
  await once(holder, 'connect');
  refused = holder.localPort!; // It is connected.
  taken = createSocket('udp4');
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  taken.connect(moody.port, '127.0.0.1');
  await once(taken, 'connect');
  const servers = {
    refused: `http://127.0.0.1:${refused}`,
    unknown: 'http://does-not-exist.invalid:80',
    plain: `https://127.0.0.1:${moody.port}`,
    untrusted: `https://127.0.0.1:${secure.port}`,
    moody: `http://127.0.0.1:${moody.port}`,
    two: `h2c://127.0.0.1:${refused}`,
  };
  const names = Object.keys(servers);
  router = await startRouter({
    workers: 2,
    install: `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
  db: { address: "127.0.0.1:0" }
  dns: { address: "127.0.0.1:0/udp" }
accessLog: { responseFlag: true }
log: { format: json }
providers: { file: { filename: DIR/routing.yml } }
`,
    files: {
      'routing.yml': `
http:
  routers:
${names.map((name) => `    ${name}: { rule: "PathPrefix(\`/${name}\`)", service: ${name}, entryPoints: [web] }`).join('\n')}
    empty: { rule: "PathPrefix(\`/empty\`)", service: empty, entryPoints: [web] }
  services:
${Object.entries(servers)
  .map(([name, url]) => `    ${name}: { loadBalancer: { servers: [{ url: "${url}" }] } }`)
  .join('\n')}
    empty: { loadBalancer: { servers: [] } }
tcp:
  routers: { db: { rule: "HostSNI(\`*\`)", service: db, entryPoints: [db] } }
  services: { db: { loadBalancer: { servers: [{ address: "127.0.0.1:${refused}" }] } } }
udp:
  routers: { dns: { service: dns, entryPoints: [dns] } }
  services: { dns: { loadBalancer: { servers: [{ address: "127.0.0.1:${taken.address().port}" }] } } }
`,
    },
  });
  web = router.ports['web']!;
});

afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  holder?.destroy();
  taken?.close();
  await moody?.close();
  await secure?.close();
});

async function statusOf(path: string): Promise<number> {
  return (await RawClient.exchange(web, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).status;
}

/** Lines of the log with this message about this service. */
function told(message: string, service: string): readonly Record<string, unknown>[] {
  return router
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['msg'] === message && line['service'] === service);
}

async function tells(message: string, service: string): Promise<Record<string, unknown>> {
  await router.sees(() => told(message, service).length > 0);
  return told(message, service)[0]!;
}

test.each([
  ['refused', 502, 'upstream_connect_refused', /^127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)$/],
  ['unknown', 502, 'upstream_dns_failure', /does-not-exist\.invalid/],
  ['untrusted', 502, 'upstream_tls_untrusted', /^127\.0\.0\.1:\d+: .*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/],
  ['plain', 502, 'upstream_tls_failed', /^127\.0\.0\.1:\d+: /],
  ['two', 502, 'upstream_connect_refused', /connection refused/],
  ['empty', 503, 'no_server', /has no servers/],
])('%s: the first failure is told with its reason', async (name, status, flag, reason) => {
  for (let request = 0; request < 5; request++) expect(await statusOf(`/${name}`)).toBe(status);
  const message = name === 'empty' ? 'a service fails requests' : 'a server fails requests';
  const line = await tells(message, `${name}@file`);
  expect(line).toMatchObject({ level: 'warn', flag, status, reason: expect.stringMatching(reason) });
  if (name !== 'empty') expect(line['server']).toMatch(/^(https?|h2c):\/\//);
  await router.prints((printed) => printed.split('\n').some((l) => l.includes(`/${name} `) && l.endsWith(`"${flag}"`)));
  expect(told(message, `${name}@file`)).toHaveLength(1);
});

test('a server that answers again is told of, whoever sees it', async () => {
  expect(await statusOf('/moody')).toBe(502);
  expect(await tells('a server fails requests', 'moody@file')).toMatchObject({ flag: 'upstream_reset' });
  isWell = true;
  // Either worker may have seen the failure; the other one knows of it a moment later.
  while (told('a server answers again', 'moody@file').length === 0) expect(await statusOf('/moody')).toBe(200);
  expect(await tells('a server answers again', 'moody@file')).toMatchObject({ level: 'warn', failures: 1 });
});

test('connections that cannot be made leave a trace, too', async () => {
  const client = await connectPlain(router.ports['db']!);
  await client.ended();
  expect(await tells('a server fails requests', 'db@file')).toMatchObject({
    protocol: 'tcp',
    flag: 'upstream_connect_refused',
    reason: `127.0.0.1:${refused}: connection refused (ECONNREFUSED)`,
  });
});

test('and datagrams that nobody takes', async () => {
  using client = new DatagramClient(router.ports['dns']!);
  client.send('a');
  expect(await tells('a server fails requests', 'dns@file')).toMatchObject({
    protocol: 'udp',
    flag: 'upstream_connect_refused',
  });
});
