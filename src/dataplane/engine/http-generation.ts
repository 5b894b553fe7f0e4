// The live objects built from a snapshot, and what a delta does to them. A build reads nothing but the delta and what is
// there; requests go on using the old objects until `commit`, which is synchronous and short. Objects that did not change
// are the same objects afterwards: services keep their connections and positions, routes their composed chains.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { RouteSpec } from '../../model/route.ts';
import type { ServiceSpec } from '../../model/service.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { EndpointRows } from '../../model/message/sync.ts';
import { LiveService, type ServiceSurroundings } from '../balance/live-service.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import { disabledFailure, FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import { parseRule, type RuleNode } from '../match/rule.ts';
import type { RouteEntry } from '../match/candidate.ts';
import { buildRouteTable } from '../match/route-table.ts';
import type { WorkerResources } from '../middleware/define.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { composeChain } from './chain.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { HttpRoutingChanges } from './entry-points.ts';
import type { HttpRouting } from './http-routing.ts';
import { LiveMiddlewares } from './live-middlewares.ts';

/** Chooses what a route reports; see instrument.ts. */
export type ObserveRoute = (spec: RouteSpec, entryPoint: EntryPointSpec) => unknown;

/** How often a build may be interrupted: this many objects are well under a slice. */
const OBJECTS_PER_STEP = 20;

export class HttpGeneration {
  readonly #surroundings: ServiceSurroundings;
  readonly #observe: ObserveRoute;
  #routings: readonly HttpRouting[];
  readonly #routeSpecs = new Map<string, RouteSpec>();
  /** Routes below a route, by name. */
  readonly #children = new Map<string, Set<string>>();
  readonly #middlewares: LiveMiddlewares;
  readonly #services = new Map<string, LiveService>();
  /** Compiled routes of each routing. */
  readonly #routes = new Map<HttpRouting, Map<string, RouteEntry<CompiledRoute>>>();

