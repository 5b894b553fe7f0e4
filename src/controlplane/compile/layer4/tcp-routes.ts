// TCP routers and middlewares: rules, entry points, middlewares and service resolved. A router whose rule is good and
// that cannot be served all the same keeps its place, and its connections are closed.

import { defaultPriority, parseRule } from '../../../dataplane/match/rule/rule.ts';
import type { RuleNode } from '../../../dataplane/match/rule/rule-tree.ts';
import { TCP_V2_MATCHERS } from '../../../dataplane/match/rule/rule-v2.ts';
import { isTcpCatchAll, TCP_RULES } from '../../../dataplane/match/tcp-matcher.ts';
import type { TcpMiddlewareSpec, TcpRouteSpec, TcpRouteTls } from '../../../model/tcp.ts';
import { DEFAULT_TLS_OPTIONS } from '../../../model/tls.ts';
import { tcpRouterOptions, type TcpRouterOptions } from '../../config/routing/tcp-options.ts';
import type { Compilation } from '../compilation.ts';
import { qualify, type Compiled } from '../compiled.ts';
import type { Findings } from '../findings.ts';
import { checkRule, translateRule } from '../router/rule-checks.ts';
import { entryPointsFor, resolveEntryPoints, type KnownEntryPoints } from '../router/router-places.ts';
import { salvage } from '../salvage.ts';
import type { CompiledTlsOptions } from '../tls.ts';

/** What TCP routers name, compiled. */
export interface TcpRouteInputs {
  readonly middlewares: ReadonlyMap<string, TcpMiddlewareSpec>;
  readonly services: ReadonlyMap<string, object>;
  readonly tlsOptions: CompiledTlsOptions;
}

export function compileTcpMiddlewares({ objects, memory }: Compilation): ReadonlyMap<string, TcpMiddlewareSpec> {
  const specs = new Map<string, TcpMiddlewareSpec>();
  for (const { name, object } of objects.tcpMiddlewares.values()) {
    const { value } = object;
    if (value === null) continue;
    const allowed = value.ipAllowList ?? value.ipWhiteList;
    const { inFlightConn } = value;
    const keep = (spec: TcpMiddlewareSpec): unknown => specs.set(name, memory.tcpMiddlewares.keep(value, spec));
    if (allowed !== undefined) keep({ kind: 'ipAllowList', name, sourceRange: allowed.sourceRange });
    if (inFlightConn !== undefined) keep({ kind: 'inFlightConn', name, amount: inFlightConn.amount });
  }
  return specs;
}

export function compileTcpRoutes(compilation: Compilation, inputs: TcpRouteInputs): ReadonlyMap<string, TcpRouteSpec> {
  const specs = new Map<string, TcpRouteSpec>();
  const places = entryPointsFor('tcp', compilation.install);
  for (const router of compilation.objects.tcpRouters.values()) {
    const spec = compileRoute(router, places, inputs, compilation);
    if (spec !== null) specs.set(router.name, spec);
    else warnUnguarded(router, compilation);
  }
  return specs;
}

function compileRoute(
  router: Compiled<TcpRouterOptions>,
  places: KnownEntryPoints,
  inputs: TcpRouteInputs,
  compilation: Compilation,
): TcpRouteSpec | null {
  const { install, findings, memory } = compilation;
  const options = router.object.value ?? salvage(router.object, tcpRouterOptions, ['rule']);
  if (options === null) return null;
  const isV2 = (options.ruleSyntax ?? install.defaultRuleSyntax) === 'v2';
  const rule = isV2 ? translateRule(router, options.rule, findings, TCP_V2_MATCHERS) : options.rule;
  const isRule = rule !== null && checkRule(router, rule, TCP_RULES, compilation);
  const tree = isRule ? parseRule(rule, TCP_RULES).rule : null;
  const hasTls = options.tls !== undefined && options.tls !== false;
  const canMatch = tree !== null && (hasTls || checkWithoutTls(router, tree, findings));
  const entryPoints = resolveEntryPoints(router, options, places, findings);
  const middlewares = resolveMiddlewares(router, options, inputs, compilation);
  const service = resolveService(router, options, inputs, compilation);
  const tls = resolveTls(router, options, inputs, findings);
  if (!isRule || !canMatch || entryPoints.length === 0) return null;
  const isDisabled = router.errors.length > 0;
  return memory.tcpRoutes.keep(options, {
    name: router.name,
    entryPoints,
    rule,
    priority: options.priority !== 0 ? options.priority : isTcpCatchAll(tree) ? -1 : defaultPriority(options.rule),
    providerRank: compilation.rankOf(router.provider),
    middlewares: isDisabled ? [] : middlewares,
    service: isDisabled ? '' : service,
    // Closed at the ClientHello: nobody needs a handshake to be told so.
    tls: isDisabled && tls !== null ? { passthrough: true, options: DEFAULT_TLS_OPTIONS } : tls,
    isDisabled,
  });
}

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
  { middlewares }: TcpRouteInputs,
  { references }: Compilation,
): readonly string[] {
  return options.middlewares.flatMap((reference, index) => {
    const { name, problem } = references.follow('tcpMiddlewares', reference, router, ['middlewares', index], (one) =>
      middlewares.has(one),
    );
    return problem === null ? [name] : [];
  });
}

function resolveService(
  router: Compiled<TcpRouterOptions>,
  options: TcpRouterOptions,
  { services }: TcpRouteInputs,
  { references }: Compilation,
): string {
  // What was written and could not be read has been reported.
  if (router.object.value === null && !options.service) return '';
  return references.follow('tcpServices', options.service, router, ['service'], (name) => services.has(name)).name;
}

/** Options that cannot be used do not disable the router: its handshakes fail, rather than go to the next one. */
function resolveTls(
  router: Compiled<TcpRouterOptions>,
  { tls }: TcpRouterOptions,
  { tlsOptions }: TcpRouteInputs,
  findings: Findings,
): TcpRouteTls | null {
  if (tls === undefined || tls === false) return null;
  if (tls.passthrough) return { passthrough: true, options: DEFAULT_TLS_OPTIONS };
  const { name, problem } = tlsOptions.resolve(tls.options ?? '', router);
  if (problem === null) return { passthrough: false, options: name };
  const message = `${problem.message}; handshakes of this router fail`;
  findings.report(router, 'error', 'dangling-reference', message, ['tls', 'options'], { keeps: true });
  return { passthrough: false, options: '' };
}

/** Connections of a router that has no place go to whichever router takes them next. */
function warnUnguarded(router: Compiled<TcpRouterOptions>, { objects, findings }: Compilation): void {
  const isGuarded = (router.object.value?.middlewares ?? []).some((reference) => {
    const options = objects.tcpMiddlewares.get(qualify(reference, router.provider))?.object.value;
    return options === null || options?.ipAllowList !== undefined || options?.ipWhiteList !== undefined;
  });
  if (!isGuarded) return;
  const message =
    'this router keeps people out, and nobody knows which connections it means: they go to the next router that matches, or are closed';
  findings.report(router, 'warning', 'unguarded-fallback', message);
}
