// What providers have published: the newest configuration of each, what of it has not been put into force yet, and how
// long a change waits, so that a source that changes all the time does not make the compiler run all the time.

import { isWhole, patchRouting, type RoutingPatch } from '../config/routing/patch-routing.ts';
import type { RoutingConfig } from '../config/routing/routing-config.ts';
import type { ProviderEndpoints } from '../compile/service/endpoint-patches.ts';
import { PendingChanges } from './pending-changes.ts';

export class ReceivedConfigs {
  readonly #configs = new Map<string, RoutingConfig>();
  readonly #pending = new PendingChanges();
  /** When a change of the provider was last applied. */
  readonly #applied = new Map<string, number>();
  /** Providers with a change that has not been applied. */
  readonly #waiting = new Set<string>();

  /** Of each provider, the newest. */
  get all(): ReadonlyMap<string, RoutingConfig> {
    return this.#configs;
  }

  get hasChanges(): boolean {
    return this.#waiting.size > 0;
  }

  /** What the start begins with; no change. */
  preset(config: RoutingConfig): void {
    this.#configs.set(config.provider, config);
  }

  receive(provider: string, change: RoutingConfig | RoutingPatch): void {
    const before = this.#configs.get(provider);
    if (isWhole(change) || before === undefined) {
      if (isWhole(change)) this.#configs.set(provider, change);
      this.#pending.compileAll();
    } else {
      this.#configs.set(provider, patchRouting(before, change));
      this.#pending.note(provider, change);
    }
    this.#waiting.add(provider);
  }

  /** Milliseconds until a change of the provider may be applied: the first at once, then one per period, the newest. */
  delayMs(provider: string, now: number, throttleMs: number): number {
    return throttleMs - (now - (this.#applied.get(provider) ?? Number.NEGATIVE_INFINITY));
  }

  /** In the order of the providers, so that diagnostics do not depend on who published first. */
  sort(names: readonly string[]): void {
    for (const name of names) {
      const config = this.#configs.get(name);
      if (config === undefined) continue;
      this.#configs.delete(name);
      this.#configs.set(name, config);
    }
  }

  /** More than what providers have published has changed. */
  compileAll(): void {
    this.#pending.compileAll();
  }

  /** Everything received so far is applied now; see PendingChanges.take. */
  take(now: number): readonly ProviderEndpoints[] | null {
    for (const provider of this.#waiting) this.#applied.set(provider, now);
    this.#waiting.clear();
    return this.#pending.take();
  }

  /** Everything received so far is in the first snapshot; the first change after it waits for nothing. */
  begin(): void {
    this.#waiting.clear();
    this.#pending.take();
  }
}
