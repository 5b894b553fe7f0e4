// A UDP service as routers and other services see it: a stable object per name, whose specification changes under it.

import type { UdpServerSpec, UdpServiceSpec } from '../../model/udp.ts';
import { createWrr, type TurnPicker } from '../balance/wrr.ts';
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

export interface UdpServiceSurroundings {
  readonly resolver: Resolver;
  readonly trace: FailureTrace;
  readonly service: (name: string) => UdpService | undefined;
}

export class UdpService {
  readonly name: string;
  readonly #surroundings: UdpServiceSurroundings;
  /** By what makes a server the same one. */
  #endpoints = new Map<string, UdpEndpoint>();
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

  update(spec: UdpServiceSpec): void {
    if (spec.kind === 'udpWeighted') {
      this.#setServers([]);
      this.#servers = null;
      const candidates = spec.children
        .filter(({ weight }) => weight > 0)
        .map(({ service, weight }) => ({ target: service, weight, key: service }));
      this.#children = createWrr(candidates, this.#children);
      return;
    }
    this.#children = null;
    this.#setServers(spec.servers);
    const candidates = spec.servers
      .filter(({ weight }) => weight > 0)
      .map(({ url, weight }) => ({ target: this.#endpoints.get(url)!, weight, key: url }));
    this.#servers = createWrr(candidates, this.#servers);
  }

  retire(): void {
    this.#setServers([]);
    this.#servers = null;
    this.#children = null;
  }

  /** A server whose weight alone has changed stays the same one, and keeps its sessions. */
  #setServers(servers: readonly UdpServerSpec[]): void {
    const { resolver, trace } = this.#surroundings;
    const before = this.#endpoints;
    const endpoints = new Map<string, UdpEndpoint>();
    for (const server of servers) {
      if (endpoints.has(server.url)) continue;
      const known = before.get(server.url);
      if (known === undefined) resolver.retain(server.host);
      endpoints.set(
        server.url,
        known === undefined
          ? {
              service: this.name,
              server,
              addressOrder: new AddressOrder(),
              trace: trace.server('udp', this.name, server.url),
              isRetired: false,
            }
          : known,
      );
    }
    for (const [url, endpoint] of before) {
      if (endpoints.has(url)) continue;
      endpoint.isRetired = true;
      resolver.release(endpoint.server.host);
    }
    this.#endpoints = endpoints;
  }
}
