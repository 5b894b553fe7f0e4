import { beforeEach, expect, test } from 'vitest';
import { serviceTableOf } from '../../../test/support/service-table.ts';
import { TCP_TRANSPORT, tcpContext, type TestTcpContext } from '../../../test/support/tcp-context.ts';
import { WRITTEN_FACTS, type TcpEndpointSpec } from '../../model/endpoint-set.ts';
import type { ChildSpec } from '../../model/service.ts';
import type { TcpTransportSpec } from '../../model/tcp.ts';
import { kindOf, shareKey, type ServiceTable } from '../balance/count/service-table.ts';
import { ServiceWindow } from '../balance/count/service-window.ts';
import { Visits } from '../balance/count/visits.ts';
import { TCP_ENDS } from './tcp-end.ts';
import { TcpService } from './tcp-service.ts';

let context: TestTcpContext;
let services: Map<string, TcpService>;
let counts: ServiceTable;

beforeEach(() => {
  context = tcpContext(async (host) => [{ host: `address of ${host}`, family: 4 }]);
  services = new Map();
  counts = serviceTableOf();
});

function make(name: string): TcpService {
  const service = new TcpService(name, { context, counts, service: (other) => services.get(other) });
  services.set(name, service);
  return service;
}

/** The key is the name of the host. */
function server(host: string, rest: Partial<TcpEndpointSpec> = {}): TcpEndpointSpec {
  return { ...WRITTEN_FACTS, key: host, url: `${host}:5432`, host, port: 5432, isSecure: false, ...rest };
}

/** Rows of the endpoint table: `a` has 0, `b` 1 and so on. */
const ROWS = { a: 0, b: 1, c: 2, d: 3 };

function give(
  service: TcpService,
  endpoints: readonly TcpEndpointSpec[],
  transport: TcpTransportSpec = TCP_TRANSPORT,
): void {
  const { name } = service;
  service.update(
    { kind: 'tcpLoadBalancer', name, endpointSet: 'set', transport, healthCheck: null, passiveHealthCheck: null },
    { endpoints, rows: ROWS },
  );
}

function divide(service: TcpService, followsHealth: boolean, ...children: readonly ChildSpec[]): void {
  service.update({ kind: 'tcpWeighted', name: service.name, children, followsHealth }, { endpoints: [], rows: {} });
}

function picks(service: TcpService, count: number): readonly (string | undefined)[] {
  return Array.from({ length: count }, () => service.pick()?.server.host);
}

async function isResolved(host: string): Promise<boolean> {
  return (await context.resolver.addresses(host)).length > 0;
}

test('connections go round the servers that are up and take new ones', () => {
  const service = make('db');
  context.table.setDown(ROWS.b, true);
  give(service, [server('a'), server('b'), server('c', { state: 'draining' }), server('d'), server('no row')]);
  expect(picks(service, 6)).toEqual(['a', 'd', 'no row', 'a', 'd', 'no row']);
  context.table.setDown(ROWS.b, false);
  service.refresh();
  expect(picks(service, 8).filter((host) => host === 'b')).toHaveLength(2);
});

test('where all servers drain they get what comes: they still answer', () => {
  const service = make('db');
  give(service, [server('a', { state: 'draining' }), server('c', { state: 'draining' })]);
  expect([service.isUp, picks(service, 2)]).toEqual([false, ['a', 'c']]);
  give(service, [server('a', { state: 'draining' }), server('d')]);
  expect([service.isUp, picks(service, 2)]).toEqual([true, ['d', 'd']]);
});

test('a service that has been told nothing has no servers, and is down', () => {
  const service = make('db');
  expect([service.pick(), service.isUp, service.hasServers]).toEqual([null, false, false]);
  service.refresh();
  service.patch({ changed: [server('a')], removed: [] }, ROWS);
  expect(service.pick()).toBeNull();
});

test('a server found down by the table is passed over before anybody says so, and watchers hear that the last one is', () => {
  const service = make('db');
  give(service, [server('a'), server('b')]);
  const told: boolean[] = [];
  const stop = service.watch(() => void told.push(service.isUp));
  context.table.setDown(ROWS.a, true);
  expect(picks(service, 3)).toEqual(['b', 'b', 'b']);
  expect(told).toEqual([]);
  context.table.setDown(ROWS.b, true);
  expect([service.pick(), service.pick(), service.hasServers]).toEqual([null, null, true]);
  expect(told).toEqual([false]);
  context.table.setDown(ROWS.b, false);
  service.refresh();
  expect(told).toEqual([false, true]);
  stop();
  context.table.setDown(ROWS.b, true);
  service.refresh();
  expect(told).toHaveLength(2);
});

