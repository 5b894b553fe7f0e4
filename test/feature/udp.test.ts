import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatagramClient, NamedDatagramServer } from '../support/datagrams.ts';
import { scrape } from '../support/laboratory.ts';
import { refuseDatagrams } from '../support/ports.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

let a: NamedDatagramServer;
let b: NamedDatagramServer;
let six: NamedDatagramServer;
let router: RouterProcess;
/** Nobody listens there. */
let closedPort: number;

function routing(servers: readonly { readonly port: number }[]): string {
  const list = servers.map(({ port }) => `{ address: "127.0.0.1:${port}" }`).join(', ');
  return `
udp:
  routers:
    changing: { service: changing, entryPoints: [changing] }
  services:
    changing: { loadBalancer: { servers: [${list}] } }
`;
}

beforeAll(async () => {
  a = await NamedDatagramServer.start('a');
  b = await NamedDatagramServer.start('b');
  six = await NamedDatagramServer.start('six', '::1');
  closedPort = (await refuseDatagrams())!;
  const address = (server: NamedDatagramServer): string => `{ address: "127.0.0.1:${server.port}" }`;
  router = await startRouter({
    workers: 2,
    install: `
entryPoints:
  turns: { address: "127.0.0.1:0/udp" }
  shares: { address: "127.0.0.1:0/udp" }
  short: { address: "127.0.0.1:0/udp", udp: { timeout: 2s } }
  few: { address: "127.0.0.1:0/udp", udp: { maxSessions: 1 } }
  lonely: { address: "127.0.0.1:0/udp" }
  refused: { address: "127.0.0.1:0/udp" }
  unreachable: { address: "127.0.0.1:0/udp" }
  empty: { address: "127.0.0.1:0/udp" }
  sixes: { address: "[::1]:0/udp" }
  both: { address: ":0/udp" }
  changing: { address: "127.0.0.1:0/udp" }
  traefik: { address: "127.0.0.1:0" }
api: {}
accessLog: { format: json }
metrics: { prometheus: { addRoutersLabels: true } }
providers: { file: { filename: DIR/routing.yml } }
udp:
  routers:
    turns: { service: pair, entryPoints: [turns] }
    shares: { service: shares, entryPoints: [shares] }
    short: { service: pair, entryPoints: [short] }
    few: { service: pair, entryPoints: [few] }
    refused: { service: refused, entryPoints: [refused] }
    unreachable: { service: unreachable, entryPoints: [unreachable] }
    empty: { service: empty, entryPoints: [empty] }
    sixes: { service: six, entryPoints: [sixes, both] }
  services:
    pair: { loadBalancer: { servers: [${address(a)}, ${address(b)}] } }
    heavy: { loadBalancer: { servers: [{ address: "127.0.0.1:${a.port}", weight: 3 }, ${address(b)}] } }
    only-b: { loadBalancer: { servers: [${address(b)}] } }
    shares: { weighted: { services: [{ name: heavy, weight: 2 }, { name: only-b }] } }
    refused: { loadBalancer: { servers: [{ address: "127.0.0.1:${closedPort}" }, ${address(b)}] } }
    # Nobody may connect to the broadcast address: it is refused before anything leaves.
    unreachable: { loadBalancer: { servers: [{ address: "255.255.255.255:9" }, ${address(b)}] } }
    empty: { loadBalancer: { servers: [] } }
    six: { loadBalancer: { servers: [{ address: "[::1]:${six.port}" }] } }
`,
    files: { 'routing.yml': routing([a]) },
  });
});

afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  for (const server of [a, b, six]) await server?.[Symbol.asyncDispose]();
});

const client = (entryPoint: string, address?: string): DatagramClient =>
  new DatagramClient(router.ports[entryPoint]!, address);

async function log(condition: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
  const find = (): Record<string, unknown> | undefined =>
    router
      .stdout()
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(condition);
  await router.prints(() => find() !== undefined);
  return find()!;
}

async function metric(line: RegExp): Promise<void> {
  for (;;) if (line.test(await scrape(router))) return;
}