  constructor(
    routings: readonly HttpRouting[],
    upstream: UpstreamContext,
    resources: WorkerResources,
    observe: ObserveRoute,
  ) {
    this.#routings = routings;
    this.#surroundings = {
      upstream,
      secret: resources.secret,
      service: (name) => this.#services.get(name),
      compose: (names, service) =>
        composeChain(
          names.map((name) => this.#middlewares.get(name)),
          service,
        ),
    };
    this.#middlewares = new LiveMiddlewares({
      ...resources,
      service: (name) => (exchange) => this.#callByName(name, exchange),
    });
    this.#observe = observe;
    for (const routing of routings) this.#routes.set(routing, new Map());
  }

  get services(): ReadonlyMap<string, LiveService> {
    return this.#services;
  }

  /**
   * Builds what the delta changes; run it in slices. The returned function puts it into effect and must run in one go.
   * Throws when the delta does not fit what is there: the worker is then of no use and asks to be replaced.
   */
  *build(delta: SnapshotDelta, rows: EndpointRows, routings: HttpRoutingChanges): Generator<void, () => void> {
    const freshMiddlewares = yield* this.#middlewares.build(delta);
    const changedServices = Object.values(delta.changed.services ?? {});
    // New services exist before routes and services that name them; known ones change at commit.
    const known = changedServices.filter((spec) => this.#services.has(spec.name));
    yield* this.#addServices(
      changedServices.filter((spec) => !this.#services.has(spec.name)),
      rows,
    );
    const staying = this.#routings.filter((routing) => !routings.removed.has(routing));
    const specOf = (routing: HttpRouting): EntryPointSpec => routings.changed.get(routing) ?? routing.spec;
    const { changed, removed } = yield* this.#affectedRoutes(delta, freshMiddlewares, staying.map(specOf));
    const swaps: (() => void)[] = [];
    for (const routing of staying) {
      const spec = specOf(routing);
      const affected = isSameForRoutes(routing.spec, spec) ? changed : this.#withAllOf(spec.name, changed);
      swaps.push(yield* this.#buildTable(routing, spec, affected, removed));
    }
    for (const routing of routings.added) {
      this.#routes.set(routing, new Map());
      swaps.push(yield* this.#buildTable(routing, routing.spec, this.#withAllOf(routing.spec.name, changed), removed));
    }
    const goneServices = delta.removed.services ?? [];
    return () => {
      for (const swap of swaps) swap();
      for (const routing of routings.removed) this.#routes.delete(routing);
      this.#routings = [...staying, ...routings.added];
      for (const spec of known) this.#services.get(spec.name)!.update(spec, rows[spec.name] ?? []);
      if (freshMiddlewares.size > 0) this.#recomposeServices(freshMiddlewares);
      for (const name of goneServices) {
        this.#services.get(name)?.retire();
        this.#services.delete(name);
      }
      this.#middlewares.commit(delta);
    };
  }

  *#addServices(specs: readonly ServiceSpec[], rows: EndpointRows): Generator<void, void> {
    for (const { name } of specs) this.#services.set(name, new LiveService(name, this.#surroundings));
    let added = 0;
    for (const spec of specs) {
      this.#services.get(spec.name)!.update(spec, rows[spec.name] ?? []);
      if (++added % OBJECTS_PER_STEP === 0) yield;
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
    delta: SnapshotDelta,
    freshMiddlewares: ReadonlySet<string>,
    entryPoints: readonly EntryPointSpec[],
  ): Generator<void, { changed: Map<string, RouteSpec>; removed: readonly string[] }> {
    const changed = new Map<string, RouteSpec>(Object.entries(delta.changed.routes ?? {}));
    const removed = delta.removed.routes ?? [];
    // Parents, before and after: their tables of children change.
    const parents = new Set<string>();
    const noteParents = (name: string): void => {
      for (const parent of this.#routeSpecs.get(name)?.parents ?? []) parents.add(parent);
    };
    for (const name of [...removed, ...changed.keys()]) noteParents(name);
    for (const name of removed) this.#forget(name);
    for (const [name, spec] of changed) this.#remember(name, spec);
    for (const name of changed.keys()) noteParents(name);
    if (freshMiddlewares.size > 0) {
      const viaEntryPoint = new Set<string>();
      for (const spec of entryPoints) {
        if (spec.middlewares.some((middleware) => freshMiddlewares.has(middleware))) viaEntryPoint.add(spec.name);
      }
      let seen = 0;
      for (const [name, spec] of this.#routeSpecs) {
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
      const spec = this.#routeSpecs.get(parent);
      if (spec === undefined) continue;
      changed.set(parent, spec);
      noteParents(parent);
    }
    return { changed, removed };
  }

  /** Those routes and every one that stands on the entry point. */
  #withAllOf(entryPoint: string, routes: ReadonlyMap<string, RouteSpec>): ReadonlyMap<string, RouteSpec> {
    const all = new Map(routes);
    for (const [name, spec] of this.#routeSpecs) if (spec.entryPoints.includes(entryPoint)) all.set(name, spec);
    return all;
  }

  #forget(name: string): void {
    for (const parent of this.#routeSpecs.get(name)?.parents ?? []) this.#children.get(parent)?.delete(name);
    this.#routeSpecs.delete(name);
    if (this.#children.get(name)?.size === 0) this.#children.delete(name);
  }

  #remember(name: string, spec: RouteSpec): void {
    this.#forget(name);
    this.#routeSpecs.set(name, spec);
    for (const parent of spec.parents) {
      const siblings = this.#children.get(parent);
      if (siblings === undefined) this.#children.set(parent, new Set([name]));
      else siblings.add(name);
    }
  }

  /** Returns the step that gives the routing its new routes. */
  *#buildTable(
    routing: HttpRouting,
    entryPoint: EntryPointSpec,
    changed: ReadonlyMap<string, RouteSpec>,
    removed: readonly string[],
  ): Generator<void, () => void> {
    const routes = this.#routes.get(routing)!;
    const gone = removed.filter((name) => routes.delete(name));
    const fresh: string[] = [];
    for (const [name, spec] of changed) {
      if (isServedBy(spec, entryPoint, routing.isSecure)) {
        routes.set(name, yield* this.#compileRoute(spec, entryPoint, entryPoint.middlewares));
        fresh.push(name);
        if (fresh.length % OBJECTS_PER_STEP === 0) yield;
      } else if (routes.delete(name)) gone.push(name);
    }
    if (fresh.length === 0 && gone.length === 0) return () => {};
    const table = yield* buildRouteTable(routing.routes, routes, fresh, gone);
    return () => {
      routing.routes = table;
    };
  }

  /** `before` are middlewares of the entry point. */
  *#compileRoute(
    spec: RouteSpec,
    entryPoint: EntryPointSpec,
    before: readonly string[],
  ): Generator<void, RouteEntry<CompiledRoute>> {
    const { rule, errors } = parseRule(spec.rule);
    if (rule === null) throw new Error(`router ${spec.name}: ${errors[0]?.message ?? 'the rule does not parse'}`);
    if (spec.disabledStatus > 0) return this.#entryOf(spec, rule, entryPoint, answerDisabled(spec.disabledStatus));
    const middlewares = [...before, ...spec.middlewares].map((name) => this.#middlewares.get(name));
    const last = spec.service === '' ? yield* this.#compileChildren(spec, entryPoint) : this.#callService(spec);
    return this.#entryOf(spec, rule, entryPoint, composeChain(middlewares, last));
  }

  #entryOf(spec: RouteSpec, rule: RuleNode, entryPoint: EntryPointSpec, handler: Handler): RouteEntry<CompiledRoute> {
    const { name, priority, providerRank } = spec;
    return { name, rule, priority, providerRank, value: { name, handler, observed: this.#observe(spec, entryPoint) } };
  }

  #callService(spec: RouteSpec): Handler {
    const service = this.#services.get(spec.service);
    if (service === undefined) throw new Error(`router ${spec.name}: service ${spec.service} is not in the snapshot`);
    return function callService(exchange) {
      exchange.serviceName = spec.service;
      return service.handle(exchange);
    };
  }

  /** The stage that offers a request to the routes below: it matches what the stages before made of the request. */
  *#compileChildren(spec: RouteSpec, entryPoint: EntryPointSpec): Generator<void, Handler> {
    const entries = new Map<string, RouteEntry<CompiledRoute>>();
    for (const name of this.#children.get(spec.name) ?? []) {
      const child = this.#routeSpecs.get(name);
      if (child === undefined) continue;
      // What is reported is the topmost router's to say.
      const observability = spec.observability;
      entries.set(name, yield* this.#compileRoute({ ...child, observability }, entryPoint, []));
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
  return (spec.tls ?? entryPoint.tls !== null) === isSecure;
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
