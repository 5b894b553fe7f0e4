// Services through the running router: strategies, weights, sticky clients, trees, transports and stages of their own.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NamedOrigin } from '../support/named-origin.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { RestRouter } from '../support/rest-router.ts';

async function origins(...names: string[]): Promise<AsyncDisposable & { all: NamedOrigin[] }> {
  const all = await Promise.all(names.map((name) => NamedOrigin.start(name)));
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const origin of all) await origin[Symbol.asyncDispose]();
    },
  };
}

const servers = (all: readonly NamedOrigin[], weights: readonly number[] = []): object[] =>
  all.map(({ url }, index) => ({ url, weight: weights[index] ?? 1 }));

const balancing = (all: readonly NamedOrigin[], options: object = {}, weights: readonly number[] = []): object => ({
  loadBalancer: { servers: servers(all, weights), ...options },
});

/** `name=value` of the cookie a response sets. */
function cookieOf(head: string): string {
  return /^Set-Cookie: ([^;]+)/m.exec(head)?.[1] ?? '';
}

test('wrr keeps exactly to the weights, and a change of weight counts from the next request', async () => {
  await using three = await origins('a', 'b', 'c');
  await using router = await RestRouter.start({ services: { s: balancing(three.all, {}, [1, 3, 6]) } });
  expect(await router.count(100)).toEqual({ a: 10, b: 30, c: 60 });
  await router.put({ services: { s: balancing(three.all, {}, [1, 1, 0]) } });
  expect(await router.count(100)).toEqual({ a: 50, b: 50 });
});

test('p2c and leasttime keep away from the server that does not answer', async () => {
  for (const strategy of ['p2c', 'leasttime']) {
    await using pair = await origins('a', 'b');
    const [slow] = pair.all;
    let open = (): void => {};
    slow!.gate = new Promise((resolve) => (open = resolve));
    await using router = await RestRouter.start({ services: { s: balancing(pair.all, { strategy }) } }, { workers: 2 });
    // The slow one gets requests until it has more in progress than the other.
    const stuck: RawClient[] = [];
    while (slow!.requests.length === 0) {
      const client = await RawClient.connect(router.process.ports['web']!);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      stuck.push(client);
      await Promise.race([slow!.until(() => slow!.requests.length > 0), client.until(() => client.received !== '')]);
    }
    expect([strategy, await router.count(60)]).toEqual([strategy, { b: 60 }]);
    open();
    for (const client of stuck) expect((await client.response()).status).toBe(200);
    for (const client of stuck) client.socket.destroy();
  }
});

test('hrw sends a client to the same server from every worker', async () => {
  await using three = await origins('a', 'b', 'c');
  const http = { services: { s: balancing(three.all, { strategy: 'hrw' }) } };
  await using router = await RestRouter.start(http, { workers: 2 });
  const bodies = new Set<string>();
  for (let turn = 0; turn < 20; turn++) bodies.add((await router.get()).body);
  expect(bodies.size).toBe(1);
});

test('a sticky client stays, moves once when its server is gone, and never learns an address', async () => {
  await using three = await origins('a', 'b', 'c');
  const sticky = { cookie: { name: 'lb', httpOnly: true, sameSite: 'lax' } };
  const http = (all: readonly NamedOrigin[], weights: readonly number[] = []): object => ({
    services: { s: balancing(all, { sticky }, weights) },
  });
  await using router = await RestRouter.start(http(three.all), { workers: 2 });
  const first = await router.get();
  const cookie = cookieOf(first.head);
  expect(first.head).toMatch(/^Set-Cookie: lb=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax\r$/m);
  expect(await router.count(10, `Cookie: ${cookie}\r\n`)).toEqual({ [first.body]: 10 });
  const again = await router.get('/', `Cookie: ${cookie}\r\n`);
  expect(again.head).not.toContain('Set-Cookie');
  // Weight 0 takes new clients away, not those that are there.
  const own = three.all.findIndex(({ name }) => name === first.body);
  await router.put(
    http(
      three.all,
      [0, 1, 2].map((index) => (index === own ? 0 : 1)),
    ),
  );
  expect(await router.count(6, `Cookie: ${cookie}\r\n`)).toEqual({ [first.body]: 6 });
  expect(await router.count(6)).not.toHaveProperty(first.body);
  // Gone: another one, told once.
  await router.put(http(three.all.toSpliced(own, 1)));
  const moved = await router.get('/', `Cookie: ${cookie}\r\n`);
  const next = cookieOf(moved.head);
  expect(next).not.toBe('');
  expect(await router.count(6, `Cookie: ${next}\r\n`)).toEqual({ [moved.body]: 6 });
});

