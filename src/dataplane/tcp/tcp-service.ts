// A TCP service as routers and other services see it: a stable object per name, whose specification changes under it.

import { transportTo, type EndpointPatch, type TcpEndpointSpec } from '../../model/endpoint-set.ts';
import type { RowsByKey } from '../../model/message/sync.ts';
import type { TcpLoadBalancerSpec, TcpServiceSpec, TcpWeightedSpec } from '../../model/tcp.ts';
import { ServiceLiveness } from '../balance/service-liveness.ts';
import { createWrr, type TurnPicker } from '../balance/wrr.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
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

  /** Takes over a specification, and all endpoints of its set. */
  update(spec: TcpServiceSpec, given: GivenEndpoints<TcpEndpointSpec>): void {
    if (spec.kind === 'tcpLoadBalancer') {
      const before = this.#kind instanceof TcpLoadBalancer ? this.#kind : null;
      if (before === null) this.#kind?.retire();
      const kind = before ?? new TcpLoadBalancer(this.#surroundings.context);
      this.#kind = kind;
      kind.update(spec, given);
    } else {
      this.#kind?.retire();
      this.#kind = new TcpDivision(spec, this.#surroundings.service, () => this.#liveness.noteHealth(this.isUp));
    }
    this.#liveness.noteHealth(this.isUp);
  }

  /** Single endpoints change. */
  patch(patch: EndpointPatch<TcpEndpointSpec>, rows: RowsByKey): void {
    if (this.#kind instanceof TcpLoadBalancer) this.#kind.patch(patch, rows);
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

interface Member {
  readonly endpoint: TcpEndpoint;
  readonly spec: TcpEndpointSpec;
}

function isSameServer(a: TcpEndpointSpec, b: TcpEndpointSpec): boolean {
  return (
    a.url === b.url &&
    a.isSecure === b.isSecure &&
    a.identity?.value === b.identity?.value &&
    a.identity?.type === b.identity?.type
  );
}

/** Round robin over the servers that are up. */
class TcpLoadBalancer implements Kind {
  isUp = false;
  private readonly context: TcpContext;
  private spec: TcpLoadBalancerSpec | null = null;
  /** The transport as text. */
  private transport = '';
  /** By key. */
  private members = new Map<string, Member>();
  private picker: TurnPicker<TcpEndpoint> | null = null;

  constructor(context: TcpContext) {
    this.context = context;
  }

  get hasServers(): boolean {
    return this.members.size > 0;
  }

  update(spec: TcpLoadBalancerSpec, { endpoints, rows }: GivenEndpoints<TcpEndpointSpec>): void {
    const before = this.members;
    const transport = JSON.stringify(spec.transport);
    const isSameTransport = transport === this.transport;
    this.spec = spec;
    this.transport = transport;
    this.members = new Map();
    for (const one of endpoints) {
      const known = isSameTransport ? before.get(one.key) : undefined;
      this.members.set(one.key, this.take(spec, one, rows[one.key] ?? -1, known));
    }
    for (const [key, { endpoint }] of before) if (this.members.get(key)?.endpoint !== endpoint) endpoint.retire();
    this.refresh();
  }

  patch({ changed, removed }: EndpointPatch<TcpEndpointSpec>, rows: RowsByKey): void {
    const { spec } = this;
    if (spec === null) return;
    for (const key of removed) {
      this.members.get(key)?.endpoint.retire();
      this.members.delete(key);
    }
    for (const one of changed) {
      const known = this.members.get(one.key);
      const member = this.take(spec, one, rows[one.key] ?? -1, known);
      this.members.set(one.key, member);
      if (known !== undefined && known.endpoint !== member.endpoint) known.endpoint.retire();
    }
    this.refresh();
  }

  private take(
    { name, transport }: TcpLoadBalancerSpec,
    one: TcpEndpointSpec,
    row: number,
    known: Member | undefined,
  ): Member {
    const endpoint =
      known !== undefined && isSameServer(known.spec, one)
        ? known.endpoint
        : new TcpEndpoint(name, one, transportTo(one, transport), this.context);
    endpoint.setRow(row);
    return { endpoint, spec: one };
  }

  pick(): TcpEndpoint | null {
    const picked = this.picker?.pick() ?? null;
    if (picked === null || picked.isUp) return picked;
    // The table knows before the message comes that makes a new picker.
    this.refresh();
    return this.picker?.pick() ?? null;
  }

  refresh(): void {
    const ready = [...this.members.values()].filter(({ endpoint, spec }) => endpoint.isUp && spec.state === 'ready');
    this.isUp = ready.length > 0;
    this.picker = createWrr(
      ready.map(({ endpoint, spec }) => ({ target: endpoint, weight: 1, key: spec.url })),
      this.picker,
    );
  }

  retire(): void {
    for (const { endpoint } of this.members.values()) endpoint.retire();
    this.members.clear();
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
