// UDP routers and services as the data plane runs them.

import type { ChildSpec } from './service.ts';

export interface UdpRouteSpec {
  /** Qualified name, `dns@file`. */
  readonly name: string;
  /** Those whose datagrams are this router's: an entry point has one router. */
  readonly entryPoints: readonly string[];
  /** Qualified name of a UDP service. */
  readonly service: string;
  /** It cannot be served, and keeps its place: datagrams are dropped. */
  readonly isDisabled: boolean;
}

export interface UdpServerSpec {
  /** `host:port` as configured, for logs, metrics and the API. */
  readonly url: string;
  /** Name or address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

export interface UdpLoadBalancerSpec {
  readonly kind: 'udpLoadBalancer';
  readonly name: string;
  /** Name of the set of its endpoints. */
  readonly endpointSet: string;
}

/** Divides sessions between services by their weights. */
export interface UdpWeightedSpec {
  readonly kind: 'udpWeighted';
  readonly name: string;
  readonly children: readonly ChildSpec[];
}

/** Where services of all protocols stand together; see `tcpServiceKey`. */
export function udpServiceKey(name: string): string {
  return `${name}@@udp`;
}

export type UdpServiceSpec = UdpLoadBalancerSpec | UdpWeightedSpec;
