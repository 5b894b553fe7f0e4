// The live TCP objects of a worker, and what a delta does to them.

import type { EntryPointSpec } from '../../model/entry-point.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import type { EndpointRows } from '../../model/message/sync.ts';
import { tcpServiceKey, type TcpMiddlewareSpec, type TcpRouteSpec, type TcpServiceSpec } from '../../model/tcp.ts';
import type { ServiceTable } from '../balance/count/service-table.ts';
import { LiveServices } from '../balance/live-services.ts';
import type { StagedEndpointSets } from '../live/endpoint-sets.ts';
import type { LivePart } from '../live/live-part.ts';
import { OBJECTS_PER_STEP } from '../live/slices.ts';
import { StagedMap } from '../live/staged-map.ts';
import { parseRule } from '../match/rule/rule.ts';
import { isTcpCatchAll, TCP_RULES } from '../match/tcp-matcher.ts';
import { buildTcpRouteTable, TcpRouteTable, type TcpRouteEntry } from '../match/tcp-route-table.ts';
import type { KeyedCounts } from '../net/count/keyed-counts.ts';
import type { TcpContext } from './tcp-endpoint.ts';
import type { TcpRouting, TcpRoute } from './tcp-routing.ts';
import { createTcpGate, type TcpGate } from './tcp-gate.ts';
import type { TcpObservation } from './tcp-observation.ts';
import { TcpService, type TcpServiceSurroundings } from './tcp-service.ts';

/** What a delta does to the routings of entry points. */
export interface TcpRoutingChanges {
  readonly added: Iterable<TcpRouting>;
  readonly gone: ReadonlySet<TcpRouting>;
  /** They report in other ways from now on. */
  readonly anew: ReadonlySet<TcpRouting>;
}

/** What a delta comes with. */
export interface TcpBuildContext {
  readonly rows: EndpointRows;
  readonly endpointSets: StagedEndpointSets;
  readonly tcpRoutings: TcpRoutingChanges;
  /** An entry point as it will be. */
  readonly specOf: (entryPoint: string) => EntryPointSpec;
}

/** Chooses what a router reports on an entry point. */
export type ObserveTcpRoute = (spec: TcpRouteSpec, entryPoint: EntryPointSpec) => TcpObservation;

/** Objects as they are about to be. */
interface Staged {
  readonly specs: StagedMap<string, TcpRouteSpec>;
  readonly gates: StagedMap<string, TcpGate>;
}

export class TcpGeneration implements LivePart<TcpBuildContext> {
  readonly #routings = new Set<TcpRouting>();
  readonly #inFlight: KeyedCounts;
  readonly #observe: ObserveTcpRoute;
  readonly #services: LiveServices<'tcp', TcpServiceSpec, TcpService>;
  readonly #gates = new Map<string, TcpGate>();
  readonly #specs = new Map<string, TcpRouteSpec>();

  constructor(context: TcpContext, counts: ServiceTable, inFlight: KeyedCounts, observe: ObserveTcpRoute) {
    const surroundings: TcpServiceSurroundings = { context, counts, service: (name) => this.#services.find(name) };
    this.#services = new LiveServices({
      protocol: 'tcp',
      keyOf: tcpServiceKey,
      create: (name) => new TcpService(name, surroundings),
    });
    this.#inFlight = inFlight;
    this.#observe = observe;
  }

  /** Health of a server of this service may have changed. */
  refresh(service: string): void {
    this.#services.get(service)?.refresh();
  }

  *build(
    delta: SnapshotDelta,
    { rows, endpointSets, tcpRoutings, specOf }: TcpBuildContext,
  ): Generator<void, () => void> {
    const gates = new StagedMap(this.#gates);
    for (const spec of Object.values<TcpMiddlewareSpec>(delta.changed.tcpMiddlewares ?? {})) {
      gates.set(spec.name, createTcpGate(spec, this.#inFlight));
    }
    const commitServices = yield* this.#services.build({
      changed: delta.changed.tcpServices,
      removed: delta.removed.tcpServices,
      endpointSets,
      rows,
    });
    const specs = new StagedMap(this.#specs);
    const removed = delta.removed.tcpRoutes ?? [];
    const changed = new Map<string, TcpRouteSpec>(Object.entries(delta.changed.tcpRoutes ?? {}));
    for (const [name, spec] of this.#specs) {
      if (changed.has(name) || removed.includes(name)) continue;
      if (spec.middlewares.some((middleware) => gates.isStaged(middleware))) changed.set(name, spec);
    }
    for (const name of removed) specs.delete(name);
    for (const [name, spec] of changed) specs.set(name, spec);
    const { added, gone, anew } = tcpRoutings;
    const staged = { specs, gates };
    const commits: (() => void)[] = [];
    for (const routing of this.#routings) {
      if (gone.has(routing)) continue;
      const affected = anew.has(routing) ? specs : changed;
      commits.push(yield* this.#buildRouting(routing, specOf(routing.name), staged, affected, removed));
    }
    for (const routing of added) {
      commits.push(yield* this.#buildRouting(routing, specOf(routing.name), staged, specs, []));
    }
    return () => {
      for (const commit of commits) commit();
      specs.commit();
      commitServices();
      for (const name of delta.removed.tcpMiddlewares ?? []) gates.delete(name);
      gates.commit();
      for (const routing of gone) this.#routings.delete(routing);
      for (const routing of added) this.#routings.add(routing);
    };
  }

  *#buildRouting(
    routing: TcpRouting,
    entryPoint: EntryPointSpec,
    staged: Staged,
    changed: Iterable<[string, TcpRouteSpec]>,
    removed: readonly string[],
  ): Generator<void, () => void> {
    const plain: TcpRouteEntry<TcpRoute>[] = [];
    const secure: TcpRouteEntry<TcpRoute>[] = [];
    // One that has changed may have been on the other side, or on another entry point.
    const leaving = [...removed];
    for (const [name, spec] of changed) {
      leaving.push(name);
      if (!spec.entryPoints.includes(routing.name)) continue;
      (spec.tls === null ? plain : secure).push(this.#compile(spec, entryPoint, staged));
      if ((plain.length + secure.length) % OBJECTS_PER_STEP === 0) yield;
    }
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

  #compile(spec: TcpRouteSpec, entryPoint: EntryPointSpec, { gates }: Staged): TcpRouteEntry<TcpRoute> {
    const { rule, errors } = parseRule(spec.rule, TCP_RULES);
    if (rule === null) throw new Error(`TCP router ${spec.name}: ${errors[0]?.message ?? 'the rule does not parse'}`);
    const service = spec.isDisabled ? null : this.#services.find(spec.service);
    if (service === undefined) throw new Error(`TCP router ${spec.name}: there is no service ${spec.service}`);
    return {
      name: spec.name,
      rule,
      priority: spec.priority,
      providerRank: spec.providerRank,
      value: {
        name: spec.name,
        service,
        gates: spec.middlewares.map((name) => gateOf(name, gates)),
        tls: spec.tls,
        isCatchAll: isTcpCatchAll(rule),
        observation: this.#observe(spec, entryPoint),
      },
    };
  }
}

function gateOf(name: string, gates: StagedMap<string, TcpGate>): TcpGate {
  const gate = gates.get(name);
  if (gate === undefined) throw new Error(`there is no TCP middleware ${name}`);
  return gate;
}
