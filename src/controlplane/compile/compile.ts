// From the configurations of all providers to what the data plane runs. Stages in order: collect, middlewares, services,
// references, entry points, routes. Objects with errors are left out; everything else is in the result.

import type { WantedCertificate } from '../../model/certificate.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import type { ServiceSpec } from '../../model/service.ts';
import type { KeyedCertificate, Secrets } from '../../model/tls.ts';
import type { RuleProblems } from '../../dataplane/match/rule-error.ts';
import type { InstallConfig } from '../config/install/install-config.ts';
import { INSTALL_PROVIDER } from '../providers/install/install-provider.ts';
import type { RoutingConfig, RoutingObject } from '../config/routing/routing-config.ts';
import type { MiddlewareOptions } from '../config/routing/routing-options.ts';
import { collect, Findings, qualify, type Compiled, type CompiledObjects } from './compilation.ts';
import { entryPointsFor } from './entry-points.ts';
import { CompiledMiddlewares } from './middlewares.ts';
import { resolveReferences } from './references.ts';
import { compileRoutes } from './routes.ts';
import { separateSecrets } from './certificates/separate-secrets.ts';
import { compileServices } from './services.ts';
import { compileTcp, warnShadowedHttp } from './layer4/tcp.ts';
import { compileUdp } from './layer4/udp.ts';
import { compileWantedCertificates } from './wanted-certificates.ts';
import { compileCertificates, compileClientCertificates, CompiledTlsOptions, compileTlsHosts } from './tls.ts';

/** The objects with what is wrong with each, and what the data plane runs of them. */
export interface CompileResult extends CompiledObjects {
  readonly sections: SnapshotSections;
  readonly diagnostics: readonly Diagnostic[];
  /** Errors of objects that decoded and are wrong by themselves all the same; see `Findings`. */
  readonly unreadable: ReadonlyMap<RoutingObject<unknown>, readonly Diagnostic[]>;
  /** What certificates of the snapshot are made of, for those who serve it alone. */
  readonly secrets: Secrets;
  /** The same certificates with all that is known of them. */
  readonly keyedCertificates: readonly KeyedCertificate[];
  /** What certificates resolvers are asked for. */
  readonly wantedCertificates: readonly WantedCertificate[];
}

/** `ruleErrors` may be kept from run to run: rules that were parsed before are not parsed again. */
export function compile(
  install: InstallConfig,
  published: readonly RoutingConfig[],
  internalServices: Readonly<Record<string, ServiceSpec>> = {},
  ruleErrors: Map<string, RuleProblems> = new Map(),
): CompileResult {
  const configs = [...published, install.internalRouting];
  const findings = new Findings(configs);
  const objects = collect(configs);
  const { routers, middlewares, services, serversTransports: transports, tlsStores } = objects;
  const compiledCertificates = compileCertificates(objects.certificates, tlsStores, findings);
  const compiledTlsOptions = new CompiledTlsOptions(objects.tlsOptions, findings);
  const compiledMiddlewares = new CompiledMiddlewares(middlewares, findings);
  const compiledServices = compileServices(
    { services, transports, defaultTransport: install.serversTransport },
    findings,
  );
  resolveReferences(compiledServices, { services, middlewares, compiledMiddlewares, internalServices }, findings);
  for (const [name, spec] of Object.entries(internalServices)) compiledServices.set(name, spec);
  const entryPoints = compileEntryPoints(install, middlewares, compiledMiddlewares, compiledTlsOptions, findings);
  const routes = compileRoutes(
    {
      routers,
      middlewares,
      services,
      compiledMiddlewares,
      compiledServices,
      compiledTlsOptions,
      knownEntryPoints: entryPointsFor('tcp', install, entryPoints.broken),
      precedence: install.precedence,
      ruleErrors,
      defaultRuleSyntax: install.defaultRuleSyntax,
      internals: install.internals,
    },
    findings,
  );
  const tcp = compileTcp(install, objects, compiledTlsOptions, ruleErrors, findings);
  warnShadowedHttp(objects, tcp, routes, entryPoints.specs, findings);
  const udp = compileUdp(install, objects, findings);
  const wanted = compileWantedCertificates(install, routes, tcp.sections.tcpRoutes, objects, findings);
  // Keys of the one kind go by the names of their transports, those of the other by their purpose.
  const ofTransports = [...compileClientCertificates(transports).values(), ...tcp.certificates.values()];
  const separated = separateSecrets(compiledCertificates.values(), ofTransports);
  return {
    ...objects,
    secrets: separated.secrets,
    keyedCertificates: [...compiledCertificates.values(), ...ofTransports].toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
    sections: {
      entryPoints: entryPoints.specs,
      routes: Object.fromEntries(routes),
      middlewares: Object.fromEntries(compiledMiddlewares.specs),
      services: Object.fromEntries(compiledServices),
      certificates: separated.specs,
      tlsOptions: Object.fromEntries(compiledTlsOptions.specs),
      tlsHosts: compileTlsHosts(routes, routers, entryPoints.specs, findings),
      ...tcp.sections,
      ...udp,
    },
    diagnostics: [...configs.flatMap((config) => config.diagnostics), ...findings.diagnostics],
    unreadable: findings.unreadable,
    wantedCertificates: wanted,
  };
}

