// Health of servers through the running router: active checks, ejection by failed requests, and who follows whom.

import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { NamedOrigin } from '../support/named-origin.ts';
import { holdPort } from '../support/ports.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { RestRouter } from '../support/rest-router.ts';

const CHECK = { path: '/health', interval: '100ms', timeout: '1h', jitter: '0s' };

function balancing(all: readonly { readonly url: string }[], options: object = { healthCheck: CHECK }): object {
  return { loadBalancer: { servers: all.map(({ url }) => ({ url })), ...options } };
}

async function pair(): Promise<AsyncDisposable & { a: NamedOrigin; b: NamedOrigin }> {
  const a = await NamedOrigin.start('a');
  const b = await NamedOrigin.start('b');
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

test('a server that fails its check gets nothing until it passes again; API, metrics, events and log say so', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  await using router = await RestRouter.start({ services: { s: balancing([a, b]) } }, { workers: 2 });
  expect(await router.count(10)).toEqual({ a: 5, b: 5 });
  expect(await router.healthEvents(1, () => void (a.health = 503))).toEqual([`${a.url} down`]);
  await expect.poll(() => router.count(6)).toEqual({ b: 6 });
  const down = await router.service();
  expect(down.serverStatus).toEqual({ [a.url]: 'DOWN', [b.url]: 'UP' });
  expect(down.serverHealth![0]!.check).toMatchObject({ status: 'DOWN', lastError: 'it answered 503' });
  expect(await (await router.api('/metrics')).text()).toContain(
    `signalbox_service_server_up{service="s@rest",url="${a.url}"} 0`,
  );
  expect(router.process.stderr()).toMatch(/a server is down.*it answered 503/);
  expect(await router.healthEvents(1, () => void (a.health = 204))).toEqual([`${a.url} up`]);
  await expect.poll(() => router.count(6)).toEqual({ a: 3, b: 3 });
  expect((await router.service()).serverStatus).toEqual({ [a.url]: 'UP', [b.url]: 'UP' });
});

test('all down is 503 with a flag of its own; recovered servers return', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  await using router = await RestRouter.start({ services: { s: balancing([a, b]) } });
  await router.healthEvents(2, async () => {
    await a.close();
    await b.close();
  });
  await expect.poll(() => router.count(3)).toEqual({ 503: 3 });
  expect((await router.get()).body).toBe('no available server\n');
  await expect.poll(() => router.process.stdout()).toContain('"ResponseFlag":"no_healthy_server"');
  expect((await router.service()).serverHealth![0]!.check!.lastError).toBe('the connection was refused');
  await router.healthEvents(1, () => b.open());
  await expect.poll(() => router.count(3)).toEqual({ b: 3 });
});

test('checks send what is configured, and are made once per process', async () => {
  await using origins = await pair();
  const { a } = origins;
  const healthCheck = {
    ...CHECK,
    path: '/health?deep=1',
    method: 'post',
    hostname: 'shop.test',
    headers: { 'X-Probe': 'yes' },
  };
  await using _router = await RestRouter.start({ services: { s: balancing([a], { healthCheck }) } }, { workers: 3 });
  await a.until(() => a.checks.length >= 5);
  for (const { url, method, headers } of a.checks) {
    expect([method, url, headers.host, headers['x-probe'], headers['content-length']]).toEqual([
      'POST',
      '/health?deep=1',
      'shop.test',
      'yes',
      '0',
    ]);
  }
  // One connection: one prober, whatever the number of workers.
  expect(new Set(a.checks.map(({ socket }) => socket.remotePort)).size).toBe(1);
});

test('another port, the statuses that count, and redirects', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  const port = { ...CHECK, port: b.port };
  await using router = await RestRouter.start({ services: { s: balancing([a], { healthCheck: port }) } });
  await b.until(() => b.checks.length > 0);
  expect(a.checks).toEqual([]);
  // Only 204 is good, and b answers 200.
  const strict = { ...CHECK, status: 204 };
  await router.healthEvents(1, () => router.put({ services: { s: balancing([b], { healthCheck: strict }) } }));
  expect((await router.service()).serverStatus).toEqual({ [b.url]: 'DOWN' });
  // A redirect leads to the answer that counts, or is the answer.
  b.health = 302;
  b.healthFields = { Location: `${a.url}/health/there` };
  const followed = await router.healthEvents(1, () => router.put({ services: { s: balancing([b]) } }));
  expect(followed).toEqual([`${b.url} up`]);
  const last = await router.healthEvents(1, () => void (a.health = 500));
  expect(last).toEqual([`${b.url} down`]);
  expect(a.checks.at(-1)!.url).toBe('/health/there');
  const unfollowed = { ...CHECK, followRedirects: false };
  expect(
    await router.healthEvents(1, () => router.put({ services: { s: balancing([b], { healthCheck: unfollowed }) } })),
  ).toEqual([`${b.url} up`]);
});

