// The UDP service with servers of its own: sessions go round them by weight. UDP has no health: a server that is there
// is up.

import type { EndpointPatch, UdpEndpointSpec } from '../../model/endpoint-set.ts';
import type { UdpLoadBalancerSpec, UdpServerSpec } from '../../model/udp.ts';
import type { Layer4Kind } from '../balance/layer4/service-kind.ts';
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

/** What a server needs. */
export interface UdpContext {
  readonly resolver: Resolver;
  readonly trace: FailureTrace;
}

export class UdpLoadBalancer implements Layer4Kind<UdpLoadBalancerSpec, UdpEndpoint, UdpEndpointSpec> {
  readonly #name: string;
  readonly #context: UdpContext;
  /** By key. */
  #members = new Map<string, Member>();
  #picker: TurnPicker<UdpEndpoint> | null = null;

  constructor(name: string, context: UdpContext) {
    this.#name = name;
    this.#context = context;
  }

  get isUp(): boolean {
    return this.hasServers;
  }

  get hasServers(): boolean {
    return this.#members.size > 0;
  }

  pick(): UdpEndpoint | null {
    return this.#picker?.pick() ?? null;
  }

  update(_: UdpLoadBalancerSpec, { endpoints }: GivenEndpoints<UdpEndpointSpec>): void {
    this.#set(endpoints);
    this.refresh();
  }

  /** Single endpoints change. */
  patch({ changed, removed }: EndpointPatch<UdpEndpointSpec>): void {
    for (const key of removed) this.#drop(key);
    for (const one of changed) this.#take(one);
    this.refresh();
  }

  retire(): void {
    this.#set([]);
    this.#picker = null;
  }

  refresh(): void {
    const all = [...this.#members.values()].filter(({ spec }) => spec.weight > 0);
    const ready = all.filter(({ spec }) => spec.state === 'ready');
    // Those that are about to go still answer: better than nobody.
    const candidates = ready.length > 0 ? ready : all;
    this.#picker = createWrr(
      candidates.map(({ endpoint, spec }) => ({ target: endpoint, weight: spec.weight, key: spec.url })),
      this.#picker,
    );
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
    const { resolver, trace } = this.#context;
    if (known !== undefined && known.spec.url === spec.url) {
      this.#members.set(spec.key, { endpoint: known.endpoint, spec });
      return;
    }
    if (known !== undefined) this.#end(known);
    resolver.retain(spec.host);
    const endpoint = {
      service: this.#name,
      server: spec,
      addressOrder: new AddressOrder(),
      trace: trace.server('udp', this.#name, spec.url),
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
    this.#context.resolver.release(endpoint.server.host);
  }
}
