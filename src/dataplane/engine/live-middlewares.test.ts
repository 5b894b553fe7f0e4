import { expect, test } from 'vitest';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { runAtOnce } from '../live/slices.ts';
import { LiveMiddlewares, type SharedContext } from './live-middlewares.ts';

function delta(changed: readonly string[], removed: readonly string[] = []): SnapshotDelta {
  const middlewares = Object.fromEntries(changed.map((name) => [name, { name, kind: 'any', options: {} }]));
  return { baseVersion: 1, version: 2, digest: '', changed: { middlewares }, removed: { middlewares: removed } };
}

interface Lab {
  readonly live: LiveMiddlewares;
  /** Generations of each name that have been told to end, in order. */
  readonly disposed: string[];
  readonly apply: (changed: readonly string[], removed?: readonly string[]) => void;
}

function lab(): Lab {
  const disposed: string[] = [];
  const made = new Map<string, number>();
  // None of what it lends is used here.
  const live = new LiveMiddlewares({} as SharedContext, ({ name }, { onDispose }) => {
    const number = (made.get(name) ?? 0) + 1;
    made.set(name, number);
    for (const part of ['timer', 'socket']) onDispose(() => disposed.push(`${name} ${number} ${part}`));
    return (next) => next;
  });
  return {
    live,
    disposed,
    apply(changed, removed) {
      runAtOnce(live.build(delta(changed, removed))).commit();
    },
  };
}

test('a middleware ends when it is replaced or taken away, and not before that is in effect', () => {
  const { live, disposed, apply } = lab();
  apply(['a', 'b', 'c']);
  const before = live.get('a');
  expect(disposed).toEqual([]);
  const { fresh, commit } = runAtOnce(live.build(delta(['a'], ['b'])));
  expect(fresh).toEqual(new Set(['a']));
  expect(disposed).toEqual([]);
  commit();
  expect(disposed).toEqual(['a 1 timer', 'a 1 socket', 'b 1 timer', 'b 1 socket']);
  expect(live.get('a')).not.toBe(before);
  expect(() => live.get('b')).toThrow('middleware b is not in the snapshot');
  apply(['a']);
  expect(disposed.slice(4)).toEqual(['a 2 timer', 'a 2 socket']);
  apply([], ['a', 'c', 'gone']);
  expect(disposed.slice(6)).toEqual(['a 3 timer', 'a 3 socket', 'c 1 timer', 'c 1 socket']);
});

test('what does not change stays the same', () => {
  const { live, disposed, apply } = lab();
  apply(['a', 'b']);
  const b = live.get('b');
  apply(['a']);
  expect(live.get('b')).toBe(b);
  expect(disposed.filter((one) => one.startsWith('b'))).toEqual([]);
});

test('one that was made for a change that came to nothing ends, and the one before stays', () => {
  const { live, disposed, apply } = lab();
  apply(['a']);
  const before = live.get('a');
  runAtOnce(live.build(delta(['a', 'b'])));
  apply(['c']);
  expect(disposed).toEqual(['a 2 timer', 'a 2 socket', 'b 1 timer', 'b 1 socket']);
  expect(live.get('a')).toBe(before);
  expect(() => live.get('b')).toThrow('middleware b is not in the snapshot');
});
