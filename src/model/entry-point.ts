// An entry point as the data plane runs it: a named listener with its protocol options, every default filled in.

/** What to bind. `host` is '' for every address of both families. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

export function isSameAddress(a: ListenAddress, b: ListenAddress): boolean {
  return a.host === b.host && a.port === b.port && a.protocol === b.protocol;
}

export interface EntryPointSpec {
  readonly name: string;
  readonly address: ListenAddress;
  /** SO_REUSEPORT. */
  readonly reusePort: boolean;
  /** Qualified middleware names put before those of each router. */
  readonly middlewares: readonly string[];
  readonly forwardedHeaders: ForwardedHeadersSpec;
  readonly timeouts: DownstreamTimeouts;
  readonly lifeCycle: LifeCycleSpec;
  readonly limits: DownstreamLimits;
  readonly http2: Http2Spec;
  readonly path: PathPolicy;
  /** `delete` drops header names with an underscore, `reject` answers 400. */
  readonly underscoreHeaders: 'keep' | 'delete' | 'reject';
  readonly observability: { readonly accessLogs: boolean; readonly metrics: boolean };
  /**
   * Requests under `/.well-known/acme-challenge/`: `all` are answered here, with 404 for an unknown token; of `own`
   * only those whose token a certificates resolver waits for; `none` go to routers.
   */
  readonly httpChallenges: 'none' | 'all' | 'own';
  /** Routers that say nothing of TLS take requests over TLS here, with these options; '' for the default ones. */
  readonly tls: { readonly options: string } | null;
  /** Of an entry point for UDP. */
  readonly udp: {
    /** Silence of both sides that ends a session. */
    readonly idleMs: number;
    readonly maxSessions: number;
  };
  /** Who may say by a PROXY protocol header for whom it connects; null when nobody may. */
  readonly proxyProtocol: ProxyProtocolSpec | null;
}

export interface ProxyProtocolSpec {
  /** Every peer may. */
  readonly insecure: boolean;
  /** IPs and CIDRs of peers that may. */
  readonly trustedIps: readonly string[];
  /** Those that may, must. */
  readonly required: boolean;
}

export interface ForwardedHeadersSpec {
  /** Trust every peer. */
  readonly insecure: boolean;
  /** IPs and CIDRs of peers whose X-Forwarded-* are kept. */
  readonly trustedIps: readonly string[];
  /** Lower-case header names that a client's Connection header may not remove. */
  readonly connection: readonly string[];
  readonly notAppendXForwardedFor: boolean;
  /** Say the scheme in X-Forwarded-Scheme and X-Scheme as well. */
  readonly addScheme: boolean;
}

export interface LifeCycleSpec {
  /** How long the entry point goes on accepting when the process ends. */
  readonly requestAcceptGraceMs: number;
  /** How long what is in flight may take when the process ends or the entry point goes. */
  readonly graceMs: number;
}

/** Milliseconds; 0 switches a timeout off. */
export interface DownstreamTimeouts {
  /** From the first byte of a request to the end of its head. */
  readonly headerMs: number;
  /** Longest pause between two reads of a request body. */
  readonly readIdleMs: number;
  /** Longest time for a whole request with its body; off by default. */
  readonly readTotalMs: number;
  /** Longest time a write may wait for the client to take bytes. */
  readonly writeIdleMs: number;
  /** Longest time for a whole response; off by default. */
  readonly writeTotalMs: number;
  /** Keep-alive connection between two requests. */
  readonly idleMs: number;
  /** A tunnel (WebSocket) without a byte in either direction. */
  readonly tunnelIdleMs: number;
}

export interface DownstreamLimits {
  readonly maxHeaderBytes: number;
  readonly maxHeaderCount: number;
  readonly maxLineBytes: number;
  /** 0 is unlimited. */
  readonly maxBodyBytes: number;
  /** Connections of this entry point over all workers; 0 is unlimited. */
  readonly maxConnections: number;
  /** Connections from one address over all workers; 0 is unlimited. */
  readonly maxConnectionsPerIp: number;
  /** 0 is unlimited. */
  readonly keepAliveMaxRequests: number;
  readonly keepAliveMaxTimeMs: number;
}

export interface Http2Spec {
  /** Requests of one connection at a time. */
  readonly maxConcurrentStreams: number;
  /** Bytes of header fields remembered of the client. */
  readonly maxDecoderHeaderTableSize: number;
  /** Bytes of header fields the client is asked to remember. */
  readonly maxEncoderHeaderTableSize: number;
}

export interface PathPolicy {
  readonly sanitize: boolean;
  readonly encodeQuerySemicolons: boolean;
  /** false answers 400 when the path holds that character percent-encoded. */
  readonly allowEncoded: {
    readonly slash: boolean;
    readonly backSlash: boolean;
    readonly semicolon: boolean;
    readonly percent: boolean;
    readonly questionMark: boolean;
    readonly hash: boolean;
  };
}