test.each([
  ['its address', { url: 'a:5433', port: 5433 }],
  ['whether it has TLS', { isSecure: true }],
  ['the name it must have', { identity: { type: 'DNS', value: 'a.test' } }],
] as const)('a server is another one when it changes %s, and the one before counts no more', (_, change) => {
  for (const way of ['update', 'patch']) {
    const service = make('db');
    give(service, [server('a')]);
    const before = service.pick()!;
    before.opened();
    expect(context.table.inFlight(ROWS.a)).toBe(1);
    if (way === 'update') give(service, [server('a', change)]);
    else service.patch({ changed: [server('a', change)], removed: [] }, ROWS);
    expect(service.pick()).not.toBe(before);
    expect(context.table.inFlight(ROWS.a)).toBe(0);
    before.closed();
    expect(context.table.inFlight(ROWS.a)).toBe(0);
  }
});

test('a server that says the same stays, with its connections; of a name that it must have the kind counts as well', () => {
  const service = make('db');
  give(service, [server('a', { identity: { type: 'DNS', value: 'a.test' } })]);
  const before = service.pick()!;
  expect(before.transport.tls.pinnedNames).toEqual([{ type: 'DNS', value: 'a.test' }]);
  before.opened();
  give(service, [server('a', { identity: { type: 'DNS', value: 'a.test' }, zone: 'elsewhere' })]);
  expect([service.pick() === before, context.table.inFlight(ROWS.a)]).toEqual([true, 1]);
  give(service, [server('a', { identity: { type: 'URI', value: 'a.test' } })]);
  expect(service.pick()).not.toBe(before);
});

test('with another transport every server is another one', () => {
  const service = make('db');
  give(service, [server('a')]);
  const before = service.pick()!;
  give(service, [server('a')], { ...TCP_TRANSPORT });
  expect(service.pick()).toBe(before);
  give(service, [server('a')], { ...TCP_TRANSPORT, dialTimeoutMs: 5 });
  expect(service.pick()).not.toBe(before);
  expect(service.pick()!.transport.dialTimeoutMs).toBe(5);
});

test('a patch takes single servers away and adds others; names are kept fresh for as long as they are needed', async () => {
  const service = make('db');
  give(service, [server('a'), server('b')]);
  const a = service.pick()!;
  service.patch({ changed: [server('d')], removed: ['b', 'unknown'] }, ROWS);
  const after = [service.pick()!, service.pick()!];
  expect(after).toContain(a);
  expect(after.map(({ server: { host } }) => host).sort((x, y) => x.localeCompare(y))).toEqual(['a', 'd']);
  expect([await isResolved('a'), await isResolved('b'), await isResolved('d')]).toEqual([true, false, true]);
  give(service, [server('d')]);
  expect([await isResolved('a'), await isResolved('d')]).toEqual([false, true]);
  service.patch({ changed: [], removed: ['d'] }, ROWS);
  expect([service.pick(), service.isUp, service.hasServers]).toEqual([null, false, false]);
});

test('a weighted service divides connections by weight, whatever the health of its children', () => {
  give(make('one'), [server('a')]);
  give(make('two'), [server('b')]);
  const weighted = make('weighted');
  divide(weighted, false, { service: 'one', weight: 2 }, { service: 'two', weight: 1 }, { service: 'gone', weight: 1 });
  expect(picks(weighted, 3)).toEqual(['a', 'b', 'a']);
  weighted.patch({ changed: [server('c')], removed: ['a'] }, ROWS);
  context.table.setDown(ROWS.a, true);
  services.get('one')!.refresh();
  expect([...picks(weighted, 3)].filter((host) => host === undefined)).toHaveLength(2);
  expect([weighted.isUp, weighted.hasServers]).toEqual([true, true]);
});

