import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogFields } from '../../../core/log.ts';
import { FileWatch, type WatchSystem } from './file-watch.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-watch-'));
  path = join(directory, 'a.yml');
  await writeFile(path, 'one');
});

afterEach(() => rm(directory, { recursive: true }));

/** Timers that go off by hand, and a kernel that watches nothing. */
class Blind implements WatchSystem {
  readonly due: { ms: number; callback: () => void }[] = [];
  readonly warnings: LogFields[] = [];
  opened = 0;
  changes = 0;
  /** Watches are given, and taken away later. */
  given: EventEmitter[] | null = null;
  readonly watch_ = new FileWatch(
    () => this.changes++,
    { debug() {}, info() {}, error() {}, warn: (_, fields = {}) => this.warnings.push(fields) },
    this,
  );

  after(ms: number, callback: () => void): { close(): void } {
    const timer = { ms, callback };
    this.due.push(timer);
    return { close: () => void this.due.splice(this.due.indexOf(timer), 1) };
  }

  now(): number {
    return 0;
  }

  watch(): ReturnType<WatchSystem['watch']> {
    this.opened++;
    if (this.given === null) throw Object.assign(new Error('no more watches'), { code: 'ENOSPC' });
    const watcher = Object.assign(new EventEmitter(), { close() {} });
    this.given.push(watcher);
    return watcher as unknown as ReturnType<WatchSystem['watch']>;
  }

  /** Everything that waits for no longer than this. */
  pass(ms: number): void {
    for (const timer of this.due.filter((one) => one.ms <= ms)) {
      this.due.splice(this.due.indexOf(timer), 1);
      timer.callback();
    }
  }

  /** The next time that the files are asked; settles when they have answered. */
  async poll(): Promise<void> {
    this.pass(2_000);
    while (!this.due.some(({ ms }) => ms === 2_000)) await new Promise((resolve) => setImmediate(resolve));
    this.pass(50);
  }
}

test('without a watch of the kernel: one warning, no loop, and every change is found by asking', async () => {
  const blind = new Blind();
  const watch = blind.watch_;
  await mkdir(join(directory, 'deep'));
  const follow = (): Promise<void> => watch.follow([directory, join(directory, 'deep')], [path]);
  await follow();
  expect(blind.warnings).toEqual([expect.objectContaining({ directory, error: 'ENOSPC' })]);
  // What changed before the watching is looked for once.
  blind.pass(50);
  expect(blind.changes).toBe(1);
  for (let round = 0; round < 5; round++) await follow();
  expect(blind.due).toHaveLength(1);
  expect(blind.opened).toBe(2);
  await blind.poll();
  expect(blind.changes).toBe(1);
  // In place and of the same length; by size; a new file in a directory; gone.
  await utimes(path, 1, 1);
  await blind.poll();
  expect(blind.changes).toBe(2);
  await writeFile(path, 'longer');
  await utimes(path, 1, 1);
  await blind.poll();
  expect(blind.changes).toBe(3);
  await writeFile(join(directory, 'deep', 'b.yml'), '');
  await blind.poll();
  expect(blind.changes).toBe(4);
  await rm(path);
  await blind.poll();
  expect(blind.changes).toBe(5);
  expect(blind.warnings).toHaveLength(1);
  watch.stop();
  expect(blind.due).toEqual([]);
});

test('a watch that is taken away is not asked for again', async () => {
  const blind = new Blind();
  blind.given = [];
  await blind.watch_.follow([directory], []);
  blind.given[0]!.emit('error', Object.assign(new Error('gone'), { code: 'EMFILE' }));
  for (let round = 0; round < 3; round++) await blind.watch_.follow([directory], []);
  expect(blind.opened).toBe(1);
  expect(blind.warnings).toHaveLength(1);
  blind.watch_.stop();
});

test('what failed is tried again after longer and longer, until it succeeds', async () => {
  const blind = new Blind();
  const waits: number[] = [];
  for (let round = 0; round < 9; round++) {
    blind.watch_.retry();
    blind.watch_.retry();
    expect(blind.due).toHaveLength(1);
    waits.push(blind.due[0]!.ms);
    blind.pass(Number.POSITIVE_INFINITY);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(blind.changes).toBe(9);
  blind.watch_.retry();
  blind.watch_.succeeded();
  expect(blind.due).toEqual([]);
  blind.watch_.retry();
  expect(blind.due[0]!.ms).toBe(500);
  blind.watch_.stop();
});
