// Routers: rules, entry points, middlewares and service resolved. A router whose rule is good and that cannot be served all the
// same keeps its place and answers its requests itself: they must not fall to a wider router, which may let everybody in.

import { defaultPriority, HTTP_RULES, parseRule, type RuleLanguage } from '../../dataplane/match/rule.ts';
import type { RuleError, RuleProblems } from '../../dataplane/match/rule-error.ts';
import { translateV2 } from '../../dataplane/match/rule-v2.ts';
import { DISABLED_STATUS, type RouteSpec } from '../../model/route.ts';
import type { ServiceSpec } from '../../model/service.ts';
import { isMap } from '../../schema/schema.ts';
import type { MiddlewareOptions, RouterOptions } from '../config/routing/routing-options.ts';
import type { ServiceOptions } from '../config/routing/service-options.ts';
import { INTERNAL_PROVIDER } from '../config/install/internal-routing.ts';
import { qualify, type Compiled, type Findings } from './compilation.ts';
import { resolveEntryPoints, type KnownEntryPoints } from './entry-points.ts';
import type { CompiledMiddlewares } from './middlewares.ts';
import { RouterFamily } from './router-family.ts';
import { rawAt } from './salvage.ts';
import type { CompiledTlsOptions } from './tls.ts';

/** Stages that keep people out: a router that had one and is left out deserves a louder word. */
const GUARDS = new Set(['basicauth', 'digestauth', 'forwardauth', 'ipallowlist', 'ipwhitelist']);

export interface RouteInputs {
  readonly routers: ReadonlyMap<string, Compiled<RouterOptions>>;
  readonly middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>;
  readonly services: ReadonlyMap<string, Compiled<ServiceOptions>>;
  readonly compiledMiddlewares: CompiledMiddlewares;
  readonly compiledServices: ReadonlyMap<string, ServiceSpec>;
  readonly compiledTlsOptions: CompiledTlsOptions;
  readonly knownEntryPoints: KnownEntryPoints;
  readonly precedence: readonly string[];
  /** Errors of rules parsed before, by text. */
  readonly ruleErrors: Map<string, RuleProblems>;
  readonly defaultRuleSyntax: 'v2' | 'v3';
  readonly internals: { readonly accessLogs: boolean; readonly metrics: boolean };
}

export function compileRoutes(inputs: RouteInputs, findings: Findings): ReadonlyMap<string, RouteSpec> {
  const specs = new Map<string, RouteSpec>();
  const family = new RouterFamily(inputs.routers);
  for (const router of inputs.routers.values()) {
    const spec = compileRoute(router, family, inputs, findings);
    if (spec !== null) specs.set(router.name, spec);
  }
  family.disableOrphans(specs, findings);
  for (const router of inputs.routers.values()) {
    if (!specs.has(router.name)) warnUnguarded(router, inputs, findings);
  }
  return specs;
}

function compileRoute(
  router: Compiled<RouterOptions>,
  family: RouterFamily,
  inputs: RouteInputs,
  findings: Findings,
): RouteSpec | null {
  const { value } = router.object;
  const options = value ?? family.optionsOf(router);
  if (options === null) return null;
  const isV2 = (options.ruleSyntax ?? inputs.defaultRuleSyntax) === 'v2' && router.provider !== INTERNAL_PROVIDER;
  const rule = isV2 ? translateRule(router, options.rule, findings) : options.rule;
  const isRule = rule !== null && checkRule(router, rule, inputs.ruleErrors, findings);
  const parents = family.resolve(router, options, findings);
  const entryPoints =
    parents === null || parents.length > 0
      ? []
      : resolveEntryPoints(router, options, inputs.knownEntryPoints, findings);
  const middlewares = resolveMiddlewares(router, options, inputs, findings);
  const service = resolveService(router, options, family, inputs, findings);
  const tlsOptions = resolveTlsOptions(router, options, inputs, findings);
  // Without a place there is nothing to keep.
  if (!isRule || parents === null || (parents.length === 0 && entryPoints.length === 0)) return null;
  const isDisabled = router.errors.length > 0;
  const isInternal = service.endsWith(`@${INTERNAL_PROVIDER}`);
  const rank = inputs.precedence.indexOf(router.provider);
  const spec: RouteSpec = {
    name: router.name,
    entryPoints,
    rule,
    priority: options.priority === 0 ? defaultPriority(options.rule) : options.priority,
    providerRank: rank < 0 ? inputs.precedence.length : rank,
    middlewares: isDisabled ? [] : middlewares,
    service: isDisabled ? '' : service,
    parents,
    tls: options.tls === undefined ? null : options.tls !== false,
    tlsOptions,
    observability: {
      accessLogs: options.observability.accessLogs && (!isInternal || inputs.internals.accessLogs),
      metrics: options.observability.metrics && (!isInternal || inputs.internals.metrics),
    },
    disabledStatus: isDisabled ? DISABLED_STATUS : 0,
  };
  return sameAsBefore(options, spec);
}

/** The last specification made of each decoded router. */
const made = new WeakMap<RouterOptions, RouteSpec>();

