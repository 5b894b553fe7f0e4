import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { aborted } from '../../core/sleep.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { PublishResult } from '../../model/message/publisher.ts';
import type { Snapshot, SnapshotDelta } from '../../model/snapshot.ts';
import { NO_INTERNAL_SERVICES } from '../compile/internal-services.ts';
import { parseConfig } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider, ProviderView, Publish } from '../providers/define.ts';
import { EventBus } from '../../observe/event-bus.ts';
import { Pipeline } from './pipeline.ts';
import { SnapshotHistory } from './snapshot-history.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

function routing(provider: string, ...names: readonly string[]): RoutingConfig {
  const routers = names.map((name) => `    ${name}: { rule: "Host(\`${name}\`)", service: s }\n`).join('');
  const text = `http:\n  routers:\n${routers}  services:\n    s: { loadBalancer: { servers: [{ url: "http://a" }] } }\n`;
  return decodeRouting(provider, parseConfig('routing.yml', text));
}

/** Publishes what it is told to. */
class ScriptedProvider implements Provider {
  readonly name: string;
  publish: (config: RoutingConfig) => void = () => {};
  next: RoutingConfig;
  isStopped = false;

  constructor(name: string) {
    this.name = name;
    this.next = routing(name, 'first');
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    this.publish = publish;
    publish(this.next);
    await aborted(signal);
    this.isStopped = true;
  }

  readAgain(): Promise<void> {
    this.publish(this.next);
    return Promise.resolve();
  }
}

interface Rig {
  readonly pipeline: Pipeline;
  readonly provider: ScriptedProvider;
  readonly other: ScriptedProvider;
  readonly published: { snapshot: Snapshot; delta: SnapshotDelta }[];
  readonly diagnostics: (readonly Diagnostic[])[];
  /** Lets the publication in progress settle; set by tests that hold it up. */
  hold: Promise<void>;
  routes(): string[];
  advance(ms: number): Promise<void>;
}

async function start(): Promise<Rig> {
  const install = decodeInstall(
    'signalbox.yml',
    'entryPoints: { web: { address: ":80" } }\nproviders: { providersThrottleDuration: 100ms }\n',
  ).value!;
  const clock = new ManualClock();
  const provider = new ScriptedProvider('file');
  const other = new ScriptedProvider('other');
  const diagnostics: (readonly Diagnostic[])[] = [];
  const pipeline = new Pipeline({
    install,
    log: SILENT,
    clock,
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [provider, other],
    onDiagnostics: (found) => diagnostics.push(found),
  });
  const rig: Rig = {
    pipeline,
    provider,
    other,
    published: [],
    diagnostics,
    hold: Promise.resolve(),
    routes: () => Object.keys(rig.published.at(-1)!.snapshot.routes),
    advance: async (ms) => {
      clock.advance(ms);
      await vi.advanceTimersByTimeAsync(ms);
    },
  };
  await pipeline.start();
  pipeline.attach({
    publishSecrets: () => Promise.resolve(null),
    publish: async (snapshot, delta): Promise<PublishResult> => {
      rig.published.push({ snapshot, delta });
      await rig.hold;
      return { version: snapshot.version, acked: 1, nacks: [] };
    },
  });
  return rig;
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('the first snapshot holds what every provider has at start', async () => {
  const { pipeline, published } = await start();
  expect(pipeline.current.version).toBe(1);
  expect(Object.keys(pipeline.current.routes)).toEqual(['first@file', 'first@other']);
  expect(published).toEqual([]);
});

test('a change goes out at once, as a delta on the version before', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'first', 'second'));
  await rig.advance(0);
  expect(rig.published).toHaveLength(1);
  expect(rig.published[0]!.delta).toMatchObject({ baseVersion: 1, version: 2, removed: {} });
  expect(Object.keys(rig.published[0]!.delta.changed.routes!)).toEqual(['second@file']);
  expect(rig.pipeline.reloads).toBe(1);
});

test('the same content published again is no change', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'first'));
  await rig.advance(1_000);
  expect(rig.published).toEqual([]);
  expect(rig.pipeline.current.version).toBe(1);
});

test('of many changes in one period the newest is applied at its end, and the ones between never', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  for (const name of ['b', 'c', 'd']) {
    rig.provider.publish(routing('file', name));
    await rig.advance(10);
  }
  expect(rig.routes()).toEqual(['a@file', 'first@other']);
  await rig.advance(69);
  expect(rig.published).toHaveLength(1);
  await rig.advance(1);
  expect(rig.published).toHaveLength(2);
  expect(rig.routes()).toEqual(['d@file', 'first@other']);
});

test('the period counts from the change applied last, however it was put off', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  await rig.advance(50);
  rig.provider.publish(routing('file', 'b'));
  await rig.advance(50);
  expect(rig.routes()).toEqual(['b@file', 'first@other']);
  // Counted from the first change, this one would be due at once.
  await rig.advance(10);
  rig.provider.publish(routing('file', 'c'));
  await rig.advance(89);
  expect(rig.routes()).toEqual(['b@file', 'first@other']);
  await rig.advance(1);
  expect(rig.routes()).toEqual(['c@file', 'first@other']);
});

test('a provider that changes all the time does not hold up another', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  rig.provider.publish(routing('file', 'b'));
  rig.other.publish(routing('other', 'urgent'));
  await rig.advance(0);
  expect(rig.routes()).toContain('urgent@other');
});

