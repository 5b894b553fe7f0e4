import { expect, test } from 'vitest';
import { applyDelta, deltaBetween } from './snapshot-delta.ts';
import { SECTION_NAMES } from './snapshot-sections.ts';
import type { Snapshot } from './snapshot.ts';

function snapshot(version: number, sections: Readonly<Record<string, Readonly<Record<string, object>>>>): Snapshot {
  const empty = Object.fromEntries(SECTION_NAMES.map((name) => [name, {}]));
  // Nobody looks into the objects.
  return { version, digest: `of ${version}`, ...empty, ...sections } as unknown as Snapshot;
}

const before = snapshot(7, {
  services: { kept: { url: 'a' }, changed: { url: 'b' }, gone: { url: 'c' } },
  routes: { kept: { rule: 'x' } },
});
const after = snapshot(3, {
  services: { kept: { url: 'a' }, changed: { url: 'B' }, fresh: { url: 'd' } },
  routes: { kept: { rule: 'x' } },
});

test('what lies between two snapshots is what is not equal', () => {
  expect(deltaBetween(before, after)).toEqual({
    baseVersion: 7,
    version: 3,
    digest: 'of 3',
    changed: { services: { changed: { url: 'B' }, fresh: { url: 'd' } } },
    removed: { services: ['gone'] },
  });
  expect(deltaBetween(before, before)).toMatchObject({ changed: {}, removed: {} });
});

test('a delta leads from the one snapshot to the other, and what is the same stays the same object', () => {
  const led = applyDelta(before, deltaBetween(before, after));
  expect(led).toEqual(after);
  expect(led.routes).toBe(before.routes);
  expect(led.services['kept']).toBe(before.services['kept']);
});

test('a delta for another version is refused', () => {
  expect(() => applyDelta(after, deltaBetween(before, after))).toThrow('a delta for version 7 does not fit version 3');
});
