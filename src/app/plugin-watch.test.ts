import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WatchSystem } from '../controlplane/providers/file/file-watch.ts';
import { PluginWatch } from './plugin-watch.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a plugin whose file changes is named once for each change, and not when the change is taken back', async () => {
  const path = join(directory, 'tenant.ts');
  await writeFile(path, 'first');
  const told: unknown[] = [];
  const warn = (_: string, fields?: object): void => void told.push(fields);
  const waiting: (() => void)[] = [];
  const system: WatchSystem = {
    after(ms, callback) {
      if (ms < 1_000) waiting.push(callback);
      return { close() {} };
    },
    now: () => 0,
    watch: () => ({ close() {}, on: () => null as never }),
  };
  const modules = [
    { name: 'tenant', url: pathToFileURL(path).href },
    { name: 'gone', url: pathToFileURL(join(directory, 'gone.ts')).href },
  ];
  const watch = new PluginWatch(modules, { debug() {}, info() {}, warn, error() {} }, system);
  await watch.start();
  // The first look is that of a watch which has begun after the reading.
  const look = waiting[0]!;
  const counts: number[] = [];
  for (const text of ['first', 'second', 'second', 'third', 'first', 'third']) {
    await writeFile(path, text);
    look();
    await watch.stop();
    counts.push(told.length);
  }
  expect(counts).toEqual([0, 1, 1, 2, 2, 3]);
  expect(told[0]).toEqual({ plugin: 'tenant', path });
});
