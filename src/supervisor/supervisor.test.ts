import { expect, test } from 'vitest';
import { SystemClock } from '../core/clock.ts';
import type { SignalboxError } from '../core/errors.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import { Supervisor } from './supervisor.ts';

const WORKER = new URL('../../test/support/obedient-worker.mjs', import.meta.url);

function snapshot(version: number, wish: string): Snapshot {
  const services = { [wish]: {} } as unknown as Snapshot['services']; // Read by the stand-in worker alone.
  return {
    version,
    digest: String(version),
    entryPoints: {},
    routes: {},
    middlewares: {},
    services,
    certificates: {},
    tlsOptions: {},
    tlsHosts: {},
    tcpRoutes: {},
    tcpMiddlewares: {},
    tcpServices: {},
    udpRoutes: {},
    udpServices: {},
  };
}

function delta(version: number, wish: string): SnapshotDelta {
  return {
    baseVersion: version - 1,
    version,
    digest: String(version),
    changed: { services: snapshot(version, wish).services },
    removed: {},
  };
}

interface Watched {
  readonly supervisor: Supervisor;
  readonly lines: string[];
  readonly fatal: Promise<SignalboxError>;
  readonly said: (text: string, times: number) => Promise<void>;
}

function watch(workers: number): Watched {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const note = (message: string, fields?: object): void => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
    for (const wake of waiting) wake();
  };
  let fail: (error: SignalboxError) => void = () => {};
  const fatal = new Promise<SignalboxError>((resolve) => (fail = resolve));
  const supervisor = new Supervisor({
    workers,
    workerUrl: WORKER,
    plugins: [],
    socketDirectory: '',
    observe: {
      metrics: {
        enabled: false,
        buckets: [],
        addEntryPointsLabels: false,
        addRoutersLabels: false,
        addServicesLabels: false,
        headerLabels: {},
      },
      accessLog: null,
    },
    clock: new SystemClock(),
    log: { debug: () => {}, info: note, warn: note, error: note },
    metrics: new MetricsAggregator([]),
    accessLog: null,
    secret: new Uint8Array(32),
    ticketKeyLifeMs: 3_600_000,
    healthChanged: () => {},
    replaced: () => {},
    fatal: (error) => fail(error),
  });
  const said = async (text: string, times: number): Promise<void> => {
    while (lines.filter((line) => line.includes(text)).length < times) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };
  return { supervisor, lines, fatal, said };
}

test('every worker acknowledges a change', async () => {
  const { supervisor } = watch(3);
  await supervisor.start(snapshot(1, 'serve'));
  expect(await supervisor.publish(snapshot(2, 'serve'), delta(2, 'serve'))).toEqual({
    version: 2,
    acked: 3,
    nacks: [],
  });
  expect(supervisor.restarts).toBe(0);
  await supervisor.stop(1_000);
});

test('a worker that refuses a change is replaced by one with the whole new snapshot', async () => {
  const { supervisor, said } = watch(2);
  await supervisor.start(snapshot(1, 'serve'));
  const result = await supervisor.publish(snapshot(2, 'serve'), delta(2, 'refuse'));
  expect(result.acked).toBe(0);
  expect(result.nacks).toEqual([
    expect.stringContaining('asked to refuse'),
    expect.stringContaining('asked to refuse'),
  ]);
  await said('a worker is replaced', 2);
  // The replacements follow the next change: they started from version 2.
  await expect.poll(() => supervisor.restarts).toBe(2);
  expect(await supervisor.publish(snapshot(3, 'serve'), delta(3, 'serve'))).toMatchObject({ acked: 2, nacks: [] });
  await supervisor.stop(1_000);
});

test('a crashed worker is replaced and counted', async () => {
  const { supervisor, said } = watch(1);
  await supervisor.start(snapshot(1, 'serve'));
  const result = await supervisor.publish(snapshot(2, 'serve'), delta(2, 'crash-once'));
  expect(result.nacks).toHaveLength(1);
  await said('a worker crashed and is replaced', 1);
  expect(supervisor.restarts).toBe(1);
  expect(await supervisor.publish(snapshot(3, 'serve'), delta(3, 'serve'))).toMatchObject({ acked: 1 });
  await supervisor.stop(1_000);
});

test('five crashes within a minute are fatal', async () => {
  const { supervisor, fatal, lines } = watch(1);
  await supervisor.start(snapshot(1, 'crash'));
  expect((await fatal).code).toBe('ERR_WORKER_CRASH_LOOP');
  expect(lines.filter((line) => line.includes('a worker crashed'))).toHaveLength(5);
  await supervisor.stop(0);
});

test('running out of memory ends that worker alone', async () => {
  const { supervisor, said, lines } = watch(1);
  await supervisor.start(snapshot(1, 'serve'));
  await supervisor.publish(snapshot(2, 'serve'), delta(2, 'exhaust'));
  await said('a worker crashed and is replaced', 1);
  expect(lines.join('\n')).toMatch(/memory/i);
  expect(await supervisor.publish(snapshot(3, 'serve'), delta(3, 'serve'))).toMatchObject({ acked: 1 });
  await supervisor.stop(1_000);
});
