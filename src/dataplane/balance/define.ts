// The extension unit of balancing: a policy turns candidates into a picker. The request path only calls `pick`.

import type { Exchange } from '../http/exchange.ts';

/** What is chosen from: servers of a loadBalancer, or services of one that divides between services. */
export interface Candidate<T> {
  readonly target: T;
  /** At least 1. */
  readonly weight: number;
  /** Stays the same for the same target, in every worker and every process. */
  readonly key: string;
}

/** Immutable but for its position; replaced when the candidates change. */
export interface Picker<T> {
  /**
   * The target for this request; null when there is none, or all are excluded. Synchronous; without `excluded` it
   * allocates nothing.
   */
  pick(exchange: Exchange, excluded?: ReadonlySet<unknown> | null): T | null;
}

/** How busy a target is, over all workers where that is known. */
export interface Loaded {
  /** Requests in progress. */
  readonly load: number;
  /** Mean time to the response head in milliseconds; 0 when it is not known or long ago. */
  readonly responseMs: number;
}

export interface BalancerDefinition {
  readonly strategy: string;
  readonly summary: string;
  /** `previous` is the picker being replaced, whose position may be carried on. */
  create<T extends Loaded>(candidates: readonly Candidate<T>[], previous: Picker<T> | null): Picker<T>;
}
