// The UDP part of a configuration, compiled: services with their servers taken apart, and one router for each entry
// point.

import type { SnapshotSections } from '../../../model/snapshot.ts';
import type { UdpRouteSpec } from '../../../model/udp.ts';
import { udpRouterOptions, type UdpRouterOptions } from '../../config/routing/udp-options.ts';
import type { UdpServices } from '../../config/service/define.ts';
import type { Compilation } from '../compilation.ts';
import type { Compiled } from '../compiled.ts';
import { entryPointsFor, resolveEntryPoints } from '../router/router-places.ts';
import { salvage } from '../salvage.ts';
import { ServiceGraph } from '../service/service-graph.ts';
import { SERVICE_SECTIONS } from '../service/service-sections.ts';
import { compileServices, type ServiceFamily } from '../service/services.ts';

const FAMILY: ServiceFamily<UdpServices> = {
  ...SERVICE_SECTIONS.udpServices,
  lostShare: 'what would be its share goes nowhere',
  transport: () => null,
};

export function compileUdp(
  compilation: Compilation,
): Pick<SnapshotSections, 'udpRoutes' | 'udpServices' | 'endpointSets'> {
  const { services, endpointSets } = new ServiceGraph(
    compilation,
    FAMILY,
    compileServices(compilation, FAMILY),
  ).resolve();
  const routes = compileRoutes(compilation, services);
  return { udpRoutes: Object.fromEntries(routes), udpServices: Object.fromEntries(services), endpointSets };
}

function compileRoutes(
  compilation: Compilation,
  services: ReadonlyMap<string, object>,
): ReadonlyMap<string, UdpRouteSpec> {
  const { findings, install, memory } = compilation;
  const specs = new Map<string, UdpRouteSpec>();
  const taken = new Map<string, string>();
  const places = entryPointsFor('udp', install);
  for (const router of inOrder(compilation)) {
    const options = router.object.value ?? salvage(router.object, udpRouterOptions, []);
    if (options === null) continue;
    const entryPoints = resolveEntryPoints(router, options, places, findings);
    const service = resolveService(router, options, services, compilation);
    // One that cannot be served keeps its entry points: their datagrams are not another router's.
    const isDisabled = router.errors.length > 0;
    const own = entryPoints.filter((entryPoint) => !taken.has(entryPoint));
    for (const entryPoint of entryPoints) {
      const other = taken.get(entryPoint);
      if (other === undefined) taken.set(entryPoint, router.name);
      else if (!isDisabled && (isNaming(options) || own.length === 0)) {
        const message = `the datagrams of the entry point "${entryPoint}" are those of the router "${other}" already: nothing in a datagram says which of two is meant; give each an entry point of its own`;
        findings.report(router, 'warning', 'option-without-effect', message, ['entryPoints']);
      }
    }
    if (isDisabled && own.length === 0) continue;
    const spec = { name: router.name, entryPoints: own, service: isDisabled ? '' : service, isDisabled };
    specs.set(router.name, memory.udpRoutes.keep(options, spec));
  }
  return specs;
}

function isNaming({ entryPoints }: UdpRouterOptions): boolean {
  return entryPoints !== undefined && entryPoints.length > 0;
}

/**
 * Of two routers for one entry point the first counts: who names it, then by the provider's precedence, then by name.
 */
function inOrder(compilation: Compilation): readonly Compiled<UdpRouterOptions>[] {
  const rank = ({ provider }: Compiled<UdpRouterOptions>): number => compilation.rankOf(provider);
  const isByDefault = ({ object }: Compiled<UdpRouterOptions>): number =>
    object.value !== null && isNaming(object.value) ? 0 : 1;
  return [...compilation.objects.udpRouters.values()].toSorted(
    (a, b) => isByDefault(a) - isByDefault(b) || rank(a) - rank(b) || (a.name < b.name ? -1 : 1),
  );
}

function resolveService(
  router: Compiled<UdpRouterOptions>,
  options: UdpRouterOptions,
  services: ReadonlyMap<string, object>,
  { references }: Compilation,
): string {
  // What was written and could not be read has been reported.
  if (router.object.value === null && !options.service) return '';
  return references.follow('udpServices', options.service, router, ['service'], (name) => services.has(name)).name;
}
