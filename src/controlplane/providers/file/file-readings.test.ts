// Which files are read when something has changed: a directory may have thousands.

import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { NO_PLUGINS } from '../../../schema/decode-context.ts';
import { operatorSubstitutions } from '../../config/install/operator-substitutions.ts';
import { decoderOf, UNTOLD } from '../define.ts';
import { FileProvider, fileProvider } from './file-provider.ts';
import type { WatchSystem } from './file-watch.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Tells of changes when the test says so. */
class WatchByHand implements WatchSystem {
  readonly #waiting: (() => void)[] = [];

  after(ms: number, callback: () => void): { close(): void } {
    // Asking for what the kernel did not tell of comes in seconds.
    if (ms < 1_000) this.#waiting.push(callback);
    return { close() {} };
  }

  now(): number {
    return 0;
  }

  watch(_: string, changed: () => void): ReturnType<WatchSystem['watch']> {
    this.changed = changed;
    return { close() {}, on: () => null as never };
  }

  changed: () => void = () => {};

  /** What waits for a quiet moment has one. */
  settle(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

test('after a change what may have changed is read, and everything when it is asked for', async () => {
  const clock = new ManualClock(Date.now());
  const put = async (name: string, prefix: string, agoMs: number): Promise<void> => {
    const aside = join(directory, '..aside');
    await writeFile(aside, `http: { middlewares: { ${name}: { addPrefix: { prefix: ${prefix} } } } }\n`);
    const at = new Date(clock.wall() - agoMs);
    await utimes(aside, at, at);
    await rename(aside, join(directory, `${name}.yml`));
  };
  await put('old', '/a', 60_000);
  await put('other', '/a', 60_000);
  await put('fresh', '/a', 1_000);
  const counts: unknown[] = [];
  const looked = { wake: () => {} };
  const debug = (_: string, { read }: Readonly<Record<string, unknown>> = {}): void => {
    counts.push(read);
    looked.wake();
  };
  const next = (): Promise<void> => new Promise((resolve) => (looked.wake = resolve));
  const watch = new WatchByHand();
  const ending = new AbortController();
  const provider = new FileProvider(
    { filename: undefined, directory, watch: true },
    {
      log: { debug, info() {}, warn() {}, error() {} },
      clock,
      keepLastGood: true,
      decode: decoderOf(fileProvider, operatorSubstitutions({}), NO_PLUGINS),
      source: UNTOLD,
    },
    watch,
  );
  const published: unknown[] = [];
  const running = provider.run(({ middlewares }) => {
    published.push([...middlewares.values()].map(({ name, value }) => [name, value?.['addPrefix']]));
  }, ending.signal);
  await next();
  // One is so new that it could change again without another time.
  watch.changed();
  watch.settle();
  await next();
  clock.advance(5_000);
  await put('old', '/b', 4_000);
  watch.changed();
  watch.settle();
  await next();
  watch.changed();
  watch.settle();
  await next();
  await provider.readAgain();
  expect(counts).toEqual([3, 1, 2, 0, 3]);
  const all = (prefix: string): unknown => [
    ['fresh', { prefix: '/a' }],
    ['old', { prefix }],
    ['other', { prefix: '/a' }],
  ];
  expect(published).toEqual([all('/a'), all('/b')]);
  ending.abort();
  await running;
});
