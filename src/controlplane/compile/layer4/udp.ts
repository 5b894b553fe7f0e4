// The UDP part of a configuration, compiled: services with their servers taken apart, and one router for each entry point.

import type { SnapshotSections } from '../../../model/snapshot.ts';
import type { UdpLoadBalancerSpec, UdpRouteSpec, UdpServerSpec, UdpServiceSpec } from '../../../model/udp.ts';
import { indexInSource } from '../../../schema/forgiving.ts';
import type { InstallConfig } from '../../config/install/install-config.ts';
import {
  udpRouterOptions,
  type UdpLoadBalancerOptions,
  type UdpRouterOptions,
  type UdpServiceOptions,
} from '../../config/routing/udp-options.ts';
import { qualify, type Compiled, type CompiledObjects, type Findings } from '../compilation.ts';
import { entryPointsFor, resolveEntryPoints } from '../entry-points.ts';
import { salvage } from '../salvage.ts';
import {
  compileChildren,
  parseHostPort,
  reportServers,
  resolveChildren,
  type ServerProblem,
} from './plain-services.ts';

export function compileUdp(
  install: InstallConfig,
  objects: CompiledObjects,
  findings: Findings,
): Pick<SnapshotSections, 'udpRoutes' | 'udpServices'> {
  const services = compileServices(objects.udpServices, findings);
  const routes = compileRoutes(objects, services, install, findings);
  return { udpRoutes: Object.fromEntries(routes), udpServices: Object.fromEntries(services) };
}

function compileServices(services: CompiledObjects['udpServices'], findings: Findings): Map<string, UdpServiceSpec> {
  const specs = new Map<string, UdpServiceSpec>();
  for (const service of services.values()) {
    const { loadBalancer, weighted } = service.object.value ?? {};
    const { name } = service;
    if (loadBalancer !== undefined) specs.set(name, compileLoadBalancer(service, loadBalancer, findings));
    else if (weighted !== undefined) {
      const children = compileChildren(service, weighted, 'datagrams are dropped', findings);
      specs.set(name, { kind: 'udpWeighted', name, children });
    }
  }
  resolveChildren(specs, services, findings);
  return specs;
}

function compileLoadBalancer(
  service: Compiled<UdpServiceOptions>,
  options: UdpLoadBalancerOptions,
  findings: Findings,
): UdpLoadBalancerSpec {
  if (options.servers.length === 0) {
    const message = 'the service has no servers: datagrams are dropped';
    findings.report(service, 'warning', 'no-servers', message, ['loadBalancer']);
  }
  const servers: UdpServerSpec[] = [];
  const unusable: ServerProblem[] = [];
  for (const [index, { address, weight }] of options.servers.entries()) {
    const parsed = parseHostPort(address);
    if (typeof parsed !== 'string') servers.push({ url: address, ...parsed, weight });
    else {
      const option = ['loadBalancer', 'servers', indexInSource(options.servers, index), 'address'];
      unusable.push({ message: parsed, option });
    }
  }
  reportServers(service, unusable, servers.length > 0, findings);
  return { kind: 'udpLoadBalancer', name: service.name, servers };
}

function compileRoutes(
  { udpRouters: routers, udpServices: services }: CompiledObjects,
  compiledServices: ReadonlyMap<string, UdpServiceSpec>,
  install: InstallConfig,
  findings: Findings,
): ReadonlyMap<string, UdpRouteSpec> {
  const specs = new Map<string, UdpRouteSpec>();
  const taken = new Map<string, string>();
  const known = entryPointsFor('udp', install);
  for (const router of inOrder(routers, install.precedence)) {
    const options = router.object.value ?? salvage(router.object, udpRouterOptions, []);
    if (options === null) continue;
    const entryPoints = resolveEntryPoints(router, options, known, findings);
    const service = resolveService(router, options, services, compiledServices, findings);
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
    specs.set(router.name, { name: router.name, entryPoints: own, service: isDisabled ? '' : service, isDisabled });
  }
  return specs;
}

function isNaming({ entryPoints }: UdpRouterOptions): boolean {
  return entryPoints !== undefined && entryPoints.length > 0;
}

/** Of two routers for one entry point the first counts: who names it, then by the provider's precedence, then by name. */
function inOrder(
  routers: CompiledObjects['udpRouters'],
  precedence: readonly string[],
): readonly Compiled<UdpRouterOptions>[] {
  const rank = ({ provider }: Compiled<UdpRouterOptions>): number => {
    const index = precedence.indexOf(provider);
    return index < 0 ? precedence.length : index;
  };
  const isByDefault = ({ object }: Compiled<UdpRouterOptions>): number =>
    object.value !== null && isNaming(object.value) ? 0 : 1;
  return [...routers.values()].toSorted(
    (a, b) => isByDefault(a) - isByDefault(b) || rank(a) - rank(b) || (a.name < b.name ? -1 : 1),
  );
}

function resolveService(
  router: Compiled<UdpRouterOptions>,
  options: UdpRouterOptions,
  services: CompiledObjects['udpServices'],
  compiled: ReadonlyMap<string, UdpServiceSpec>,
  findings: Findings,
): string {
  // What was written and could not be read has been reported.
  if (router.object.value === null && !options.service) return '';
  const name = qualify(options.service, router.provider);
  const target = services.get(name);
  target?.usedBy.add(router.name);
  if (target === undefined) {
    const message = findings.dangling('service', options.service, router.provider, services);
    findings.report(router, 'error', 'dangling-reference', message, ['service']);
  } else if (!compiled.has(name)) {
    findings.report(router, 'error', 'unusable-reference', `the service "${options.service}" is disabled`, ['service']);
  }
  return name;
}