test('one publication at a time: what arrives meanwhile follows it, newest only', async () => {
  const rig = await start();
  let release = (): void => {};
  rig.hold = new Promise((resolve) => {
    release = resolve;
  });
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  rig.provider.publish(routing('file', 'b'));
  await rig.advance(100);
  rig.provider.publish(routing('file', 'c'));
  await rig.advance(100);
  expect(rig.published).toHaveLength(1);
  release();
  await rig.advance(0);
  expect(rig.published.map(({ delta }) => [delta.baseVersion, delta.version])).toEqual([
    [1, 2],
    [2, 3],
  ]);
  expect(rig.routes()).toEqual(['c@file', 'first@other']);
});

test('reading again settles when what was read is in force, also within a period', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  rig.provider.next = routing('file', 'b');
  await rig.pipeline.reload();
  expect(rig.routes()).toEqual(['b@file', 'first@other']);
  await rig.advance(1_000);
  expect(rig.published).toHaveLength(2);
});

test('a change between start and attach is not lost', async () => {
  const install = decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!;
  const provider = new ScriptedProvider('file');
  const pipeline = new Pipeline({
    install,
    log: SILENT,
    clock: new ManualClock(),
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [provider],
    onDiagnostics: () => {},
  });
  await pipeline.start();
  provider.publish(routing('file', 'early'));
  const versions: number[] = [];
  pipeline.attach({
    publishSecrets: () => Promise.resolve(null),
    publish: (snapshot) => {
      versions.push(snapshot.version);
      return Promise.resolve({ version: snapshot.version, acked: 1, nacks: [] });
    },
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(versions).toEqual([2]);
});

test('stopping ends the providers and the change that was put off', async () => {
  const rig = await start();
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  rig.provider.publish(routing('file', 'b'));
  await rig.pipeline.stop();
  await rig.advance(1_000);
  expect(rig.provider.isStopped && rig.other.isStopped).toBe(true);
  expect(rig.published).toHaveLength(1);
});

test('every result comes with all its diagnostics', async () => {
  const rig = await start();
  rig.provider.publish(
    decodeRouting('file', parseConfig('routing.yml', 'http: { routers: { r: { rule: "Host(`a`)", service: gone } } }')),
  );
  await rig.advance(0);
  expect(rig.diagnostics.at(-1)!.map((one) => one.code)).toEqual(['dangling-reference']);
});

test('a snapshot that does not hold together is not put into force, and what was stays', async () => {
  const rig = await start();
  const before = rig.pipeline.current;
  const { history } = rig.pipeline;
  // As no compiler makes it: the router of the first snapshot without its service.
  const broken = { ...before, version: 7, services: {} };
  history.append(broken, {}, 0, {}, () => []);
  await rig.pipeline.activate(7, 'a test');
  expect(rig.pipeline.current).toBe(before);
  expect(rig.published).toEqual([]);
  await rig.pipeline.release('a test');
  rig.provider.publish(routing('file', 'a'));
  await rig.advance(0);
  expect(rig.routes()).toEqual(['a@file', 'first@other']);
});

test('at the start, a pinned snapshot that does not hold together is released', async () => {
  const { current } = (await start()).pipeline;
  const install = decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!;
  const saved = { entries: [{ ...current, createdAt: 0, services: {} }], pinned: current.version };
  const errors: string[] = [];
  const pipeline = new Pipeline({
    install,
    log: { ...SILENT, error: (message) => errors.push(message) },
    clock: new ManualClock(),
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20, saved),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [new ScriptedProvider('file')],
    onDiagnostics: () => {},
  });
  await pipeline.start();
  expect(Object.keys(pipeline.current.routes)).toEqual(['first@file']);
  expect(pipeline.pin).toBeNull();
  expect(errors).toEqual(['a snapshot does not hold together, and is not put into force']);
});

test('a provider is told which of its objects are disabled, and why', async () => {
  const rig = await start();
  const views: ProviderView[] = [];
  Object.assign(rig.provider, { report: (view: ProviderView) => void views.push(view) });
  const text =
    'http: { routers: { good: { rule: "Host(`a`)", service: s }, bad: { rule: "Host(`b`)", service: gone } }, services: { s: { loadBalancer: { servers: [{ url: "http://a" }] } } } }';
  rig.provider.publish(decodeRouting('file', parseConfig('routing.yml', text)));
  await rig.advance(0);
  expect(views).toHaveLength(1);
  expect(views[0]!.version).toBe(rig.pipeline.current.version);
  expect([...views[0]!.disabled.keys()]).toEqual(['router bad']);
});

test('a provider that does not answer keeps no other from being served, and is taken when it does', async () => {
  const silent = new ScriptedProvider('silent');
  silent.run = async (publish, signal) => {
    silent.publish = publish;
    await aborted(signal);
  };
  const pipeline = new Pipeline({
    install: decodeInstall('signalbox.yml', 'entryPoints: { web: { address: ":80" } }\n').value!,
    log: SILENT,
    clock: new ManualClock(),
    events: new EventBus(() => 0),
    history: new SnapshotHistory(20),
    internalServices: NO_INTERNAL_SERVICES,
    providers: [silent, new ScriptedProvider('file')],
    patienceMs: 5_000,
    onDiagnostics: () => {},
  });
  const starting = pipeline.start();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(Object.keys((await starting).routes)).toEqual(['first@file']);
  expect(pipeline.providers.states).toEqual([
    { name: 'silent', state: 'waiting' },
    { name: 'file', state: 'ready' },
  ]);
  pipeline.attach({
    publishSecrets: () => Promise.resolve(null),
    publish: ({ version }) => Promise.resolve({ version, acked: 1, nacks: [] }),
  });
  silent.publish(routing('silent', 'late'));
  await vi.advanceTimersByTimeAsync(0);
  expect(Object.keys(pipeline.current.routes)).toEqual(['first@file', 'late@silent']);
  await pipeline.stop();
});
