// Routers that get no request because another one has their rule, and comes first.

import { comparePlaced } from '../../../dataplane/match/candidate.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../../model/route.ts';
import type { Compilation } from '../compilation.ts';

/**
 * Told once a router, of the first entry point where it is so; those below other routers count by what they are below.
 */
export function warnShadowedRouters(
  { objects, findings }: Compilation,
  routes: ReadonlyMap<string, RouteSpec>,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
): void {
  const first = new Map<string, RouteSpec>();
  const told = new Set<string>();
  for (const route of [...routes.values()].toSorted(comparePlaced)) {
    const places =
      route.parents.length > 0
        ? route.parents.map((parent) => `below ${parent}`)
        : route.entryPoints.map((name) => {
            const isTls = entryPoints[name] !== undefined && isOverTls(route, entryPoints[name]);
            return `on ${name}${isTls ? ' over TLS' : ''}`;
          });
    for (const place of places) {
      const key = `${place}\n${route.priority}\n${route.rule}`;
      const other = first.get(key);
      const router = objects.routers.get(route.name);
      if (other === undefined) first.set(key, route);
      else if (router !== undefined && !told.has(route.name)) {
        told.add(route.name);
        const message = `${other.name} has the same rule and priority ${place} and takes every request: this router gets none there; change one of the rules, or give one of them a priority`;
        findings.report(router, 'warning', 'option-without-effect', message, ['rule']);
      }
    }
  }
}
