// The extension unit of balancing: a policy turns endpoints into a picker. The request path only calls `pick`.

import type { Exchange } from '../http/exchange.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

export interface WeightedEndpoint {
  readonly endpoint: Endpoint;
  /** At least 1. */
  readonly weight: number;
}

export interface Picker {
  /** The endpoint for this request; null when there is none. Synchronous, allocates nothing. */
  pick(exchange: Exchange): Endpoint | null;
}

export interface BalancerDefinition {
  readonly strategy: string;
  readonly summary: string;
  /** `previous` is the picker being replaced, whose position may be carried on. */
  create(endpoints: readonly WeightedEndpoint[], previous: Picker | null): Picker;
}
