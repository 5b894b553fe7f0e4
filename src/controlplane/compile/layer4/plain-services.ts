// What services of plain connections have in common, whatever their protocol: addresses of servers, and services that
// divide between others.

import { hideUser } from '../../../core/hide-secrets.ts';
import { DISABLED_STATUS } from '../../../model/route.ts';
import type { ChildSpec } from '../../../model/service.ts';
import type { PathSegment } from '../../../schema/decode-context.ts';
import { qualify, type Compiled, type Findings } from '../compilation.ts';
import { MAX_DEPTH, walkGraph } from '../reference/graph.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`; a text says what is wrong with it. */
export function parseHostPort(text: string): HostPort | string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const rest = text
      .replace(/^[^/]*\/\//, '')
      .replace(/^.*@/, '')
      .replace(/\/.*$/, '');
    return `"${hideUser(text)}" is a URL; write the address alone, "${rest}"`;
  }
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@]+)):([0-9]{1,5})$/.exec(text);
  if (parts === null) {
    const hint = /^[^:[\]]+$/.test(text) ? `; the port is missing, as in "${text}:5432"` : '';
    return `"${hideUser(text)}" is no address; write host:port, or [::1]:port${hint}`;
  }
  const port = Number(parts[3]);
  if (port < 1 || port > 65_535) return `"${text}" has the port ${parts[3]}, which nothing can listen on`;
  return { host: parts[1] ?? parts[2]!, port };
}

/** A server whose address cannot be used. */
export interface ServerProblem {
  readonly message: string;
  readonly option: readonly PathSegment[];
}

/** A server costs itself while another one is left. */
export function reportServers(
  service: Compiled<unknown>,
  problems: readonly ServerProblem[],
  isAnyLeft: boolean,
  findings: Findings,
): void {
  for (const { message, option } of problems) {
    if (isAnyLeft) findings.report(service, 'warning', 'bad-server-url', `${message}; this server is left out`, option);
    else findings.report(service, 'error', 'bad-server-url', message, option);
  }
}

interface Division {
  readonly services: readonly { readonly name: string; readonly weight: number }[];
}

/** Qualified children; of one that is named again the weights are added. */
export function childrenOnce(
  service: Compiled<unknown>,
  kind: string,
  services: Division['services'],
  findings: Findings,
): readonly ChildSpec[] {
  const weights = new Map<string, number>();
  for (const [index, { name, weight }] of services.entries()) {
    const child = qualify(name, service.provider);
    const before = weights.get(child);
    weights.set(child, (before ?? 0) + weight);
    if (before === undefined) continue;
    const message = `the service "${name}" is named twice: its weight is the sum, ${before + weight}`;
    findings.report(service, 'warning', 'duplicate-object', message, [kind, 'services', index, 'name']);
  }
  return [...weights].map(([child, weight]) => ({ service: child, weight }));
}

/** Qualified children; what is wrong with them is reported. `noneLeft` says what happens when every weight is 0. */
export function compileChildren(
  service: Compiled<unknown>,
  { services }: Division,
  noneLeft: string,
  findings: Findings,
): readonly ChildSpec[] {
  const children = childrenOnce(service, 'weighted', services, findings);
  if (children.every((child) => child.weight === 0)) {
    const message = `${children.length === 0 ? 'there are no services' : 'every weight is 0'}: ${noneLeft}`;
    findings.report(service, 'warning', 'option-without-effect', message, ['weighted', 'services']);
  }
  return children;
}

/** What is followed from service to service. */
interface Divided {
  readonly kind: string;
  readonly children?: readonly ChildSpec[];
  readonly followsHealth?: boolean;
  readonly healthCheck?: unknown;
}

/**
 * Follows children of services; those that cannot be used leave `specs`, and so does who names them, until nothing changes.
 */
export function resolveChildren<S extends Divided>(
  specs: Map<string, S>,
  services: ReadonlyMap<string, Compiled<unknown>>,
  findings: Findings,
): void {
  const members = new Map<string, readonly string[]>();
  for (const [name, { children }] of specs) {
    if (children === undefined) continue;
    for (const child of children) services.get(child.service)?.usedBy.add(name);
    members.set(
      name,
      children.map((child) => child.service),
    );
  }
  const graph = walkGraph(members);
  for (const name of members.keys()) {
    const service = services.get(name)!;
    const cycle = graph.cycleOf(name);
    const option = ['weighted', 'services'];
    if (cycle !== null) {
      findings.report(service, 'error', 'reference-cycle', `the service contains itself: ${cycle.join(' → ')}`, option);
    } else if (graph.isTooDeep(name)) {
      findings.report(service, 'error', 'invalid-value', `services are nested more than ${MAX_DEPTH} deep`, option);
    }
  }
  for (let isChanging = true; isChanging;) {
    isChanging = false;
    for (const [name, spec] of specs) {
      const service = services.get(name)!;
      if (service.errors.length === 0) checkChildren(service, spec, specs, services, findings);
      if (service.errors.length === 0) continue;
      specs.delete(name);
      isChanging = true;
    }
  }
  for (const [name, spec] of specs) {
    if (spec.children === undefined || spec.children.every((child) => specs.has(child.service))) continue;
    reportChildren(services.get(name)!, spec.children, specs, services, findings, 'warning');
    const children = spec.children.map((child) =>
      specs.has(child.service) ? child : { ...child, disabledStatus: DISABLED_STATUS },
    );
    specs.set(name, { ...spec, children });
  }
}

function checkChildren(
  service: Compiled<unknown>,
  { children = [], followsHealth = false }: Divided,
  specs: ReadonlyMap<string, Divided>,
  services: ReadonlyMap<string, Compiled<unknown>>,
  findings: Findings,
): void {
  // One that is left takes its share; what would go to the others goes nowhere.
  if (!children.some((child) => specs.has(child.service))) {
    reportChildren(service, children, specs, services, findings, 'error');
  }
  if (!followsHealth || service.errors.length > 0) return;
  const without = children.find((child) => specs.has(child.service) && !hasHealth(specs.get(child.service)));
  if (without === undefined) return;
  const message = `the service "${without.service}" has no health check to follow; give it one, or take this one away`;
  findings.report(service, 'error', 'invalid-value', message, ['weighted', 'healthCheck']);
}

function reportChildren(
  service: Compiled<unknown>,
  children: readonly ChildSpec[],
  specs: ReadonlyMap<string, Divided>,
  services: ReadonlyMap<string, Compiled<unknown>>,
  findings: Findings,
  severity: 'error' | 'warning',
): void {
  const consequence = severity === 'error' ? '' : '; what would be its share goes nowhere';
  for (const [index, { service: name }] of children.entries()) {
    if (specs.has(name)) continue;
    const { provider } = service;
    const written = name.endsWith(`@${provider}`) ? name.slice(0, -provider.length - 1) : name;
    const option = ['weighted', 'services', index, 'name'];
    if (services.has(name)) {
      const message = `the service "${written}" is disabled${consequence}`;
      findings.report(service, severity, 'unusable-reference', message, option);
    } else {
      const message = findings.dangling('service', written, provider, services) + consequence;
      findings.report(service, severity, 'dangling-reference', message, option);
    }
  }
}

function hasHealth(spec: Divided | undefined): boolean {
  return spec?.children === undefined ? (spec?.healthCheck ?? null) !== null : spec.followsHealth === true;
}
