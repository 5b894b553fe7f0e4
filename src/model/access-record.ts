// One served request as access log, metrics and traces see it. The data plane's Exchange has this shape; observe/ reads
// it when the request is over and keeps no reference.

/** One TCP connection, or one UDP session, when it is over. */
export interface ConnectionRecord {
  readonly protocol: 'TCP' | 'UDP';
  /** Milliseconds since the epoch at its acceptance. */
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly entryPointName: string;
  /** Qualified names. */
  readonly routerName: string;
  readonly serviceName: string;
  /** Address as configured of the server it was connected to, or tried last; '' when there was none. */
  readonly serviceUrl: string;
  readonly clientIp: string;
  readonly clientPort: number;
  /** Server name of the ClientHello; '' without one. */
  readonly serverName: string;
  /** The server ended TLS. */
  readonly isPassthrough: boolean;
  /** `1.3`; '' where the router did not end TLS. */
  readonly tlsVersion: string;
  readonly tlsCipher: string;
  readonly tlsClientSubject: string;
  /** Bytes of the client. */
  readonly receivedBytes: number;
  /** Bytes for the client. */
  readonly sentBytes: number;
  /** Why it ended; '' when both sides ended it in order. */
  readonly responseFlag: string;
}

/** Header fields by lower-case name. */
export interface HeaderView {
  /** First value, or undefined. */
  get(lowerName: string): string | undefined;
  /** Every field in order, name as received. */
  forEach(visit: (name: string, value: string) => void): void;
}

export interface AccessRecord {
  /** Milliseconds since the epoch at the first byte of the request head. */
  readonly startWallMs: number;
  readonly durationMs: number;
  /** From the hand-over to the upstream to the end of its response; 0 when no upstream was asked. */
  readonly originDurationMs: number;
  readonly entryPointName: string;
  /** Qualified names; '' when no router matched. */
  readonly routerName: string;
  readonly serviceName: string;
  /** Server URL as configured; '' when none was asked. */
  readonly serviceUrl: string;
  /** host:port asked; '' when none was asked. */
  readonly serviceAddr: string;
  readonly clientIp: string;
  readonly clientPort: number;
  /** User name proven by an authentication middleware; '' when none. */
  readonly clientUser: string;
  readonly method: string;
  /** Request target as received, path and query. */
  readonly target: string;
  /** Host as received with its port, from target or Host header. */
  readonly authority: string;
  /** `HTTP/1.1`. */
  readonly protocol: string;
  /** Metric protocol. */
  readonly traffic: 'http' | 'websocket' | 'sse' | 'grpc' | 'grpc-web';
  readonly scheme: 'http' | 'https';
  /** `1.3`; '' without TLS. */
  readonly tlsVersion: string;
  /** IANA's name; '' without TLS. */
  readonly tlsCipher: string;
  /** Of the client's certificate; '' without one. */
  readonly tlsClientSubject: string;
  /** Body bytes received from the client. */
  readonly requestBytes: number;
  /** 0 when the upstream gave no answer. */
  readonly originStatus: number;
  readonly originBytes: number;
  /** Status sent to the client; 499 when the client left first; 0 never. */
  readonly status: number;
  /** Body bytes sent to the client. */
  readonly responseBytes: number;
  readonly retryAttempts: number;
  /** Short name of the failure, '' for none: `no_route`, `upstream_connect_refused` … */
  readonly responseFlag: string;
  readonly requestHeaders: HeaderView;
  readonly responseHeaders: HeaderView;
  /** The origin's answer before middlewares changed it; null when there was none. */
  readonly originHeaders: HeaderView | null;
}
