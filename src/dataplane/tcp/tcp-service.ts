// A TCP service as routers and other services see it: a stable object per name, whose specification changes under it.

import type { TcpLoadBalancerSpec, TcpServiceSpec, TcpWeightedSpec } from '../../model/tcp.ts';
import { ServiceLiveness } from '../balance/service-liveness.ts';
import { createWrr, type TurnPicker } from '../balance/wrr.ts';
import { TcpEndpoint, type TcpContext } from './tcp-endpoint.ts';

export interface TcpServiceSurroundings {
  readonly context: TcpContext;
  readonly service: (name: string) => TcpService | undefined;
}

/** One kind of service. */
interface Kind {
  readonly isUp: boolean;
  /** There is anything to choose from, were it up. */
  readonly hasServers: boolean;
  pick(): TcpEndpoint | null;
  refresh(): void;
  retire(): void;
}

export class TcpService {
  readonly name: string;
  readonly #surroundings: TcpServiceSurroundings;
  readonly #liveness = new ServiceLiveness();
  #kind: Kind | null = null;

  constructor(name: string, surroundings: TcpServiceSurroundings) {
    this.name = name;
    this.#surroundings = surroundings;
  }

  get isUp(): boolean {
    return this.#kind?.isUp ?? false;
  }

  get hasServers(): boolean {
    return this.#kind?.hasServers ?? false;
  }

  /** The server for a connection; null when none is up. */
  pick(): TcpEndpoint | null {
    const endpoint = this.#kind?.pick() ?? null;
    if (endpoint === null) this.#liveness.noteHealth(this.isUp);
    return endpoint;
  }

  /** `rows` are the servers' in the endpoint table. */
  update(spec: TcpServiceSpec, rows: readonly number[]): void {
    if (spec.kind === 'tcpLoadBalancer') {
      const before = this.#kind instanceof TcpLoadBalancer ? this.#kind : null;
      if (before === null) this.#kind?.retire();
      const kind = before ?? new TcpLoadBalancer(this.#surroundings.context);
      this.#kind = kind;
      kind.update(spec, rows);
    } else {
      this.#kind?.retire();
      this.#kind = new TcpDivision(spec, this.#surroundings.service, () => this.#liveness.noteHealth(this.isUp));
    }
    this.#liveness.noteHealth(this.isUp);
  }

  /** Health of a server may have changed. */
  refresh(): void {
    this.#kind?.refresh();
    this.#liveness.noteHealth(this.isUp);
  }

  retire(): void {
    this.#kind?.retire();
    this.#kind = null;
    this.#liveness.retire();
  }

  /** Calls when it comes up or goes down; returns the way to stop. */
  watch(changed: () => void): () => void {
    return this.#liveness.watch(changed);
  }
}

/** Round robin over the servers that are up. */
class TcpLoadBalancer implements Kind {
  isUp = false;
  private readonly context: TcpContext;
  /** By what makes a server the same one. */
  private endpoints = new Map<string, TcpEndpoint>();
  private picker: TurnPicker<TcpEndpoint> | null = null;

  constructor(context: TcpContext) {
    this.context = context;
  }

  get hasServers(): boolean {
    return this.endpoints.size > 0;
  }

  update(spec: TcpLoadBalancerSpec, rows: readonly number[]): void {
    const before = this.endpoints;
    const transport = JSON.stringify(spec.transport);
    const endpoints = new Map<string, TcpEndpoint>();
    for (const [index, server] of spec.servers.entries()) {
      const key = `${server.url} ${server.isSecure} ${transport}`;
      if (endpoints.has(key)) continue;
      const endpoint = before.get(key) ?? new TcpEndpoint(spec.name, server, spec.transport, this.context);
      endpoint.setRow(rows[index] ?? -1);
      endpoints.set(key, endpoint);
    }
    this.endpoints = endpoints;
    for (const [key, endpoint] of before) if (!endpoints.has(key)) endpoint.retire();
    this.refresh();
  }

  pick(): TcpEndpoint | null {
    const picked = this.picker?.pick() ?? null;
    if (picked === null || picked.isUp) return picked;
    // The table knows before the message comes that makes a new picker.
    this.refresh();
    return this.picker?.pick() ?? null;
  }

  refresh(): void {
    const up = [...this.endpoints.values()].filter((endpoint) => endpoint.isUp);
    this.isUp = up.length > 0;
    this.picker = createWrr(
      up.map((endpoint) => ({ target: endpoint, weight: 1, key: endpoint.server.url })),
      this.picker,
    );
  }

  retire(): void {
    for (const endpoint of this.endpoints.values()) endpoint.retire();
    this.endpoints.clear();
    this.picker = null;
  }
}

/** Services by their weights. */
class TcpDivision implements Kind {
  private readonly spec: TcpWeightedSpec;
  private readonly find: (name: string) => TcpService | undefined;
  private readonly stops: readonly (() => void)[];
  private picker: TurnPicker<TcpService> | null = null;

  constructor(spec: TcpWeightedSpec, find: (name: string) => TcpService | undefined, changed: () => void) {
    this.spec = spec;
    this.find = find;
    this.stops = spec.children.map(
      ({ service }) =>
        find(service)?.watch(() => {
          this.refresh();
          changed();
        }) ?? (() => {}),
    );
    this.refresh();
  }

  get isUp(): boolean {
    return !this.spec.followsHealth || this.spec.children.some(({ service }) => this.find(service)?.isUp === true);
  }

  get hasServers(): boolean {
    return this.spec.children.some(({ service }) => this.find(service)?.hasServers === true);
  }

  pick(): TcpEndpoint | null {
    const endpoint = this.picker?.pick()?.pick() ?? null;
    if (endpoint !== null || !this.spec.followsHealth) return endpoint;
    // The one whose turn it was has just turned out to be down.
    this.refresh();
    return this.picker?.pick()?.pick() ?? null;
  }

  refresh(): void {
    const candidates = this.spec.children.flatMap(({ service, weight }) => {
      const target = weight > 0 ? this.find(service) : undefined;
      if (target === undefined || (this.spec.followsHealth && !target.isUp)) return [];
      return [{ target, weight, key: service }];
    });
    this.picker = createWrr(candidates, this.picker);
  }

  retire(): void {
    for (const stop of this.stops) stop();
  }
}
