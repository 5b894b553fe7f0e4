import { expect, test } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { createCells, type Cells } from '../model/message/cells.ts';
import type { Snapshot, SnapshotDelta } from '../model/snapshot.ts';
import { MetricsAggregator } from '../observe/metrics-aggregator.ts';
import { MEMORY_BOUNDS } from './memory-watch.ts';
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
    endpointSets: {},
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
  readonly cells: Cells;
  readonly lines: string[];
  /** Pauses that wait to be ended by hand. */
  readonly pauses: { ms: number; end: () => void }[];
  readonly said: (text: string, times: number) => Promise<void>;
}

function watch(workers: number, workerUrl = WORKER, memoryBounds = MEMORY_BOUNDS): Watched {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const note = (message: string, fields?: object): void => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
    for (const wake of waiting) wake();
  };
  const pauses: Watched['pauses'] = [];
  const cells = createCells(new Uint8Array(48), new Uint8Array(32));
  const supervisor = new Supervisor({
    workers,
    workerUrl,
    plugins: [],
    memoryBounds,
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
    // Stands still: no worker is silent for too long, however slow the machine is.
    clock: new ManualClock(),
    log: { debug: () => {}, info: note, warn: note, error: note },
    metrics: new MetricsAggregator([]),
    accessLog: null,
    cells,
    healthChanged: () => {},
    replaced: () => {},
    after(ms, callback) {
      const pause = { ms, end: () => (pauses.splice(pauses.indexOf(pause), 1), callback()) };
      pauses.push(pause);
      return { close: () => void pauses.splice(pauses.indexOf(pause), 1) };
    },
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
  return { supervisor, cells, lines, pauses, said };
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

test('a worker that crashes again and again is replaced after longer and longer, and ends nothing', async () => {
  const { supervisor, lines, said, pauses } = watch(1);
  await supervisor.start(snapshot(1, 'crash'));
  for (let crash = 5; crash <= 9; crash++) {
    await said('a worker crashed', crash);
    const longest = 500 * 2 ** (crash - 5);
    expect(pauses).toEqual([expect.objectContaining({ ms: expect.any(Number) as number })]);
    expect(pauses[0]!.ms).toBeGreaterThanOrEqual(longest / 2);
    expect(pauses[0]!.ms).toBeLessThanOrEqual(longest);
    pauses[0]!.end();
  }
  await said('a worker crashed', 10);
  expect(lines.filter((line) => line.includes('again and again'))).toHaveLength(6);
  await supervisor.stop(0);
  expect(pauses).toEqual([]);
});

test('a worker that cannot begin is tried again, while the others go on', async () => {
  const script = new URL('../../test/support/reluctant-worker.mjs', import.meta.url);
  const { supervisor, lines, said, pauses } = watch(2, script);
  await supervisor.start(snapshot(1, 'serve'));
  // The first worker with this change crashes, and no new one comes to serve.
  await supervisor.publish(snapshot(2, 'none-begins'), delta(2, 'crash-first'));
  for (let attempt = 1; attempt <= 3; attempt++) {
    await said('a worker cannot be started', attempt);
    expect(lines.at(-1)).toContain('"serving":1');
    if (attempt < 3) pauses[0]!.end();
  }
  expect(supervisor.workers().map(({ isReady }) => isReady)).toEqual([true]);
  expect(await supervisor.publish(snapshot(3, 'serve'), delta(3, 'serve'))).toMatchObject({ acked: 1, nacks: [] });
  pauses[0]!.end();
  await said('a worker could be started again', 1);
  expect(supervisor.workers()).toHaveLength(2);
  await supervisor.stop(1_000);
});

test('nobody waits for a worker that gets no thread to have what is set', async () => {
  const script = new URL(WORKER);
  const { supervisor, cells, said, pauses } = watch(2, script);
  await supervisor.start(snapshot(1, 'serve'));
  // From now on the runtime makes no thread, and throws.
  script.href = 'http://localhost/worker.mjs';
  await supervisor.publish(snapshot(2, 'serve'), delta(2, 'refuse'));
  await said('a worker cannot be started', 2);
  cells.challenges.set(cells.challenges.value);
  expect(await cells.challenges.delivered()).toEqual({ acked: 0, nacks: [] });
  script.href = WORKER.href;
  while (pauses.length > 0) pauses[0]!.end();
  await expect.poll(() => supervisor.workers().filter(({ isReady }) => isReady)).toHaveLength(2);
  cells.challenges.set(cells.challenges.value);
  expect(await cells.challenges.delivered()).toEqual({ acked: 2, nacks: [] });
  await supervisor.stop(1_000);
});

test('a worker that holds too much outside of its heap is warned of, and then replaced', async () => {
  const { supervisor, said, lines } = watch(1);
  await supervisor.start(snapshot(1, 'serve'));
  void supervisor.publish(snapshot(2, 'serve'), delta(2, 'hoard'));
  await said('a worker is replaced', 1);
  expect(lines).toEqual([
    expect.stringMatching(/^a worker holds much memory .*"mebibytes":600/),
    expect.stringMatching(/^a worker is replaced .*it holds 1100 MiB outside of its heap/),
  ]);
  await expect.poll(() => supervisor.restarts).toBe(1);
  await supervisor.stop(1_000);
});

test('running out of memory ends that worker alone', async () => {
  // Filling the usual heap takes a busy machine longer than a worker has to answer.
  const { supervisor, said, lines } = watch(1, WORKER, { ...MEMORY_BOUNDS, heapMb: 64 });
  await supervisor.start(snapshot(1, 'serve'));
  await supervisor.publish(snapshot(2, 'serve'), delta(2, 'exhaust'));
  await said('a worker crashed and is replaced', 1);
  expect(lines.join('\n')).toMatch(/memory/i);
  expect(await supervisor.publish(snapshot(3, 'serve'), delta(3, 'serve'))).toMatchObject({ acked: 1 });
  await supervisor.stop(1_000);
});
