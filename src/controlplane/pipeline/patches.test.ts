// What a provider says in patches comes to the same as what it would say whole: in the snapshot, in what is said of it,
// and in a data plane that follows the deltas.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { aborted } from '../../core/sleep.ts';
import { patchEndpoints, type EndpointSetSpec, type EndpointSpec } from '../../model/endpoint-set.ts';
import type { Snapshot, SnapshotDelta } from '../../model/snapshot.ts';
import { SECTION_NAMES } from '../../model/snapshot-sections.ts';
import { EventBus } from '../../observe/event-bus.ts';
import { NO_INTERNAL_SERVICES } from '../compile/internal-services.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { OBJECT_KINDS, type ObjectSection } from '../config/routing/object-kinds.ts';
import type { RoutingPatch } from '../config/routing/patch-routing.ts';
import { providedKey, ProvidedSet, type ProvidedEndpoint } from '../config/routing/provided-endpoints.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider, Publish } from '../providers/define.ts';
import { Pipeline } from './pipeline.ts';
import { SnapshotHistory } from './snapshot-history.ts';

class ScriptedProvider implements Provider {
  readonly name = 'test';
  readonly #first: RoutingConfig;
  publish!: Publish;

  constructor(first: RoutingConfig) {
    this.#first = first;
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    this.publish = publish;
    publish(this.#first);
    await aborted(signal);
  }
}

/** What somebody has written, by section and name. */
type Objects = Map<string, { readonly section: ObjectSection; readonly name: string; readonly options: object }>;

function decode(objects: Objects): RoutingConfig {
  const value: Record<string, Record<string, Record<string, unknown>>> = {};
  for (const { section, name, options } of objects.values()) {
    const [part, key] = OBJECT_KINDS[section].at;
    ((value[part] ??= {})[key] ??= {})[name] = options;
  }
  const document: ConfigDocument = { source: 'test', text: '', value, diagnostics: [], locate: () => null };
  return decodeRouting('test', document);
}

async function run(first: RoutingConfig) {
  const provider = new ScriptedProvider(first);
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const pipeline = new Pipeline({
    install: decodeInstall(
      'signalbox.yml',
      'entryPoints: { web: { address: ":80" } }\nproviders: { providersThrottleDuration: 0s, keepLastGood: false }\n',
    ).value!,
    log: silent,
    clock: new ManualClock(),
    events: new EventBus(() => 0),
    history: new SnapshotHistory(2),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [provider],
    patienceMs: null,
    onDiagnostics: () => {},
  });
  const replica = { snapshot: await pipeline.start(), deltas: [] as SnapshotDelta[], isDeaf: false };
  pipeline.attach({
    publishSecrets: () => (replica.isDeaf ? Promise.reject(new Error('nobody listens')) : Promise.resolve(null)),
    publish: async (_, delta) => {
      replica.snapshot = follow(replica.snapshot, delta);
      replica.deltas.push(delta);
      return { version: delta.version, acked: 1, nacks: [] };
    },
  });
  return { pipeline, provider, replica };
}

/** As whoever receives the delta does. */
function follow(snapshot: Snapshot, delta: SnapshotDelta): Snapshot {
  const sections: Record<string, Record<string, unknown>> = {};
  for (const name of SECTION_NAMES) {
    const section: Record<string, unknown> = { ...snapshot[name], ...delta.changed[name] };
    for (const gone of delta.removed[name] ?? []) delete section[gone];
    sections[name] = section;
  }
  for (const [name, patch] of Object.entries(delta.endpoints ?? {})) {
    const set = sections['endpointSets']![name] as EndpointSetSpec;
    const endpoints = patchEndpoints<EndpointSpec>(set.endpoints, patch);
    sections['endpointSets']![name] = { ...set, endpoints };
  }
  const { version, digest } = delta;
  return { ...(sections as unknown as Snapshot), version, digest }; // Every section is there.
}

/** The same for the same content: in which order endpoints came is not part of it. */
function content(snapshot: Snapshot): unknown {
  const sets = Object.values(snapshot.endpointSets).map((set) => [
    set.name,
    { ...set, endpoints: Object.fromEntries(set.endpoints.map((one) => [one.key, one])) },
  ]);
  return { ...snapshot, version: 0, endpointSets: Object.fromEntries(sets) };
}

/** None is like another: of two that are equally near, messages suggest the one that came first. */
const NAMES = ['alpha', 'bravo', 'kilo'];
const KEYS = ['k1', 'k2', 'k3', 'k4'];

const objectArbitrary = fc.oneof(
  fc.record({
    section: fc.constant<ObjectSection>('routers'),
    name: fc.constantFrom(...NAMES),
    options: fc.record({
      rule: fc.constantFrom('Host(`a`)', 'Path(`/b`)', 'Hots(`x`)'),
      service: fc.constantFrom(...NAMES, 'nobody'),
    }),
  }),
  fc.record({
    section: fc.constant<ObjectSection>('services'),
    name: fc.constantFrom(...NAMES),
    options: fc.constantFrom<object>(
      { loadBalancer: {} },
      { loadBalancer: { strategy: 'p2c' } },
      { loadBalancer: { strategy: 'wrong' } },
      { loadBalancer: { servers: [{ url: 'http://written:1' }] } },
      { weighted: { services: [{ name: 'alpha' }, { name: 'bravo' }] } },
    ),
  }),
  fc.record({
    section: fc.constant<ObjectSection>('tcpServices'),
    name: fc.constantFrom(...NAMES),
    options: fc.constantFrom<object>({ loadBalancer: {} }, { weighted: { services: [{ name: 'bravo' }] } }),
  }),
);

function endpointArbitrary(servers: readonly Readonly<Record<string, unknown>>[]): fc.Arbitrary<ProvidedEndpoint> {
  return fc.record({
    key: fc.constantFrom(...KEYS),
    server: fc.constantFrom(...servers),
    state: fc.constantFrom('ready' as const, 'draining' as const),
    zone: fc.constantFrom('', 'north'),
    labels: fc.constantFrom({}, { app: 'shop' }),
    sourceId: fc.constantFrom('', 'pod-1'),
    place: fc.constant({ source: 'api', path: 'pods', line: 0, column: 0 }),
  });
}

const HTTP_SERVERS = [{ url: 'http://one:1' }, { url: 'http://two:2', weight: '3' }, { url: 'nothing' }];
const TCP_SERVERS = [{ address: 'one:1' }, { address: 'two:2', tls: true }, { address: 'two' }];

/** No key twice, as a provider gives them. */
function once(endpoints: readonly ProvidedEndpoint[]): readonly ProvidedEndpoint[] {
  return [...new Map(endpoints.map((one) => [one.key, one])).values()];
}

const endpointsArbitrary = fc
  .constantFrom(['services', HTTP_SERVERS] as const, ['tcpServices', TCP_SERVERS] as const)
  .chain(([section, servers]) =>
    fc.record({
      section: fc.constant(section),
      service: fc.constantFrom(...NAMES),
      changed: fc.array(endpointArbitrary(servers), { maxLength: 3 }).map(once),
      removed: fc.subarray(KEYS, { maxLength: 2 }),
    }),
  );

const patchArbitrary = fc.record({
  set: fc.array(objectArbitrary, { maxLength: 2 }),
  removed: fc.array(fc.record({ section: fc.constantFrom<ObjectSection>('routers', 'services'), name: fc.constantFrom(...NAMES) }), { maxLength: 1 }), // prettier-ignore
  endpoints: fc.array(endpointsArbitrary, { maxLength: 2 }),
  /** It is put into force before the next one comes. */
  isApplied: fc.boolean(),
});

test('patches one after the other come to what everything published whole comes to', async () => {
  let byEndpoint = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(patchArbitrary, { minLength: 1, maxLength: 12 }), async (patches) => {
      const objects: Objects = new Map();
      for (const name of NAMES) {
        objects.set(`services ${name}`, { section: 'services', name, options: { loadBalancer: {} } });
      }
      const endpoints = new Map<string, Map<string, ProvidedEndpoint>>();
      const patched = await run(decode(objects));
      for (const { set, removed, endpoints: changes, isApplied } of patches) {
        await patched.pipeline.pause();
        for (const { section, name } of removed) objects.delete(`${section} ${name}`);
        const fresh: Objects = new Map(set.map((one) => [`${one.section} ${one.name}`, one]));
        for (const [key, one] of fresh) objects.set(key, one);
        for (const { section, service, changed, removed: gone } of changes) {
          const key = providedKey(section, service);
          const of = endpoints.get(key) ?? new Map<string, ProvidedEndpoint>();
          endpoints.set(key, of);
          // One that is said to be gone and to be new is new.
          for (const one of gone) if (!changed.some((fresher) => fresher.key === one)) of.delete(one);
          for (const one of changed) of.set(one.key, one);
        }
        const patch: RoutingPatch = {
          ...(set.length > 0 ? { objects: decode(fresh) } : {}),
          ...(removed.length > 0 ? { removed } : {}),
          endpoints: changes,
        };
        patched.provider.publish(patch);
        if (!isApplied) continue;
        patched.pipeline.resume();
        await patched.pipeline.reload();
      }
      patched.pipeline.resume();
      await patched.pipeline.reload();
      const provided = [...endpoints].map(([key, of]) => [key, new ProvidedSet([...of.values()])] as const);
      const whole = await run({ ...decode(objects), endpoints: new Map(provided) });
      const said = ({ pipeline }: typeof whole): unknown =>
        new Set(pipeline.diagnostics.map(({ code, path, message }) => `${code} ${path} ${message}`));
      expect(content(patched.pipeline.current)).toEqual(content(whole.pipeline.current));
      expect(patched.pipeline.current.digest).toBe(whole.pipeline.current.digest);
      expect(said(patched)).toEqual(said(whole));
      expect(content(patched.replica.snapshot)).toEqual(content(patched.pipeline.current));
      byEndpoint += patched.replica.deltas.filter(({ endpoints: of, changed }) => of !== undefined && Object.keys(changed).length === 0).length; // prettier-ignore
      await Promise.all([patched.pipeline.stop(), whole.pipeline.stop()]);
    }),
    { seed: 15, numRuns: 150 },
  );
  expect(byEndpoint).toBeGreaterThan(20);
});

