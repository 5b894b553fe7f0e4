// The TCP part of a configuration, compiled.

import type { RuleProblems } from '../../dataplane/match/rule-error.ts';
import { parseRule } from '../../dataplane/match/rule.ts';
import { isTcpCatchAll, TCP_RULES } from '../../dataplane/match/tcp-matcher.ts';
import type { EntryPointSpec } from '../../model/entrypoint.ts';
import type { RouteSpec } from '../../model/route.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import type { CertificateSpec } from '../../model/tls.ts';
import type { InstallConfig } from '../config/install-config.ts';
import type { RoutingConfig } from '../config/routing-config.ts';
import {
  tcpCertificateOwner,
  type TcpMiddlewareOptions,
  type TcpRouterOptions,
  type TcpServiceOptions,
  type TcpTransportOptions,
} from '../config/tcp-options.ts';
import { collect, type Compiled, type Findings } from './compilation.ts';
import { entryPointsFor } from './entry-points.ts';
import { TCP_PREFIX } from './rules-ahead.ts';
import { compileTcpMiddlewares, compileTcpRoutes } from './tcp-routes.ts';
import { compileTcpServices } from './tcp-services.ts';
import { clientCertificates, isOverTls, type CompiledTlsOptions } from './tls.ts';

/** The objects by qualified name, with what is wrong with each. */
export interface TcpObjects {
  readonly routers: ReadonlyMap<string, Compiled<TcpRouterOptions>>;
  readonly middlewares: ReadonlyMap<string, Compiled<TcpMiddlewareOptions>>;
  readonly services: ReadonlyMap<string, Compiled<TcpServiceOptions>>;
  readonly serversTransports: ReadonlyMap<string, Compiled<TcpTransportOptions>>;
}

export interface CompiledTcp {
  readonly objects: TcpObjects;
  readonly sections: Pick<SnapshotSections, 'tcpRoutes' | 'tcpMiddlewares' | 'tcpServices'>;
  /** Shown to servers. */
  readonly certificates: ReadonlyMap<string, CertificateSpec>;
}

/** `ruleErrors` are kept from run to run, those of all rule languages together. */
export function compileTcp(
  install: InstallConfig,
  configs: readonly RoutingConfig[],
  tlsOptions: CompiledTlsOptions,
  ruleErrors: Map<string, RuleProblems>,
  findings: Findings,
): CompiledTcp {
  const objects: TcpObjects = {
    routers: collect(configs, (config) => config.tcpRouters),
    middlewares: collect(configs, (config) => config.tcpMiddlewares),
    services: collect(configs, (config) => config.tcpServices),
    serversTransports: collect(configs, (config) => config.tcpServersTransports),
  };
  const { services, serversTransports } = objects;
  const compiledServices = compileTcpServices(
    { services, transports: serversTransports, defaultTransport: install.tcpServersTransport },
    findings,
  );
  const compiledMiddlewares = compileTcpMiddlewares(objects.middlewares);
  const routes = compileTcpRoutes(
    {
      ...objects,
      compiledServices,
      compiledMiddlewares,
      compiledTlsOptions: tlsOptions,
      knownEntryPoints: entryPointsFor('tcp', install),
      precedence: install.precedence,
      ruleErrors: new PrefixedMap(ruleErrors, TCP_PREFIX),
      defaultRuleSyntax: install.defaultRuleSyntax,
    },
    findings,
  );
  const certificates = new Map<string, CertificateSpec>();
  for (const { name, object } of serversTransports.values()) {
    const pairs = object.value?.tls.certificates ?? [];
    for (const spec of clientCertificates(tcpCertificateOwner(name), pairs)) certificates.set(spec.name, spec);
  }
  return {
    objects,
    sections: {
      tcpRoutes: Object.fromEntries(routes),
      tcpMiddlewares: Object.fromEntries(compiledMiddlewares),
      tcpServices: Object.fromEntries(compiledServices),
    },
    certificates,
  };
}

/** A router for every connection without TLS leaves HTTP none: hardly ever what its author wants. */
export function warnShadowedHttp(
  { objects, sections }: CompiledTcp,
  routes: ReadonlyMap<string, RouteSpec>,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
  findings: Findings,
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
      findings.report(objects.routers.get(tcp.name)!, 'warning', 'option-without-effect', message, ['entryPoints']);
    }
  }
}

/** A part of a map: the keys that begin with a prefix, without it. */
class PrefixedMap<V> extends Map<string, V> {
  readonly #whole: Map<string, V>;
  readonly #prefix: string;

  constructor(whole: Map<string, V>, prefix: string) {
    super();
    this.#whole = whole;
    this.#prefix = prefix;
  }

  override get(key: string): V | undefined {
    return this.#whole.get(this.#prefix + key);
  }

  override set(key: string, value: V): this {
    this.#whole.set(this.#prefix + key, value);
    return this;
  }
}
