// The TCP part of a configuration, compiled.

import type { RuleProblems } from '../../../dataplane/match/rule-error.ts';
import { parseRule } from '../../../dataplane/match/rule.ts';
import { isTcpCatchAll, TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { EntryPointSpec } from '../../../model/entrypoint.ts';
import type { RouteSpec } from '../../../model/route.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';
import type { KeyedCertificate } from '../../../model/tls.ts';
import type { InstallConfig } from '../../config/install/install-config.ts';
import { tcpCertificateOwner } from '../../config/routing/tcp-options.ts';
import type { CompiledObjects, Findings } from '../compilation.ts';
import { entryPointsFor } from '../entry-points.ts';
import { TCP_PREFIX } from '../rules-ahead.ts';
import { compileTcpMiddlewares, compileTcpRoutes } from './tcp-routes.ts';
import { compileTcpServices } from './tcp-services.ts';
import { clientCertificates, isOverTls, type CompiledTlsOptions } from '../tls.ts';

export interface CompiledTcp {
  readonly sections: Pick<SnapshotSections, 'tcpRoutes' | 'tcpMiddlewares' | 'tcpServices'>;
  /** Shown to servers. */
  readonly certificates: ReadonlyMap<string, KeyedCertificate>;
}

/** `ruleErrors` are kept from run to run, those of all rule languages together. */
export function compileTcp(
  install: InstallConfig,
  objects: CompiledObjects,
  tlsOptions: CompiledTlsOptions,
  ruleErrors: Map<string, RuleProblems>,
  findings: Findings,
): CompiledTcp {
  const { tcpRouters: routers, tcpMiddlewares: middlewares, tcpServices: services } = objects;
  const transports = objects.tcpServersTransports;
  const compiledServices = compileTcpServices(
    { services, transports, defaultTransport: install.tcpServersTransport },
    findings,
  );
  const compiledMiddlewares = compileTcpMiddlewares(middlewares);
  const routes = compileTcpRoutes(
    {
      routers,
      middlewares,
      services,
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
  const certificates = new Map<string, KeyedCertificate>();
  for (const { name, object } of transports.values()) {
    const pairs = object.value?.tls.certificates ?? [];
    for (const spec of clientCertificates(tcpCertificateOwner(name), pairs)) certificates.set(spec.name, spec);
  }
  return {
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
  { tcpRouters }: CompiledObjects,
  { sections }: CompiledTcp,
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
      findings.report(tcpRouters.get(tcp.name)!, 'warning', 'option-without-effect', message, ['entryPoints']);
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
