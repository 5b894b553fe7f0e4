// What holds of every strategy, and what each one promises: by counting.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Exchange } from '../http/exchange.ts';
import type { BalancerDefinition, Candidate, Loaded } from './define.ts';
import { createHrw } from './hrw.ts';
import { createTwoChoices } from './p2c.ts';
import { BALANCERS } from './registry.ts';
import { createWrr, smoothSequence } from './wrr.ts';

interface Target extends Loaded {
  readonly name: string;
  load: number;
  responseMs: number;
}

function targets(count: number): Target[] {
  return Array.from({ length: count }, (_, index) => ({ name: `s${index}`, load: 0, responseMs: 0 }));
}

function candidatesOf<T extends { name: string }>(all: readonly T[], weights?: readonly number[]): Candidate<T>[] {
  return all.map((target, index) => ({ target, weight: weights?.[index] ?? 1, key: target.name }));
}

function from(ip: string): Exchange {
  return { client: { ip } } as Exchange; // What pickers read of it.
}

/** Of seeds that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4_294_967_296;
  };
}

describe.each(Object.values(BALANCERS))('$strategy', (definition: BalancerDefinition) => {
  test('has nobody to pick from none', () => {
    expect(definition.create<Target>([], null).pick(from('10.0.0.1'))).toBeNull();
  });

  test('picks the only one there is', () => {
    const [only] = targets(1);
    const picker = definition.create(candidatesOf([only!]), null);
    for (let turn = 0; turn < 10; turn++) expect(picker.pick(from(`10.0.0.${turn}`))).toBe(only);
  });

  test('picks candidates alone, whatever the weights, also after a picker of others', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 9 }),
        fc.array(fc.ipV4(), { minLength: 1, maxLength: 30 }),
        (weights, clients) => {
          const others = definition.create(candidatesOf(targets(3)), null);
          others.pick(from('10.0.0.1'));
          const all = targets(weights.length);
          const picker = definition.create(candidatesOf(all, weights), others);
          for (const ip of clients) expect(all).toContain(picker.pick(from(ip)));
        },
      ),
    );
  });

  test('passes over who is excluded, and has nobody when all are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 2, maxLength: 9 }),
        fc.integer({ min: 0, max: 510 }),
        (weights, mask) => {
          const all = targets(weights.length);
          const picker = definition.create(candidatesOf(all, weights), null);
          const excluded = new Set<unknown>(all.filter((_, index) => ((mask >> index) & 1) === 1));
          const left = all.filter((target) => !excluded.has(target));
          for (let turn = 0; turn < 20; turn++) {
            const picked = picker.pick(from(`10.0.0.${turn}`), excluded);
            if (left.length === 0) expect(picked).toBeNull();
            else expect(left).toContain(picked);
          }
        },
      ),
    );
  });

  test('gives everybody of equal weight something', () => {
    const all = targets(5);
    const picker = definition.create(candidatesOf(all), null);
    const picked = new Set<Target | null>();
    for (let turn = 0; turn < 500; turn++) {
      const target = picker.pick(from(`10.0.${turn >> 8}.${turn & 255}`))!;
      target.load++;
      picked.add(target);
    }
    expect(picked.size).toBe(5);
  });
});

describe('wrr', () => {
  test('weights 5, 1, 1 interleave as a a b a c a a', () => {
    expect([...smoothSequence([5, 1, 1])]).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  test('one round holds each index exactly weight times, and never two more than its share in any prefix', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const sequence = [...smoothSequence(weights)];
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = weights.map(() => 0);
        sequence.forEach((index, turn) => {
          counts[index]!++;
          expect(counts[index]!).toBeLessThanOrEqual(((turn + 1) * weights[index]!) / total + 2);
        });
        expect(counts).toEqual(weights);
      }),
    );
  });

  test('weights 1 : 3 : 6 get exactly that of a thousand requests', () => {
    const all = targets(3);
    const picker = createWrr(candidatesOf(all, [1, 3, 6]), null);
    for (let turn = 0; turn < 1000; turn++) picker.pick(from('10.0.0.1'))!.load++;
    expect(all.map(({ load }) => load)).toEqual([100, 300, 600]);
  });

  test('weights whose round is too long to lay out keep to their shares as well', () => {
    const all = targets(3);
    const picker = createWrr(candidatesOf(all, [9973, 29_917, 59_833]), null);
    for (let turn = 0; turn < 10_000; turn++) picker.pick(from('10.0.0.1'))!.load++;
    expect(all.map(({ load }) => load)).toEqual([1000, 3000, 6000]);
  });

  test('more servers than a round has places still take turns', () => {
    const all = targets(5000);
    const picker = createWrr(candidatesOf(all), null);
    for (const target of all) expect(picker.pick(from('10.0.0.1'))).toBe(target);
  });

  test('goes on where the picker before it stopped', () => {
    const all = targets(3);
    const first = createWrr(candidatesOf(all), null);
    first.pick(from('10.0.0.1'));
    expect(createWrr(candidatesOf(all), first).pick(from('10.0.0.1'))).toBe(all[1]);
  });
});

describe('hrw', () => {
  const clients = Array.from({ length: 10_000 }, (_, index) =>
    from(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`),
  );

  test('the same client goes to the same target, in whatever order targets are named', () => {
    const all = targets(7);
    const one = createHrw(candidatesOf(all));
    const other = createHrw(candidatesOf(all.toReversed()));
    for (const client of clients) expect(one.pick(client)).toBe(other.pick(client));
  });

  test.each([[[1, 1, 1, 1, 1]], [[1, 3, 6]]])('a target that leaves, of %j, moves its own clients alone', (weights) => {
    const all = targets(weights.length);
    const before = createHrw(candidatesOf(all, weights));
    const after = createHrw(candidatesOf(all, weights).slice(1));
    let moved = 0;
    for (const client of clients) {
      const was = before.pick(client);
      const is = after.pick(client);
      if (was === all[0]) moved++;
      else expect(is).toBe(was);
    }
    const share = (clients.length * weights[0]!) / weights.reduce((sum, weight) => sum + weight, 0);
    expect(moved).toBeGreaterThan(share * 0.85);
    expect(moved).toBeLessThan(share * 1.15);
  });

  test.each([
    ['10.0.0.1', 0, 0],
    ['10.0.0.2', 0, 3],
    ['192.0.2.7', 2, 2],
    ['203.0.113.99', 2, 2],
    ['2001:db8::1', 2, 2],
    ['2001:db8::2', 4, 4],
    ['::1', 2, 2],
    ['127.0.0.1', 0, 3],
  ])('%s goes to the same target in every process and every version', (ip, even, weighted) => {
    const urls = [1, 2, 3, 4, 5].map((host) => ({ name: `http://10.0.0.${host}:8080` }));
    const picked = [createHrw(candidatesOf(urls)), createHrw(candidatesOf(urls, [1, 2, 3, 4, 5]))];
    expect(picked.map((picker) => urls.indexOf(picker.pick(from(ip))!))).toEqual([even, weighted]);
  });

  test('clients are shared out by weight', () => {
    const all = targets(3);
    const picker = createHrw(candidatesOf(all, [1, 3, 6]));
    for (const client of clients) picker.pick(client)!.load++;
    [1000, 3000, 6000].forEach((share, index) => {
      expect(all[index]!.load).toBeGreaterThan(share * 0.9);
      expect(all[index]!.load).toBeLessThan(share * 1.1);
    });
  });

  test('more weight takes clients from others and gives none away', () => {
    const all = targets(4);
    const before = createHrw(candidatesOf(all, [1, 1, 1, 1]));
    const after = createHrw(candidatesOf(all, [3, 1, 1, 1]));
    for (const client of clients) {
      const is = after.pick(client);
      if (is !== all[0]) expect(before.pick(client)).toBe(is);
    }
  });
});

describe('p2c', () => {
  test('never picks the busier of the two it looks at', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 2, maxLength: 6 }), fc.nat(), (loads, seed) => {
        const all = targets(loads.length);
        const looked: Target[] = [];
        const watched = all.map((target, index) => ({
          name: target.name,
          responseMs: 0,
          get load() {
            looked.push(target);
            return loads[index]!;
          },
        }));
        const picker = createTwoChoices(candidatesOf(watched), seeded(seed));
        for (let turn = 0; turn < 20; turn++) {
          looked.length = 0;
          const picked = picker.pick(from('10.0.0.1'))!;
          expect(new Set(looked).size).toBe(2);
          const [a, b] = looked.map((target) => loads[all.indexOf(target)]!);
          expect(loads[watched.indexOf(picked)]).toBe(Math.min(a!, b!));
        }
      }),
    );
  });

  test('of two, the less busy one gets everything', () => {
    const all = targets(2);
    all[0]!.load = 1;
    const picker = createTwoChoices(candidatesOf(all), seeded(1));
    for (let turn = 0; turn < 100; turn++) expect(picker.pick(from('10.0.0.1'))).toBe(all[1]);
  });

  test('idle targets are taken in proportion to their weights', () => {
    const all = targets(3);
    const counts = [0, 0, 0];
    const picker = createTwoChoices(candidatesOf(all, [1, 3, 6]), seeded(7));
    for (let turn = 0; turn < 30_000; turn++) counts[all.indexOf(picker.pick(from('10.0.0.1'))!)]!++;
    // Of equally busy ones the first drawn is taken, which is by weight.
    [3000, 9000, 18_000].forEach((share, index) => {
      expect(counts[index]).toBeGreaterThan(share * 0.95);
      expect(counts[index]).toBeLessThan(share * 1.05);
    });
  });
});

describe('leasttime', () => {
  test('the lowest product of time and requests in progress wins, by weight', () => {
    const all = targets(3);
    Object.assign(all[0]!, { responseMs: 10, load: 4 }); // 50
    Object.assign(all[1]!, { responseMs: 20, load: 1 }); // 40
    Object.assign(all[2]!, { responseMs: 90, load: 0 }); // 90
    expect(BALANCERS.leasttime.create(candidatesOf(all), null).pick(from('10.0.0.1'))).toBe(all[1]);
    expect(BALANCERS.leasttime.create(candidatesOf(all, [1, 1, 3]), null).pick(from('10.0.0.1'))).toBe(all[2]);
  });

  test('a target nobody knows is tried, and does not get all requests until it has answered', () => {
    const all = targets(2);
    all[0]!.responseMs = 5;
    const picker = BALANCERS.leasttime.create(candidatesOf(all), null);
    for (let turn = 0; turn < 100; turn++) picker.pick(from('10.0.0.1'))!.load++;
    expect(all.map(({ load }) => load)).toEqual([50, 50]);
  });

  test('equal targets take turns', () => {
    const all = targets(3);
    for (const target of all) target.responseMs = 3;
    const picker = BALANCERS.leasttime.create(candidatesOf(all), null);
    const counts = new Map<Target, number>();
    for (let turn = 0; turn < 300; turn++) {
      const target = picker.pick(from('10.0.0.1'))!;
      counts.set(target, (counts.get(target) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([100, 100, 100]);
  });
});