/** Entry points with the middlewares they put before every router's, and why some cannot be used. */
function compileEntryPoints(
  install: InstallConfig,
  middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>,
  compiled: CompiledMiddlewares,
  tlsOptions: CompiledTlsOptions,
  findings: Findings,
): { specs: Record<string, EntryPointSpec>; broken: ReadonlySet<string> } {
  const specs: Record<string, EntryPointSpec> = {};
  const broken = new Set<string>();
  for (const [name, spec] of Object.entries(install.entryPoints)) {
    const stages: string[] = [];
    for (const reference of spec.middlewares) {
      // Without a provider: the routing files', then the install file's own.
      const own = qualify(reference, INSTALL_PROVIDER);
      const qualified = middlewares.has(own) ? own : qualify(reference, 'file');
      middlewares.get(qualified)?.usedBy.add(name);
      const resolved = compiled.resolve(qualified);
      if (resolved !== null) {
        stages.push(...resolved);
        continue;
      }
      broken.add(name);
      const reason = middlewares.has(qualified)
        ? `the middleware "${reference}" is disabled`
        : findings.dangling('middleware', reference, 'file', middlewares);
      findings.diagnostics.push({
        severity: 'error',
        code: 'dangling-reference',
        message: `${reason}; routers of this entry point are disabled rather than served without it`,
        source: install.source,
        path: `entryPoints.${name}.http.middlewares`,
        line: 0,
        column: 0,
      });
    }
    const tls = resolveTls(spec, install, tlsOptions, findings);
    if (!install.unboundEntryPoints.has(name)) specs[name] = { ...spec, middlewares: stages, tls };
  }
  return { specs, broken };
}

/** Options without a provider are the install file's own, or those of the routing files. */
function resolveTls(
  { name, tls }: EntryPointSpec,
  install: InstallConfig,
  options: CompiledTlsOptions,
  findings: Findings,
): EntryPointSpec['tls'] {
  if (tls === null) return null;
  const own = options.resolve(tls.options, INSTALL_PROVIDER, name);
  const resolved = 'name' in own ? own : options.resolve(tls.options, 'file', name);
  if ('name' in resolved) return { options: resolved.name };
  findings.diagnostics.push({
    severity: 'error',
    code: 'dangling-reference',
    message: `${resolved.problem}; handshakes for hosts of this entry point fail rather than go on without them`,
    source: install.source,
    path: `entryPoints.${name}.http.tls.options`,
    line: 0,
    column: 0,
  });
  return { options: '' };
}
