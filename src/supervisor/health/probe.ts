// What every kind of check has in common.

import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { UpstreamTls } from '../../dataplane/tls/upstream-tls.ts';
import type { Resolver } from '../../dataplane/upstream/name/resolver.ts';

/** Nothing was learned: this process lacked what a check needs. */
export const INCONCLUSIVE = Symbol('inconclusive');

/** Null when the server is up, or what is wrong with it, in a few words. */
export type Verdict = string | null | typeof INCONCLUSIVE;

/** One kind of check of one server. */
export interface Probe {
  /** Asks; `done` is called once, within the timeout. Not to be called before the last check is done. */
  check(done: (verdict: Verdict) => void): void;
  /** Ends the connection; a check in progress is never done. */
  stop(): void;
}

export interface ProbeContext {
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  readonly tls: UpstreamTls;
}
