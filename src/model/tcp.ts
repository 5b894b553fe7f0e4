// TCP routers, services and middlewares as the data plane runs them.

import type { CheckSchedule, ChildSpec, UpstreamTlsSpec } from './service.ts';

export interface TcpRouteSpec {
  /** Qualified name, `db@file`. */
  readonly name: string;
  readonly entryPoints: readonly string[];
  /** Rule text; already proven to parse. */
  readonly rule: string;
  readonly priority: number;
  /** As in `RouteSpec`. */
  readonly providerRank: number;
  /** Qualified names in order. */
  readonly middlewares: readonly string[];
  /** Qualified name of a TCP service. */
  readonly service: string;
  /** Null for connections without TLS. */
  readonly tls: TcpRouteTls | null;
  /** It cannot be served, and keeps its place: its connections are closed and go to no other router. */
  readonly isDisabled: boolean;
}

export interface TcpRouteTls {
  /** The connection goes to the server as it comes, and the server ends TLS. */
  readonly passthrough: boolean;
  /** Qualified name; '' when the options cannot be used: handshakes fail. */
  readonly options: string;
}

export type TcpMiddlewareSpec =
  | { readonly kind: 'ipAllowList'; readonly name: string; readonly sourceRange: readonly string[] }
  /** Connections from one address over all workers. */
  | { readonly kind: 'inFlightConn'; readonly name: string; readonly amount: number };

/** A server of plain connections. */
export interface TcpServerSpec {
  /** `host:port` as configured, for logs, metrics and the API. */
  readonly url: string;
  /** Name or address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The router speaks TLS to it. */
  readonly isSecure: boolean;
}

/** Asks a server whether it is up: by a connection, and by what it answers on it. */
export interface TcpHealthCheckSpec extends CheckSchedule {
  /** 0 for the server's. */
  readonly port: number;
  /** Sent when the connection is there; '' for nothing. */
  readonly send: string;
  /** What the answer has to begin with; '' for a connection alone. */
  readonly expect: string;
}

export interface TcpLoadBalancerSpec {
  readonly kind: 'tcpLoadBalancer';
  readonly name: string;
  /** See secrets.ts. */
  readonly secret?: string;
  /** Name of the set of its endpoints. */
  readonly endpointSet: string;
  readonly transport: TcpTransportSpec;
  readonly healthCheck: TcpHealthCheckSpec | null;
  /** Connections tell nothing of a server's health: a failed dial goes to the next one. */
  readonly passiveHealthCheck: null;
}

/** Divides connections between services by their weights. */
export interface TcpWeightedSpec {
  readonly kind: 'tcpWeighted';
  readonly name: string;
  readonly children: readonly ChildSpec[];
  /** Children that are down get nothing, and it is down itself when all of them are. */
  readonly followsHealth: boolean;
}

export type TcpServiceSpec = TcpLoadBalancerSpec | TcpWeightedSpec;

/** Where HTTP and TCP services stand together, as in tables of servers: both may have one of the same name. */
export function tcpServiceKey(name: string): string {
  return name + TCP_SUFFIX;
}

/** Name of the TCP service whose key it is; null for an HTTP service's. */
export function tcpServiceOf(key: string): string | null {
  return key.endsWith(TCP_SUFFIX) ? key.slice(0, -TCP_SUFFIX.length) : null;
}

/** A qualified name has one @. */
const TCP_SUFFIX = '@@tcp';

export interface TcpTransportSpec {
  /** One server, all its addresses together; 0 is off. */
  readonly dialTimeoutMs: number;
  /** Between two probes of a silent connection; 0 switches them off. */
  readonly dialKeepAliveMs: number;
  /** Once the client has ended its direction: how long the server may be silent; negative for as long as it likes. */
  readonly clientEndDelayMs: number;
  /** Once the server has ended its direction: how long the client may be silent. */
  readonly serverEndDelayMs: number;
  /** Version of the header that tells a server who the client is; 0 sends none. */
  readonly proxyProtocol: 0 | 1 | 2;
  readonly tls: UpstreamTlsSpec;
}