test('one that follows health passes over children that are down, and tells when all are', () => {
  give(make('one'), [server('a')]);
  give(make('two'), [server('b')]);
  const weighted = make('weighted');
  divide(weighted, true, { service: 'one', weight: 1 }, { service: 'two', weight: 1 }, { service: 'off', weight: 0 });
  const told: boolean[] = [];
  weighted.watch(() => void told.push(weighted.isUp));
  context.table.setDown(ROWS.a, true);
  // Nobody has said so yet: whose turn it is turns out to be down.
  expect(picks(weighted, 4)).toEqual(['b', 'b', 'b', 'b']);
  context.table.setDown(ROWS.b, true);
  services.get('two')!.refresh();
  expect([weighted.isUp, weighted.pick(), told]).toEqual([false, null, [false]]);
  context.table.setDown(ROWS.a, false);
  services.get('one')!.refresh();
  expect([picks(weighted, 2), told]).toEqual([
    ['a', 'a'],
    [false, true],
  ]);
});

test('a weighted service has servers when a child has', () => {
  make('empty');
  const weighted = make('weighted');
  divide(weighted, true, { service: 'empty', weight: 1 }, { service: 'gone', weight: 1 });
  expect([weighted.hasServers, weighted.isUp]).toEqual([false, false]);
});

test('a service that changes its kind keeps nothing of what it was', async () => {
  give(make('child'), [server('b')]);
  const service = make('db');
  give(service, [server('a')]);
  divide(service, true, { service: 'child', weight: 1 });
  expect([service.pick()!.server.host, await isResolved('a')]).toEqual(['b', false]);
  give(service, [server('c')]);
  expect(picks(service, 2)).toEqual(['c', 'c']);
});

test('a retired service has nobody, and tells nobody', async () => {
  const service = make('db');
  give(service, [server('a')]);
  const told: string[] = [];
  service.watch(() => void told.push('changed'));
  service.retire();
  expect([service.pick(), service.isUp, await isResolved('a')]).toEqual([null, false, false]);
  expect(told).toEqual([]);
});

/** A connection that is over: where it was counted, and with what. */
function connect(service: TcpService, flag = ''): void {
  const visits = new Visits();
  visits.begin();
  service.pick(visits);
  visits.settle();
  visits.end(flag);
}

test('a connection counts in its service, in its share, and in the child, apart from those of HTTP', () => {
  give(make('one'), [server('a')]);
  give(make('two'), [server('b')]);
  const weighted = make('weighted');
  const children = [
    { service: 'one', weight: 2 },
    { service: 'two', weight: 1 },
  ];
  divide(weighted, false, ...children);
  const keys = [
    'weighted@@tcp',
    shareKey('weighted@@tcp', 'one'),
    'one@@tcp',
    shareKey('weighted@@tcp', 'two'),
    'two@@tcp',
    'one',
  ];
  const windows = keys.map((key) => new ServiceWindow(counts, key));
  for (let turn = 0; turn < 3; turn++) connect(weighted);
  connect(services.get('one')!, 'upstream_connect_refused');
  const readings = windows.map((window) => window.take());
  expect(readings.map(({ requests }) => requests)).toEqual([3, 2, 3, 1, 1, 0]);
  expect(readings[2]!.failures).toEqual(new Map([['upstream_connect_refused', 1]]));
  // What stays is counted where it was.
  divide(weighted, false, children[0]!);
  connect(weighted);
  expect(windows.map((window) => window.take().requests)).toEqual([1, 1, 1, 0, 0, 0]);
});

test('a share that cannot be served goes nowhere, and not to the others', () => {
  give(make('one'), [server('a')]);
  const weighted = make('weighted');
  divide(weighted, false, { service: 'one', weight: 1 }, { service: 'off', weight: 1, disabledStatus: 503 });
  const window = new ServiceWindow(counts, shareKey('weighted@@tcp', 'off'));
  expect(picks(weighted, 4).filter((host) => host === undefined)).toHaveLength(2);
  for (let turn = 0; turn < 2; turn++) connect(weighted, 'no_healthy_server');
  expect(window.take()).toMatchObject({ requests: 1, failures: new Map([['no_healthy_server', 1]]) });
  divide(weighted, true, { service: 'one', weight: 1 }, { service: 'off', weight: 1, disabledStatus: 503 });
  expect(picks(weighted, 2)).toEqual(['a', 'a']);
});

test('every way in which a server fails is counted by its kind, and no other end', () => {
  const ends = Object.values(TCP_ENDS);
  expect(ends.filter(({ flag }) => kindOf(flag) >= 0)).toEqual(ends.filter(({ side }) => side === 'upstream'));
});