const PLACE = { source: 'test', path: '', line: 0, column: 0 };

function endpoint(key: string): ProvidedEndpoint {
  return { key, sourceId: key, server: { url: `http://${key}:1` }, place: PLACE };
}

function service(name: string, loadBalancer: object): Objects {
  return new Map([[name, { section: 'services', name, options: { loadBalancer } }]]);
}

const moved = (changed: readonly string[], removed: readonly string[] = []): RoutingPatch => ({
  endpoints: [{ section: 'services', service: 'alpha', changed: changed.map(endpoint), removed }],
});

function withEndpoint(config: RoutingConfig, key: string): RoutingConfig {
  return { ...config, endpoints: new Map([[providedKey('services', 'alpha'), new ProvidedSet([endpoint(key)])]]) };
}

test('endpoints that change after a change that came to nothing bring that change along', async () => {
  const { pipeline, provider, replica } = await run(withEndpoint(decode(service('alpha', {})), 'k1'));
  replica.isDeaf = true;
  provider.publish({ objects: decode(service('bravo', { servers: [{ url: 'http://b:1' }] })) });
  await pipeline.reload();
  expect(Object.keys(replica.snapshot.services)).toEqual(['alpha@test']);
  replica.isDeaf = false;
  provider.publish(moved(['k2']));
  await pipeline.reload();
  expect(Object.keys(replica.snapshot.services)).toEqual(['alpha@test', 'bravo@test']);
  expect(replica.snapshot.endpointSets['alpha@test']!.endpoints.map(({ key }) => key)).toEqual(['k1', 'k2']);
  await pipeline.stop();
});

