// A loadBalancer service in one worker: the endpoints of its servers and the picker over them. It lives as long as the
// service's name; a changed specification keeps the endpoints of unchanged servers, with their connections.

import type { LoadBalancerSpec, ServerSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { Endpoint } from '../upstream/endpoint.ts';
import type { Picker, WeightedEndpoint } from './define.ts';
import { BALANCERS } from './registry.ts';

export class LoadBalancer {
  readonly name: string;
  private readonly context: UpstreamContext;
  private endpoints = new Map<string, Endpoint>();
  private picker: Picker | null = null;
  private passHostHeader = true;

  constructor(name: string, context: UpstreamContext) {
    this.name = name;
    this.context = context;
  }

  /** Takes over the specification: from the next request on. */
  update(spec: LoadBalancerSpec): void {
    const previous = this.endpoints;
    const transport = JSON.stringify(spec.transport);
    const endpoints = new Map<string, Endpoint>();
    const weighted: WeightedEndpoint[] = [];
    for (const server of spec.servers) {
      const key = `${spec.name}|${serverKey(server)}|${transport}`;
      const endpoint =
        endpoints.get(key) ?? previous.get(key) ?? new Endpoint(key, server, spec.transport, this.context);
      endpoints.set(key, endpoint);
      if (server.weight > 0) weighted.push({ endpoint, weight: server.weight });
    }
    this.endpoints = endpoints;
    this.passHostHeader = spec.passHostHeader;
    this.picker = BALANCERS[spec.strategy].create(weighted, this.picker);
    for (const [key, endpoint] of previous) if (!endpoints.has(key)) endpoint.retire();
  }

  handle(exchange: Exchange): void {
    const endpoint = this.picker?.pick(exchange) ?? null;
    if (endpoint === null) {
      respondFailure(exchange, FAILURES.noServer);
      return;
    }
    exchange.upstreamHost = this.passHostHeader && exchange.authority !== '' ? exchange.authority : endpoint.address;
    endpoint.send(exchange);
  }

  /** The service is gone: busy connections finish their response. */
  retire(): void {
    for (const endpoint of this.endpoints.values()) endpoint.retire();
    this.endpoints.clear();
    this.picker = null;
  }
}

/** Weight is the picker's affair: changing it keeps the connections. */
function serverKey(server: ServerSpec): string {
  return `${server.url} ${server.preservePath}`;
}
