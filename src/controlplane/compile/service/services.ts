// Services of a protocol in the data plane's terms, each by the definition of its kind. Who hands on to whom is
// followed afterwards; see service-graph.ts.

import type { PathSegment } from '../../../schema/decode-context.ts';
import type { EndpointSetSpec } from '../../../model/endpoint-set.ts';
import type { ChildSpec } from '../../../model/service.ts';
import type {
  ServiceContext,
  ServiceDefinition,
  ServiceProtocol,
  ServiceReference,
} from '../../config/service/define.ts';
import type { ServiceOptions } from '../../config/service/registry.ts';
import type { Compilation } from '../compilation.ts';
import { qualify, type Compiled } from '../compiled.ts';
import { compileEndpointSet } from './endpoint-sets.ts';
import { definitionOf, type ServiceSectionRow } from './service-sections.ts';

export interface ServiceFamily<P extends ServiceProtocol> extends ServiceSectionRow<P> {
  /** What becomes of the share of a service that cannot be used. */
  readonly lostShare: string;
  /** The transport of this name, or the usual one; what is wrong with the reference is reported at the option. */
  readonly transport: (
    service: Compiled<unknown>,
    reference: string | undefined,
    option: readonly PathSegment[],
  ) => P['transport'];
}

/** A service without errors of its own, whose references are still to be followed. */
export interface ServiceNode<P extends ServiceProtocol> {
  readonly service: Compiled<ServiceOptions>;
  readonly kind: string;
  /** In the order of `children`, each the first that names it. */
  readonly references: readonly ServiceReference[];
  readonly spec: P['spec'];
  /** Null for one without endpoints of its own. */
  readonly endpoints: EndpointSetSpec | null;
}

export function compileServices<P extends ServiceProtocol>(
  compilation: Compilation,
  family: ServiceFamily<P>,
): ReadonlyMap<string, ServiceNode<P>> {
  const nodes = new Map<string, ServiceNode<P>>();
  for (const service of compilation.objects[family.section].values()) {
    const options = service.object.value;
    const definition = definitionOf(family.definitions, options);
    if (options === null || definition === undefined) continue;
    const node = compileService(service, options, definition, family, compilation);
    if (service.errors.length === 0) nodes.set(service.name, node);
  }
  return nodes;
}

function compileService<P extends ServiceProtocol>(
  service: Compiled<ServiceOptions>,
  all: ServiceOptions,
  definition: ServiceDefinition<P>,
  family: ServiceFamily<P>,
  compilation: Compilation,
): ServiceNode<P> {
  const { name, provider } = service;
  const { kind, servers: written } = definition;
  const { findings, memory, shownForms } = compilation;
  const options = all[kind]!;
  const { section, protocol } = family;
  const endpointSet = family.setOf(name);
  const endpoints =
    written === undefined
      ? null
      : compileEndpointSet(endpointSet, service, { section, protocol, kind, options, written }, compilation);
  const { children, references } = childrenOnce(service, kind, definition.references?.(options) ?? [], compilation);
  let transport: P['transport'] = null;
  const context: ServiceContext<P> = {
    name,
    endpointSet,
    children,
    transport: (reference) => (transport = family.transport(service, reference, [kind, 'serversTransport'])),
    qualify: (reference) => qualify(reference, provider),
    warn: (code, message, option) => findings.report(service, 'warning', code, message, [kind, ...option]),
  };
  const spec = definition.compile(options, context);
  const shown = shownForms.optionsOf(section, service.object)?.[kind];
  if (shown !== undefined) {
    shownForms.set(
      section,
      name,
      definition.compile(shown, { ...context, transport: () => transport, warn: () => {} }),
    );
  }
  return { service, kind, references, spec: memory.services.keep(options, spec) as P['spec'], endpoints };
}

/** Of one that is named again the weights are added. */
function childrenOnce(
  service: Compiled<unknown>,
  kind: string,
  named: readonly ServiceReference[],
  { findings }: Compilation,
): { readonly children: readonly ChildSpec[]; readonly references: readonly ServiceReference[] } {
  const weights = new Map<string, number>();
  const references: ServiceReference[] = [];
  for (const reference of named) {
    const { name, weight, path } = reference;
    const child = qualify(name, service.provider);
    const before = weights.get(child);
    weights.set(child, (before ?? 0) + weight);
    if (before === undefined) {
      references.push(reference);
      continue;
    }
    const message = `the service "${name}" is named twice: its weight is the sum, ${before + weight}`;
    findings.report(service, 'warning', 'duplicate-object', message, [kind, ...path]);
  }
  return { children: [...weights].map(([child, weight]) => ({ service: child, weight })), references };
}
