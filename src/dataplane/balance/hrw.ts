// Rendezvous hashing (highest random weight; Thaler and Ravishankar, 1998) on the client's address: every target draws
// a number for the client, and the highest wins. When a target leaves, only its own clients move, and they spread over
// all others. Weights as in Schindelhauer and Schomaker, 2005: the draw is -weight / ln(u), u uniform in (0, 1).

import { fnv1a, mix } from '../../core/hash.ts';
import type { Exchange } from '../http/exchange.ts';
import type { BalancerDefinition, Candidate, Picker } from './define.ts';

class RendezvousPicker<T> implements Picker<T> {
  private readonly targets: readonly T[];
  private readonly seeds: readonly number[];
  private readonly weights: readonly number[];
  private readonly isEven: boolean;

  constructor(candidates: readonly Candidate<T>[]) {
    this.targets = candidates.map(({ target }) => target);
    this.seeds = candidates.map(({ key }) => mix(fnv1a(key)));
    this.weights = candidates.map(({ weight }) => weight);
    this.isEven = candidates.every(({ weight }) => weight === candidates[0]!.weight);
  }

  pick(exchange: Exchange, excluded: ReadonlySet<unknown> | null = null): T | null {
    const client = mix(fnv1a(exchange.client.ip));
    const { seeds } = this;
    let best = -1;
    let highest = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < seeds.length; index++) {
      if (excluded !== null && excluded.has(this.targets[index])) continue;
      const drawn = mix(client ^ seeds[index]!);
      const draw = this.isEven ? drawn : -this.weights[index]! / Math.log((drawn + 0.5) / 4_294_967_296);
      if (draw > highest) {
        highest = draw;
        best = index;
      }
    }
    return best < 0 ? null : this.targets[best]!;
  }
}

export function createHrw<T>(candidates: readonly Candidate<T>[]): Picker<T> {
  return new RendezvousPicker(candidates);
}

export const hrw: BalancerDefinition = {
  strategy: 'hrw',
  summary: 'Highest random weight: the same client address goes to the same server, in every process.',
  create: createHrw,
};