test('where things run is no entry of the history, and of no version a thing of the past', async () => {
  const { pipeline, provider, replica } = await run(withEndpoint(decode(service('alpha', {})), 'k1'));
  const keys = (): readonly string[] => replica.snapshot.endpointSets['alpha@test']!.endpoints.map(({ key }) => key);
  const listed = (): unknown => pipeline.history.entries.map(({ version, through }) => [version, through]);
  for (const [came, went] of [['k2', 'k1'], ['k3', 'k2']] as const) {
    provider.publish(moved([came], [went]));
    await pipeline.reload();
  } // prettier-ignore
  expect([keys(), listed()]).toEqual([['k3'], [[1, 3]]]);
  expect(pipeline.history.get(2)).toBe(pipeline.history.get(1));
  provider.publish({ objects: decode(service('alpha', { passHostHeader: false })) });
  await pipeline.reload();
  expect(listed()).toEqual([[1, 3], [4, undefined]]); // prettier-ignore
  // Everything that was there when version 1 came into force has moved.
  provider.publish(moved(['k4'], ['k3']));
  await pipeline.reload();
  expect(await pipeline.activate(1, 'test')).toBe(true);
  expect([keys(), replica.snapshot.services['alpha@test']]).toMatchObject([['k4'], { passHostHeader: true }]);
  provider.publish(moved(['k5'], ['k4']));
  await pipeline.reload();
  expect([keys(), pipeline.pin?.differences]).toEqual([
    ['k5'],
    { routers: 0, services: 1, middlewares: 0, tlsOptions: 0 },
  ]);
  provider.publish({ removed: [{ section: 'services', name: 'alpha' }] });
  await pipeline.reload();
  expect([keys(), replica.snapshot.services['alpha@test']]).toMatchObject([[], { passHostHeader: true }]);
  await pipeline.stop();
});
