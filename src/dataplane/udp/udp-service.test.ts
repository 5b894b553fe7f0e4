import { beforeEach, expect, test } from 'vitest';
import { serviceTableOf } from '../../../test/support/service-table.ts';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { WRITTEN_FACTS, type UdpEndpointSpec } from '../../model/endpoint-set.ts';
import type { ChildSpec } from '../../model/service.ts';
import { FailureTrace } from '../upstream/failure-trace.ts';
import { Resolver } from '../upstream/name/resolver.ts';
import { kindOf, shareKey, type ServiceTable } from '../balance/count/service-table.ts';
import { ServiceWindow } from '../balance/count/service-window.ts';
import { Visits } from '../balance/count/visits.ts';
import { UDP_ENDS } from './udp-end.ts';
import { UdpService } from './udp-service.ts';

let resolver: Resolver;
let services: Map<string, UdpService>;
let counts: ServiceTable;
/** What the failure trace has been told, in words. */
let reports: string[];

function make(name: string): UdpService {
  const wheel = new TimerWheel(new ManualClock());
  const trace = new FailureTrace(wheel, (all) => {
    for (const { protocol, service, server, flag } of all) reports.push(`${protocol} ${service} ${server} ${flag}`);
  });
  const service = new UdpService(name, { resolver, trace, counts, service: (other) => services.get(other) });
  services.set(name, service);
  return service;
}

beforeEach(() => {
  resolver = new Resolver({ lookUp: async (host) => [{ host: `address of ${host}`, family: 4 }] });
  services = new Map();
  counts = serviceTableOf();
  reports = [];
});

/** The key is the name of the host. */
function server(host: string, rest: Partial<UdpEndpointSpec> = {}): UdpEndpointSpec {
  return { ...WRITTEN_FACTS, key: host, url: `${host}:53`, host, port: 53, weight: 1, ...rest };
}

function give(service: UdpService, ...endpoints: readonly UdpEndpointSpec[]): void {
  service.update({ kind: 'udpLoadBalancer', name: service.name, endpointSet: 'set' }, { endpoints, rows: {} });
}

function divide(service: UdpService, ...children: readonly ChildSpec[]): void {
  service.update({ kind: 'udpWeighted', name: service.name, children }, { endpoints: [], rows: {} });
}

function picks(service: UdpService, count: number): readonly (string | undefined)[] {
  return Array.from({ length: count }, () => service.pick()?.server.host);
}

/** How many of so many sessions each host gets. */
function shares(service: UdpService, count: number): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const host of picks(service, count)) counts[host ?? 'nobody'] = (counts[host ?? 'nobody'] ?? 0) + 1;
  return counts;
}

/** The names that are kept fresh have addresses; others have none. */
async function isResolved(host: string): Promise<boolean> {
  return (await resolver.addresses(host)).length > 0;
}

test('sessions are divided by weight between the servers that take new ones', () => {
  const service = make('dns');
  give(
    service,
    server('a', { weight: 2 }),
    server('b'),
    server('off', { weight: 0 }),
    server('c', { state: 'draining' }),
  );
  expect(shares(service, 6)).toEqual({ a: 4, b: 2 });
  expect(picks(service, 3)).toEqual(['a', 'b', 'a']);
});

test('where all servers drain they get what comes: they still answer', () => {
  const service = make('dns');
  give(service, server('a', { state: 'draining' }), server('off', { weight: 0, state: 'draining' }));
  expect(picks(service, 2)).toEqual(['a', 'a']);
  give(service, server('a', { state: 'draining' }), server('d'));
  expect(picks(service, 2)).toEqual(['d', 'd']);
});

test('a service without servers, and one that has been told nothing, has nobody to pick', () => {
  const service = make('dns');
  expect(service.pick()).toBeNull();
  give(service, server('off', { weight: 0 }));
  expect(service.pick()).toBeNull();
});

test('a server is known by key and address: one that stays keeps its sessions, the others end', () => {
  const service = make('dns');
  give(service, server('a'), server('b'), server('c'));
  const [a, b, c] = [service.pick()!, service.pick()!, service.pick()!];
  give(service, server('a', { weight: 3 }), server('b', { url: 'b:54', port: 54 }));
  expect([a.isRetired, b.isRetired, c.isRetired]).toEqual([false, true, true]);
  const again = [service.pick()!, service.pick()!, service.pick()!, service.pick()!];
  expect(again.filter((one) => one === a)).toHaveLength(3);
  expect(again.find((one) => one !== a)!.server.port).toBe(54);
});

test('a server that takes no new sessions, for its weight or as it drains, keeps those it has', () => {
  const service = make('dns');
  give(service, server('a'), server('b'), server('c'));
  const all = [service.pick()!, service.pick()!, service.pick()!];
  give(service, server('a'), server('b', { weight: 0 }), server('c', { state: 'draining' }));
  expect(picks(service, 3)).toEqual(['a', 'a', 'a']);
  expect(all.map(({ isRetired }) => isRetired)).toEqual([false, false, false]);
});

test('a name that two servers have is kept fresh until the second is gone', async () => {
  const service = make('dns');
  give(service, server('a'), server('b', { host: 'a' }));
  service.patch({ changed: [], removed: ['a'] });
  expect(await isResolved('a')).toBe(true);
  service.patch({ changed: [], removed: ['b'] });
  expect(await isResolved('a')).toBe(false);
});

