// The live objects of HTTP built from a snapshot, and what a delta does to them. Requests go on using the old objects
// until the delta is put into effect. Objects that did not change are the same objects afterwards: services keep their
// connections and positions, routes their composed chains.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../model/route.ts';
import type { ServiceSpec } from '../../model/service.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { EndpointRows } from '../../model/message/sync.ts';
import { serviceTable } from '../balance/count/service-table.ts';
import { LiveService } from '../balance/live-service.ts';
import { LiveServices } from '../balance/live-services.ts';
import type { ServiceSurroundings } from '../balance/service-kind.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import { disabledFailure, FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import type { StagedEndpointSets } from '../live/endpoint-sets.ts';
import type { LivePart } from '../live/live-part.ts';
import { OBJECTS_PER_STEP } from '../live/slices.ts';
import { StagedMap } from '../live/staged-map.ts';
import { parseRule } from '../match/rule/rule.ts';
import type { RuleNode } from '../match/rule/rule-tree.ts';
import type { RouteEntry } from '../match/candidate.ts';
import { buildRouteTable } from '../match/route-table.ts';
import type { WorkerResources } from '../middleware/define.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { composeChain } from './chain.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { HttpRouting, HttpRoutingChanges } from './http-routing.ts';
import { LiveMiddlewares } from './live-middlewares.ts';

/** Chooses what a route reports; see instrument.ts. */
export type ObserveRoute = (spec: RouteSpec, entryPoint: EntryPointSpec) => unknown;

/** What a delta comes with. */
export interface HttpBuildContext {
  readonly rows: EndpointRows;
  readonly endpointSets: StagedEndpointSets;
  readonly httpRoutings: HttpRoutingChanges;
}

/** Of one routing. */
type CompiledRoutes = Map<string, RouteEntry<CompiledRoute>>;

/** Routes as they are about to be. */
class StagedRoutes {
  readonly specs: StagedMap<string, RouteSpec>;
  /** Of routes below a route: their names. */
  readonly children: StagedMap<string, Set<string>>;

  constructor(specs: Map<string, RouteSpec>, children: Map<string, Set<string>>) {
    this.specs = new StagedMap(specs);
    this.children = new StagedMap(children);
  }

  delete(name: string): void {
    for (const parent of this.specs.get(name)?.parents ?? []) this.#childrenOf(parent).delete(name);
    this.specs.delete(name);
  }

  set(name: string, spec: RouteSpec): void {
    this.delete(name);
    this.specs.set(name, spec);
    for (const parent of spec.parents) this.#childrenOf(parent).add(name);
  }

  /** To be changed. */
  #childrenOf(parent: string): Set<string> {
    const before = this.children.get(parent);
    if (before !== undefined && this.children.isStaged(parent)) return before;
    const children = new Set(before);
    this.children.set(parent, children);
    return children;
  }

  commit(): void {
    for (const [parent, children] of this.children) if (children.size === 0) this.children.delete(parent);
    this.specs.commit();
    this.children.commit();
  }
}

export class HttpGeneration implements LivePart<HttpBuildContext> {
  readonly #observe: ObserveRoute;
  readonly #routeSpecs = new Map<string, RouteSpec>();
  readonly #children = new Map<string, Set<string>>();
  readonly #middlewares: LiveMiddlewares;
  readonly #services: LiveServices<'http', ServiceSpec, LiveService>;
  readonly #compiled = new Map<HttpRouting, CompiledRoutes>();

