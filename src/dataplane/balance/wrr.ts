// Smooth weighted round robin: over one round every candidate is picked exactly `weight` times, spread as evenly as
// possible (the interleaving nginx made known: add each weight, pick the largest, subtract the total).

import type { Exchange } from '../http/exchange.ts';
import type { BalancerDefinition, Candidate, Picker } from './define.ts';

/** Rounds up to this long are laid out once, so that a pick is an array read. */
const MAX_SEQUENCE = 4096;

/** Indices of one round. */
export function smoothSequence(weights: readonly number[]): Int32Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const current = weights.map(() => 0);
  const sequence = new Int32Array(total);
  for (let turn = 0; turn < total; turn++) sequence[turn] = nextSmooth(weights, current, total);
  return sequence;
}

/** One step of the smooth round: O(n). */
function nextSmooth(weights: readonly number[], current: number[], total: number): number {
  let best = 0;
  for (let index = 0; index < weights.length; index++) {
    current[index]! += weights[index]!;
    if (current[index]! > current[best]!) best = index;
  }
  current[best]! -= total;
  return best;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** It looks at nothing but whose turn it is. */
export interface TurnPicker<T> extends Picker<T> {
  pick(exchange?: Exchange, excluded?: ReadonlySet<unknown> | null): T | null;
}

class SequencePicker<T> implements TurnPicker<T> {
  position: number;
  private readonly targets: readonly T[];
  private readonly sequence: Int32Array;

  constructor(targets: readonly T[], sequence: Int32Array, position: number) {
    this.targets = targets;
    this.sequence = sequence;
    this.position = sequence.length === 0 ? 0 : position % sequence.length;
  }

  pick(_?: Exchange, excluded: ReadonlySet<unknown> | null = null): T | null {
    const sequence = this.sequence;
    if (sequence.length === 0) return null;
    const target = this.next();
    if (excluded === null || !excluded.has(target)) return target;
    for (let turn = 1; turn < sequence.length; turn++) {
      const other = this.next();
      if (!excluded.has(other)) return other;
    }
    return null;
  }

  private next(): T {
    const turn = this.position;
    this.position = turn + 1 === this.sequence.length ? 0 : turn + 1;
    return this.targets[this.sequence[turn]!]!;
  }
}

/** For weights whose round is too long to lay out. */
class SteppingPicker<T> implements TurnPicker<T> {
  private readonly targets: readonly T[];
  private readonly weights: readonly number[];
  private readonly current: number[];
  private readonly total: number;

  constructor(targets: readonly T[], weights: readonly number[]) {
    this.targets = targets;
    this.weights = weights;
    this.current = weights.map(() => 0);
    this.total = weights.reduce((sum, weight) => sum + weight, 0);
  }

  pick(_?: Exchange, excluded: ReadonlySet<unknown> | null = null): T | null {
    if (excluded === null) return this.targets[nextSmooth(this.weights, this.current, this.total)]!;
    // Of the others, the one whose turn is nearest; it takes it.
    let best = -1;
    for (let index = 0; index < this.targets.length; index++) {
      if (excluded.has(this.targets[index])) continue;
      this.current[index]! += this.weights[index]!;
      if (best < 0 || this.current[index]! > this.current[best]!) best = index;
    }
    if (best < 0) return null;
    this.current[best]! -= this.total;
    return this.targets[best]!;
  }
}

export function createWrr<T>(candidates: readonly Candidate<T>[], previous: Picker<T> | null): TurnPicker<T> {
  const targets = candidates.map(({ target }) => target);
  const divisor = candidates.reduce((common, { weight }) => gcd(common, weight), 0) || 1;
  const weights = candidates.map(({ weight }) => weight / divisor);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const position = previous instanceof SequencePicker ? previous.position : 0;
  // Equal weights come round in order, however many there are.
  if (total === weights.length) return new SequencePicker(targets, Int32Array.from(weights.keys()), position);
  if (total > MAX_SEQUENCE) return new SteppingPicker(targets, weights);
  return new SequencePicker(targets, smoothSequence(weights), position);
}

export const wrr: BalancerDefinition = {
  strategy: 'wrr',
  summary: 'Smooth weighted round robin: each server in proportion to its weight, evenly interleaved.',
  create: createWrr,
};