test('names are kept fresh for as long as a server has them', async () => {
  const service = make('dns');
  give(service, server('a'), server('b'));
  expect([await isResolved('a'), await isResolved('b')]).toEqual([true, true]);
  give(service, server('a', { url: 'a:54', port: 54 }));
  expect([await isResolved('a'), await isResolved('b')]).toEqual([true, false]);
  service.retire();
  expect(await isResolved('a')).toBe(false);
});

test('a patch takes single servers away, adds and changes others, and leaves the rest', async () => {
  const service = make('dns');
  give(service, server('a'), server('b'), server('c'));
  const [a, b, c] = [service.pick()!, service.pick()!, service.pick()!];
  service.patch({ changed: [server('c', { weight: 2 }), server('d')], removed: ['b', 'unknown'] });
  expect([a.isRetired, b.isRetired, c.isRetired]).toEqual([false, true, false]);
  expect(shares(service, 4)).toEqual({ a: 1, c: 2, d: 1 });
  expect([await isResolved('b'), await isResolved('d')]).toEqual([false, true]);
  service.patch({ changed: [server('a', { state: 'draining' })], removed: [] });
  expect(a.isRetired).toBe(false);
  expect(picks(service, 6)).not.toContain('a');
});

test('a weighted service divides sessions between others, and a patch of endpoints is none of its business', () => {
  const [a, b] = [make('a'), make('b')];
  give(a, server('of-a'));
  give(b, server('of-b'));
  const weighted = make('weighted');
  divide(weighted, { service: 'a', weight: 3 }, { service: 'b', weight: 1 }, { service: 'gone', weight: 0 });
  weighted.patch({ changed: [server('x')], removed: [] });
  expect(shares(weighted, 8)).toEqual({ 'of-a': 6, 'of-b': 2 });
  expect(weighted.pick()!.service).toBe('a');
});

test('a weighted service has nobody when a child is gone, has no servers, or none has weight', () => {
  make('empty');
  const weighted = make('weighted');
  for (const child of ['gone', 'empty']) {
    divide(weighted, { service: child, weight: 1 });
    expect(weighted.pick()).toBeNull();
  }
  divide(weighted, { service: 'empty', weight: 0 });
  expect(weighted.pick()).toBeNull();
});

test('a service that changes its kind keeps nothing of what it was', async () => {
  give(make('child'), server('of-child'));
  const service = make('dns');
  give(service, server('a'));
  const a = service.pick()!;
  divide(service, { service: 'child', weight: 1 });
  expect([a.isRetired, await isResolved('a')]).toEqual([true, false]);
  expect(picks(service, 2)).toEqual(['of-child', 'of-child']);
  give(service, server('b'));
  expect(picks(service, 2)).toEqual(['b', 'b']);
});

test('a retired service ends its servers and has nobody, of either kind', () => {
  const service = make('dns');
  give(service, server('a'));
  const a = service.pick()!;
  service.retire();
  service.patch({ changed: [server('a')], removed: [] });
  expect([a.isRetired, service.pick()]).toEqual([true, null]);
  const weighted = make('weighted');
  give(service, server('a'));
  divide(weighted, { service: 'dns', weight: 1 });
  expect(weighted.pick()).not.toBeNull();
  weighted.retire();
  expect(weighted.pick()).toBeNull();
});

test('failures of a server are told by protocol, service and address as configured', () => {
  const service = make('dns');
  give(service, server('a'));
  service.pick()!.trace.failed('refused', 0, 'nobody');
  expect(reports).toEqual(['udp dns a:53 refused']);
});

test('a session counts in its service, in its share, and in the child, for as long as it lasts', () => {
  give(make('a'), server('of-a'));
  const weighted = make('weighted');
  divide(weighted, { service: 'a', weight: 1 });
  const keys = ['weighted@@udp', shareKey('weighted@@udp', 'a'), 'a@@udp', 'a@@tcp'];
  const windows = keys.map((key) => new ServiceWindow(counts, key));
  const visits = new Visits();
  visits.begin();
  weighted.pick(visits);
  visits.settle();
  expect(windows.map((window) => window.take()).map(({ requests, inFlight }) => [requests, inFlight])).toEqual([
    [0, 1], [0, 1], [0, 1], [0, 0],
  ]); // prettier-ignore
  visits.end('upstream_connect_refused');
  const readings = windows.map((window) => window.take());
  expect(readings.map(({ requests, inFlight, failures }) => [requests, inFlight, failures.size])).toEqual([
    [1, 0, 1], [1, 0, 1], [1, 0, 1], [0, 0, 0],
  ]); // prettier-ignore
});

test('a share that cannot be served goes nowhere', () => {
  give(make('a'), server('of-a'));
  const weighted = make('weighted');
  divide(weighted, { service: 'a', weight: 1 }, { service: 'off', weight: 1, disabledStatus: 503 });
  expect(shares(weighted, 4)).toEqual({ 'of-a': 2, nobody: 2 });
});

test('every way in which a server fails is counted by its kind, and no other end', () => {
  const ends = Object.values(UDP_ENDS);
  expect(ends.filter(({ flag }) => kindOf(flag) >= 0)).toEqual(ends.filter(({ side }) => side === 'upstream'));
});
