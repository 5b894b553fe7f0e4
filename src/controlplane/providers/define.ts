// The extension unit of discovery: a source that publishes routing configurations for as long as it runs.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { KnownPlugins } from '../../schema/decode-context.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';

export interface Provider {
  /** Part behind the `@` of its objects' names. */
  readonly name: string;
  /**
   * Publishes what is there and settles, then goes on publishing whole configurations as things change, until stopped.
   * Never rejects for bad input: that is a configuration with diagnostics.
   */
  start(publish: (config: RoutingConfig) => void): Promise<void>;
  /** Reads everything anew, also what has not been seen to change. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProviderContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly substitutions: Substitutions;
  readonly plugins: KnownPlugins;
  /** `providers.keepLastGood` as it was at the start; true when left out. */
  readonly keepLastGood?: boolean;
}
