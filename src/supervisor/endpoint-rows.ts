// Which endpoint has which row of the endpoint table. An endpoint is one of a service: the same one behind two services
// has two rows, as its health is each service's own affair. Rows of endpoints that are gone are given out again once no
// worker uses them.

import { endpointsOf, type HttpEndpointSpec, type TcpEndpointSpec } from '../model/endpoint-set.ts';
import type { LoadBalancerSpec, ServiceSpec } from '../model/service.ts';
import type { SnapshotDelta, SnapshotSections } from '../model/snapshot.ts';
import { tcpServiceKey, type TcpLoadBalancerSpec, type TcpServiceSpec } from '../model/tcp.ts';
import type { EndpointRows as RowsByService, RowsByKey } from '../model/message/sync.ts';
import { MAX_ENDPOINTS, type EndpointTable } from '../dataplane/upstream/endpoint-table.ts';

/** Services of every kind of connection. */
export type AnyService = ServiceSpec | TcpServiceSpec;
/** Those with endpoints of their own. */
export type ServedService = LoadBalancerSpec | TcpLoadBalancerSpec;
export type ServedEndpoint = HttpEndpointSpec | TcpEndpointSpec;

/** What a service's rows are filed under. */
export function serviceKey(spec: AnyService): string {
  return spec.kind === 'tcpLoadBalancer' || spec.kind === 'tcpWeighted' ? tcpServiceKey(spec.name) : spec.name;
}

export function hasEndpoints(spec: AnyService): spec is ServedService {
  return spec.kind === 'loadBalancer' || spec.kind === 'tcpLoadBalancer';
}

/** The endpoints of a service in a snapshot. */
export function endpointsIn(
  { endpointSets }: Pick<SnapshotSections, 'endpointSets'>,
  spec: ServedService,
): readonly ServedEndpoint[] {
  return endpointsOf(endpointSets[spec.endpointSet], spec.kind === 'loadBalancer' ? 'http' : 'tcp');
}

/** Of all sections; for a delta, of those that have changed. */
export function servicesIn(sections: Partial<Pick<SnapshotSections, 'services' | 'tcpServices'>>): AnyService[] {
  return [...Object.values(sections.services ?? {}), ...Object.values(sections.tcpServices ?? {})];
}

/** Keys of the services that a delta takes away. */
export function removedServices({ removed }: Pick<SnapshotDelta, 'removed'>): string[] {
  return [...(removed.services ?? []), ...(removed.tcpServices ?? []).map(tcpServiceKey)];
}

interface ServiceRows {
  readonly set: string;
  /** By key; -1 for one that has none. */
  readonly byKey: Map<string, number>;
}

export class EndpointRows {
  readonly #table: EndpointTable;
  readonly #services = new Map<string, ServiceRows>();
  /** Keys of the services that take their endpoints from a set. */
  readonly #users = new Map<string, Set<string>>();
  #free: number[] = [];

  constructor(table: EndpointTable) {
    this.#table = table;
  }

  /** All rows, for a worker that starts. */
  all(): RowsByService {
    return Object.fromEntries([...this.#services].map(([name, { byKey }]) => [name, Object.fromEntries(byKey)]));
  }

  /** Row of an endpoint; -1 for one that has none or is unknown. */
  rowOf(service: string, key: string): number {
    return this.#services.get(service)?.byKey.get(key) ?? -1;
  }

  /** Keys of the services that take their endpoints from this set. */
  usersOf(set: string): readonly string[] {
    return [...(this.#users.get(set) ?? [])];
  }

  /** Gives rows to the endpoints of everything in a snapshot. */
  assignAll(snapshot: Pick<SnapshotSections, 'services' | 'tcpServices' | 'endpointSets'>): void {
    for (const spec of servicesIn(snapshot)) if (hasEndpoints(spec)) this.#assign(spec, snapshot, []);
  }

  /**
   * Rows for what a delta changes, to what `snapshot` is. `release` gives back those of endpoints it takes away; call
   * it when every worker has applied the delta or is gone.
   */
  apply(
    delta: SnapshotDelta,
    snapshot: Pick<SnapshotSections, 'endpointSets'>,
  ): { rows: RowsByService; release: () => void } {
    const rows: Record<string, RowsByKey> = {};
    const gone: number[] = [];
    for (const key of removedServices(delta)) this.#forget(key, gone);
    const whole = new Set<string>();
    for (const spec of servicesIn(delta.changed)) {
      const key = serviceKey(spec);
      whole.add(key);
      if (hasEndpoints(spec)) rows[key] = this.#assign(spec, snapshot, gone);
      else this.#forget(key, gone);
    }
    for (const [set, { changed, removed }] of Object.entries(delta.endpoints ?? {})) {
      for (const key of this.usersOf(set)) {
        if (whole.has(key)) continue;
        const { byKey } = this.#services.get(key)!;
        for (const one of removed) this.#give(byKey, one, gone);
        rows[key] = Object.fromEntries(changed.map((endpoint) => [endpoint.key, this.#take(byKey, endpoint.key)]));
      }
    }
    const release = (): void => {
      for (const row of gone) {
        this.#table.clear(row);
        this.#free.push(row);
      }
    };
    return { rows, release };
  }

  #assign(spec: ServedService, snapshot: Pick<SnapshotSections, 'endpointSets'>, gone: number[]): RowsByKey {
    const key = serviceKey(spec);
    const before = this.#services.get(key);
    const left = before?.byKey ?? new Map<string, number>();
    const byKey = new Map<string, number>();
    for (const endpoint of endpointsIn(snapshot, spec)) {
      byKey.set(endpoint.key, left.get(endpoint.key) ?? this.#fresh());
      left.delete(endpoint.key);
    }
    for (const one of left.keys()) this.#give(left, one, gone);
    if (before !== undefined && before.set !== spec.endpointSet) this.#users.get(before.set)?.delete(key);
    this.#services.set(key, { set: spec.endpointSet, byKey });
    const users = this.#users.get(spec.endpointSet);
    if (users === undefined) this.#users.set(spec.endpointSet, new Set([key]));
    else users.add(key);
    return Object.fromEntries(byKey);
  }

  #forget(key: string, gone: number[]): void {
    const known = this.#services.get(key);
    if (known === undefined) return;
    this.#services.delete(key);
    const users = this.#users.get(known.set);
    users?.delete(key);
    if (users?.size === 0) this.#users.delete(known.set);
    for (const one of known.byKey.keys()) this.#give(known.byKey, one, gone);
  }

  #take(byKey: Map<string, number>, key: string): number {
    let row = byKey.get(key);
    if (row === undefined) {
      row = this.#fresh();
      byKey.set(key, row);
    }
    return row;
  }

  #give(byKey: Map<string, number>, key: string, gone: number[]): void {
    const row = byKey.get(key) ?? -1;
    byKey.delete(key);
    if (row >= 0) gone.push(row);
  }

  #fresh(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    return this.#table.usedRows < MAX_ENDPOINTS ? this.#table.usedRows++ : -1;
  }
}
