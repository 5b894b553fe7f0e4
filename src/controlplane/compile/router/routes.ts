// Routers: rules, entry points, middlewares and service resolved. A router whose rule is good and that cannot be served
// all the same keeps its place and answers its requests itself: they must not fall to a wider router, which may let
// everybody in.

import { defaultPriority, HTTP_RULES } from '../../../dataplane/match/rule/rule.ts';
import { DISABLED_STATUS, type RouteSpec } from '../../../model/route.ts';
import type { ServiceSpec } from '../../../model/service.ts';
import { isMap } from '../../../schema/input.ts';
import type { RouterOptions } from '../../config/routing/routing-options.ts';
import { INTERNAL_PROVIDER } from '../../config/install/internal-routing.ts';
import type { Compilation } from '../compilation.ts';
import { qualify, type Compiled } from '../compiled.ts';
import type { CompiledEntryPoints } from '../entry-points.ts';
import type { Findings } from '../findings.ts';
import type { CompiledMiddlewares } from '../middlewares.ts';
import { RouterFamily } from './router-family.ts';
import { entryPointsFor, resolveEntryPoints, type KnownEntryPoints } from './router-places.ts';
import { checkRule, translateRule } from './rule-checks.ts';
import { rawAt } from '../salvage.ts';
import type { CompiledTlsOptions } from '../tls.ts';

/** Stages that keep people out: a router that had one and is left out deserves a louder word. */
const GUARDS = new Set(['basicauth', 'digestauth', 'forwardauth', 'ipallowlist', 'ipwhitelist']);

/** What routers name, compiled. */
export interface RouteInputs {
  readonly middlewares: CompiledMiddlewares;
  /** With those of the program itself. */
  readonly services: ReadonlyMap<string, ServiceSpec>;
  readonly tlsOptions: CompiledTlsOptions;
  readonly entryPoints: CompiledEntryPoints;
}

export function compileRoutes(compilation: Compilation, inputs: RouteInputs): ReadonlyMap<string, RouteSpec> {
  const specs = new Map<string, RouteSpec>();
  const { routers } = compilation.objects;
  const family = new RouterFamily(routers, compilation);
  const places = entryPointsFor('tcp', compilation.install, inputs.entryPoints.broken);
  for (const router of routers.values()) {
    const spec = compileRoute(router, family, places, inputs, compilation);
    if (spec !== null) specs.set(router.name, spec);
  }
  family.disableOrphans(specs);
  for (const router of routers.values()) {
    if (!specs.has(router.name)) warnUnguarded(router, compilation);
  }
  return specs;
}

function compileRoute(
  router: Compiled<RouterOptions>,
  family: RouterFamily,
  places: KnownEntryPoints,
  inputs: RouteInputs,
  compilation: Compilation,
): RouteSpec | null {
  const { install, findings, memory } = compilation;
  const options = family.optionsOf(router);
  if (options === null) return null;
  const isV2 = (options.ruleSyntax ?? install.defaultRuleSyntax) === 'v2' && router.provider !== INTERNAL_PROVIDER;
  const rule = isV2 ? translateRule(router, options.rule, findings) : options.rule;
  const isRule = rule !== null && checkRule(router, rule, HTTP_RULES, compilation);
  const parents = family.resolve(router, options);
  const entryPoints =
    parents === null || parents.length > 0 ? [] : resolveEntryPoints(router, options, places, findings);
  const middlewares = resolveMiddlewares(router, options, inputs, compilation);
  const service = resolveService(router, options, family, inputs, compilation);
  const tlsOptions = resolveTlsOptions(router, options, inputs, findings);
  // Without a place there is nothing to keep.
  if (!isRule || parents === null || (parents.length === 0 && entryPoints.length === 0)) return null;
  const isDisabled = router.errors.length > 0;
  const isInternal = service.endsWith(`@${INTERNAL_PROVIDER}`);
  return memory.routes.keep(options, {
    name: router.name,
    entryPoints,
    rule,
    priority: options.priority === 0 ? defaultPriority(options.rule) : options.priority,
    providerRank: compilation.rankOf(router.provider),
    middlewares: isDisabled ? [] : middlewares,
    service: isDisabled ? '' : service,
    parents,
    tls: options.tls === undefined ? null : options.tls !== false,
    tlsOptions,
    observability: {
      accessLogs: options.observability.accessLogs && (!isInternal || install.internals.accessLogs),
      metrics: options.observability.metrics && (!isInternal || install.internals.metrics),
    },
    disabledStatus: isDisabled ? DISABLED_STATUS : 0,
  });
}

function resolveMiddlewares(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  { middlewares }: RouteInputs,
  { references }: Compilation,
): readonly string[] {
  const isUsable = (name: string): boolean => middlewares.resolve(name) !== null;
  return options.middlewares.flatMap((reference, index) => {
    const { name } = references.follow('middlewares', reference, router, ['middlewares', index], isUsable);
    return middlewares.resolve(name) ?? [];
  });
}

/**
 * Options that cannot be used do not disable the router: its requests would fall to the next one. Handshakes for its
 * hosts fail instead, as in Traefik.
 */
function resolveTlsOptions(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  inputs: RouteInputs,
  findings: Findings,
): string {
  const tls = options.tls;
  const reference = tls === undefined || tls === false ? '' : (tls.options ?? '');
  const { name, problem } = inputs.tlsOptions.resolve(reference, router);
  if (problem === null) return name;
  const message = `${problem.message}; handshakes for the hosts of this router fail`;
  findings.report(router, 'error', 'dangling-reference', message, ['tls', 'options'], { keeps: true });
  return '';
}

function resolveService(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  family: RouterFamily,
  { services }: RouteInputs,
  { findings, references }: Compilation,
): string {
  const children = family.childrenOf(router.name);
  if (options.service === undefined) {
    // What was written and could not be read has been reported.
    if (children.length === 0 && router.object.value !== null) {
      findings.report(
        router,
        'error',
        'missing-option',
        'a router needs a service, or other routers that name it in their parentRefs',
        ['service'],
      );
    }
    return '';
  }
  if (children.length > 0) {
    findings.report(
      router,
      'error',
      'invalid-value',
      `a router has either a service ("${options.service}") or routers below it (${children.join(', ')})`,
      ['service'],
    );
  }
  references.refuseInternal(options.service, router, ['service']);
  return references.follow('services', options.service, router, ['service'], (name) => services.has(name)).name;
}

/** Requests of a router that has no place go to whichever router takes them next. */
function warnUnguarded(router: Compiled<RouterOptions>, { objects, findings }: Compilation): void {
  const guarded = rawMiddlewares(router).some((reference) => {
    const target = objects.middlewares.get(qualify(reference, router.provider));
    if (target === undefined) return false;
    const raw = rawAt(target.object.document, target.object.path);
    return isMap(raw) && Object.keys(raw).some((kind) => GUARDS.has(kind.toLowerCase()));
  });
  if (!guarded) return;
  findings.report(
    router,
    'warning',
    'unguarded-fallback',
    'this router keeps people out, and nobody knows which requests it means: they go to the next router that matches, or are answered 404',
  );
}

function rawMiddlewares(router: Compiled<RouterOptions>): readonly string[] {
  const raw = rawAt(router.object.document, [...router.object.path, 'middlewares']);
  if (typeof raw === 'string') return raw.split(',').map((name) => name.trim());
  return Array.isArray(raw) ? raw.filter((name) => typeof name === 'string') : [];
}
