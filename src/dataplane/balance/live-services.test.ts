import { expect, test } from 'vitest';
import { WRITTEN_FACTS, type EndpointPatch, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { SnapshotDelta, SnapshotSections } from '../../model/snapshot.ts';
import { EndpointSets, type GivenEndpoints } from '../live/endpoint-sets.ts';
import { runAtOnce } from '../live/slices.ts';
import { LiveServices } from './live-services.ts';
import { ServiceLiveness } from './service-liveness.ts';

interface Spec {
  readonly name: string;
  readonly text: string;
  readonly endpointSet: string;
}

function endpoint(key: string): HttpEndpointSpec {
  const server = { url: key, scheme: 'http', host: key, port: 1, path: '', preservePath: false, weight: 1 } as const;
  return { ...server, ...WRITTEN_FACTS, key };
}

class Probe {
  readonly log: string[] = [];
  update({ text }: Spec, { endpoints, rows }: GivenEndpoints<HttpEndpointSpec>): void {
    this.log.push(`${text} ${endpoints.map(({ key }) => `${key}@${rows[key]}`).join()}`);
  }
  patch({ changed, removed }: EndpointPatch<HttpEndpointSpec>, rows: RowsByKey): void {
    this.log.push(`${changed.map(({ key }) => `${key}@${rows[key]}`).join()} -${removed.join()}`);
  }
  retire(): void {
    this.log.push('retired');
  }
}

function lab() {
  const services = new LiveServices<'http', Spec, Probe>({
    protocol: 'http',
    keyOf: (name) => `key of ${name}`,
    create: () => new Probe(),
  });
  const sets = new EndpointSets();
  const stage = (delta: Partial<SnapshotDelta>) =>
    sets.stage({ baseVersion: 0, version: 1, digest: '', changed: {}, removed: {}, ...delta });
  const all = ['a', 'bb', 'b', 'c'].map((name) => [name, { protocol: 'http', name, endpoints: [endpoint('e')] }]);
  stage({ changed: { endpointSets: Object.fromEntries(all) as SnapshotSections['endpointSets'] } }).commit();
  const build = (
    changed: Record<string, string>,
    removed: readonly string[] = [],
    endpoints: SnapshotDelta['endpoints'] = {},
  ) => {
    const endpointSets = stage({ endpoints });
    const specs = Object.entries(changed).map(([name, text]) => [name, { name, text, endpointSet: name }]);
    const rows = Object.fromEntries(['a', 'bb', 'b', 'c'].map((name) => [`key of ${name}`, { e: name.length, f: 9 }]));
    const commit = runAtOnce(services.build({ changed: Object.fromEntries(specs), removed, endpointSets, rows }));
    return () => {
      endpointSets.commit();
      commit();
    };
  };
  return { services, build };
}

test('a service stays the same object, and changes and goes when the delta is put into effect', () => {
  const { services, build } = lab();
  build({ a: 'one', bb: 'one' })();
  const a = services.get('a')!;
  const bb = services.get('bb')!;
  const commit = build({ a: 'two', c: 'one' }, ['bb', 'unknown']);
  expect([a.log, bb.log, services.get('c')]).toEqual([['one e@1'], ['one e@2'], undefined]);
  expect(services.find('c')!.log).toEqual(['one e@1']);
  commit();
  expect([a.log, bb.log]).toEqual([
    ['one e@1', 'two e@1'],
    ['one e@2', 'retired'],
  ]);
  expect(services.get('a')).toBe(a);
  expect([...services.values()]).toEqual([a, services.get('c')]);
});

test('a build that came to nothing is forgotten with the next one', () => {
  const { services, build } = lab();
  build({ a: 'one', b: 'one' });
  build({ c: 'one' })();
  expect(['a', 'b', 'c'].map((name) => services.find(name)?.log)).toEqual([undefined, undefined, ['one e@1']]);
});

test('single endpoints are told to the services of their set; one that changes itself takes all of them', () => {
  const { services, build } = lab();
  build({ a: 'one', b: 'one', c: 'one' })();
  const patch = { changed: [endpoint('f')], removed: ['e'] };
  const commit = build({ b: 'two' }, [], { a: patch, b: patch });
  expect(services.get('a')!.log).toEqual(['one e@1']);
  commit();
  expect(['a', 'b', 'c'].map((name) => services.get(name)!.log)).toEqual([
    ['one e@1', 'f@9 -e'],
    ['one e@1', 'two f@9'],
    ['one e@1'],
  ]);
});

test('who follows the health of a service is told of changes alone, until it stops or the service is gone', () => {
  const liveness = new ServiceLiveness();
  const told: string[] = [];
  const stop = liveness.watch(() => told.push('first'));
  liveness.watch(() => told.push('second'));
  liveness.noteHealth(false);
  expect(told).toEqual([]);
  liveness.noteHealth(true);
  liveness.noteHealth(true);
  stop();
  liveness.noteHealth(false);
  liveness.retire();
  liveness.noteHealth(true);
  expect(told).toEqual(['first', 'second', 'second']);
});