test('a cookie of Traefik finds its server and is replaced; forged ones are nobody’s', async () => {
  await using pair = await origins('a', 'b');
  const http = { services: { s: balancing(pair.all, { sticky: { cookie: { name: 'lb' } } }) } };
  await using router = await RestRouter.start(http);
  for (const { url, name } of pair.all) {
    const value = createHash('sha256').update(url).digest('hex').slice(0, 16);
    const response = await router.get('/', `Cookie: x=1; lb=${value}\r\n`);
    expect(response.body).toBe(name);
    expect(cookieOf(response.head)).toMatch(/^lb=[\w-]{22}$/);
  }
  const forged = await router.count(4, `Cookie: lb=${'A'.repeat(22)}\r\n`);
  expect(forged).toEqual({ a: 2, b: 2 });
});

test('the default name of the cookie is Traefik’s, and a shared secret survives a restart', async () => {
  await using pair = await origins('a', 'b');
  const sticky = { cookie: { secret: 'of all our routers' } };
  const http = { services: { s: balancing(pair.all, { sticky }) } };
  let cookie: string;
  {
    await using router = await RestRouter.start(http);
    cookie = cookieOf((await router.get()).head);
    const digits = createHash('sha1').update('_TRAEFIK_BACKEND_s@rest').digest('hex').slice(0, 5);
    expect(cookie.startsWith(`_${digits}=`)).toBe(true);
    // The secret is never shown.
    expect(await (await router.api('/api/http/services/s@rest')).text()).not.toContain('of all our routers');
  }
  await using router = await RestRouter.start(http);
  expect(Object.keys(await router.count(6, `Cookie: ${cookie}\r\n`))).toHaveLength(1);
  expect((await router.get('/', `Cookie: ${cookie}\r\n`)).head).not.toContain('Set-Cookie');
});

test('with a state directory sticky clients survive a restart without a secret', async () => {
  await using pair = await origins('a', 'b');
  const http = { services: { s: balancing(pair.all, { sticky: { cookie: { name: 'lb' } } }) } };
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-state-'));
  const options = { extra: `state: { directory: ${directory} }\n` };
  let first: RawResponse;
  {
    await using router = await RestRouter.start(http, options);
    first = await router.get();
    router.process.signal('SIGTERM');
    expect(await router.process.exited).toBe(0);
  }
  {
    await using router = await RestRouter.start(http, options);
    expect(await router.count(6, `Cookie: ${cookieOf(first.head)}\r\n`)).toEqual({ [first.body]: 6 });
  }
  // Only now that nobody writes into it.
  await rm(directory, { recursive: true });
});

test('weighted divides by weight, keeps sticky clients at their service, and nests', async () => {
  await using three = await origins('a', 'b', 'c');
  const [a, b, c] = three.all.map((origin) => balancing([origin]));
  const services = {
    a,
    b,
    c,
    bc: {
      weighted: {
        services: [
          { name: 'b', weight: 1 },
          { name: 'c', weight: 2 },
        ],
      },
    },
    s: {
      weighted: {
        services: [
          { name: 'a', weight: 1 },
          { name: 'bc', weight: 3 },
        ],
      },
    },
  };
  await using router = await RestRouter.start({ services });
  expect(await router.count(120)).toEqual({ a: 30, b: 30, c: 60 });
  // Metrics and the access log name the service that answered.
  const metrics = await (await router.api('/metrics')).text();
  expect(metrics).toMatch(/service_requests_total\{[^}]*service="c@rest"\} 60/);
  await router.put({ services: { ...services, s: { weighted: { ...services.s.weighted, sticky: { cookie: {} } } } } });
  const first = await router.get();
  const stays = await router.count(10, `Cookie: ${cookieOf(first.head)}\r\n`);
  if (first.body === 'a') expect(stays).toEqual({ a: 10 });
  else expect(stays).not.toHaveProperty('a');
  // A child that changes its kind is the same child.
  await router.put({ services: { ...services, bc: balancing([three.all[1]!]) } });
  expect(await router.count(8)).toEqual({ a: 2, b: 6 });
});

test('highestRandomWeight sends a client to one service', async () => {
  await using pair = await origins('a', 'b');
  const [a, b] = pair.all.map((origin) => balancing([origin]));
  const both = {
    services: [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 1 },
    ],
  };
  await using router = await RestRouter.start({ services: { a, b, s: { highestRandomWeight: both } } });
  expect(Object.keys(await router.count(20))).toHaveLength(1);
});

