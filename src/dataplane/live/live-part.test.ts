import { expect, test } from 'vitest';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { buildParts, type LivePart } from './live-part.ts';
import { runAtOnce, runInSlices } from './slices.ts';

const DELTA: SnapshotDelta = { baseVersion: 1, version: 2, digest: '', changed: {}, removed: {} };

function part(name: string, log: string[], fails = false): LivePart<string> {
  return {
    *build(_delta, context) {
      log.push(`build ${name} with ${context}`);
      yield;
      if (fails) throw new Error(`${name} does not fit`);
      return () => void log.push(`commit ${name}`);
    },
  };
}

test('everything is built before anything changes, and changes in the order of the parts', () => {
  const log: string[] = [];
  const commit = runAtOnce(buildParts([part('a', log), part('b', log)], DELTA, 'x'));
  expect(log).toEqual(['build a with x', 'build b with x']);
  commit();
  expect(log.slice(2)).toEqual(['commit a', 'commit b']);
});

test('a part that cannot be built keeps all of them from changing', async () => {
  const log: string[] = [];
  const parts = [part('a', log), part('b', log, true), part('c', log)];
  await expect(runInSlices(buildParts(parts, DELTA, 'x'))).rejects.toThrow('b does not fit');
  expect(log).toEqual(['build a with x', 'build b with x']);
});
