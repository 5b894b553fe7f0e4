// The server that will answer soonest: (mean time to the response head × (1 + requests in progress)) / weight, the
// lowest first. Equal ones take turns. A server of which nothing recent is known counts as fast as the fastest: it is
// tried, and requests in progress keep it from getting all of them before it has answered once.

import type { BalancerDefinition, Candidate, Loaded, Picker } from './define.ts';

/** When nobody is known. */
const UNKNOWN_MS = 1;

class LeastTimePicker<T extends Loaded> implements Picker<T> {
  private readonly targets: readonly T[];
  private readonly weights: readonly number[];
  private turn = 0;

  constructor(candidates: readonly Candidate<T>[]) {
    this.targets = candidates.map(({ target }) => target);
    this.weights = candidates.map(({ weight }) => weight);
  }

  pick(_?: unknown, excluded: ReadonlySet<unknown> | null = null): T | null {
    const { targets, weights } = this;
    const count = targets.length;
    if (count < 2 && excluded === null) return targets[0] ?? null;
    let fastest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < count; index++) {
      const mean = targets[index]!.responseMs;
      if (mean > 0 && mean < fastest) fastest = mean;
    }
    if (fastest === Number.POSITIVE_INFINITY) fastest = UNKNOWN_MS;
    this.turn = this.turn + 1 === count ? 0 : this.turn + 1;
    let best: T | null = null;
    let lowest = Number.POSITIVE_INFINITY;
    for (let step = 0; step < count; step++) {
      const index = this.turn + step < count ? this.turn + step : this.turn + step - count;
      const target = targets[index]!;
      if (excluded !== null && excluded.has(target)) continue;
      const score = ((target.responseMs || fastest) * (1 + target.load)) / weights[index]!;
      if (score < lowest) {
        lowest = score;
        best = target;
      }
    }
    return best;
  }
}

export const leastTime: BalancerDefinition = {
  strategy: 'leasttime',
  summary: 'Least time: the server with the lowest product of mean response time and requests in progress, by weight.',
  create: (candidates) => new LeastTimePicker(candidates),
};
