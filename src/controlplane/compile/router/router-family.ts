// Routers below routers: who stands below whom, and which of them cannot be reached because a router above is missing,
// disabled, or stands below itself.

import { DISABLED_STATUS, type RouteSpec } from '../../../model/route.ts';
import { routerOptions, type RouterOptions } from '../../config/routing/routing-options.ts';
import type { Compilation } from '../compilation.ts';
import { qualify, type Compiled } from '../compiled.ts';
import { MAX_DEPTH, walkGraph, type Graph } from '../reference/graph.ts';
import { salvage } from '../salvage.ts';

export class RouterFamily {
  readonly #routers: ReadonlyMap<string, Compiled<RouterOptions>>;
  readonly #children = new Map<string, string[]>();
  readonly #salvaged = new Map<string, RouterOptions | null>();
  readonly #graph: Graph;
  readonly #compilation: Compilation;

  constructor(routers: ReadonlyMap<string, Compiled<RouterOptions>>, compilation: Compilation) {
    this.#routers = routers;
    this.#compilation = compilation;
    const parents = new Map<string, readonly string[]>();
    for (const router of routers.values()) parents.set(router.name, this.#parentsOf(router));
    this.#graph = walkGraph(parents);
    for (const router of routers.values()) {
      for (const parent of this.#parentsOf(router)) {
        const siblings = this.#children.get(parent);
        if (siblings === undefined) this.#children.set(parent, [router.name]);
        else siblings.push(router.name);
      }
    }
  }

  /** Those of a router, or as many as can be read of one that has errors; null when its rule is not among them. */
  optionsOf(router: Compiled<RouterOptions>): RouterOptions | null {
    if (router.object.value !== null) return router.object.value;
    let salvaged = this.#salvaged.get(router.name);
    if (salvaged === undefined) {
      salvaged = salvage(router.object, routerOptions, ['rule']);
      this.#salvaged.set(router.name, salvaged);
    }
    return salvaged;
  }

  /** Qualified names of the routers below. */
  childrenOf(name: string): readonly string[] {
    return this.#children.get(name) ?? [];
  }

  /** Qualified names of the routers above; null when they give it no place. What is wrong with them is reported. */
  resolve(router: Compiled<RouterOptions>, options: RouterOptions): readonly string[] | null {
    if (options.parentRefs.length === 0) return [];
    const parents = this.#parentsOf(router);
    const { findings, references } = this.#compilation;
    for (const [index, reference] of options.parentRefs.entries()) {
      if (!this.#mayStandBelow(router, reference)) {
        const message = `"${reference}" is not there for others to stand below: it is of another provider, or leads to a service of its own`;
        findings.report(router, 'error', 'refused-reference', message, ['parentRefs', index]);
        continue;
      }
      // One that is disabled answers in the place of those below it.
      references.follow('routers', reference, router, ['parentRefs', index], (name) => this.#routers.has(name));
    }
    const cycle = this.#graph.cycleOf(router.name);
    const isTooDeep = this.#graph.isTooDeep(router.name);
    if (cycle !== null) {
      const message = `the router stands below itself: ${cycle.join(' → ')}`;
      findings.report(router, 'error', 'reference-cycle', message, ['parentRefs']);
    } else if (isTooDeep) {
      const message = `more than ${MAX_DEPTH} routers stand above it, one above the other`;
      findings.report(router, 'error', 'invalid-value', message, ['parentRefs']);
    }
    if (options.entryPoints !== undefined && options.entryPoints.length > 0) {
      const message = 'entry points belong to the topmost router; leave them out here';
      findings.report(router, 'error', 'invalid-value', message, ['entryPoints']);
    }
    const known = parents.filter((parent) => this.#routers.has(parent));
    return cycle !== null || isTooDeep || known.length === 0 ? null : known;
  }

  /**
   * Routers below one that is disabled get no requests, which it answers itself; those below one without a place are
   * out of reach, and leave.
   */
  disableOrphans(specs: Map<string, RouteSpec>): void {
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const spec of specs.values()) {
        const router = this.#routers.get(spec.name)!;
        const missing = spec.parents.find((parent) => (specs.get(parent)?.disabledStatus ?? 1) > 0);
        if (missing === undefined) continue;
        const isOutOfReach = spec.parents.every((parent) => !specs.has(parent));
        if (spec.disabledStatus > 0 && !isOutOfReach) continue;
        if (spec.disabledStatus === 0) {
          const message = `the router "${missing}" above it is disabled`;
          this.#compilation.findings.report(router, 'error', 'unusable-reference', message, ['parentRefs']);
        }
        if (isOutOfReach) specs.delete(spec.name);
        else specs.set(spec.name, { ...spec, middlewares: [], service: '', disabledStatus: DISABLED_STATUS });
        isChanged = true;
      }
    }
  }

  #parentsOf(router: Compiled<RouterOptions>): readonly string[] {
    return (this.optionsOf(router)?.parentRefs ?? [])
      .filter((reference) => this.#mayStandBelow(router, reference))
      .map((reference) => qualify(reference, router.provider));
  }

  /** A router has either a service or others below it: a tenant could take it from its owner by standing there. */
  #mayStandBelow({ provider }: Compiled<RouterOptions>, reference: string): boolean {
    if (!this.#compilation.references.isRestricted(provider)) return true;
    const parent = this.#routers.get(qualify(reference, provider));
    if (parent === undefined) return true;
    return parent.provider === provider && this.optionsOf(parent)?.service === undefined;
  }
}
