// The live TCP objects of a worker, and what a delta does to them: as engine/http-generation.ts does for HTTP.

import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { EndpointRows } from '../../model/message/sync.ts';
import { tcpServiceKey, type TcpMiddlewareSpec, type TcpRouteSpec } from '../../model/tcp.ts';
import { parseRule } from '../match/rule.ts';
import { isTcpCatchAll, TCP_RULES } from '../match/tcp-matcher.ts';
import { buildTcpRouteTable, TcpRouteTable, type TcpRouteEntry } from '../match/tcp-route-table.ts';
import type { KeyedCounts } from '../net/count/keyed-counts.ts';
import type { TcpContext } from './tcp-endpoint.ts';
import type { TcpRouting, TcpRoute } from './tcp-routing.ts';
import { createTcpGate, type TcpGate } from './tcp-gate.ts';
import type { TcpObservation } from './tcp-observer.ts';
import { TcpService, type TcpServiceSurroundings } from './tcp-service.ts';

/** How often a build may be interrupted: this many objects are well under a slice. */
const OBJECTS_PER_STEP = 20;

/** What a delta does to the routings that routers stand on. */
export interface TcpRoutingChanges {
  readonly added: Iterable<TcpRouting>;
  readonly gone: Iterable<TcpRouting>;
  readonly anew: ReadonlySet<TcpRouting>;
}

export const NO_TCP_ROUTING_CHANGES: TcpRoutingChanges = { added: [], gone: [], anew: new Set() };

/** Chooses what a router reports on an entry point. */
export type ObserveTcpRoute = (spec: TcpRouteSpec, entryPoint: string) => TcpObservation;

export class TcpGeneration {
  readonly #routings: Set<TcpRouting>;
  readonly #surroundings: TcpServiceSurroundings;
  readonly #inFlight: KeyedCounts;
  readonly #observe: ObserveTcpRoute;
  readonly #services = new Map<string, TcpService>();
  readonly #gates = new Map<string, TcpGate>();
  readonly #specs = new Map<string, TcpRouteSpec>();

  constructor(routings: Iterable<TcpRouting>, context: TcpContext, inFlight: KeyedCounts, observe: ObserveTcpRoute) {
    this.#routings = new Set(routings);
    this.#surroundings = { context, service: (name) => this.#services.get(name) };
    this.#inFlight = inFlight;
    this.#observe = observe;
  }

  /** Health of a server of this service may have changed. */
  refresh(service: string): void {
    this.#services.get(service)?.refresh();
  }

  /**
   * Builds what the delta changes; run it in slices. The returned function puts it into effect and must run in one go.
   * `added` routings get everything that is theirs, `gone` ones nothing any more; those `anew` report in other ways.
   */
  *build(
    delta: SnapshotDelta,
    rows: EndpointRows,
    { added, gone, anew }: TcpRoutingChanges,
  ): Generator<void, () => void> {
    const fresh = new Set<string>();
    for (const spec of Object.values<TcpMiddlewareSpec>(delta.changed.tcpMiddlewares ?? {})) {
      this.#gates.set(spec.name, createTcpGate(spec, this.#inFlight));
      fresh.add(spec.name);
    }
    const changedServices = Object.values(delta.changed.tcpServices ?? {});
    const known = changedServices.filter(({ name }) => this.#services.has(name));
    const unknown = changedServices.filter(({ name }) => !this.#services.has(name));
    // All of them exist before one looks for another.
    for (const { name } of unknown) this.#services.set(name, new TcpService(name, this.#surroundings));
    let built = 0;
    for (const spec of unknown) {
      this.#services.get(spec.name)!.update(spec, rows[tcpServiceKey(spec.name)] ?? []);
      if (++built % OBJECTS_PER_STEP === 0) yield;
    }
    const removed = delta.removed.tcpRoutes ?? [];
    const changed = new Map<string, TcpRouteSpec>(Object.entries(delta.changed.tcpRoutes ?? {}));
    for (const [name, spec] of this.#specs) {
      if (changed.has(name) || removed.includes(name)) continue;
      if (spec.middlewares.some((middleware) => fresh.has(middleware))) changed.set(name, spec);
    }
    for (const name of removed) this.#specs.delete(name);
    for (const [name, spec] of changed) this.#specs.set(name, spec);
    for (const routing of gone) this.#routings.delete(routing);
    const swaps: (() => void)[] = [];
    for (const routing of this.#routings) {
      swaps.push(yield* this.#buildRouting(routing, anew.has(routing) ? this.#specs : changed, removed));
    }
    for (const routing of added) {
      this.#routings.add(routing);
      swaps.push(yield* this.#buildRouting(routing, this.#specs, []));
    }
    return () => {
      for (const swap of swaps) swap();
      for (const spec of known) this.#services.get(spec.name)!.update(spec, rows[tcpServiceKey(spec.name)] ?? []);
      for (const name of delta.removed.tcpServices ?? []) {
        this.#services.get(name)?.retire();
        this.#services.delete(name);
      }
      for (const name of delta.removed.tcpMiddlewares ?? []) this.#gates.delete(name);
    };
  }

  *#buildRouting(
    routing: TcpRouting,
    changed: ReadonlyMap<string, TcpRouteSpec>,
    removed: readonly string[],
  ): Generator<void, () => void> {
    const plain: TcpRouteEntry<TcpRoute>[] = [];
    const secure: TcpRouteEntry<TcpRoute>[] = [];
    let compiled = 0;
    for (const spec of changed.values()) {
      if (!spec.entryPoints.includes(routing.name)) continue;
      (spec.tls === null ? plain : secure).push(this.#compile(spec, routing));
      if (++compiled % OBJECTS_PER_STEP === 0) yield;
    }
    // One that has changed may have been on the other side, or on another entry point.
    const leaving = [...removed, ...changed.keys()];
    const swapPlain = yield* this.#buildTable(routing.plain, plain, leaving);
    const swapSecure = yield* this.#buildTable(routing.secure, secure, leaving);
    return () => {
      routing.plain = swapPlain();
      routing.secure = swapSecure();
    };
  }

  *#buildTable(
    table: TcpRouteTable<TcpRoute>,
    entries: readonly TcpRouteEntry<TcpRoute>[],
    leaving: readonly string[],
  ): Generator<void, () => TcpRouteTable<TcpRoute>> {
    const gone = leaving.filter((name) => table.candidates().has(name));
    if (entries.length === 0 && gone.length === 0) return () => table;
    return yield* buildTcpRouteTable(table, entries, gone);
  }

  #compile(spec: TcpRouteSpec, routing: TcpRouting): TcpRouteEntry<TcpRoute> {
    const { rule, errors } = parseRule(spec.rule, TCP_RULES);
    if (rule === null) throw new Error(`TCP router ${spec.name}: ${errors[0]?.message ?? 'the rule does not parse'}`);
    const service = spec.isDisabled ? null : this.#services.get(spec.service);
    if (service === undefined) throw new Error(`TCP router ${spec.name}: there is no service ${spec.service}`);
    return {
      name: spec.name,
      rule,
      priority: spec.priority,
      providerRank: spec.providerRank,
      value: {
        name: spec.name,
        service,
        gates: spec.middlewares.map((name) => this.#gate(name)),
        tls: spec.tls,
        isCatchAll: isTcpCatchAll(rule),
        observation: this.#observe(spec, routing.name),
      },
    };
  }

  #gate(name: string): TcpGate {
    const gate = this.#gates.get(name);
    if (gate === undefined) throw new Error(`there is no TCP middleware ${name}`);
    return gate;
  }
}