test('a named transport has its own timeouts and limits; the service without one keeps the default', async () => {
  await using pair = await origins('a', 'b');
  pair.all[0]!.gate = new Promise(() => {});
  const services = {
    slow: balancing([pair.all[0]!], { serversTransport: 'impatient' }),
    s: balancing([pair.all[1]!]),
  };
  const serversTransports = {
    impatient: { forwardingTimeouts: { responseHeaderTimeout: '2s' }, maxConnsPerHost: 1, maxPendingRequests: 0 },
  };
  const routers = {
    slow: { rule: 'PathPrefix(`/slow`)', service: 'slow', entryPoints: ['web'] },
    all: { rule: 'PathPrefix(`/`)', service: 's', entryPoints: ['web'] },
  };
  await using router = await RestRouter.start({ routers, services, serversTransports });
  const first = router.get('/slow');
  await pair.all[0]!.until(() => pair.all[0]!.requests.length === 1);
  expect((await router.get('/slow')).status).toBe(503);
  expect((await first).status).toBe(504);
  expect((await router.get('/')).body).toBe('b');
  const said = await router.put({
    routers,
    services: { ...services, s: balancing([pair.all[1]!], { serversTransport: 'nope' }) },
    serversTransports,
  });
  expect(said.map(({ message }) => message)).toContain('there is no serversTransport "nope"');
});

test('a service’s own stages run for every router that leads to it, and follow changes', async () => {
  await using pair = await origins('a', 'b');
  const services = { s: balancing(pair.all, { middlewares: ['tag', 'deeper'] }) };
  const middlewares = (value: string): object => ({
    tag: { headers: { customResponseHeaders: { 'X-Stage': value } } },
    deeper: { addPrefix: { prefix: '/deep' } },
  });
  const routers = {
    one: { rule: 'Path(`/one`)', service: 's', entryPoints: ['web'] },
    two: { rule: 'Path(`/two`)', service: 'w', entryPoints: ['web'] },
  };
  const all = { ...services, w: { weighted: { services: [{ name: 's' }] } } };
  await using router = await RestRouter.start({ routers, services: all, middlewares: middlewares('first') });
  expect((await router.get('/one')).head).toContain('X-Stage: first');
  expect((await router.get('/two')).head).toContain('X-Stage: first');
  expect(pair.all.flatMap(({ requests }) => requests).toSorted()).toEqual(['GET /deep/one', 'GET /deep/two']);
  await router.put({ routers, services: all, middlewares: middlewares('second') });
  expect((await router.get('/two')).head).toContain('X-Stage: second');
});

test('under load a new server gets its share at once, and one that leaves finishes its requests', async () => {
  await using three = await origins('a', 'b', 'c');
  const [a, b] = three.all;
  const http = (all: readonly NamedOrigin[]): object => ({ services: { s: balancing(all) } });
  await using router = await RestRouter.start(http([a!]));
  let open = (): void => {};
  a!.gate = new Promise((resolve) => (open = resolve));
  const waiting = Promise.all([router.get('/1'), router.get('/2')]);
  await a!.until(() => a!.requests.length === 2);
  expect((await router.service()).serverHealth![0]).toMatchObject({ url: a!.url, inFlight: 2 });
  await router.put(http([b!, three.all[2]!]));
  expect(await router.count(10)).toEqual({ b: 5, c: 5 });
  open();
  for (const { status, body } of await waiting) expect([status, body]).toEqual([200, 'a']);
});

test('with slow start a new server begins with a tenth of its share', async () => {
  await using pair = await origins('a', 'b');
  const slowStart = { slowStart: '1h' };
  await using router = await RestRouter.start({ services: { s: balancing([pair.all[0]!], slowStart) } });
  await router.put({ services: { s: balancing(pair.all, slowStart) } });
  expect(await router.count(110)).toEqual({ a: 100, b: 10 });
});

test('a change elsewhere leaves a balancer where it is', async () => {
  await using three = await origins('a', 'b', 'c');
  const s = balancing(three.all);
  await using router = await RestRouter.start({ services: { s } });
  expect((await router.get()).body).toBe('a');
  await router.put({ services: { s, other: balancing([three.all[0]!]) } });
  expect((await router.get()).body).toBe('b');
  expect((await router.get()).body).toBe('c');
});

test('no server, and none that gets requests, are told apart in the log', async () => {
  await using router = await RestRouter.start({ services: { s: { loadBalancer: { servers: [] } } } });
  const { status, body } = await router.get();
  expect([status, body]).toEqual([503, 'no available server\n']);
  await expect.poll(() => router.process.stdout()).toContain('"ResponseFlag":"no_server"');
});
