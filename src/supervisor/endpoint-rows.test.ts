import { expect, test } from 'vitest';
import { WRITTEN_FACTS, type EndpointSetSpec, type HttpEndpointSpec } from '../model/endpoint-set.ts';
import type { LoadBalancerSpec, ServiceSpec } from '../model/service.ts';
import type { SnapshotDelta, SnapshotSections } from '../model/snapshot.ts';
import { EndpointTable, endpointTableBytes } from '../dataplane/upstream/endpoint-table.ts';
import { EndpointRows } from './endpoint-rows.ts';

function service(name: string, set = name): ServiceSpec {
  return { kind: 'loadBalancer', name, endpointSet: set } as unknown as LoadBalancerSpec; // What rows read of it.
}

function endpoint(key: string): HttpEndpointSpec {
  const server = { url: key, scheme: 'http', host: key, port: 1, path: '', preservePath: false, weight: 1 } as const;
  return { ...server, ...WRITTEN_FACTS, key };
}

function sets(keys: Readonly<Record<string, readonly string[]>>): SnapshotSections['endpointSets'] {
  const made = Object.entries(keys).map(([name, list]): [string, EndpointSetSpec] => [
    name,
    { protocol: 'http', name, endpoints: list.map(endpoint) },
  ]);
  return Object.fromEntries(made);
}

function snapshot(services: readonly ServiceSpec[], keys: Readonly<Record<string, readonly string[]>>) {
  const byName = Object.fromEntries(services.map((spec) => [spec.name, spec]));
  return { services: byName, tcpServices: {}, endpointSets: sets(keys) };
}

const NOTHING: SnapshotDelta = { baseVersion: 0, version: 1, digest: '', changed: {}, removed: {} };

function delta(changed: readonly ServiceSpec[], removed: readonly string[] = []): SnapshotDelta {
  const services = Object.fromEntries(changed.map((spec) => [spec.name, spec]));
  return { ...NOTHING, changed: { services }, removed: { services: removed } };
}

function patch(set: string, changed: readonly string[], removed: readonly string[] = []): SnapshotDelta {
  return { ...NOTHING, endpoints: { [set]: { changed: changed.map(endpoint), removed } } };
}

function fresh(): { rows: EndpointRows; table: EndpointTable } {
  const table = new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1);
  return { rows: new EndpointRows(table), table };
}

test('an endpoint keeps its row through changes of others; the same key of another service has its own', () => {
  const { rows } = fresh();
  rows.assignAll(snapshot([service('s'), service('t')], { s: ['a', 'b'], t: ['a'] }));
  expect(rows.all()).toEqual({ s: { a: 0, b: 1 }, t: { a: 2 } });
  const { rows: changed } = rows.apply(delta([service('s')]), { endpointSets: sets({ s: ['c', 'b'] }) });
  expect(changed).toEqual({ s: { c: 3, b: 1 } });
  expect(rows.all()).toEqual({ s: { c: 3, b: 1 }, t: { a: 2 } });
});

test('single endpoints get and give back rows, of every service that takes them from the set', () => {
  const { rows } = fresh();
  rows.assignAll(snapshot([service('s', 'shared'), service('t', 'shared')], { shared: ['a', 'b'] }));
  const { rows: changed, release } = rows.apply(patch('shared', ['b', 'c'], ['a']), { endpointSets: {} });
  expect(changed).toEqual({ s: { b: 1, c: 4 }, t: { b: 3, c: 5 } });
  expect(rows.all()).toEqual({ s: { b: 1, c: 4 }, t: { b: 3, c: 5 } });
  release();
  expect(rows.apply(patch('shared', ['d']), { endpointSets: {} }).rows).toEqual({ s: { d: 2 }, t: { d: 0 } });
  expect(rows.usersOf('shared')).toEqual(['s', 't']);
});

test('a row is given to another endpoint only when the workers have let go of it, and then it is clean', () => {
  const { rows, table } = fresh();
  rows.assignAll(snapshot([service('s')], { s: ['a'] }));
  table.setDown(0, true);
  const { release } = rows.apply(delta([service('s')]), { endpointSets: sets({ s: ['b'] }) });
  expect(rows.apply(delta([service('t')]), { endpointSets: sets({ t: ['c'] }) }).rows).toEqual({ t: { c: 2 } });
  release();
  expect(table.isUp(0)).toBe(true);
  expect(rows.apply(delta([service('u')]), { endpointSets: sets({ u: ['d', 'e'] }) }).rows).toEqual({
    u: { d: 0, e: 3 },
  });
  expect(table.usedRows).toBe(4);
});

test('services that are removed, or become another kind, give their rows back', () => {
  const { rows } = fresh();
  rows.assignAll(snapshot([service('s'), service('t')], { s: ['a'], t: ['b'] }));
  const weighted: ServiceSpec = { kind: 'weighted', name: 't', children: [], sticky: null, followsHealth: false };
  rows.apply(delta([weighted], ['s']), { endpointSets: {} }).release();
  expect(rows.all()).toEqual({});
  expect(rows.rowOf('t', 'b')).toBe(-1);
  expect([rows.usersOf('s'), rows.usersOf('t')]).toEqual([[], []]);
  const { rows: assigned } = rows.apply(delta([service('x')]), { endpointSets: sets({ x: ['p', 'q', 'r'] }) });
  expect(Object.values(assigned['x']!).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
});
