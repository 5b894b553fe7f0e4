import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StagedMap } from './staged-map.ts';

type Step = readonly ['set' | 'delete', number];

const steps = fc.array(fc.tuple(fc.constantFrom('set' as const, 'delete' as const), fc.nat(8)));

function run(map: { set(key: number, value: string): unknown; delete(key: number): boolean }, list: readonly Step[]) {
  return list.map(([step, key], index) => (step === 'delete' ? map.delete(key) : (map.set(key, `v${index}`), null)));
}

test('it reads as the map would with the changes in it, which it gets by commit alone', () => {
  fc.assert(
    fc.property(steps, steps, (first, second) => {
      const map = new Map<number, string>();
      run(map, first);
      const before = [...map];
      const staged = new StagedMap(map);
      const expected = new Map(map);
      expect(run(staged, second)).toEqual(run(expected, second));
      expect(new Map(staged)).toEqual(expected);
      expect([...staged.values()].toSorted()).toEqual([...expected.values()].toSorted());
      for (let key = 0; key <= 8; key++) {
        expect([staged.has(key), staged.get(key)]).toEqual([expected.has(key), expected.get(key)]);
      }
      expect([...map]).toEqual(before);
      staged.commit();
      expect(map).toEqual(expected);
    }),
  );
});

test('it knows what is changed in it', () => {
  const staged = new StagedMap(new Map([['a', 1]]));
  staged.set('b', 2);
  expect([staged.isStaged('a'), staged.isStaged('b')]).toEqual([false, true]);
});