/** The earlier object when it says the same: snapshots compare by identity first. */
function sameAsBefore(options: RouterOptions, spec: RouteSpec): RouteSpec {
  const before = made.get(options);
  if (
    before !== undefined &&
    before.name === spec.name &&
    before.rule === spec.rule &&
    before.service === spec.service &&
    before.tlsOptions === spec.tlsOptions &&
    isSameList(before.parents, spec.parents) &&
    before.providerRank === spec.providerRank &&
    before.disabledStatus === spec.disabledStatus &&
    isSameList(before.entryPoints, spec.entryPoints) &&
    isSameList(before.middlewares, spec.middlewares)
  ) {
    return before;
  }
  made.set(options, spec);
  return spec;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}

/** Old rules are translated before they are looked at; errors of names stand where they were written. Null when there are any. */
export function translateRule(
  router: Compiled<unknown>,
  text: string,
  findings: Findings,
  matchers?: Parameters<typeof translateV2>[1],
): string | null {
  const { rule, errors } = translateV2(text, matchers);
  for (const error of errors) {
    const place = placeInRule(router, text, error.offset, findings);
    findings.report(router, 'error', 'rule-syntax', error.message, ['rule'], place === null ? {} : { place });
  }
  return errors.length === 0 ? rule : null;
}

/** False when the rule does not parse. `known` are errors by the text of rules of this language. */
export function checkRule(
  router: Compiled<unknown>,
  rule: string,
  known: Map<string, RuleProblems>,
  findings: Findings,
  language: RuleLanguage = HTTP_RULES,
): boolean {
  let parsed = known.get(rule);
  if (parsed === undefined) {
    const { errors, warnings } = parseRule(rule, language);
    parsed = { errors, warnings };
    known.set(rule, parsed);
  }
  const say = (severity: 'error' | 'warning', message: string, error: RuleError): void => {
    const place = placeInRule(router, rule, error.offset, findings);
    findings.report(
      router,
      severity,
      severity === 'error' ? 'rule-syntax' : 'option-without-effect',
      message,
      ['rule'],
      {
        ...(error.expected === undefined ? {} : { expected: error.expected }),
        ...(error.received === undefined ? {} : { received: error.received }),
        ...(place === null ? {} : { place }),
      },
    );
  };
  for (const error of parsed.errors) say('error', error.message, error);
  for (const error of parsed.warnings) say('warning', `this part of the rule never matches: ${error.message}`, error);
  return parsed.errors.length === 0;
}

/** The column inside of the rule when it stands in one line as it is; otherwise that of the option. */
function placeInRule(
  { object }: Compiled<unknown>,
  rule: string,
  offset: number,
  findings: Findings,
): { line: number; column: number } | null {
  const { document, path } = object;
  const place = document.locate([...path, 'rule']);
  if (place === null) return null;
  const line = findings.lineOf(document, place.line);
  const start = line.indexOf(rule, place.column - 1);
  return start < 0 || rule === '' ? place : { line: place.line, column: start + 1 + offset };
}

function resolveMiddlewares(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  inputs: RouteInputs,
  findings: Findings,
): readonly string[] {
  const stages: string[] = [];
  for (const [index, reference] of options.middlewares.entries()) {
    const name = qualify(reference, router.provider);
    const target = inputs.middlewares.get(name);
    if (target === undefined) {
      const message = findings.dangling('middleware', reference, router.provider, inputs.middlewares);
      findings.report(router, 'error', 'dangling-reference', message, ['middlewares', index]);
      continue;
    }
    target.usedBy.add(router.name);
    const resolved = inputs.compiledMiddlewares.resolve(name);
    if (resolved !== null) stages.push(...resolved);
    else
      findings.report(router, 'error', 'unusable-reference', `the middleware "${reference}" is disabled`, [
        'middlewares',
        index,
      ]);
  }
  return stages;
}

/**
 * Options that cannot be used do not disable the router: its requests would fall to the next one. Handshakes for its hosts
 * fail instead, as in Traefik.
 */
function resolveTlsOptions(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  { compiledTlsOptions }: RouteInputs,
  findings: Findings,
): string {
  const tls = options.tls;
  const reference = tls === undefined || tls === false ? '' : (tls.options ?? '');
  const resolved = compiledTlsOptions.resolve(reference, router.provider, router.name);
  if ('name' in resolved) return resolved.name;
  const message = `${resolved.problem}; handshakes for the hosts of this router fail`;
  findings.report(router, 'error', 'dangling-reference', message, ['tls', 'options'], { keeps: true });
  return '';
}

function resolveService(
  router: Compiled<RouterOptions>,
  options: RouterOptions,
  family: RouterFamily,
  inputs: RouteInputs,
  findings: Findings,
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
  const name = qualify(options.service, router.provider);
  const target = inputs.services.get(name);
  target?.usedBy.add(router.name);
  if (target === undefined && inputs.compiledServices.has(name)) return name;
  if (target === undefined) {
    const message = findings.dangling('service', options.service, router.provider, inputs.services);
    findings.report(router, 'error', 'dangling-reference', message, ['service']);
  } else if (!inputs.compiledServices.has(name)) {
    findings.report(router, 'error', 'unusable-reference', `the service "${options.service}" is disabled`, ['service']);
  }
  return name;
}

/** Requests of a router that has no place go to whichever router takes them next. */
function warnUnguarded(router: Compiled<RouterOptions>, inputs: RouteInputs, findings: Findings): void {
  const guarded = rawMiddlewares(router).some((reference) => {
    const target = inputs.middlewares.get(qualify(reference, router.provider));
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
