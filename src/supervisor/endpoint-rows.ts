// Which server has which row of the endpoint table. A server is one of a service: the same URL behind two services has two
// rows, as its health is each service's own affair. Rows of servers that are gone are given out again once no worker uses
// them.

import type { LoadBalancerSpec, ServiceSpec } from '../model/service.ts';
import type { SnapshotDelta, SnapshotSections } from '../model/snapshot.ts';
import { tcpServiceKey, type TcpLoadBalancerSpec, type TcpServiceSpec } from '../model/tcp.ts';
import type { EndpointRows as RowsByService } from '../model/message/sync.ts';
import { MAX_ENDPOINTS, type EndpointTable } from '../dataplane/upstream/endpoint-table.ts';

/** Services of every kind of connection. */
export type AnyService = ServiceSpec | TcpServiceSpec;
/** Those with servers of their own. */
export type ServedService = LoadBalancerSpec | TcpLoadBalancerSpec;

/** What a service's rows are filed under. */
export function serviceKey(spec: AnyService): string {
  return spec.kind === 'tcpLoadBalancer' || spec.kind === 'tcpWeighted' ? tcpServiceKey(spec.name) : spec.name;
}

export function hasServers(spec: AnyService): spec is ServedService {
  return spec.kind === 'loadBalancer' || spec.kind === 'tcpLoadBalancer';
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
  readonly spec: ServedService;
  readonly byUrl: ReadonlyMap<string, number>;
}

export class EndpointRows {
  readonly #table: EndpointTable;
  readonly #services = new Map<string, ServiceRows>();
  #free: number[] = [];

  constructor(table: EndpointTable) {
    this.#table = table;
  }

  /** All rows, for a worker that starts. */
  all(): RowsByService {
    return Object.fromEntries([...this.#services].map(([name, rows]) => [name, listOf(rows)]));
  }

  /** Row of a server; -1 for one that has none or is unknown. */
  rowOf(service: string, url: string): number {
    return this.#services.get(service)?.byUrl.get(url) ?? -1;
  }

  /** Gives rows to the servers of these services. */
  assign(services: Iterable<AnyService>): RowsByService {
    const assigned: Record<string, readonly number[]> = {};
    for (const spec of services) {
      if (!hasServers(spec)) continue;
      const key = serviceKey(spec);
      const before = this.#services.get(key);
      const byUrl = new Map<string, number>();
      for (const { url } of spec.servers) {
        if (!byUrl.has(url)) byUrl.set(url, before?.byUrl.get(url) ?? this.#take());
      }
      const rows = { spec, byUrl };
      this.#services.set(key, rows);
      assigned[key] = listOf(rows);
    }
    return assigned;
  }

  /**
   * Rows for what a delta changes. `release` gives back those of servers it takes away; call it when every worker has
   * applied the delta or is gone.
   */
  apply(delta: SnapshotDelta): { rows: RowsByService; release: () => void } {
    const changed = servicesIn(delta.changed);
    const removed = removedServices(delta);
    const affected = [...changed.map(serviceKey), ...removed];
    const before = affected.map((name) => this.#services.get(name)?.byUrl ?? new Map<string, number>());
    for (const key of removed) this.#services.delete(key);
    for (const spec of changed) if (!hasServers(spec)) this.#services.delete(serviceKey(spec));
    const rows = this.assign(changed);
    const gone = affected.flatMap((name, index) => {
      const now = this.#services.get(name)?.byUrl;
      return [...before[index]!].filter(([url]) => now?.has(url) !== true).map(([, row]) => row);
    });
    const release = (): void => {
      for (const row of gone) {
        if (row < 0) continue;
        this.#table.clear(row);
        this.#free.push(row);
      }
    };
    return { rows, release };
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    return this.#table.usedRows < MAX_ENDPOINTS ? this.#table.usedRows++ : -1;
  }
}

function listOf({ spec, byUrl }: ServiceRows): readonly number[] {
  return spec.servers.map(({ url }) => byUrl.get(url)!);
}
