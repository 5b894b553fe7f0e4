// TCP routers and middlewares: rules, entry points, middlewares and service resolved. A router whose rule is good and that cannot be
// served all the same keeps its place, and its connections are closed.

import { defaultPriority, parseRule, type RuleNode } from '../../../dataplane/match/rule.ts';
import type { RuleProblems } from '../../../dataplane/match/rule-error.ts';
import { TCP_V2_MATCHERS } from '../../../dataplane/match/rule-v2.ts';
import { isTcpCatchAll, TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { TcpMiddlewareSpec, TcpRouteSpec, TcpRouteTls, TcpServiceSpec } from '../../../model/tcp.ts';
import { DEFAULT_TLS_OPTIONS } from '../../../model/tls.ts';
import {
  tcpRouterOptions,
  type TcpMiddlewareOptions,
  type TcpRouterOptions,
  type TcpServiceOptions,
} from '../../config/routing/tcp-options.ts';
import { qualify, type Compiled, type Findings } from '../compilation.ts';
import { resolveEntryPoints, type KnownEntryPoints } from '../entry-points.ts';
import { checkRule, translateRule } from '../routes.ts';
import { LastMade } from '../last-made.ts';
import { salvage } from '../salvage.ts';
import type { CompiledTlsOptions } from '../tls.ts';

export interface TcpRouteInputs {
  readonly routers: ReadonlyMap<string, Compiled<TcpRouterOptions>>;
  readonly middlewares: ReadonlyMap<string, Compiled<TcpMiddlewareOptions>>;
  readonly services: ReadonlyMap<string, Compiled<TcpServiceOptions>>;
  readonly compiledMiddlewares: ReadonlyMap<string, TcpMiddlewareSpec>;
  readonly compiledServices: ReadonlyMap<string, TcpServiceSpec>;
  readonly compiledTlsOptions: CompiledTlsOptions;
  readonly knownEntryPoints: KnownEntryPoints;
  readonly precedence: readonly string[];
  /** Errors of TCP rules parsed before, by text. */
  readonly ruleErrors: Map<string, RuleProblems>;
  readonly defaultRuleSyntax: 'v2' | 'v3';
}

export function compileTcpMiddlewares(
  middlewares: ReadonlyMap<string, Compiled<TcpMiddlewareOptions>>,
): ReadonlyMap<string, TcpMiddlewareSpec> {
  const specs = new Map<string, TcpMiddlewareSpec>();
  for (const { name, object } of middlewares.values()) {
    const { ipAllowList, ipWhiteList, inFlightConn } = object.value ?? {};
    const allowed = ipAllowList ?? ipWhiteList;
    if (allowed !== undefined) specs.set(name, { kind: 'ipAllowList', name, sourceRange: allowed.sourceRange });
    if (inFlightConn !== undefined) specs.set(name, { kind: 'inFlightConn', name, amount: inFlightConn.amount });
  }
  return specs;
}

export function compileTcpRoutes(inputs: TcpRouteInputs, findings: Findings): ReadonlyMap<string, TcpRouteSpec> {
  const specs = new Map<string, TcpRouteSpec>();
  for (const router of inputs.routers.values()) {
    const spec = compileRoute(router, inputs, findings);
    if (spec !== null) specs.set(router.name, spec);
    else warnUnguarded(router, inputs, findings);
  }
  return specs;
}

function compileRoute(
  router: Compiled<TcpRouterOptions>,
  inputs: TcpRouteInputs,
  findings: Findings,
): TcpRouteSpec | null {
  const options = router.object.value ?? salvage(router.object, tcpRouterOptions, ['rule']);
  if (options === null) return null;
  const isV2 = (options.ruleSyntax ?? inputs.defaultRuleSyntax) === 'v2';
  const rule = isV2 ? translateRule(router, options.rule, findings, TCP_V2_MATCHERS) : options.rule;
  const isRule = rule !== null && checkRule(router, rule, inputs.ruleErrors, findings, TCP_RULES);
  const tree = isRule ? parseRule(rule, TCP_RULES).rule : null;
  const hasTls = options.tls !== undefined && options.tls !== false;
  const canMatch = tree !== null && (hasTls || checkWithoutTls(router, tree, findings));
  const entryPoints = resolveEntryPoints(router, options, inputs.knownEntryPoints, findings);
  const middlewares = resolveMiddlewares(router, options, inputs, findings);
  const service = resolveService(router, options, inputs, findings);
  const tls = resolveTls(router, options, inputs, findings);
  if (!isRule || !canMatch || entryPoints.length === 0) return null;
  const isDisabled = router.errors.length > 0;
  const rank = inputs.precedence.indexOf(router.provider);
  return made.keep(options, {
    name: router.name,
    entryPoints,
    rule,
    priority: options.priority !== 0 ? options.priority : isTcpCatchAll(tree) ? -1 : defaultPriority(options.rule),
    providerRank: rank < 0 ? inputs.precedence.length : rank,
    middlewares: isDisabled ? [] : middlewares,
    service: isDisabled ? '' : service,
    // Closed at the ClientHello: nobody needs a handshake to be told so.
    tls: isDisabled && tls !== null ? { passthrough: true, options: DEFAULT_TLS_OPTIONS } : tls,
    isDisabled,
  });
}

const made = new LastMade<TcpRouterOptions, TcpRouteSpec>();

/** Server names and protocols come with TLS alone. False when the router can have no connection. */
function checkWithoutTls(router: Compiled<TcpRouterOptions>, rule: RuleNode, findings: Findings): boolean {
  const named = findMatcher(
    rule,
    ({ name, args }) => name === 'HostSNIRegexp' || (name === 'HostSNI' && args[0] !== '*'),
  );
  if (named !== null) {
    const message = `without TLS no connection has a server name: give the router "tls: {}" (or passthrough), or write HostSNI(\`*\`) for ${named}`;
    findings.report(router, 'error', 'invalid-value', message, ['rule']);
    return false;
  }
  if (findMatcher(rule, ({ name }) => name === 'ALPN') !== null) {
    const message = 'protocols are offered with TLS alone: without "tls" the matcher ALPN is never true';
    findings.report(router, 'warning', 'option-without-effect', message, ['rule']);
  }
  return true;
}

function findMatcher(
  rule: RuleNode,
  isMeant: (matcher: { readonly name: string; readonly args: readonly string[] }) => boolean,
): string | null {
  if (rule.kind === 'matcher') return isMeant(rule) ? `${rule.name}(\`${rule.args[0]}\`)` : null;
  for (const node of rule.nodes) {
    const found = findMatcher(node, isMeant);
    if (found !== null) return found;
  }
  return null;
}

function resolveMiddlewares(
  router: Compiled<TcpRouterOptions>,
  options: TcpRouterOptions,
  inputs: TcpRouteInputs,
  findings: Findings,
): readonly string[] {
  const names: string[] = [];
  for (const [index, reference] of options.middlewares.entries()) {
    const name = qualify(reference, router.provider);
    const target = inputs.middlewares.get(name);
    target?.usedBy.add(router.name);
    const option = ['middlewares', index];
    if (target === undefined) {
      const message = findings.dangling('middleware', reference, router.provider, inputs.middlewares);
      findings.report(router, 'error', 'dangling-reference', message, option);
    } else if (!inputs.compiledMiddlewares.has(name)) {
      findings.report(router, 'error', 'unusable-reference', `the middleware "${reference}" is disabled`, option);
    } else names.push(name);
  }
  return names;
}

function resolveService(
  router: Compiled<TcpRouterOptions>,
  options: TcpRouterOptions,
  inputs: TcpRouteInputs,
  findings: Findings,
): string {
  // What was written and could not be read has been reported.
  if (router.object.value === null && !options.service) return '';
  const name = qualify(options.service, router.provider);
  const target = inputs.services.get(name);
  target?.usedBy.add(router.name);
  if (target === undefined) {
    const message = findings.dangling('service', options.service, router.provider, inputs.services);
    findings.report(router, 'error', 'dangling-reference', message, ['service']);
  } else if (!inputs.compiledServices.has(name)) {
    findings.report(router, 'error', 'unusable-reference', `the service "${options.service}" is disabled`, ['service']);
  }
  return name;
}

/** Options that cannot be used do not disable the router: its handshakes fail, rather than go to the next one. */
function resolveTls(
  router: Compiled<TcpRouterOptions>,
  { tls }: TcpRouterOptions,
  { compiledTlsOptions }: TcpRouteInputs,
  findings: Findings,
): TcpRouteTls | null {
  if (tls === undefined || tls === false) return null;
  if (tls.passthrough) return { passthrough: true, options: DEFAULT_TLS_OPTIONS };
  const resolved = compiledTlsOptions.resolve(tls.options ?? '', router.provider, router.name);
  if ('name' in resolved) return { passthrough: false, options: resolved.name };
  const message = `${resolved.problem}; handshakes of this router fail`;
  findings.report(router, 'error', 'dangling-reference', message, ['tls', 'options'], { keeps: true });
  return { passthrough: false, options: '' };
}

/** Connections of a router that has no place go to whichever router takes them next. */
function warnUnguarded(router: Compiled<TcpRouterOptions>, inputs: TcpRouteInputs, findings: Findings): void {
  const isGuarded = (router.object.value?.middlewares ?? []).some((reference) => {
    const options = inputs.middlewares.get(qualify(reference, router.provider))?.object.value;
    return options === null || options?.ipAllowList !== undefined || options?.ipWhiteList !== undefined;
  });
  if (!isGuarded) return;
  const message =
    'this router keeps people out, and nobody knows which connections it means: they go to the next router that matches, or are closed';
  findings.report(router, 'warning', 'unguarded-fallback', message);
}
