// A service as the data plane runs it: a named target that balances.

import type { TlsVersion } from './tls.ts';

export interface ServerSpec {
  /** The URL as configured, for logs, metrics and the API. */
  readonly url: string;
  readonly scheme: 'http' | 'https' | 'h2c';
  /** Name or address without brackets; `@api` and its like are internal services, and have no port. */
  readonly host: string;
  readonly port: number;
  /** Path of the URL, put before the request's path only with preservePath. */
  readonly path: string;
  readonly preservePath: boolean;
  readonly weight: number;
}

/** A cookie that brings a client back to where it was sent first. */
export interface StickyCookieSpec {
  readonly name: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: 'none' | 'lax' | 'strict' | null;
  /** 0: as long as the browser lives; negative: deleted at once. */
  readonly maxAgeSeconds: number;
  readonly path: string;
  /** '' for the host that answered. */
  readonly domain: string;
  /** Key of the values; '' for that of the process. */
  readonly secret: string;
}

/** When checks come, and how many say that a server is up or down. */
export interface CheckSchedule {
  readonly intervalMs: number;
  /** Between checks of a server that is down. */
  readonly unhealthyIntervalMs: number;
  readonly timeoutMs: number;
  /** A check comes up to this much later, at random, so that those of many servers do not come together. */
  readonly jitterMs: number;
  /** Checks in a row that bring a server up, and down. */
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly initialState: 'up' | 'down';
}

/** Requests of the router's own that tell whether a server is up. Made once per process. */
export interface HealthCheckSpec extends CheckSchedule {
  readonly mode: 'http' | 'grpc';
  /** Null for the server's. */
  readonly scheme: 'http' | 'https' | null;
  readonly path: string;
  readonly method: string;
  /** Sent as Host; '' for the server's address. */
  readonly hostname: string;
  /** 0 for the server's. */
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly followRedirects: boolean;
  /** Statuses of a server that is up, inclusive ranges. */
  readonly status: readonly (readonly [from: number, to: number])[];
}

/**
 * What requests tell about a server: so many failures within the window, and it is ejected for as long as the window.
 */
export interface PassiveHealthCheckSpec {
  readonly failureWindowMs: number;
  readonly maxFailedAttempts: number;
}

export type BalancingStrategy = 'wrr' | 'p2c' | 'hrw' | 'leasttime';

export interface LoadBalancerSpec {
  readonly kind: 'loadBalancer';
  readonly name: string;
  /** See secrets.ts. */
  readonly secret?: string;
  readonly strategy: BalancingStrategy;
  /** Name of the set of its endpoints. */
  readonly endpointSet: string;
  readonly passHostHeader: boolean;
  readonly transport: UpstreamTransportSpec;
  readonly sticky: StickyCookieSpec | null;
  readonly healthCheck: HealthCheckSpec | null;
  readonly passiveHealthCheck: PassiveHealthCheckSpec | null;
  /** Time in which a server that is added or recovers comes to its full weight; 0 is off. */
  readonly slowStartMs: number;
  /** Qualified names of the stages in front of it, in order. */
  readonly middlewares: readonly string[];
}

/** A share of another service's. */
export interface ChildSpec {
  /** Qualified name. */
  readonly service: string;
  readonly weight: number;
  /** Left out while it can be used; otherwise the status that answers its share, which goes to no other. */
  readonly disabledStatus?: number;
}

/** Divides requests between services in proportion to their weights. */
export interface WeightedSpec {
  readonly kind: 'weighted';
  readonly name: string;
  /** See secrets.ts. */
  readonly secret?: string;
  readonly children: readonly ChildSpec[];
  readonly sticky: StickyCookieSpec | null;
  /** Children that are down get nothing, and it is down itself when all of them are. */
  readonly followsHealth: boolean;
}

/** Divides clients between services: the same address goes to the same service. */
export interface HighestRandomWeightSpec {
  readonly kind: 'highestRandomWeight';
  readonly name: string;
  readonly children: readonly ChildSpec[];
  readonly followsHealth: boolean;
}

/** How upstream connections are made and kept. Limits hold for the process, not for one worker. */
export interface UpstreamTransportSpec {
  readonly dialTimeoutMs: number;
  /** From the end of the request to the response head; 0 is off. */
  readonly responseHeaderTimeoutMs: number;
  /** A kept connection without a request. */
  readonly idleConnTimeoutMs: number;
  /**
   * HTTP/1.1: longest pause between two reads of a response body. HTTP/2: silence after which a PING is sent. 0 is off.
   */
  readonly readIdleTimeoutMs: number;
  /** HTTP/2: how long that PING may go without an answer. */
  readonly pingTimeoutMs: number;
  /** Longest time the server may take to accept more of a request body; 0 is off. */
  readonly writeIdleTimeoutMs: number;
  readonly maxIdleConnsPerHost: number;
  /** Open connections to one server; 0 is unlimited. */
  readonly maxConnsPerHost: number;
  /** Requests that wait for a connection of one server. */
  readonly maxPendingRequests: number;
  readonly maxResponseHeaderBytes: number;
  readonly maxResponseHeaderCount: number;
  /** Servers whose scheme is https are offered HTTP/2. */
  readonly isHttp2: boolean;
  /** For servers whose scheme is https. */
  readonly tls: UpstreamTlsSpec;
}

/** What a server has to prove, and what is shown to it. */
export interface UpstreamTlsSpec {
  /** Sent as SNI and looked for in the certificate; '' for the server's own name. */
  readonly serverName: string;
  readonly insecureSkipVerify: boolean;
  /** PEM; empty for those of the runtime. */
  readonly authorities: readonly string[];
  /** Names of certificates to show when the server asks: see `CertificateSpec`. */
  readonly certificates: readonly string[];
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL names joined by `:`; '' for the runtime's. */
  readonly ciphers: string;
  /** The certificate must have one of these names, whether or not it is verified otherwise; empty asks for none. */
  readonly pinnedNames: readonly PinnedName[];
}

/** Of servers that are not spoken to over TLS, too. */
export const DEFAULT_UPSTREAM_TLS: UpstreamTlsSpec = {
  serverName: '',
  insecureSkipVerify: false,
  authorities: [],
  certificates: [],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  pinnedNames: [],
};

/** A subject alternative name of a certificate. */
export interface PinnedName {
  readonly type: 'DNS' | 'URI';
  readonly value: string;
}

/** A service that answers every request by itself, in plain text. */
export interface FixedServiceSpec {
  readonly kind: 'fixed';
  readonly name: string;
  readonly status: number;
  readonly body: string;
}

export type ServiceSpec = LoadBalancerSpec | WeightedSpec | HighestRandomWeightSpec | FixedServiceSpec;

/** Services it hands requests on to, by qualified name. */
export function childrenOf(service: ServiceSpec): readonly ChildSpec[] {
  return service.kind === 'weighted' || service.kind === 'highestRandomWeight' ? service.children : [];
}

/** Path of an internal service's socket in the directory of the process; the same in every process otherwise. */
export function internalSocket(directory: string, service: string): string {
  return `${directory}/${service}.sock`;
}