test('thresholds: so many in a row, and one that says otherwise starts the count anew', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  const healthCheck = { ...CHECK, unhealthyThreshold: 3, healthyThreshold: 2 };
  await using router = await RestRouter.start({ services: { s: balancing([a, b], { healthCheck }) } });
  await a.until(() => a.checks.length >= 1);
  a.health = 500;
  const failedFrom = a.checks.length;
  await a.until(() => a.checks.length >= failedFrom + 2);
  a.health = 200;
  const goodFrom = a.checks.length;
  await a.until(() => a.checks.length >= goodFrom + 2);
  expect((await router.service()).serverStatus![a.url]).toBe('UP');
  const from = a.checks.length;
  await router.healthEvents(1, () => void (a.health = 500));
  expect(a.checks.length).toBeGreaterThanOrEqual(from + 3);
  const downAt = a.checks.length;
  await router.healthEvents(1, () => void (a.health = 200));
  expect(a.checks.length).toBeGreaterThanOrEqual(downAt + 2);
});

test('a server whose initial state is down waits for its first check', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  b.health = 500;
  const healthCheck = { ...CHECK, initialState: 'down' };
  await using router = await RestRouter.start({ services: { s: balancing([b], { healthCheck }) } });
  expect((await router.get()).status).toBe(503);
  await router.healthEvents(1, () => router.put({ services: { s: balancing([a, b], { healthCheck }) } }));
  await expect.poll(() => router.count(4)).toEqual({ a: 4 });
  await router.healthEvents(1, () => void (b.health = 200));
  await expect.poll(() => router.count(4)).toEqual({ a: 2, b: 2 });
});

test('answers that are no HTTP, and none at all, are failed checks', async () => {
  await using garbage = await RecordingOrigin.start(({ socket }) => socket.write('SSH-2.0-nothing\r\n\r\n'));
  await using silent = await RecordingOrigin.start(() => {});
  const [bad, mute] = [garbage, silent].map(({ port }) => [{ url: `http://127.0.0.1:${port}` }]);
  const services = { s: balancing(bad!), mute: balancing(mute!, { healthCheck: { ...CHECK, timeout: '200ms' } }) };
  await using router = await RestRouter.start({ services: { s: { loadBalancer: { servers: [] } } } });
  await router.healthEvents(2, () => router.put({ services }));
  const [first] = (await router.service()).serverHealth!;
  const [second] = (await router.service('mute')).serverHealth!;
  expect(first!.check!.lastError).toBe('the answer is no HTTP response');
  expect(second!.check!.lastError).toBe('no answer within 200 ms');
});

test('health survives a change that does not concern it', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  a.health = 500;
  await using router = await RestRouter.start({
    services: { s: balancing([a, b], { healthCheck: { ...CHECK, interval: '1h' } }) },
  });
  await expect.poll(async () => (await router.service()).serverStatus![a.url]).toBe('DOWN');
  const checks = a.checks.length;
  const s = balancing([a, b], { healthCheck: { ...CHECK, interval: '1h' } });
  await router.put({ services: { s, other: balancing([b], {}) } });
  expect(await router.count(4)).toEqual({ b: 4 });
  // A weight, a third server: the others keep what is known of them.
  await using c = await NamedOrigin.start('c');
  await router.put({ services: { s: balancing([a, b, c], { healthCheck: { ...CHECK, interval: '1h' } }) } });
  expect(await router.count(4)).toEqual({ b: 2, c: 2 });
  expect(a.checks.length).toBe(checks);
  // Without checks nobody says that it is down.
  await router.put({ services: { s: balancing([a, b], {}) } });
  await expect.poll(() => router.count(4)).toEqual({ a: 2, b: 2 });
});

test('failed requests eject a server for the window, over all workers', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  const passiveHealthCheck = { failureWindow: '1h', maxFailedAttempts: 3 };
  await using router = await RestRouter.start(
    { services: { s: balancing([a, b], { passiveHealthCheck }) } },
    { workers: 2 },
  );
  a.status = 500;
  const events = await router.healthEvents(1, async () => {
    for (let turn = 0; turn < 12; turn++) await router.get();
  });
  expect(events).toEqual([`${a.url} down`]);
  expect(a.requests.length).toBeGreaterThanOrEqual(3);
  await expect.poll(() => router.count(4)).toEqual({ b: 4 });
  expect((await router.service()).serverHealth![0]).toMatchObject({
    status: 'DOWN',
    ejectedUntil: expect.stringMatching(/Z$/),
  });
  // A server that refuses connections is ejected just so, and with both gone nobody is left.
  await router.healthEvents(1, async () => {
    await b.close();
    for (let turn = 0; turn < 3; turn++) expect((await router.get()).status).toBe(502);
  });
  await expect.poll(() => router.count(2)).toEqual({ 503: 2 });
});

