// What providers tell of their sources: which of them are away, since when and why, and how old is what is served of
// them. The log has a line when one goes and one when it is back, however often it is tried in between.

import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { SourceReport } from '../providers/define.ts';

export interface SourceState {
  readonly isAway: boolean;
  /** Why it is away; '' while it is not. */
  readonly reason: string;
  /** When it last said everything, in milliseconds since the epoch; null when it never has. */
  readonly reachedAtMs: number | null;
  /** Since when it is away, in milliseconds since the epoch; null while it is not. */
  readonly awaySinceMs: number | null;
}

export class SourceStates {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #states = new Map<string, SourceState>();

  constructor({ log, clock }: { readonly log: Log; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Undefined for a provider that has told nothing, as those have whose source is this process. */
  get(provider: string): SourceState | undefined {
    return this.#states.get(provider);
  }

  of(provider: string): SourceReport {
    return { reached: () => this.#reached(provider), away: (reason) => this.#away(provider, reason) };
  }

  #reached(provider: string): void {
    const before = this.#states.get(provider);
    const now = this.#clock.wall();
    this.#states.set(provider, { isAway: false, reason: '', reachedAtMs: now, awaySinceMs: null });
    if (before?.isAway !== true) return;
    const seconds = Math.round((now - before.awaySinceMs!) / 1000);
    this.#log.info('the source of a provider answers again', { provider, afterSeconds: seconds });
  }

  #away(provider: string, reason: string): void {
    const before = this.#states.get(provider);
    const reachedAtMs = before?.reachedAtMs ?? null;
    const awaySinceMs = before?.awaySinceMs ?? this.#clock.wall();
    this.#states.set(provider, { isAway: true, reason, reachedAtMs, awaySinceMs });
    // Another reason is news; the same one is not, however often.
    if (before?.isAway === true && before.reason === reason) return;
    const consequence = reachedAtMs === null ? 'nothing is known of it yet' : 'what it said last stays in force';
    this.#log.warn(`the source of a provider does not answer; ${consequence}`, { provider, reason });
  }
}