  constructor(upstream: UpstreamContext, resources: WorkerResources, observe: ObserveRoute) {
    const surroundings: ServiceSurroundings = {
      upstream,
      secret: resources.secret,
      counts: resources.table(serviceTable),
      service: (name) => this.#services.find(name),
      compose: (names, service) =>
        composeChain(
          names.map((name) => this.#middlewares.get(name)),
          service,
        ),
    };
    this.#services = new LiveServices({
      protocol: 'http',
      keyOf: (name) => name,
      create: (name) => new LiveService(name, surroundings),
    });
    this.#middlewares = new LiveMiddlewares({
      ...resources,
      service: (name) => (exchange) => this.#callByName(name, exchange),
    });
    this.#observe = observe;
  }

  /** Health of a server of this service may have changed. */
  refresh(service: string): void {
    this.#services.get(service)?.refresh();
  }

  *build(delta: SnapshotDelta, { rows, endpointSets, httpRoutings }: HttpBuildContext): Generator<void, () => void> {
    const middlewares = yield* this.#middlewares.build(delta);
    const commitServices = yield* this.#services.build({
      changed: delta.changed.services,
      removed: delta.removed.services,
      endpointSets,
      rows,
    });
    for (const spec of Object.values<ServiceSpec>(delta.changed.services ?? {})) this.#checkReferences(spec);
    const { added, removed: left, changed: specs } = httpRoutings;
    const staying = [...this.#compiled.keys()].filter((routing) => !left.has(routing));
    const specOf = (routing: HttpRouting): EntryPointSpec => specs.get(routing) ?? routing.spec;
    const routes = new StagedRoutes(this.#routeSpecs, this.#children);
    const { changed, removed } = yield* this.#affectedRoutes(routes, delta, middlewares.fresh, staying.map(specOf));
    const commits: (() => void)[] = [];
    for (const routing of staying) {
      const spec = specOf(routing);
      const isSame = isSameForRoutes(routing.spec, spec);
      const affected = isSame ? changed : new Map([...changed, ...routesOn(routes.specs, spec.name)]);
      commits.push(yield* this.#buildTable(routing, spec, routes, affected, removed));
    }
    for (const routing of added) {
      const affected = new Map(routesOn(routes.specs, routing.spec.name));
      commits.push(yield* this.#buildTable(routing, routing.spec, routes, affected, removed));
    }
    return () => {
      for (const commit of commits) commit();
      routes.commit();
      for (const routing of left) this.#compiled.delete(routing);
      commitServices();
      if (middlewares.fresh.size > 0) this.#recomposeServices(middlewares.fresh);
      middlewares.commit();
    };
  }

  /** A known service changes when it is too late to refuse the delta: what it names has to be there before. */
  #checkReferences(spec: ServiceSpec): void {
    if (spec.kind === 'loadBalancer') for (const name of spec.middlewares) this.#middlewares.get(name);
    if (!('children' in spec)) return;
    for (const { service, disabledStatus = 0 } of spec.children) {
      if (disabledStatus === 0 && this.#services.find(service) === undefined) {
        throw new Error(`service ${spec.name}: ${service} is not in the snapshot`);
      }
    }
  }

  #recomposeServices(fresh: ReadonlySet<string>): void {
    for (const service of this.#services.values()) {
      if (service.middlewares.some((name) => fresh.has(name))) service.recompose();
    }
  }

  /** For stages that ask a service: the name is looked up when they do. */
  #callByName(name: string, exchange: Exchange): void | Promise<void> {
    const service = this.#services.get(name);
    if (service !== undefined) return service.handle(exchange);
    respondFailure(exchange, FAILURES.noServer);
    return undefined;
  }

  /** Routes that changed themselves or through a middleware, theirs or their entry point's. */
  *#affectedRoutes(
    routes: StagedRoutes,
    delta: SnapshotDelta,
    freshMiddlewares: ReadonlySet<string>,
    entryPoints: readonly EntryPointSpec[],
  ): Generator<void, { changed: Map<string, RouteSpec>; removed: readonly string[] }> {
    const changed = new Map<string, RouteSpec>(Object.entries(delta.changed.routes ?? {}));
    const removed = delta.removed.routes ?? [];
    // Parents, before and after: their tables of children change.
    const parents = new Set<string>();
    const noteParents = (name: string): void => {
      for (const parent of routes.specs.get(name)?.parents ?? []) parents.add(parent);
    };
    for (const name of [...removed, ...changed.keys()]) noteParents(name);
    for (const name of removed) routes.delete(name);
    for (const [name, spec] of changed) routes.set(name, spec);
    for (const name of changed.keys()) noteParents(name);
    if (freshMiddlewares.size > 0) {
      const viaEntryPoint = new Set<string>();
      for (const spec of entryPoints) {
        if (spec.middlewares.some((middleware) => freshMiddlewares.has(middleware))) viaEntryPoint.add(spec.name);
      }
      let seen = 0;
      for (const [name, spec] of routes.specs) {
        if (++seen % 1000 === 0) yield;
        if (
          spec.middlewares.some((middleware) => freshMiddlewares.has(middleware)) ||
          (viaEntryPoint.size > 0 && spec.entryPoints.some((entryPoint) => viaEntryPoint.has(entryPoint)))
        ) {
          changed.set(name, spec);
          noteParents(name);
        }
      }
    }
    // A set grows while it is walked: this reaches the topmost ones.
    for (const parent of parents) {
      const spec = routes.specs.get(parent);
      if (spec === undefined) continue;
      changed.set(parent, spec);
      noteParents(parent);
    }
    return { changed, removed };
  }

  /** Returns the step that gives the routing its new routes. */
  *#buildTable(
    routing: HttpRouting,
    entryPoint: EntryPointSpec,
    routes: StagedRoutes,
    changed: ReadonlyMap<string, RouteSpec>,
    removed: readonly string[],
  ): Generator<void, () => void> {
    const all: CompiledRoutes = this.#compiled.get(routing) ?? new Map();
    const compiled = new StagedMap(all);
    const gone = removed.filter((name) => compiled.delete(name));
    const fresh: string[] = [];
    for (const [name, spec] of changed) {
      if (isServedBy(spec, entryPoint, routing.isSecure)) {
        compiled.set(name, yield* this.#compileRoute(spec, entryPoint, routes, entryPoint.middlewares));
        fresh.push(name);
        if (fresh.length % OBJECTS_PER_STEP === 0) yield;
      } else if (compiled.delete(name)) gone.push(name);
    }
    const isSame = fresh.length === 0 && gone.length === 0;
    const table = isSame ? routing.routes : yield* buildRouteTable(routing.routes, compiled, fresh, gone);
    return () => {
      compiled.commit();
      this.#compiled.set(routing, all);
      routing.routes = table;
    };
  }

  /** `before` are middlewares of the entry point. */
  *#compileRoute(
    spec: RouteSpec,
    entryPoint: EntryPointSpec,
    routes: StagedRoutes,
    before: readonly string[],
  ): Generator<void, RouteEntry<CompiledRoute>> {
    const { rule, errors } = parseRule(spec.rule);
    if (rule === null) throw new Error(`router ${spec.name}: ${errors[0]?.message ?? 'the rule does not parse'}`);
    if (spec.disabledStatus > 0) return this.#entryOf(spec, rule, entryPoint, answerDisabled(spec.disabledStatus));
    const middlewares = [...before, ...spec.middlewares].map((name) => this.#middlewares.get(name));
    const last = spec.service === '' ? yield* this.#compileChildren(spec, entryPoint, routes) : this.#callService(spec);
    return this.#entryOf(spec, rule, entryPoint, composeChain(middlewares, last));
  }

  #entryOf(spec: RouteSpec, rule: RuleNode, entryPoint: EntryPointSpec, handler: Handler): RouteEntry<CompiledRoute> {
    const { name, priority, providerRank } = spec;
    return { name, rule, priority, providerRank, value: { name, handler, observed: this.#observe(spec, entryPoint) } };
  }

  #callService(spec: RouteSpec): Handler {
    const service = this.#services.find(spec.service);
    if (service === undefined) throw new Error(`router ${spec.name}: service ${spec.service} is not in the snapshot`);
    return function callService(exchange) {
      exchange.serviceName = spec.service;
      return service.handle(exchange);
    };
  }

  /** The stage that offers a request to the routes below: it matches what the stages before made of the request. */
  *#compileChildren(spec: RouteSpec, entryPoint: EntryPointSpec, routes: StagedRoutes): Generator<void, Handler> {
    const entries = new Map<string, RouteEntry<CompiledRoute>>();
    for (const name of routes.children.get(spec.name) ?? []) {
      const child = routes.specs.get(name);
      if (child === undefined) continue;
      // What is reported is the topmost router's to say.
      const observability = spec.observability;
      entries.set(name, yield* this.#compileRoute({ ...child, observability }, entryPoint, routes, []));
      if (entries.size % OBJECTS_PER_STEP === 0) yield;
    }
    const table = yield* buildRouteTable<CompiledRoute>(null, entries, entries.keys(), []);
    return function matchChildren(exchange) {
      const route = table.match(exchange);
      if (route === null) {
        respondFailure(exchange, FAILURES.noRoute);
        return undefined;
      }
      exchange.routerName = route.name;
      exchange.observed = route.observed;
      return route.handler(exchange);
    };
  }
}

/** Those that stand on the entry point. */
function* routesOn(specs: Iterable<[string, RouteSpec]>, entryPoint: string): Generator<[string, RouteSpec]> {
  for (const entry of specs) if (entry[1].entryPoints.includes(entryPoint)) yield entry;
}

/** No stage comes before it: one of them may be what is missing. */
function answerDisabled(status: number): Handler {
  const failure = disabledFailure(status);
  return function answerFailure(exchange) {
    respondFailure(exchange, failure);
    return undefined;
  };
}

/** Routers above others stand on entry points; each is for TLS or for plain requests. */
function isServedBy(spec: RouteSpec, entryPoint: EntryPointSpec, isSecure: boolean): boolean {
  if (spec.parents.length > 0 || !spec.entryPoints.includes(entryPoint.name)) return false;
  return isOverTls(spec, entryPoint) === isSecure;
}

/** What compiled routes have of their entry point. */
function isSameForRoutes(before: EntryPointSpec, after: EntryPointSpec): boolean {
  return (
    (before.tls === null) === (after.tls === null) &&
    before.middlewares.join() === after.middlewares.join() &&
    before.observability.accessLogs === after.observability.accessLogs &&
    before.observability.metrics === after.observability.metrics
  );
}
