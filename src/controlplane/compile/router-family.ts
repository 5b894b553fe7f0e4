// Routers below routers: who stands below whom, and which of them cannot be reached because a router above is missing,
// disabled, or stands below itself.

import type { RouteSpec } from '../../model/route.ts';
import type { RouterOptions } from '../config/routing-options.ts';
import { danglingMessage, qualify, type Compiled, type Findings } from './compilation.ts';

export class RouterFamily {
  readonly #routers: ReadonlyMap<string, Compiled<RouterOptions>>;
  readonly #children = new Map<string, string[]>();

  constructor(routers: ReadonlyMap<string, Compiled<RouterOptions>>) {
    this.#routers = routers;
    for (const router of routers.values()) {
      for (const parent of this.#parentsOf(router)) {
        const siblings = this.#children.get(parent);
        if (siblings === undefined) this.#children.set(parent, [router.name]);
        else siblings.push(router.name);
      }
    }
  }

  /** Qualified names of the routers below. */
  childrenOf(name: string): readonly string[] {
    return this.#children.get(name) ?? [];
  }

  /** Qualified names of the routers above; what is wrong with them is reported. */
  resolve(router: Compiled<RouterOptions>, options: RouterOptions, findings: Findings): readonly string[] {
    const parents = this.#parentsOf(router);
    if (parents.length === 0) return parents;
    for (const [index, parent] of parents.entries()) {
      const target = this.#routers.get(parent);
      target?.usedBy.add(router.name);
      if (target !== undefined) continue;
      const message = danglingMessage('router', options.parentRefs[index]!, router.provider, this.#routers.keys());
      findings.report(router, 'error', 'dangling-reference', message, ['parentRefs', index]);
    }
    const cycle = this.#cycleFrom(router.name);
    if (cycle !== null) {
      findings.report(router, 'error', 'reference-cycle', `the router stands below itself: ${cycle.join(' → ')}`, [
        'parentRefs',
      ]);
    }
    if (options.entryPoints !== undefined && options.entryPoints.length > 0) {
      findings.report(
        router,
        'error',
        'invalid-value',
        'entry points belong to the topmost router; leave them out here',
        ['entryPoints'],
      );
    }
    return parents;
  }

  /** Takes out routers none of whose requests could reach them, and says so. */
  dropOrphans(specs: Map<string, RouteSpec>, findings: Findings): void {
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const spec of specs.values()) {
        const missing = spec.parents.find((parent) => !specs.has(parent));
        if (missing === undefined) continue;
        const router = this.#routers.get(spec.name)!;
        findings.report(router, 'error', 'unusable-reference', `the router "${missing}" above it is disabled`, [
          'parentRefs',
        ]);
        specs.delete(spec.name);
        isChanged = true;
      }
    }
  }

  #parentsOf(router: Compiled<RouterOptions>): readonly string[] {
    return (router.object.value?.parentRefs ?? []).map((reference) => qualify(reference, router.provider));
  }

  #cycleFrom(start: string): readonly string[] | null {
    const seen = new Set<string>();
    const walk = (name: string, trail: readonly string[]): readonly string[] | null => {
      const router = this.#routers.get(name);
      for (const parent of router === undefined ? [] : this.#parentsOf(router)) {
        if (parent === start) return [...trail, parent];
        if (seen.has(parent)) continue;
        seen.add(parent);
        const found = walk(parent, [...trail, parent]);
        if (found !== null) return found;
      }
      return null;
    };
    return walk(start, [start]);
  }
}
