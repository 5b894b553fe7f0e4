// What services and middlewares say about each other: children of services, stages in front of services, services that
// stages ask. One that cannot be used makes unusable what names it, which may go on in any direction, so it is repeated
// until nothing changes.

import { DISABLED_STATUS } from '../../model/route.ts';
import { childrenOf, type ServiceSpec } from '../../model/service.ts';
import type { MiddlewareOptions } from '../config/routing/routing-options.ts';
import type { ServiceOptions } from '../config/routing/service-options.ts';
import type { PathSegment } from '../../schema/decode-context.ts';
import { type Compiled, type Findings } from './compilation.ts';
import { MAX_DEPTH, walkGraph } from './reference/graph.ts';
import type { CompiledMiddlewares } from './middlewares.ts';

export interface ReferenceInputs {
  readonly services: ReadonlyMap<string, Compiled<ServiceOptions>>;
  readonly middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>;
  readonly compiledMiddlewares: CompiledMiddlewares;
  /** Services that need nothing: those of the router itself. */
  readonly internalServices: Readonly<Record<string, ServiceSpec>>;
}

/** Follows all references; services that cannot be used leave `specs`, and stages of services are unfolded. */
export function resolveReferences(specs: Map<string, ServiceSpec>, inputs: ReferenceInputs, findings: Findings): void {
  noteUses(specs, inputs);
  refuseCycles(specs, inputs, findings);
  const isUsable = (name: string): boolean => specs.has(name) || name in inputs.internalServices;
  for (let isChanging = true; isChanging;) {
    isChanging = false;
    for (const [name, spec] of specs) {
      const service = inputs.services.get(name)!;
      if (service.errors.length === 0) {
        checkChildren(service, spec, isUsable, inputs, findings);
        checkStages(service, spec, inputs, findings);
      }
      if (service.errors.length > 0) {
        specs.delete(name);
        isChanging = true;
      }
    }
    if (inputs.compiledMiddlewares.dropWithout(isUsable)) isChanging = true;
  }
  for (const [name, spec] of specs) checkHealth(inputs.services.get(name)!, spec, specs, findings);
  // A service that fails the check takes those above it with it.
  if ([...specs.keys()].some((name) => inputs.services.get(name)!.errors.length > 0)) {
    resolveReferences(specs, inputs, findings);
    return;
  }
  for (const [name, spec] of specs) {
    specs.set(name, markChildren(inputs.services.get(name)!, spec, isUsable, inputs, findings));
    if (spec.kind !== 'loadBalancer' || spec.middlewares.length === 0) continue;
    const middlewares = spec.middlewares.flatMap((stage) => inputs.compiledMiddlewares.resolve(stage) ?? []);
    // Most name stages, not chains, and stay the same object.
    if (JSON.stringify(middlewares) !== JSON.stringify(spec.middlewares)) specs.set(name, { ...spec, middlewares });
  }
}

function noteUses(specs: ReadonlyMap<string, ServiceSpec>, { services, middlewares }: ReferenceInputs): void {
  for (const [name, spec] of specs) {
    for (const child of childrenOf(spec)) services.get(child.service)?.usedBy.add(name);
    if (spec.kind === 'loadBalancer') for (const stage of spec.middlewares) middlewares.get(stage)?.usedBy.add(name);
  }
}

function refuseCycles(
  specs: ReadonlyMap<string, ServiceSpec>,
  { services }: ReferenceInputs,
  findings: Findings,
): void {
  const members = new Map<string, readonly string[]>();
  for (const [name, spec] of specs) {
    const children = childrenOf(spec);
    if (children.length > 0)
      members.set(
        name,
        children.map((child) => child.service),
      );
  }
  const graph = walkGraph(members);
  for (const name of members.keys()) {
    const service = services.get(name)!;
    if (service.errors.length > 0) continue;
    const cycle = graph.cycleOf(name);
    const option = [specs.get(name)!.kind, 'services'];
    if (cycle !== null) {
      findings.report(service, 'error', 'reference-cycle', `the service contains itself: ${cycle.join(' → ')}`, option);
    } else if (graph.isTooDeep(name)) {
      findings.report(service, 'error', 'invalid-value', `services are nested more than ${MAX_DEPTH} deep`, option);
    }
  }
}

