import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import type { ToWorker } from '../model/message/sync.ts';
import type { WorkerHandle } from './worker-handle.ts';
import { Workers } from './workers.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Threads that do what the test says. */
class Thread {
  readonly id: number;
  readonly slot: number;
  readonly version = 1;
  readonly isReady = true;
  readonly sent: ToWorker[] = [];
  isEnding = false;
  unanswered = 0;

  constructor(slot: number, id: number) {
    this.slot = slot;
    this.id = id;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  send(message: ToWorker): void {
    this.sent.push(message);
  }

  terminate(): Promise<boolean> {
    this.isEnding = true;
    return Promise.resolve(true);
  }
}

interface Rig {
  readonly workers: Workers;
  readonly threads: Thread[];
  readonly clock: ManualClock;
  readonly lines: string[];
  readonly events: string[];
  readonly machine: { isFull: boolean };
  readonly exit: (thread: Thread, reason: string) => void;
}

async function started(slots: number): Promise<Rig> {
  const threads: Thread[] = [];
  const lines: string[] = [];
  const events: string[] = [];
  const machine = { isFull: false };
  const clock = new ManualClock();
  const line = (message: string): void => void lines.push(message);
  const workers = new Workers({
    slots,
    clock,
    log: { debug: line, info: line, warn: line, error: line },
    begin(slot, id) {
      if (machine.isFull) throw new Error('no thread to give');
      const thread = new Thread(slot, id);
      threads.push(thread);
      return thread as unknown as WorkerHandle; // What Workers asks of one.
    },
    said: (_, { kind }) => void events.push(`said ${kind}`),
    gone: ({ id }) => void events.push(`gone ${id}`),
    replaced: (id) => void events.push(`replaced ${id}`),
  });
  await workers.start();
  workers.watch();
  const exit = (thread: Thread, reason: string): void => workers.exited(thread as unknown as WorkerHandle, reason);
  return { workers, threads, clock, lines, events, machine, exit };
}

test('a worker that leaves ten pings unanswered is replaced, one that answers is not', async () => {
  const { workers, threads, lines, events, exit } = await started(2);
  const [silent, alive] = threads as [Thread, Thread];
  for (let asked = 1; asked <= 10; asked++) {
    vi.advanceTimersByTime(2_000);
    alive.unanswered = 0;
  }
  expect(silent.isEnding).toBe(false);
  vi.advanceTimersByTime(2_000);
  expect([silent.isEnding, alive.isEnding]).toEqual([true, false]);
  expect(lines).toEqual(['a worker is replaced']);
  exit(silent, 'exit code 1');
  expect(events).toEqual(['gone 1', 'replaced 1']);
  expect(workers.statuses().map(({ slot, id }) => [slot, id])).toEqual([
    [0, 3],
    [1, 2],
  ]);
});

test('a machine that was suspended for an hour has asked nobody meanwhile, and replaces nobody', async () => {
  const { threads, clock, events } = await started(1);
  vi.advanceTimersByTime(2_000);
  clock.advance(3_600_000);
  vi.advanceTimersByTime(2_000);
  expect(threads[0]!.isEnding).toBe(false);
  expect(events).toEqual([]);
});

test('where the machine has no thread to give, it is tried again, and the others go on', async () => {
  const { workers, threads, lines, machine, exit } = await started(2);
  machine.isFull = true;
  exit(threads[0]!, 'a crash');
  const failed = lines.filter((line) => line.includes('cannot be started')).length;
  expect([failed, workers.all.length, workers.restarts]).toEqual([1, 1, 1]);
  machine.isFull = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(workers.all).toHaveLength(2);
  expect(lines.at(-1)).toBe('a worker could be started again');
});

test('once the end has begun, nobody is replaced, and who waits for its time does not begin', async () => {
  const { workers, threads, events, machine, exit } = await started(2);
  machine.isFull = true;
  exit(threads[0]!, 'a crash');
  machine.isFull = false;
  workers.replaceNoMore();
  exit(threads[1]!, 'exit code 0');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(events).toEqual(['gone 1', 'replaced 1', 'gone 2']);
  expect(workers.all).toEqual([]);
  expect(threads).toHaveLength(2);
});

test('what a worker says of anything but itself is handed on', async () => {
  const { workers, threads, events, lines } = await started(1);
  const worker = threads[0] as unknown as WorkerHandle;
  workers.message(worker, { kind: 'log', level: 'warn', message: 'a line', fields: {} });
  workers.message(worker, { kind: 'ejected', service: 's', endpoint: 'e' });
  expect(lines).toEqual(['a line']);
  expect(events).toEqual(['said ejected']);
});
