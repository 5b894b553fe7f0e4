import { expect, test } from 'vitest';
import type { LoadBalancerSpec, ServiceSpec } from '../model/service.ts';
import type { SnapshotDelta } from '../model/snapshot.ts';
import { EndpointTable, endpointTableBytes } from '../dataplane/upstream/endpoint-table.ts';
import { EndpointRows } from './endpoint-rows.ts';

function service(name: string, urls: readonly string[]): ServiceSpec {
  const servers = urls.map((url) => ({ url }));
  return { kind: 'loadBalancer', name, servers } as unknown as LoadBalancerSpec; // What rows read of it.
}

function delta(changed: readonly ServiceSpec[], removed: readonly string[] = []): SnapshotDelta {
  const services = Object.fromEntries(changed.map((spec) => [spec.name, spec]));
  return { baseVersion: 0, version: 1, digest: '', changed: { services }, removed: { services: removed } };
}

function fresh(): { rows: EndpointRows; table: EndpointTable } {
  const table = new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1);
  return { rows: new EndpointRows(table), table };
}

test('a server keeps its row through changes of others; the same URL of another service has its own', () => {
  const { rows } = fresh();
  expect(rows.assign([service('s', ['a', 'b']), service('t', ['a'])])).toEqual({ s: [0, 1], t: [2] });
  const { rows: changed } = rows.apply(delta([service('s', ['c', 'b'])]));
  expect(changed).toEqual({ s: [3, 1] });
  expect(rows.all()).toEqual({ s: [3, 1], t: [2] });
});

test('a row is given to another server only when the workers have let go of it, and then it is clean', () => {
  const { rows, table } = fresh();
  rows.assign([service('s', ['a'])]);
  table.setDown(0, true);
  const { release } = rows.apply(delta([service('s', ['b'])]));
  expect(rows.apply(delta([service('t', ['c'])])).rows).toEqual({ t: [2] });
  release();
  expect(table.isUp(0)).toBe(true);
  expect(rows.apply(delta([service('u', ['d', 'e'])])).rows).toEqual({ u: [0, 3] });
  expect(table.usedRows).toBe(4);
});

test('services that are removed, or become another kind, give their rows back', () => {
  const { rows } = fresh();
  rows.assign([service('s', ['a']), service('t', ['b'])]);
  const weighted: ServiceSpec = { kind: 'weighted', name: 't', children: [], sticky: null, followsHealth: false };
  rows.apply(delta([weighted], ['s'])).release();
  expect(rows.all()).toEqual({});
  expect(rows.rowOf('t', 'b')).toBe(-1);
  expect(rows.assign([service('x', ['p', 'q', 'r'])])).toEqual({ x: [0, 1, 2] });
});

test('a URL that is named twice has one row', () => {
  const { rows } = fresh();
  expect(rows.assign([service('s', ['a', 'a', 'b'])])).toEqual({ s: [0, 0, 1] });
});