test('a client keeps its server, and clients take turns', async () => {
  const names: string[] = [];
  for (let index = 0; index < 4; index++) {
    using one = client('turns');
    const first = await one.ask('1');
    expect(await one.ask('2')).toBe(first.replace('1', '2'));
    names.push(first);
  }
  expect(names.toSorted()).toEqual(['a 1', 'a 1', 'b 1', 'b 1']);
});

test('sessions are divided by weight, on both levels', async () => {
  const counts = { a: 0, b: 0 };
  for (let index = 0; index < 12; index++) {
    using one = client('shares');
    counts[(await one.ask('x'))[0] as 'a' | 'b']++;
  }
  // Two of three go to the pair that is divided three to one.
  expect(counts).toEqual({ a: 6, b: 6 });
});

test('datagrams of every size arrive, one for one', async () => {
  using one = client('turns');
  for (const size of [1, 1_400, 9_000, 60_000]) {
    const text = 'x'.repeat(size);
    expect((await one.ask(text)).slice(2)).toBe(text);
  }
  one.send('');
  expect(await one.next()).toMatch(/^[ab] $/);
});

test('silence ends a session, and its line in the log says what it was', async () => {
  using one = client('short');
  await one.ask('hello');
  const line = await log(({ RouterName }) => RouterName === 'short@install');
  expect(line).toMatchObject({
    ClientHost: '127.0.0.1',
    EntryPointName: 'short',
    RequestProtocol: 'UDP',
    ServiceName: 'pair@install',
    RequestContentSize: 5,
    DownstreamContentSize: 7,
    ResponseFlag: '',
  });
  expect(line['ServiceAddr']).toMatch(/^127\.0\.0\.1:\d+$/);
  await metric(/signalbox_open_connections\{entrypoint="short",protocol="UDP"\} 0/);
  // The next datagram begins another one, with the server whose turn it is.
  expect(await one.ask('again')).toMatch(/^[ab] again$/);
});

test('further clients than there may be are not served, and counted', async () => {
  using first = client('few');
  await first.ask('1');
  using second = client('few');
  second.send('lost');
  await metric(/entrypoint_datagrams_dropped_total\{entrypoint="few",reason="sessions",protocol="udp"\} 1/);
  expect(await first.ask('2')).toMatch(/ 2$/);
});

test('datagrams of an entry point without a router are counted', async () => {
  using one = client('lonely');
  one.send('nobody');
  await metric(/entrypoint_datagrams_dropped_total\{entrypoint="lonely",reason="no_router",protocol="udp"\} 1/);
});

test('a server that refuses costs the datagram it refused: the next goes to the next', async () => {
  using one = client('refused');
  one.send('lost');
  await log(({ ResponseFlag }) => ResponseFlag === 'upstream_connect_refused');
  expect(await one.ask('found')).toBe('b found');
  await metric(
    /service_dial_failures_total\{service="refused@install",url="127\.0\.0\.1:\d+",flag="upstream_connect_refused",protocol="udp"\} 1/,
  );
});

test('a server that cannot be sent to costs its datagrams, and no worker', async () => {
  using one = client('unreachable');
  one.send('lost');
  await log(({ ResponseFlag }) => ResponseFlag === 'upstream_connect_failed');
  expect(await one.ask('found')).toBe('b found');
  expect(await scrape(router)).toContain('signalbox_worker_restarts_total 0');
});

test('a service without servers ends the session at once', async () => {
  using one = client('empty');
  one.send('nobody');
  expect(await log(({ ResponseFlag }) => ResponseFlag === 'no_server')).toMatchObject({ EntryPointName: 'empty' });
});

test('IPv6, alone and beside IPv4', async () => {
  using first = client('sixes', '::1');
  expect(await first.ask('1')).toBe('six 1');
  using second = client('both');
  expect(await second.ask('2')).toBe('six 2');
  using third = client('both', '::1');
  expect(await third.ask('3')).toBe('six 3');
});

test('connections and bytes are counted by entry point, router and service', async () => {
  using one = client('turns');
  await one.ask('counted');
  const metrics = await scrape(router);
  for (const subject of [
    'entrypoint="turns"',
    'router="turns@install",service="pair@install"',
    'service="pair@install"',
  ]) {
    const kind = subject.slice(0, subject.indexOf('='));
    for (const name of ['connections', 'received_bytes', 'sent_bytes']) {
      expect(metrics).toMatch(new RegExp(`signalbox_${kind}_${name}_total\\{${subject},protocol="udp"\\} [1-9]`));
    }
  }
});

