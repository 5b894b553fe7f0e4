// A service as the data plane runs it: a named target that balances.

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

export interface LoadBalancerSpec {
  readonly kind: 'loadBalancer';
  readonly name: string;
  readonly strategy: 'wrr';
  readonly servers: readonly ServerSpec[];
  readonly passHostHeader: boolean;
  readonly transport: UpstreamTransportSpec;
}

/** How upstream connections are made and kept. Limits hold for the process, not for one worker. */
export interface UpstreamTransportSpec {
  readonly dialTimeoutMs: number;
  /** From the end of the request to the response head; 0 is off. */
  readonly responseHeaderTimeoutMs: number;
  /** A kept connection without a request. */
  readonly idleConnTimeoutMs: number;
  /** Longest pause between two reads of a response body; 0 is off. */
  readonly readIdleTimeoutMs: number;
  /** Longest time the server may take to accept more of a request body; 0 is off. */
  readonly writeIdleTimeoutMs: number;
  readonly maxIdleConnsPerHost: number;
  /** Open connections to one server; 0 is unlimited. */
  readonly maxConnsPerHost: number;
  /** Requests that wait for a connection of one server. */
  readonly maxPendingRequests: number;
  readonly maxResponseHeaderBytes: number;
  readonly maxResponseHeaderCount: number;
}

/** A service that answers every request by itself, in plain text. */
export interface FixedServiceSpec {
  readonly kind: 'fixed';
  readonly name: string;
  readonly status: number;
  readonly body: string;
}

export type ServiceSpec = LoadBalancerSpec | FixedServiceSpec;

/** Path of an internal service's socket in the directory of the process; the same in every process otherwise. */
export function internalSocket(directory: string, service: string): string {
  return `${directory}/${service}.sock`;
}
