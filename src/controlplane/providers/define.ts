// The extension unit of discovery: a source that publishes routing configurations for as long as it runs.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { KnownPlugins } from '../../schema/decode-context.ts';
import type { Substitutions } from '../../schema/substitution.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';

/** Takes a whole configuration, which replaces the one before. */
export type Publish = (config: RoutingConfig) => void;

export interface Provider {
  /** Part behind the `@` of its objects' names. */
  readonly name: string;
  /**
   * Publishes what is there, which says that it is ready, then whole configurations as things change; settles when the
   * signal is aborted and everything it holds is let go. Bad input is a configuration with diagnostics: it rejects only for
   * what it cannot go on after, which is logged and ends no other.
   */
  run(publish: Publish, signal: AbortSignal): Promise<void>;
  /** Reads everything anew, also what has not been seen to change; for sources that can be asked. */
  readAgain?(): Promise<void>;
  /** What has become of what it published, for those that tell their source; called after every change. */
  report?(view: ProviderView): void;
}

export interface ProviderView {
  /** Of the snapshot in force. */
  readonly version: number;
  /** Its objects that are disabled, `router shop` with the reasons. */
  readonly disabled: ReadonlyMap<string, readonly string[]>;
}

export interface ProviderContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly substitutions: Substitutions;
  readonly plugins: KnownPlugins;
  /** `providers.keepLastGood` as it was at the start; true when left out. */
  readonly keepLastGood?: boolean;
}
