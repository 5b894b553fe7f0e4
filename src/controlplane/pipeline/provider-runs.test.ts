import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { aborted } from '../../core/sleep.ts';
import { parseConfig } from '../config/document/document.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider, Publish } from '../providers/define.ts';
import { ProviderRuns } from './provider-runs.ts';
import { SourceStates } from './source-states.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

const configOf = (name: string): RoutingConfig => decodeRouting(name, parseConfig('routing.yml', ''));

/** Does nothing by itself: the test publishes and fails in its place. */
class ScriptedProvider implements Provider {
  readonly name: string;
  publish: Publish = () => {};
  fail: (error: Error) => void = () => {};
  isRunning = false;

  constructor(name: string) {
    this.name = name;
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    this.isRunning = true;
    this.publish = publish;
    const failed = new Promise<void>((_, reject) => {
      this.fail = reject;
    });
    await Promise.race([aborted(signal), failed]);
    this.isRunning = false;
  }
}

interface Rig {
  readonly runs: ProviderRuns;
  readonly sources: SourceStates;
  readonly log: string[];
  readonly received: string[];
}

function rig(patienceMs: number | null = 1_000): Rig {
  const log: string[] = [];
  const received: string[] = [];
  const note =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void log.push(`${level} ${message} (${String(fields['provider'])})`);
  const sources = new SourceStates({ clock: new ManualClock(), log: SILENT });
  const runs = new ProviderRuns({
    log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    patienceMs,
    sources,
    received: (provider) => received.push(provider),
  });
  return { runs, sources, log, received };
}

/** Whether it has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

test('all providers run side by side, and each is ready with its first configuration', async () => {
  const { runs, received, log } = rig();
  const [slow, quick] = [new ScriptedProvider('slow'), new ScriptedProvider('quick')];
  const slowBegun = runs.begin(slow);
  const quickBegun = runs.begin(quick);
  expect(slow.isRunning && quick.isRunning).toBe(true);
  quick.publish(configOf('quick'));
  expect(await isSettled(quickBegun)).toBe(true);
  expect(await isSettled(slowBegun)).toBe(false);
  expect(runs.states).toEqual([
    { name: 'slow', state: 'waiting' },
    { name: 'quick', state: 'ready' },
  ]);
  slow.publish(configOf('slow'));
  await slowBegun;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(received).toEqual(['quick', 'slow']);
  expect(log).toEqual([]);
});

test('one that is late is told once, waited for no longer, and taken when it publishes', async () => {
  const { runs, received, log } = rig();
  const late = new ScriptedProvider('late');
  const begun = runs.begin(late);
  await vi.advanceTimersByTimeAsync(999);
  expect(await isSettled(begun)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await isSettled(begun)).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log).toEqual([
    'warn a provider has published nothing yet and is waited for no longer; its configuration follows (late)',
  ]);
  expect(runs.states).toEqual([{ name: 'late', state: 'waiting' }]);
  late.publish(configOf('late'));
  late.publish(configOf('late'));
  expect(runs.states).toEqual([{ name: 'late', state: 'ready' }]);
  expect(received).toEqual(['late', 'late']);
  expect(log.slice(1)).toEqual(['info a provider that was late has published (late)']);
});

test('without a limit it is waited for as long as it takes', async () => {
  const { runs, log } = rig(null);
  const begun = runs.begin(new ScriptedProvider('slow'));
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(await isSettled(begun)).toBe(false);
  runs.waitNoLonger();
  expect(await isSettled(begun)).toBe(true);
  expect(log).toEqual([]);
});

test('one that fails is logged, ends alone, and holds up nobody', async () => {
  const { runs, received, log } = rig();
  const [bad, good] = [new ScriptedProvider('bad'), new ScriptedProvider('good')];
  const begun = Promise.all([runs.begin(bad), runs.begin(good)]);
  good.publish(configOf('good'));
  bad.fail(new Error('broken'));
  await begun;
  good.publish(configOf('good'));
  expect(received).toEqual(['good', 'good']);
  expect(good.isRunning).toBe(true);
  expect(runs.states).toEqual([
    { name: 'bad', state: 'failed' },
    { name: 'good', state: 'ready' },
  ]);
  expect(log).toEqual(['error a provider has failed; what it published last stays in force (bad)']);
});

test('one that throws at once, and one that ends by itself, are told as well', async () => {
  const { runs, log } = rig();
  await runs.begin({
    name: 'throws',
    run: () => {
      throw new TypeError('at once');
    },
  });
  await runs.begin({ name: 'ends', run: () => Promise.resolve() });
  expect(runs.states.map(({ state }) => state)).toEqual(['failed', 'failed']);
  expect(log).toEqual([
    'error a provider has failed; what it published last stays in force (throws)',
    'error a provider has ended; what it published last stays in force (ends)',
  ]);
});

test('reading again asks all that can be asked, and one that cannot read stops no other', async () => {
  const { runs, log } = rig();
  const asked: string[] = [];
  const bad = Object.assign(new ScriptedProvider('bad'), { readAgain: () => Promise.reject(new Error('gone')) });
  const good = Object.assign(new ScriptedProvider('good'), {
    readAgain: () => Promise.resolve(void asked.push('good')),
  });
  for (const provider of [bad, new ScriptedProvider('silent'), good]) void runs.begin(provider);
  await runs.readAgain();
  expect(asked).toEqual(['good']);
  expect(log).toEqual(['error a provider cannot read its source again (bad)']);
});

test('stopping ends all of them, also one that has never published, and takes nothing more', async () => {
  const { runs, received, log } = rig();
  const [ready, waiting] = [new ScriptedProvider('ready'), new ScriptedProvider('waiting')];
  const begun = Promise.all([runs.begin(ready), runs.begin(waiting)]);
  ready.publish(configOf('ready'));
  await runs.stop();
  await begun;
  ready.publish(configOf('ready'));
  waiting.publish(configOf('waiting'));
  expect(received).toEqual(['ready']);
  expect(ready.isRunning || waiting.isRunning).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log).toEqual([]);
});

test('how the source of a provider is stands beside its state, and what it sees goes by its name', async () => {
  const { runs, sources } = rig();
  const docker = new ScriptedProvider('docker');
  const seen = { id: '1', place: 'container web', state: 'ready', objects: ['router web'], leftOut: [] } as const;
  const begun = runs.begin(Object.assign(docker, { discovered: () => [seen] }));
  sources.of('docker').reached();
  docker.publish(configOf('docker'));
  await begun;
  await runs.begin({ name: 'bad', run: () => Promise.reject(new Error('broken')) });
  expect(runs.states).toMatchObject([
    { name: 'docker', state: 'ready', source: { isAway: false } },
    { name: 'bad', state: 'failed', source: undefined },
  ]);
  expect(runs.discovered()).toEqual([{ ...seen, provider: 'docker' }]);
});

test('what goes wrong is logged with its place', async () => {
  const errors: unknown[] = [];
  const error = (_: string, fields: Readonly<Record<string, unknown>> = {}): void => void errors.push(fields['error']);
  const log = { debug() {}, info() {}, warn() {}, error };
  const runs = new ProviderRuns({
    log,
    patienceMs: null,
    sources: new SourceStates({ clock: new ManualClock(), log }),
    received: () => {},
  });
  await runs.begin({ name: 'bad', run: () => Promise.reject(new Error('broken')) });
  expect(errors).toEqual([expect.stringMatching(/^Error: broken\n.*provider-runs\.test\.ts/) as string]);
});
