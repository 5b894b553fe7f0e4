// Power of two choices (Mitzenmacher, 2001): two different servers at random, in proportion to their weights, and of
// these the one with fewer requests in progress. Close to the best choice of all at the price of looking at two.

import type { BalancerDefinition, Candidate, Loaded, Picker } from './define.ts';

/** In [0, 1). */
export type Random = () => number;

class TwoChoicesPicker<T extends Loaded> implements Picker<T> {
  private readonly targets: readonly T[];
  /** Sum of the weights up to and including each. */
  private readonly sums: readonly number[];
  private readonly weights: readonly number[];
  private readonly total: number;
  private readonly isEven: boolean;
  private readonly random: Random;

  constructor(candidates: readonly Candidate<T>[], random: Random) {
    let total = 0;
    this.targets = candidates.map(({ target }) => target);
    this.weights = candidates.map(({ weight }) => weight);
    this.sums = this.weights.map((weight) => (total += weight));
    this.total = total;
    this.isEven = this.weights.every((weight) => weight === this.weights[0]);
    this.random = random;
  }

  pick(_?: unknown, excluded: ReadonlySet<unknown> | null = null): T | null {
    if (excluded !== null) return this.without(excluded).pick();
    const { targets } = this;
    if (targets.length < 2) return targets[0] ?? null;
    const first = this.draw(-1);
    const second = this.draw(first);
    return targets[second]!.load < targets[first]!.load ? targets[second]! : targets[first]!;
  }

  private without(excluded: ReadonlySet<unknown>): TwoChoicesPicker<T> {
    const candidates = this.targets.map((target, index) => ({ target, weight: this.weights[index]!, key: '' }));
    return new TwoChoicesPicker(
      candidates.filter(({ target }) => !excluded.has(target)),
      this.random,
    );
  }

  /** An index other than `without`. */
  private draw(without: number): number {
    if (this.isEven) {
      const index = Math.floor(this.random() * (without < 0 ? this.targets.length : this.targets.length - 1));
      return without >= 0 && index >= without ? index + 1 : index;
    }
    let point = this.random() * (without < 0 ? this.total : this.total - this.weights[without]!);
    // The part of the excluded one is jumped over.
    if (without >= 0 && point >= this.sums[without]! - this.weights[without]!) point += this.weights[without]!;
    return this.indexOf(point);
  }

  /** The first whose sum is above the point. */
  private indexOf(point: number): number {
    let low = 0;
    let high = this.sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sums[middle]! > point) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export function createTwoChoices<T extends Loaded>(
  candidates: readonly Candidate<T>[],
  random: Random = Math.random,
): Picker<T> {
  return new TwoChoicesPicker(candidates, random);
}

export const p2c: BalancerDefinition = {
  strategy: 'p2c',
  summary: 'Power of two choices: of two servers taken at random, the one with fewer requests in progress.',
  create: (candidates) => createTwoChoices(candidates),
};
