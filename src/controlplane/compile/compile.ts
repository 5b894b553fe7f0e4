// From the configurations of all providers to what the data plane runs: the steps in their order, each with why it
// stands where it does. Objects with errors are left out; everything else is in the result.

import type { WantedCertificate } from '../../model/certificate.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing/routing-config.ts';
import { localNames, NO_LOCAL_CERTIFICATES, type LocalCertificateSource } from './secret/local-names.ts';
import { separateSecrets } from './secret/separate-secrets.ts';
import { Compilation } from './compilation.ts';
import type { CompiledObjects } from './compiled.ts';
import { CompileMemory } from './compile-memory.ts';
import { compileEntryPoints } from './entry-points.ts';
import { compileTcp, warnShadowedHttp } from './layer4/tcp.ts';
import { compileUdp } from './layer4/udp.ts';
import { NO_INTERNAL_SERVICES, type InternalServices } from './internal-services.ts';
import { CompiledMiddlewares } from './middlewares.ts';
import { compileRoutes } from './router/routes.ts';
import { compileHttpServices } from './service/http-services.ts';
import { warnShadowedRouters } from './router/shadowed-routers.ts';
import { compileCertificates, compileClientCertificates, CompiledTlsOptions, compileTlsHosts } from './tls.ts';
import { compileWantedCertificates } from './wanted-certificates.ts';

/** The objects with what is wrong with each, and what the data plane runs of them. */
export interface CompileResult extends CompiledObjects {
  readonly sections: SnapshotSections;
  readonly diagnostics: readonly Diagnostic[];
  /** Errors of objects that decoded and are wrong by themselves all the same; see `Findings`. */
  readonly unreadable: ReadonlyMap<RoutingObject<unknown>, readonly Diagnostic[]>;
  /** What the sections name and do not hold, for those who serve them alone. */
  readonly secrets: Secrets;
  /** The same certificates with all that is known of them. */
  readonly keyedCertificates: readonly KeyedCertificate[];
  /** What certificates resolvers are asked for. */
  readonly wantedCertificates: readonly WantedCertificate[];
}

/**
 * `memory` is kept from run to run by whoever compiles again; without `local`, names of this machine are as any others.
 */
export function compile(
  install: InstallConfig,
  published: readonly RoutingConfig[],
  internal: InternalServices = NO_INTERNAL_SERVICES,
  memory: CompileMemory = new CompileMemory(),
  local: LocalCertificateSource = NO_LOCAL_CERTIFICATES,
): CompileResult {
  const compilation = new Compilation(install, published, memory);
  // Certificates and TLS options name nothing, and are named by what follows.
  const certificates = compileCertificates(compilation);
  const tlsOptions = new CompiledTlsOptions(compilation);
  // Middlewares before services: a service has stages in front of it; what a stage asks of services is looked at with
  // these.
  const middlewares = new CompiledMiddlewares(compilation);
  // Services before whatever refuses a middleware: one that asks a service which cannot be used is disabled with it.
  const { services, endpointSets } = compileHttpServices(compilation, middlewares, internal);
  // Entry points before routers: one with a stage that cannot be used disables those that stand on it.
  const entryPoints = compileEntryPoints(compilation, middlewares, tlsOptions);
  const routes = compileRoutes(compilation, { middlewares, services, tlsOptions, entryPoints });
  warnShadowedRouters(compilation, routes, entryPoints.specs);
  // TCP has middlewares and services of its own; HTTP routers are known, so that one that gets nothing can be told of.
  const tcp = compileTcp(compilation, tlsOptions);
  warnShadowedHttp(compilation, tcp, routes, entryPoints.specs);
  const { endpointSets: udpEndpointSets, ...udp } = compileUdp(compilation);
  // What follows is made of the routers in force.
  const wantedCertificates = compileWantedCertificates(compilation, routes, tcp.sections.tcpRoutes);
  const tlsHosts = compileTlsHosts(compilation, routes, entryPoints.specs);
  // Last, when all certificates are known. Those of transports keep the names by which services ask for them.
  const ofTransports = [
    ...compileClientCertificates(compilation.objects.serversTransports).values(),
    ...tcp.certificates.values(),
  ];
  const surroundings = {
    routes,
    entryPoints: entryPoints.specs,
    tlsOptions: tlsOptions.specs,
    wanted: wantedCertificates,
  };
  const ofAuthority = local.certificatesFor(
    localNames(local, compilation, {
      ...surroundings,
      tcpRoutes: tcp.sections.tcpRoutes,
      certificates: certificates.values(),
    }),
  );
  const forClients = [...certificates.values(), ...ofAuthority];
  const separated = separateSecrets(forClients, ofTransports);
  const { sections, secrets } = compilation.shownForms.separate({
    entryPoints: entryPoints.specs,
    routes: Object.fromEntries(routes),
    middlewares: Object.fromEntries(middlewares.specs),
    services: Object.fromEntries(services),
    certificates: separated.specs,
    tlsOptions: Object.fromEntries(tlsOptions.specs),
    tlsHosts,
    ...tcp.sections,
    ...udp,
    endpointSets: { ...endpointSets, ...tcp.endpointSets, ...udpEndpointSets },
  });
  return {
    ...compilation.objects,
    secrets: { ...separated.secrets, ...secrets },
    keyedCertificates: [...forClients, ...ofTransports].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    sections,
    diagnostics: compilation.diagnostics,
    unreadable: compilation.findings.unreadable,
    wantedCertificates,
  };
}