test('an ejected server returns after its window, or when its check passes', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  await using router = await RestRouter.start({
    services: { s: balancing([a, b], { passiveHealthCheck: { failureWindow: '300ms' } }) },
  });
  a.status = 502;
  const events = await router.healthEvents(2, async () => {
    await router.count(2);
    a.status = 200;
  });
  expect(events).toEqual([`${a.url} down`, `${a.url} up`]);
  await expect.poll(() => router.count(4)).toEqual({ a: 2, b: 2 });
  // The window is an hour; the check brings it back.
  a.status = 502;
  const both = { passiveHealthCheck: { failureWindow: '1h' }, healthCheck: CHECK };
  await router.put({ services: { s: balancing([a, b], both) } });
  const again = await router.healthEvents(2, async () => {
    await router.count(2);
    a.status = 200;
  });
  expect(again).toEqual([`${a.url} down`, `${a.url} up`]);
});

test('health goes up through trees of services that follow it', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  const services = {
    a: balancing([a]),
    b: balancing([b]),
    inner: { weighted: { services: [{ name: 'a' }], healthCheck: {} } },
    s: { weighted: { services: [{ name: 'inner' }, { name: 'b' }], healthCheck: {} } },
  };
  await using router = await RestRouter.start({ services }, { workers: 2 });
  expect(await router.count(4)).toEqual({ a: 2, b: 2 });
  await router.healthEvents(1, () => void (a.health = 500));
  await expect.poll(() => router.count(4)).toEqual({ b: 4 });
  await router.healthEvents(1, () => void (b.health = 500));
  await expect.poll(() => router.count(2)).toEqual({ 503: 2 });
  await router.healthEvents(1, () => void (a.health = 200));
  await expect.poll(() => router.count(4)).toEqual({ a: 4 });
  // Without following, a child that is down still gets its share.
  await router.put({ services: { ...services, s: { weighted: { services: [{ name: 'inner' }, { name: 'b' }] } } } });
  expect(await router.count(4)).toEqual({ a: 2, 503: 2 });
});

test('sticky clients leave a server that is down and do not come back by themselves', async () => {
  await using origins = await pair();
  const { a, b } = origins;
  const services = { s: balancing([a, b], { healthCheck: CHECK, sticky: { cookie: { name: 'lb' } } }) };
  await using router = await RestRouter.start({ services });
  const cookie = (head: string): string => /^Set-Cookie: ([^;]+)/m.exec(head)![1]!;
  const first = await router.get();
  const [own, other] = first.body === 'a' ? [a, b] : [b, a];
  await router.healthEvents(1, () => void (own.health = 500));
  await expect.poll(async () => (await router.get('/', `Cookie: ${cookie(first.head)}\r\n`)).body).toBe(other.name);
  const moved = await router.get('/', `Cookie: ${cookie(first.head)}\r\n`);
  await router.healthEvents(1, () => void (own.health = 200));
  expect(await router.count(4, `Cookie: ${cookie(moved.head)}\r\n`)).toEqual({ [other.name]: 4 });
});

test('gRPC servers are asked by their health protocol', async () => {
  let serving = 1;
  const server = http2.createServer();
  const asked: string[] = [];
  server.on('stream', (stream, headers) => {
    asked.push(`${headers[':method']!} ${headers[':path']!} ${headers['content-type']!}`);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving]));
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => {
    server.listen(holdPort(), '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // A TCP server.
  const healthCheck = { mode: 'grpc', interval: '100ms', jitter: '0s' };
  await using router = await RestRouter.start({ services: { s: balancing([{ url }], { healthCheck }) } });
  await expect.poll(() => asked.length).toBeGreaterThan(1);
  expect(new Set(asked)).toEqual(new Set(['POST /grpc.health.v1.Health/Check application/grpc']));
  expect(sessions.size).toBe(1);
  await router.healthEvents(1, () => void (serving = 2));
  expect((await router.service()).serverHealth![0]!.check!.lastError).toBe('it says not serving');
  await router.healthEvents(1, () => void (serving = 1));
  await router.healthEvents(1, () => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  expect((await router.service()).serverStatus).toEqual({ [url]: 'DOWN' });
});

test('servers of HTTP/2 in clear text are asked in HTTP/2, redirects on the server included', async () => {
  const asked: string[] = [];
  let status = 200;
  const server = http2.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.httpVersion} ${String(request.headers['x-check'])}`);
    if (request.url === '/health') response.writeHead(302, { location: '/really' });
    else response.writeHead(status);
    response.end('x'.repeat(5000));
  });
  await new Promise<void>((resolve) => {
    server.listen(holdPort(), '127.0.0.1', resolve);
  });
  const url = `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`; // A TCP server.
  const healthCheck = { path: '/health', interval: '100ms', jitter: '0s', headers: { 'X-Check': 'yes' } };
  await using router = await RestRouter.start({ services: { s: balancing([{ url }], { healthCheck }) } });
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  expect(new Set(asked)).toEqual(new Set(['GET /health 2.0 yes', 'GET /really 2.0 yes']));
  await router.healthEvents(1, () => void (status = 500));
  expect((await router.service()).serverHealth![0]!.check!.lastError).toBe('it answered 500');
  server.close();
});
