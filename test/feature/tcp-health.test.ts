import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { connectPlain, plainServer, type TestServer } from '../support/tcp-servers.ts';

let router: RouterProcess;
let sick: TestServer;
let well: TestServer;
let isSick = false;

/** Answers PING as Redis does, and names itself to everybody else. */
function redis(name: string, isDown: () => boolean): Promise<TestServer> {
  return plainServer((socket) => {
    socket.on('data', (chunk) => {
      if (chunk.toString() !== 'PING\r\n') socket.write(name);
      else socket.write(isDown() ? '-LOADING\r\n' : '+PONG\r\n');
    });
    socket.on('end', () => socket.end());
  });
}

beforeAll(async () => {
  sick = await redis('sick', () => isSick);
  well = await redis('well', () => false);
  router = await startRouter({
    install: `
entryPoints:
  redis: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
providers: { file: { filename: DIR/routing.yml } }
api: {}
metrics: { prometheus: {} }
`,
    files: { 'routing.yml': routing() },
  });
});

function routing(): string {
  const check = 'healthCheck: { send: "PING\\r\\n", expect: "+PONG\\r\\n", interval: 100ms, jitter: 0s, timeout: 1h }';
  return `
tcp:
  routers: { redis: { rule: "HostSNI(\`*\`)", service: both, entryPoints: [redis] } }
  services:
    first: { loadBalancer: { servers: [{ address: "127.0.0.1:${sick.port}" }], ${check} } }
    second: { loadBalancer: { servers: [{ address: "127.0.0.1:${well.port}" }], ${check} } }
    both: { weighted: { services: [{ name: first }, { name: second }], healthCheck: {} } }
`;
}

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await sick.close();
  await well.close();
});

async function asked(): Promise<string> {
  const client = await connectPlain(router.ports['redis']!);
  client.socket.write('GET');
  await client.until(() => client.text.length > 0);
  client.socket.destroy();
  return client.text;
}

async function api(path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`http://127.0.0.1:${router.ports['traefik']}${path}`)).json()) as Record<string, unknown>; // An object, by the paths asked here.
}

test('a server that does not give the expected answer gets no connections until it does', async () => {
  expect(new Set([await asked(), await asked()])).toEqual(new Set(['sick', 'well']));
  isSick = true;
  await router.sees('a server is down');
  expect([await asked(), await asked(), await asked()]).toEqual(['well', 'well', 'well']);
  const service = await api('/api/tcp/services/first@file');
  expect(service).toMatchObject({
    status: 'enabled',
    type: 'loadbalancer',
    serverStatus: { [`127.0.0.1:${sick.port}`]: 'DOWN' },
    serverHealth: [{ check: { status: 'DOWN', lastError: 'the answer begins with "-LOADING\\r\\n"' } }],
    usedBy: ['both@file'],
  });
  const metrics = await (await fetch(`http://127.0.0.1:${router.ports['traefik']}/metrics`)).text();
  expect(metrics).toMatch(/signalbox_service_server_up\{service="first@file",url="[^"]*"\} 0/);
  isSick = false;
  await router.sees('a server is up');
  // The worker hears of it a moment later.
  while ((await asked()) !== 'sick');
});

test('what is configured can be seen, and what is wrong with it', async () => {
  const broken = routing().replace(
    'routers: {',
    'routers: { named: { rule: "HostSNI(`a.example`)", service: both }, lost: { rule: "HostSNI(`*`)", service: nowhere },',
  );
  await writeFile(join(router.directory, 'next.yml'), broken);
  await rename(join(router.directory, 'next.yml'), join(router.directory, 'routing.yml'));
  await router.sees('without TLS no connection has a server name');
  expect(await api('/api/tcp/routers/redis@file')).toMatchObject({
    status: 'enabled',
    priority: -1,
    using: ['redis'],
    service: 'both',
  });
  expect(await api('/api/tcp/routers/named@file')).toMatchObject({ status: 'disabled' });
  expect(await api('/api/overview')).toMatchObject({
    tcp: { routers: { total: 3, errors: 2 }, services: { total: 3 } },
  });
  expect(Object.keys(await api('/api/rawdata'))).toContain('tcpRouters');
});
