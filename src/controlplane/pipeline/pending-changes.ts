// What providers have changed since something was put into force last: endpoints alone, or more than that.

import type { RoutingPatch } from '../config/routing/patch-routing.ts';
import type { ProviderEndpoints } from '../compile/service/endpoint-patches.ts';

export class PendingChanges {
  /** Null when everything has to be compiled. */
  #endpoints: ProviderEndpoints[] | null = null;

  /** More than endpoints has changed. */
  compileAll(): void {
    this.#endpoints = null;
  }

  note(provider: string, { objects, removed = [], endpoints = [], notes }: RoutingPatch): void {
    if (objects !== undefined || removed.length > 0 || notes !== undefined) this.compileAll();
    else this.#endpoints?.push(...endpoints.map((one) => ({ ...one, provider })));
  }

  /**
   * Those endpoints, in the order in which they came; null when everything has to be compiled. From now on, nothing has
   * changed.
   */
  take(): readonly ProviderEndpoints[] | null {
    const taken = this.#endpoints;
    this.#endpoints = [];
    return taken;
  }
}