function checkChildren(
  service: Compiled<ServiceOptions>,
  spec: ServiceSpec,
  isUsable: (name: string) => boolean,
  inputs: ReferenceInputs,
  findings: Findings,
): void {
  const children = childrenOf(spec);
  // One that is left takes its share; the others' is answered as they are.
  if (children.some((child) => isUsable(child.service))) return;
  reportChildren(service, spec, isUsable, inputs, findings, 'error');
}

function reportChildren(
  service: Compiled<ServiceOptions>,
  spec: ServiceSpec,
  isUsable: (name: string) => boolean,
  inputs: ReferenceInputs,
  findings: Findings,
  severity: 'error' | 'warning',
): void {
  const consequence = severity === 'error' ? '' : `; its share of the requests is answered ${DISABLED_STATUS}`;
  for (const [index, child] of childrenOf(spec).entries()) {
    if (isUsable(child.service)) continue;
    const written = asWritten(child.service, service.provider);
    const option: readonly PathSegment[] = [spec.kind, 'services', index, 'name'];
    if (inputs.services.has(child.service)) {
      const message = `the service "${written}" is disabled${consequence}`;
      findings.report(service, severity, 'unusable-reference', message, option);
    } else {
      const message = findings.dangling('service', written, service.provider, inputs.services) + consequence;
      findings.report(service, severity, 'dangling-reference', message, option);
    }
  }
}

/** Marks the children that cannot be used: what would go there is answered, and goes nowhere else. */
function markChildren(
  service: Compiled<ServiceOptions>,
  spec: ServiceSpec,
  isUsable: (name: string) => boolean,
  inputs: ReferenceInputs,
  findings: Findings,
): ServiceSpec {
  if (spec.kind !== 'weighted' && spec.kind !== 'highestRandomWeight') return spec;
  if (spec.children.every((child) => isUsable(child.service))) return spec;
  reportChildren(service, spec, isUsable, inputs, findings, 'warning');
  const children = spec.children.map((child) =>
    isUsable(child.service) ? child : { ...child, disabledStatus: DISABLED_STATUS },
  );
  return { ...spec, children };
}

/** A service whose stages are not there is not served without them. */
function checkStages(
  service: Compiled<ServiceOptions>,
  spec: ServiceSpec,
  { middlewares, compiledMiddlewares }: ReferenceInputs,
  findings: Findings,
): void {
  if (spec.kind !== 'loadBalancer') return;
  for (const [index, stage] of spec.middlewares.entries()) {
    if (compiledMiddlewares.resolve(stage) !== null) continue;
    const written = asWritten(stage, service.provider);
    const option = ['loadBalancer', 'middlewares', index];
    if (middlewares.has(stage)) {
      findings.report(service, 'error', 'unusable-reference', `the middleware "${written}" is disabled`, option);
    } else {
      const message = findings.dangling('middleware', written, service.provider, middlewares);
      findings.report(service, 'error', 'dangling-reference', message, option);
    }
  }
}

/** As in Traefik: who follows the health of children needs children that have one. */
function checkHealth(
  service: Compiled<ServiceOptions>,
  spec: ServiceSpec,
  specs: ReadonlyMap<string, ServiceSpec>,
  findings: Findings,
): void {
  if (childrenOf(spec).length === 0 || !('followsHealth' in spec) || !spec.followsHealth) return;
  const without = childrenOf(spec).find((child) => specs.has(child.service) && !hasHealth(specs.get(child.service)));
  if (without === undefined || service.errors.length > 0) return;
  const name = asWritten(without.service, service.provider);
  const message = `the service "${name}" has no health check to follow; give it one, or take this one away`;
  findings.report(service, 'error', 'invalid-value', message, [spec.kind, 'healthCheck']);
}

function hasHealth(spec: ServiceSpec | undefined): boolean {
  switch (spec?.kind) {
    case 'loadBalancer':
      return spec.healthCheck !== null || spec.passiveHealthCheck !== null;
    case 'weighted':
    case 'highestRandomWeight':
      return spec.followsHealth;
    default:
      return false;
  }
}

function asWritten(qualified: string, provider: string): string {
  return qualified.endsWith(`@${provider}`) ? qualified.slice(0, -provider.length - 1) : qualified;
}