test('the API shows routers and services', async () => {
  const shown = (path: string): Promise<unknown> =>
    fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/${path}`).then((answer) => answer.json());
  expect(await shown('udp/routers/shares@install')).toMatchObject({
    service: 'shares',
    using: ['shares'],
    status: 'enabled',
  });
  expect(await shown('udp/services/shares@install')).toMatchObject({ type: 'weighted', usedBy: ['shares@install'] });
  expect(await shown('overview')).toMatchObject({
    udp: { routers: { total: 9, warnings: 0, errors: 0 }, services: { total: 9, warnings: 1, errors: 0 } },
  });
  expect(await shown('rawdata')).toMatchObject({ udpRouters: { 'few@install': { using: ['few'] } } });
});

describe('a change', () => {
  async function change(servers: readonly { readonly port: number }[]): Promise<void> {
    const applied = /"configuration changed"|configuration changed/g;
    const before = router.stderr().match(applied)?.length ?? 0;
    await writeFile(join(router.directory, 'routing.yml'), routing(servers));
    await router.sees((said) => (said.match(applied)?.length ?? 0) > before);
  }

  test('leaves sessions with servers that stay, and ends those with servers that go', async () => {
    using one = client('changing');
    expect(await one.ask('1')).toBe('a 1');
    const session = new Set(a.seenPorts);
    await change([b, a]);
    expect(await one.ask('2')).toBe('a 2');
    expect(a.seenPorts).toEqual(session);
    await change([b]);
    expect(await log(({ ResponseFlag }) => ResponseFlag === 'server_removed')).toMatchObject({
      RouterName: 'changing@file',
    });
    expect(await one.ask('3')).toBe('b 3');
    await change([a]);
    expect(await one.ask('4')).toBe('a 4');
  });
});

test('stopping does not wait for clients that say nothing, and tells of their sessions', async () => {
  await using own = await startRouter({
    install: `
entryPoints: { dns: { address: "127.0.0.1:0/udp", udp: { timeout: 2s } } }
accessLog: { format: json }
udp:
  routers: { all: { service: a } }
  services: { a: { loadBalancer: { servers: [{ address: "127.0.0.1:${a.port}" }] } } }
`,
  });
  using one = new DatagramClient(own.ports['dns']!);
  await one.ask('hello');
  own.signal('SIGTERM');
  expect(await own.exited).toBe(0);
  expect(own.stdout()).toContain('"RouterName":"all@install"');
});

test.each([
  ['udp: { timeout: 0 }', 'r: { service: s }', 'without an end every client would keep its session'],
  ['proxyProtocol: { insecure: true }', 'r: { service: s }', 'entryPoints.dns.proxyProtocol'],
  ['http: { tls: {} }', 'r: { service: s }', 'entryPoints.dns.http.tls'],
  ['http: { middlewares: [m] }', 'r: { service: s }', 'entryPoints.dns.http.middlewares'],
  ['', 'r: { service: nobody }', 'there is no service "nobody"'],
  ['', 'r: { service: s, entryPoints: [web] }', 'the entry point "web" is for TCP; this router needs one for UDP'],
  ['', 'r: { service: s, rule: "x" }', 'rule'],
  ['', 'r: { service: s }, q: { service: s }', 'are those of the router "q@install" already'],
  ['', 'r: { service: bad }', 'the port is missing'],
])('%s %s: says what is wrong', async (options, routers, message) => {
  await using own = await startRouter({
    install: `
entryPoints: { dns: { address: "127.0.0.1:0/udp", ${options} }, web: { address: "127.0.0.1:0" } }
udp:
  routers: { ${routers} }
  services:
    s: { loadBalancer: { servers: [{ address: "127.0.0.1:${a.port}" }] } }
    bad: { loadBalancer: { servers: [{ address: "127.0.0.1" }] } }
`,
    isExpectedToStart: false,
  });
  await own.sees(message);
});
