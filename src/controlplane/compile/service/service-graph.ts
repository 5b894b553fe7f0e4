// What services and middlewares say about each other, for every protocol alike: children of services, stages in front
// of services, services that stages ask. One that cannot be used makes unusable what names it, which may go on in any
// direction, so it is repeated until nothing changes.

import type { EndpointSetSpec } from '../../../model/endpoint-set.ts';
import { DISABLED_STATUS } from '../../../model/route.ts';
import type { ChildSpec } from '../../../model/service.ts';
import type { ServiceProtocol } from '../../config/service/define.ts';
import type { Compilation } from '../compilation.ts';
import type { CompiledMiddlewares } from '../middlewares.ts';
import { MAX_DEPTH, walkGraph } from '../reference/graph.ts';
import { asWritten } from '../reference/references.ts';
import type { ServiceFamily, ServiceNode } from './services.ts';

/** What specifications of all protocols may have of what is followed here. */
interface Followed {
  readonly children?: readonly ChildSpec[];
  /** Qualified names of stages in front of it. */
  readonly middlewares?: readonly string[];
  readonly followsHealth?: boolean;
  readonly healthCheck?: object | null;
  readonly passiveHealthCheck?: object | null;
}

/** Services that can be used by name, and the endpoints of those that have any. */
export interface ResolvedServices<P extends ServiceProtocol> {
  readonly services: Map<string, P['spec']>;
  readonly endpointSets: Record<string, EndpointSetSpec>;
}

export class ServiceGraph<P extends ServiceProtocol> {
  readonly #compilation: Compilation;
  readonly #family: ServiceFamily<P>;
  /** Those that can be used, as far as is known. */
  readonly #nodes: Map<string, ServiceNode<P>>;
  /** Services of the program itself, which need nothing. */
  readonly #given: Readonly<Record<string, object>>;
  /** Null for protocols whose services have no stages. */
  readonly #middlewares: CompiledMiddlewares | null;

  constructor(
    compilation: Compilation,
    family: ServiceFamily<P>,
    nodes: ReadonlyMap<string, ServiceNode<P>>,
    {
      middlewares = null,
      given = {},
    }: { middlewares?: CompiledMiddlewares | null; given?: Record<string, object> } = {},
  ) {
    this.#compilation = compilation;
    this.#family = family;
    this.#nodes = new Map(nodes);
    this.#middlewares = middlewares;
    this.#given = given;
  }

