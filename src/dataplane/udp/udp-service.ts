// A UDP service as routers and other services see it: a stable object per name, whose specification changes under it.

import type { EndpointPatch, UdpEndpointSpec } from '../../model/endpoint-set.ts';
import type { UdpServerSpec, UdpServiceSpec } from '../../model/udp.ts';
import { createWrr, type TurnPicker } from '../balance/wrr.ts';
import type { GivenEndpoints } from '../live/endpoint-sets.ts';
import { AddressOrder } from '../upstream/dial/address-order.ts';
import type { FailureTrace, TracedServer } from '../upstream/failure-trace.ts';
import type { Resolver } from '../upstream/name/resolver.ts';

/** One server, for as long as the service has it. */
export interface UdpEndpoint {
  /** Qualified name of the service it belongs to. */
  readonly service: string;
  readonly server: Pick<UdpServerSpec, 'url' | 'host' | 'port'>;
  readonly addressOrder: AddressOrder;
  readonly trace: TracedServer;
  /** The service has it no more: its sessions end. */
  isRetired: boolean;
}

interface Member {
  readonly endpoint: UdpEndpoint;
  readonly spec: UdpEndpointSpec;
}

export interface UdpServiceSurroundings {
  readonly resolver: Resolver;
  readonly trace: FailureTrace;
  readonly service: (name: string) => UdpService | undefined;
}

export class UdpService {
  readonly name: string;
  readonly #surroundings: UdpServiceSurroundings;
  /** By key. */
  #members = new Map<string, Member>();
  #servers: TurnPicker<UdpEndpoint> | null = null;
  #children: TurnPicker<string> | null = null;

  constructor(name: string, surroundings: UdpServiceSurroundings) {
    this.name = name;
    this.#surroundings = surroundings;
  }

  /** The server for a new session; null when there is none. */
  pick(): UdpEndpoint | null {
    if (this.#servers !== null) return this.#servers.pick();
    const child = this.#children?.pick() ?? null;
    // The references of a snapshot have no cycles.
    return child === null ? null : (this.#surroundings.service(child)?.pick() ?? null);
  }

  update(spec: UdpServiceSpec, { endpoints }: GivenEndpoints<UdpEndpointSpec>): void {
    if (spec.kind === 'udpWeighted') {
      this.#set([]);
      this.#servers = null;
      const candidates = spec.children
        .filter(({ weight }) => weight > 0)
        .map(({ service, weight }) => ({ target: service, weight, key: service }));
      this.#children = createWrr(candidates, this.#children);
      return;
    }
    this.#children = null;
    this.#set(endpoints);
    this.#choose();
  }

  /** Single endpoints change. */
  patch({ changed, removed }: EndpointPatch<UdpEndpointSpec>): void {
    if (this.#servers === null) return;
    for (const key of removed) this.#drop(key);
    for (const one of changed) this.#take(one);
    this.#choose();
  }

  retire(): void {
    this.#set([]);
    this.#servers = null;
    this.#children = null;
  }

  #choose(): void {
    const candidates = [...this.#members.values()]
      .filter(({ spec }) => spec.weight > 0 && spec.state === 'ready')
      .map(({ endpoint, spec }) => ({ target: endpoint, weight: spec.weight, key: spec.url }));
    this.#servers = createWrr(candidates, this.#servers);
  }

  #set(endpoints: readonly UdpEndpointSpec[]): void {
    const keys = new Set(endpoints.map(({ key }) => key));
    for (const key of this.#members.keys()) if (!keys.has(key)) this.#drop(key);
    const before = this.#members;
    this.#members = new Map();
    for (const one of endpoints) this.#take(one, before.get(one.key));
  }

  /** A server whose address stays is the same one, and keeps its sessions. */
  #take(spec: UdpEndpointSpec, known = this.#members.get(spec.key)): void {
    const { resolver, trace } = this.#surroundings;
    if (known !== undefined && known.spec.url === spec.url) {
      this.#members.set(spec.key, { endpoint: known.endpoint, spec });
      return;
    }
    if (known !== undefined) this.#end(known);
    resolver.retain(spec.host);
    const endpoint = {
      service: this.name,
      server: spec,
      addressOrder: new AddressOrder(),
      trace: trace.server('udp', this.name, spec.url),
      isRetired: false,
    };
    this.#members.set(spec.key, { endpoint, spec });
  }

  #drop(key: string): void {
    const member = this.#members.get(key);
    if (member === undefined) return;
    this.#members.delete(key);
    this.#end(member);
  }

  #end({ endpoint }: Member): void {
    endpoint.isRetired = true;
    this.#surroundings.resolver.release(endpoint.server.host);
  }
}
