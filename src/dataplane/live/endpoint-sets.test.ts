import { expect, test } from 'vitest';
import { WRITTEN_FACTS, type EndpointSetSpec, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { EndpointSets } from './endpoint-sets.ts';

function endpoint(key: string, weight = 1): HttpEndpointSpec {
  const server = { url: key, scheme: 'http', host: key, port: 1, path: '', preservePath: false, weight } as const;
  return { ...server, ...WRITTEN_FACTS, key };
}

function set(...endpoints: readonly HttpEndpointSpec[]): Record<string, EndpointSetSpec> {
  return { s: { protocol: 'http', name: 's', endpoints } };
}

function delta(parts: Partial<SnapshotDelta>): SnapshotDelta {
  return { baseVersion: 0, version: 1, digest: '', changed: {}, removed: {}, ...parts };
}

test('a patch changes endpoints at their places, adds new ones at the end, and is seen when it is in effect', () => {
  const sets = new EndpointSets();
  sets.stage(delta({ changed: { endpointSets: set(endpoint('a'), endpoint('b'), endpoint('c')) } })).commit();
  const patch = { changed: [endpoint('d'), endpoint('b', 5)], removed: ['a', 'unknown'] };
  const staged = sets.stage(delta({ endpoints: { s: patch } }));
  expect(staged.patchOf('s', 'http')).toBe(patch);
  expect(staged.of('s', 'http').map(({ key, weight }) => `${key} ${weight}`)).toEqual(['b 5', 'c 1', 'd 1']);
  expect(sets.stage(delta({})).of('s', 'http')).toHaveLength(3);
  expect(sets.stage(delta({})).of('s', 'http')[0]!.key).toBe('a');
  staged.commit();
  expect(sets.stage(delta({})).of('s', 'http')[0]!.key).toBe('b');
});

test('a set is of one protocol, and one that is not there has no endpoints', () => {
  const sets = new EndpointSets();
  const staged = sets.stage(delta({ changed: { endpointSets: set(endpoint('a')) } }));
  expect([staged.of('s', 'tcp'), staged.of('x', 'http'), staged.patchOf('s', 'http')]).toEqual([[], [], undefined]);
  staged.commit();
  const gone = sets.stage(delta({ removed: { endpointSets: ['s'] } }));
  expect(gone.of('s', 'http')).toEqual([]);
  expect(gone.hasPatches).toBe(false);
});

test('a patch of a set that is not there does not fit', () => {
  const patch = { s: { changed: [endpoint('a')], removed: [] } };
  expect(() => new EndpointSets().stage(delta({ endpoints: patch }))).toThrow('endpoints of s change');
});
