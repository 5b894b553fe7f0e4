// A router in one entry point, ready for requests.

import type { Handler } from '../http/exchange.ts';

/** What a matched request needs. */
export interface CompiledRoute {
  readonly name: string;
  readonly handler: Handler;
  /** The instrument's own: series and switches of this route. */
  readonly observed: unknown;
}