  /** Follows all references; what is wrong is reported. */
  resolve(): ResolvedServices<P> {
    this.#noteUses();
    this.#refuseInternal();
    this.#refuseCycles();
    do this.#dropUnusable();
    while (this.#refuseWithoutHealth());
    const services = new Map([...this.#nodes].map(([name, node]) => [name, this.#finish(node)]));
    const sets = [...this.#nodes.values()].flatMap(({ endpoints }) => endpoints ?? []);
    return { services, endpointSets: Object.fromEntries(sets.map((set) => [set.name, set])) };
  }

  #isUsable(name: string): boolean {
    return this.#nodes.has(name) || Object.hasOwn(this.#given, name);
  }

  #noteUses(): void {
    const { objects } = this.#compilation;
    for (const [name, { spec }] of this.#nodes) {
      const { children = [], middlewares = [] } = followed(spec);
      for (const child of children) objects[this.#family.section].get(child.service)?.usedBy.add(name);
      for (const stage of middlewares) objects.middlewares.get(stage)?.usedBy.add(name);
    }
  }

  /** A share of it would be as good as the whole. */
  #refuseInternal(): void {
    const { references } = this.#compilation;
    for (const { service, kind, spec, references: written } of this.#nodes.values()) {
      for (const [index, child] of (followed(spec).children ?? []).entries()) {
        references.refuseInternal(child.service, service, [kind, ...written[index]!.path]);
      }
    }
  }

  #refuseCycles(): void {
    const members = new Map<string, readonly string[]>();
    for (const [name, { spec }] of this.#nodes) {
      const { children = [] } = followed(spec);
      if (children.length > 0)
        members.set(
          name,
          children.map(({ service }) => service),
        );
    }
    const graph = walkGraph(members);
    for (const name of members.keys()) {
      const { service, kind, references } = this.#nodes.get(name)!;
      const option = [kind, ...references[0]!.path.slice(0, 1)];
      const cycle = graph.cycleOf(name);
      if (cycle !== null) {
        const message = `the service contains itself: ${cycle.join(' → ')}`;
        this.#compilation.findings.report(service, 'error', 'reference-cycle', message, option);
      } else if (graph.isTooDeep(name)) {
        const message = `services are nested more than ${MAX_DEPTH} deep`;
        this.#compilation.findings.report(service, 'error', 'invalid-value', message, option);
      }
    }
  }

  #dropUnusable(): void {
    for (let isChanging = true; isChanging;) {
      isChanging = false;
      for (const [name, node] of this.#nodes) {
        if (node.service.errors.length === 0) {
          this.#checkChildren(node);
          this.#checkStages(node);
        }
        if (node.service.errors.length === 0) continue;
        this.#nodes.delete(name);
        isChanging = true;
      }
      if (this.#middlewares?.dropWithout((name) => this.#isUsable(name)) === true) isChanging = true;
    }
  }

  /** One child that is left takes its share; the others' is lost. */
  #checkChildren(node: ServiceNode<P>): void {
    const { children } = followed(node.spec);
    if (children === undefined || children.some(({ service }) => this.#isUsable(service))) return;
    this.#reportChildren(node, children, 'error');
  }

  #reportChildren(node: ServiceNode<P>, children: readonly ChildSpec[], severity: 'error' | 'warning'): void {
    const { findings, references } = this.#compilation;
    const { section, lostShare } = this.#family;
    const { service, kind } = node;
    for (const [index, child] of children.entries()) {
      if (this.#isUsable(child.service)) continue;
      const written = asWritten(child.service, service.provider);
      const { code, message } = references.problem(section, written, service.provider);
      const consequence = severity === 'error' ? '' : `; ${lostShare}`;
      findings.report(service, severity, code, message + consequence, [kind, ...node.references[index]!.path]);
    }
  }

  /** A service whose stages are not there is not served without them. */
  #checkStages({ service, kind, spec }: ServiceNode<P>): void {
    const { references } = this.#compilation;
    for (const [index, stage] of (followed(spec).middlewares ?? []).entries()) {
      const isUsable = (name: string): boolean => this.#middlewares?.resolve(name) != null;
      const written = asWritten(stage, service.provider);
      references.follow('middlewares', written, service, [kind, 'middlewares', index], isUsable);
    }
  }

  /** As in Traefik: who follows the health of children needs children that have one. True when one fails here. */
  #refuseWithoutHealth(): boolean {
    let hasRefused = false;
    for (const { service, kind, spec } of this.#nodes.values()) {
      const { children = [], followsHealth = false } = followed(spec);
      const without = followsHealth && children.find((child) => this.#hasHealth(child.service) === false);
      if (without === false || without === undefined) continue;
      const name = asWritten(without.service, service.provider);
      const message = `the service "${name}" has no health check to follow; give it one, or take this one away`;
      this.#compilation.findings.report(service, 'error', 'invalid-value', message, [kind, 'healthCheck']);
      hasRefused = true;
    }
    return hasRefused;
  }

  /** Null for one that cannot be used, or is the program's own. */
  #hasHealth(name: string): boolean | null {
    const spec = this.#nodes.get(name)?.spec;
    if (spec === undefined) return null;
    const { children, followsHealth = false, healthCheck = null, passiveHealthCheck = null } = followed(spec);
    return children === undefined ? healthCheck !== null || passiveHealthCheck !== null : followsHealth;
  }

  /**
   * Marks children that cannot be used: what would go there is lost, and goes nowhere else. Chains of stages are
   * unfolded.
   */
  #finish(node: ServiceNode<P>): P['spec'] {
    const { children, middlewares } = followed(node.spec);
    let { spec } = node;
    if (children?.every(({ service }) => this.#isUsable(service)) === false) {
      this.#reportChildren(node, children, 'warning');
      const marked = children.map((child) =>
        this.#isUsable(child.service) ? child : { ...child, disabledStatus: DISABLED_STATUS },
      );
      spec = { ...spec, children: marked };
    }
    if (middlewares !== undefined && this.#middlewares !== null) {
      const stages = middlewares.flatMap((name) => this.#middlewares!.resolve(name) ?? []);
      // Most name stages, not chains, and stay the same object.
      if (stages.join() !== middlewares.join()) spec = { ...spec, middlewares: stages };
    }
    return spec;
  }
}

/** A specification as far as it is followed. */
function followed(spec: object): Followed {
  return spec; // What it has of these fields is of their types: see `ServiceDefinition.compile`.
}
