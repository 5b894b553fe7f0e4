// The TCP part of a configuration, compiled.

import { parseRule } from '../../../dataplane/match/rule/rule.ts';
import { isTcpCatchAll, TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../../model/route.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';
import type { KeyedCertificate } from '../../../model/tls.ts';
import { tcpCertificateOwner, tcpTransportSpec } from '../../config/routing/tcp-options.ts';
import type { TcpServices } from '../../config/service/define.ts';
import type { Compilation } from '../compilation.ts';
import { resolveTransport } from '../service/transports.ts';
import { ServiceGraph } from '../service/service-graph.ts';
import { SERVICE_SECTIONS } from '../service/service-sections.ts';
import { compileServices, type ServiceFamily } from '../service/services.ts';
import { clientCertificates, type CompiledTlsOptions } from '../tls.ts';
import { compileTcpMiddlewares, compileTcpRoutes } from './tcp-routes.ts';

export interface CompiledTcp {
  readonly sections: Pick<SnapshotSections, 'tcpRoutes' | 'tcpMiddlewares' | 'tcpServices'>;
  readonly endpointSets: SnapshotSections['endpointSets'];
  /** Shown to servers. */
  readonly certificates: ReadonlyMap<string, KeyedCertificate>;
}

export function compileTcp(compilation: Compilation, tlsOptions: CompiledTlsOptions): CompiledTcp {
  const { install, objects } = compilation;
  const family: ServiceFamily<TcpServices> = {
    ...SERVICE_SECTIONS.tcpServices,
    lostShare: 'what would be its share goes nowhere',
    transport(service, reference, option) {
      const own = resolveTransport(compilation, 'tcpServersTransports', service, reference, option);
      return own === null ? install.tcpServersTransport : tcpTransportSpec(own.name, own.options);
    },
  };
  const graph = new ServiceGraph(compilation, family, compileServices(compilation, family));
  const { services, endpointSets } = graph.resolve();
  const middlewares = compileTcpMiddlewares(compilation);
  const routes = compileTcpRoutes(compilation, { middlewares, services, tlsOptions });
  const certificates = new Map<string, KeyedCertificate>();
  for (const { name, object } of objects.tcpServersTransports.values()) {
    const pairs = object.value?.tls.certificates ?? [];
    for (const spec of clientCertificates(tcpCertificateOwner(name), pairs)) certificates.set(spec.name, spec);
  }
  return {
    sections: {
      tcpRoutes: Object.fromEntries(routes),
      tcpMiddlewares: Object.fromEntries(middlewares),
      tcpServices: Object.fromEntries(services),
    },
    endpointSets,
    certificates,
  };
}

/** A router for every connection without TLS leaves HTTP none: hardly ever what its author wants. */
export function warnShadowedHttp(
  { objects, findings }: Compilation,
  { sections }: CompiledTcp,
  routes: ReadonlyMap<string, RouteSpec>,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
): void {
  for (const tcp of Object.values(sections.tcpRoutes)) {
    const rule = tcp.tls === null ? parseRule(tcp.rule, TCP_RULES).rule : null;
    if (rule === null || !isTcpCatchAll(rule)) continue;
    for (const name of tcp.entryPoints) {
      const entryPoint = entryPoints[name];
      if (entryPoint === undefined) continue;
      const shadowed = [...routes.values()].find(
        (route) => route.entryPoints.includes(name) && !isOverTls(route, entryPoint),
      );
      if (shadowed === undefined) continue;
      const message = `on the entry point "${name}" this router takes every connection without TLS: its HTTP routers, such as ${shadowed.name}, get none`;
      findings.report(objects.tcpRouters.get(tcp.name)!, 'warning', 'option-without-effect', message, ['entryPoints']);
    }
  }
}
