// Written by npm run generate from the schemas: configuration as people write it.

export interface InstallInput {
  /** Named listeners. */
  readonly entryPoints?: Readonly<Record<string, {
    /** `[host]:port[/tcp|/udp]`; without a host, every address of the machine. */
    readonly address: string;
    /** Used by routers that name no entry point; when none has it, all do. */
    readonly asDefault?: boolean | string;
    /** Let other processes listen on the same address (SO_REUSEPORT). Needs Node.js 22.12 or newer. */
    readonly reusePort?: boolean | string;
    /** Whose X-Forwarded-* fields to believe. */
    readonly forwardedHeaders?: {
      /** Believe the X-Forwarded-* fields of every client. */
      readonly insecure?: boolean | string;
      /** Clients whose X-Forwarded-* fields are believed. */
      readonly trustedIPs?: ReadonlyArray<string> | string;
      /** Fields that a client’s Connection header may not remove. */
      readonly connection?: ReadonlyArray<string> | string;
      /** Leave X-Forwarded-For as it came. */
      readonly notAppendXForwardedFor?: boolean | string;
      /** Say in X-Forwarded-Scheme and X-Scheme what X-Forwarded-Proto says. */
      readonly addXForwardedSchemeHeaders?: boolean | string;
    };
    /** Timeouts, limits, shutdown. */
    readonly transport?: {
      /** Shutdown. */
      readonly lifeCycle?: {
        /** Go on accepting for this long after SIGTERM. */
        readonly requestAcceptGraceTimeout?: number | string;
        /** Time for requests in flight after that. */
        readonly graceTimeOut?: number | string;
      };
      /** Timeouts towards clients. */
      readonly respondingTimeouts?: {
        /** From the first byte of a request to the end of its head; then 408. */
        readonly headerTimeout?: number | string;
        /** Longest pause between two reads of a request body; then 408. Traefik limits the whole body by this. */
        readonly readTimeout?: number | string;
        /** Longest time for a request with its body; 0 is no limit. */
        readonly readTotalTimeout?: number | string;
        /** Longest time for a whole response; 0 is no limit. */
        readonly writeTimeout?: number | string;
        /** Longest time a client may take no byte of a response. */
        readonly writeIdleTimeout?: number | string;
        /** Keep-alive connection without a request. */
        readonly idleTimeout?: number | string;
        /** WebSocket or other tunnel without a byte in either direction. */
        readonly tunnelIdleTimeout?: number | string;
      };
      /** Limits towards clients. */
      readonly limits?: {
        /** Fields in a request head; then 431. */
        readonly maxHeaderCount?: number | string;
        /** One line of a request head; then 414 or 431. */
        readonly maxLineBytes?: number | string;
        /** Request body; then 413. 0 is no limit. */
        readonly maxBodyBytes?: number | string;
        /** Open connections over all workers; more are reset. 0 is no limit. */
        readonly maxConnections?: number | string;
        /** Open connections of one client address over all workers. 0 is no limit. */
        readonly maxConnectionsPerIP?: number | string;
      };
      /** Age after which a connection is closed with its next response. */
      readonly keepAliveMaxTime?: number | string;
      /** Requests after which a connection is closed. */
      readonly keepAliveMaxRequests?: number | string;
    };
    /** HTTP options. */
    readonly http?: {
      /** Put before the middlewares of every router of this entry point. */
      readonly middlewares?: ReadonlyArray<string> | string;
      /** Send `;` in a query as `%3B` instead of as it came. Rules read it as `&` otherwise. */
      readonly encodeQuerySemicolons?: boolean | string;
      /** Resolve `//`, `.` and `..` before routing. */
      readonly sanitizePath?: boolean | string;
      /** Percent-encoded characters a path may hold; others are answered 400. */
      readonly encodedCharacters?: {
        /** `%2F` */
        readonly allowEncodedSlash?: boolean | string;
        /** `%5C` */
        readonly allowEncodedBackSlash?: boolean | string;
        /** `%00`; refused in any case */
        readonly allowEncodedNullCharacter?: boolean | string;
        /** `%3B` */
        readonly allowEncodedSemicolon?: boolean | string;
        /** `%25` */
        readonly allowEncodedPercent?: boolean | string;
        /** `%3F` */
        readonly allowEncodedQuestionMark?: boolean | string;
        /** `%23` */
        readonly allowEncodedHash?: boolean | string;
      };
      /** What to do with field names that hold an underscore. */
      readonly underscoreHeadersStrategy?: 'keep' | 'KEEP' | 'delete' | 'DELETE' | 'reject' | 'REJECT';
      /** Request head; then 431. Traefik allows 1 MiB. Over HTTP/2 a client can name a long field with a single byte once it has sent it (HPACK): up to this much goes to the server for each request, from a few hundred times fewer bytes. */
      readonly maxHeaderBytes?: number | string;
      /** Answer every request of this entry point with a redirect. */
      readonly redirections?: {
        /** Where to. */
        readonly entryPoint: {
          /** Entry point to redirect to, or a port such as `:443`. */
          readonly to: string;
          /** Scheme to redirect to. */
          readonly scheme?: string;
          /** 301 and 308 rather than 302 and 307. */
          readonly permanent?: boolean | string;
          /** Priority of the redirecting router; above every other one when left out. */
          readonly priority?: number | string;
        };
      };
      /** TLS for every router of the entry point that does not say anything about it itself. */
      readonly tls?: TlsSection;
    };
    /** What is reported. */
    readonly observability?: {
      /** Access log lines for requests of this entry point. */
      readonly accessLogs?: boolean | string;
      /** Metrics for requests of this entry point. */
      readonly metrics?: boolean | string;
    };
    /** Let routers take requests under `/.well-known/acme-challenge/` that no certificates resolver waits for; otherwise those are answered 404 where a resolver uses this entry point. */
    readonly allowACMEByPass?: boolean | string;
    /** HTTP/2. */
    readonly http2?: {
      /** Requests of one connection at a time; more are refused. */
      readonly maxConcurrentStreams?: number | string;
      /** Bytes of a client’s header fields that are remembered per connection. */
      readonly maxDecoderHeaderTableSize?: number | string;
      /** Bytes of response header fields that a client is asked to remember; it may offer less. */
      readonly maxEncoderHeaderTableSize?: number | string;
    };
    /** Proxies in front that say for whom they connect, by a header of the PROXY protocol (version 1 or 2). */
    readonly proxyProtocol?: {
      /** Believe the header of every peer. */
      readonly insecure?: boolean | string;
      /** Peers whose header is believed. From others it is no header, but the first bytes of a request that is refused. */
      readonly trustedIPs?: ReadonlyArray<string> | string;
      /** Refuse connections of these peers that do not begin with a header. */
      readonly required?: boolean | string;
    };
    /** Sessions of an entry point for UDP. */
    readonly udp?: {
      /** A session, the datagrams of one client address and port, ends when neither side has sent any for this long. */
      readonly timeout?: number | string;
      /** Sessions at a time; datagrams of further clients are dropped. Each has a socket. */
      readonly maxSessions?: number | string;
    };
  }>>;
  /** Where routing configuration comes from. */
  readonly providers?: {
    /** Routing configuration from the labels of containers, of Docker and of Podman. */
    readonly docker?: {
      /** Where the engine is: `unix:///path`, `tcp://host:port`, `http://`, `https://` or `ssh://user@host`. The variables of the docker command, such as `DOCKER_HOST`, are not read. */
      readonly endpoint?: string;
      /** User for a proxy in front of the engine that asks for one. */
      readonly username?: string;
      /** Its password. */
      readonly password?: string;
      /** TLS towards the engine, for `tcp://` and `https://`. */
      readonly tls?: {
        /** Authority of the engine’s certificate, a path or PEM; the public ones when left out. */
        readonly ca?: string;
        /** Certificate that the router shows, a path or PEM. */
        readonly cert?: string;
        /** Its private key. */
        readonly key?: string;
        /** Take any certificate of the engine. */
        readonly insecureSkipVerify?: boolean | string;
      };
      /** How long an answer of the engine may take; the stream of events has no limit. */
      readonly httpClientTimeout?: number | string;
      /** Time between two looks at everything, which find what no event has told. */
      readonly resyncInterval?: number | string;
      /** Route to what has no label `enable`; otherwise only to what says `signalbox.enable=true`. */
      readonly exposedByDefault?: boolean | string;
      /** Rule of HTTP routers that have none: a Go template, in which `.Name` is the service as it is called, and `.Labels` are the labels. */
      readonly defaultRule?: string;
      /** Only what meets this is looked at: Label(`key`, `value`) and LabelRegex(`key`, `pattern`), joined by `&&`, `||`, `!` and parentheses. */
      readonly constraints?: string;
      /** Keep routers and services of what is known and not ready, such as a container that is unhealthy: 503 instead of 404. */
      readonly allowEmptyServices?: boolean | string;
      /** Let labels name files (`usersFile`, `rootCAs`), which the router reads with its own rights. */
      readonly allowFiles?: boolean | string;
      /** Services of the router itself that labels may name; they may name `noop@internal` in any case. */
      readonly internalServices?: ReadonlyArray<'api@internal' | 'API@INTERNAL' | 'dashboard@internal' | 'DASHBOARD@INTERNAL' | 'ping@internal' | 'PING@INTERNAL' | 'prometheus@internal' | 'PROMETHEUS@INTERNAL' | 'rest@internal' | 'REST@INTERNAL'> | string;
      /** Network on which containers are reached that are on several; the label `docker.network` says it for one. */
      readonly network?: string;
      /** Reach containers at the address of the host that their port is published on, where it is on one alone. */
      readonly useBindPortIP?: boolean | string;
      /** Follow changes; otherwise containers are looked at once, at the start. */
      readonly watch?: boolean | string;
    };
    /** Routing configuration from files. */
    readonly file?: {
      /** One file. */
      readonly filename?: string;
      /** A directory: every .yml, .yaml, .toml and .json file in it and below, in the order of their names. */
      readonly directory?: string;
      /** Follow changes. */
      readonly watch?: boolean | string;
      /** Go templates are not run. */
      readonly debugLogGeneratedTemplate?: boolean | string;
    };
    /** Routing configuration that is sent to the API. */
    readonly rest?: {
      /** Take PUT /api/providers/rest on the internal entry point, with the token of `api.token`; otherwise through the Unix socket, or where a router names `rest@internal`. */
      readonly insecure?: boolean | string;
    };
    /** Least time between two applied changes of one provider. Traefik waits 2 s. */
    readonly providersThrottleDuration?: number | string;
    /** An object or section that cannot be read any more goes on as it last was, over restarts where `state` is, and so does what a file or directory held that `providers.file` names and that vanishes; `false` lets a mistake count at once. */
    readonly keepLastGood?: boolean | string;
    /** Which provider’s router is asked first when priorities are equal. */
    readonly precedence?: ReadonlyArray<string> | string;
  };
  /** Application log. */
  readonly log?: {
    /** Least severity that is written. */
    readonly level?: 'trace' | 'TRACE' | 'debug' | 'DEBUG' | 'info' | 'INFO' | 'warn' | 'WARN' | 'error' | 'ERROR' | 'fatal' | 'FATAL' | 'panic' | 'PANIC' | 'warning';
    /** Lines for people or one JSON object each. */
    readonly format?: 'common' | 'COMMON' | 'json' | 'JSON';
    /** File to append to; standard error when empty. SIGUSR1 reopens it. */
    readonly filePath?: string;
    /** Lines of the log have no colours. */
    readonly noColor?: boolean | string;
  };
  /** A line per request. An empty section switches it on. */
  readonly accessLog?: {
    /** File to append to; standard output when empty. SIGUSR1 reopens it. */
    readonly filePath?: string;
    /** Format of a line. */
    readonly format?: 'common' | 'COMMON' | 'genericCLF' | 'GENERICCLF' | 'json' | 'JSON';
    /** Only requests that pass one of these are logged. */
    readonly filters?: {
      /** Statuses and inclusive ranges. */
      readonly statusCodes?: ReadonlyArray<number | string> | string;
      /** Requests that were sent more than once. */
      readonly retryAttempts?: boolean | string;
      /** Requests that took at least this long. */
      readonly minDuration?: number | string;
    };
    /** What a JSON line holds. */
    readonly fields?: {
      /** For fields that are not named. */
      readonly defaultMode?: 'keep' | 'KEEP' | 'drop' | 'DROP' | 'redact';
      /** Mode by field name. */
      readonly names?: Readonly<Record<string, 'keep' | 'KEEP' | 'drop' | 'DROP' | 'redact'>>;
      /** Header fields of request, response and origin. */
      readonly headers?: {
        /** For header fields that are not named. */
        readonly defaultMode?: 'keep' | 'KEEP' | 'drop' | 'DROP' | 'redact' | 'REDACT';
        /** Mode by header name. */
        readonly names?: Readonly<Record<string, 'keep' | 'KEEP' | 'drop' | 'DROP' | 'redact' | 'REDACT'>>;
      };
      /** Query parameters in RequestPath. */
      readonly queryParameters?: {
        /** What to do with the values of query parameters. */
        readonly defaultMode?: 'keep' | 'KEEP' | 'drop' | 'DROP' | 'redact' | 'REDACT';
      };
    };
    /** End lines of `common` and `genericCLF` with the response flag in quotes, `-` for none; JSON has it in any case. */
    readonly responseFlag?: boolean | string;
    /** Lines are always gathered for 100 ms. */
    readonly bufferingSize?: number | string;
    /** Also requests of internal services such as `api@internal`. */
    readonly addInternals?: boolean | string;
  };
  /** Metrics. */
  readonly metrics?: {
    /** Prometheus exposition under /metrics. */
    readonly prometheus?: {
      /** First part of every name; `traefik` gives Traefik’s names. */
      readonly prefix?: string;
      /** Bounds of the duration histograms, in seconds. */
      readonly buckets?: ReadonlyArray<number | string> | string;
      /** Series by entry point. */
      readonly addEntryPointsLabels?: boolean | string;
      /** Series by router. */
      readonly addRoutersLabels?: boolean | string;
      /** Series by service. */
      readonly addServicesLabels?: boolean | string;
      /** Extra labels of the request counters, from request headers. Clients choose the values. */
      readonly headerLabels?: Readonly<Record<string, string>>;
      /** Entry point that serves /metrics; `traefik` is the internal one, on loopback. */
      readonly entryPoint?: string;
      /** Serve metrics only where a router names the service `prometheus@internal`. */
      readonly manualRouting?: boolean | string;
    };
    /** Also requests of internal services such as `api@internal`. */
    readonly addInternals?: boolean | string;
  };
  /** The API. An empty section switches it on. */
  readonly api?: {
    /** Path the API lives under. */
    readonly basePath?: string;
    /** Let everybody who can reach the internal entry point read the API without a token. On loopback none is needed. Changes need `api.token` or the Unix socket all the same. */
    readonly insecure?: boolean | string;
    /** Bearer token that API requests must carry on the internal entry point, and everywhere when they change something; required for reading when the internal entry point is bound to another address than loopback. `${file:/run/secrets/token}` reads it from a file. */
    readonly token?: string;
    /** Unix socket that serves the API as well, mode 0600; no token is asked for there. */
    readonly socket?: string;
    /** Host names under which the internal entry point may be asked without the token; its addresses and localhost always are. */
    readonly allowedHosts?: ReadonlyArray<string> | string;
    /** Serve the service `dashboard@internal`: a page that shows what is configured. */
    readonly dashboard?: boolean | string;
    /** There is no advertisement. */
    readonly disableDashboardAd?: boolean | string;
  };
  /** Health check of the process under /ping. An empty section switches it on. */
  readonly ping?: {
    /** Entry point that serves /ping; `traefik` is the internal one, on loopback. */
    readonly entryPoint?: string;
    /** Status of /ping while the process shuts down. */
    readonly terminatingStatusCode?: number | string;
    /** Serve ping only where a router names the service `ping@internal`. */
    readonly manualRouting?: boolean | string;
  };
  /** Connections to servers, where a service names no transport of its own. */
  readonly serversTransport?: {
    /** Timeouts towards servers. */
    readonly forwardingTimeouts?: ForwardingTimeoutsSection;
    /** Kept connections to one server, over all workers. A burst leaves up to twice as many for half a second. */
    readonly maxIdleConnsPerHost?: number | string;
    /** Open connections to one server, over all workers; further requests wait. 0 is no limit. */
    readonly maxConnsPerHost?: number | string;
    /** Requests that may wait for a connection to one server; then 503. */
    readonly maxPendingRequests?: number | string;
    /** Response head; then 502. */
    readonly maxResponseHeaderBytes?: number | string;
    /** Fields of a response head; then 502. */
    readonly maxResponseHeaderCount?: number | string;
    /** Take any certificate of a server. Everyone on the way can then be the server. */
    readonly insecureSkipVerify?: boolean | string;
    /** Authorities of servers’ certificates, as paths or PEM; those of Node.js when left out. */
    readonly rootCAs?: ReadonlyArray<string> | string;
  };
  /** Connections to servers of TCP services, where a service names no transport of its own. */
  readonly tcpServersTransport?: {
    /** Connecting to one server, all its addresses together. 0 is no limit. */
    readonly dialTimeout?: number | string;
    /** Time after which a silent connection to a server is probed; 0 switches probes off. */
    readonly dialKeepAlive?: number | string;
    /** Once one side has ended its direction: the time the other side may be silent before the connection is closed; negative for as long as it likes. When left out, 100ms after the server has ended, and no limit after the client has. */
    readonly terminationDelay?: number | string;
    /** For servers with `tls: true`. */
    readonly tls?: {
      /** Take any certificate of a server. Everyone on the way can then be the server. */
      readonly insecureSkipVerify?: boolean | string;
      /** Authorities of servers’ certificates, as paths or PEM; those of Node.js when left out. */
      readonly rootCAs?: ReadonlyArray<string> | string;
    };
  };
  /** What concerns all routers. */
  readonly core?: {
    /** Syntax of rules whose router does not say. */
    readonly defaultRuleSyntax?: 'v2' | 'V2' | 'v3' | 'V3';
    /** Time after which TLS session tickets get new keys, which costs each client one full handshake. */
    readonly ticketKeyLifetime?: number | string;
    /** Memory that each worker holds at most of what is in progress: begun heads and frames, handshakes, bodies that wait for a slow reader, compressors. Beyond it the newest is refused, with 503 or a reset. */
    readonly maxBytesInProgress?: number | string;
  };
  /** What survives a restart. Without it, history is kept in memory. */
  readonly state?: {
    /** Directory that keeps what must survive a restart: the history of snapshots. One process at a time. */
    readonly directory: string;
    /** Snapshots kept to go back to. */
    readonly maxSnapshots?: number | string;
  };
  /** Named sources of automatic certificates; routers name one in `tls.certResolver`. */
  readonly certificatesResolvers?: Readonly<Record<string, {
    /** An authority that speaks ACME (RFC 8555), as Let’s Encrypt. */
    readonly acme?: {
      /** Where the authority writes to; many need none. */
      readonly email?: string;
      /** Directory of the certificate authority. */
      readonly caServer?: string;
      /** File that keeps account and certificates, mode 0600. A file of Traefik’s is taken over. */
      readonly storage?: string;
      /** Kind of the certificates’ keys. */
      readonly keyType?: 'EC256' | 'EC384' | 'RSA2048' | 'RSA4096' | 'RSA8192';
      /** Hours that certificates live; says when to renew. One that lives shorter is judged by its own lifetime. */
      readonly certificatesDuration?: number | string;
      /** Longest time the authority may take to make the certificate. */
      readonly certificateTimeout?: number | string;
      /** Longest time for a request to the authority. */
      readonly clientTimeout?: number | string;
      /** Longest time to the head of its answer. */
      readonly clientResponseHeaderTimeout?: number | string;
      /** Common name of an issuer: the chain that has it is taken, where the authority offers several. */
      readonly preferredChain?: string;
      /** Profile of the authority, as in `shortlived`. */
      readonly profile?: string;
      /** Mail addresses that certificates are for, too. */
      readonly emailAddresses?: ReadonlyArray<string> | string;
      /** Leave the common name out of certificate requests. */
      readonly disableCommonName?: boolean | string;
      /** PEM files with roots that the authority’s own certificate may come from. */
      readonly caCertificates?: ReadonlyArray<string> | string;
      /** With `caCertificates`: public roots are believed as well. */
      readonly caSystemCertPool?: boolean | string;
      /** Name in the authority’s own certificate, when it is another than its address. */
      readonly caServerName?: string;
      /** Binds the account to one that exists with the authority. */
      readonly eab?: {
        /** Key identifier that the authority gave out. */
        readonly kid: string;
        /** HMAC key that the authority gave out, in base64url. */
        readonly hmacEncoded: string;
      };
      /** Answer with a DNS record; the only one that gets wildcards. */
      readonly dnsChallenge?: {
        /** How the record is made: `cloudflare`, `digitalocean`, `exec`, `httpreq`, `rfc2136`, `route53`. Credentials come from its environment variables. */
        readonly provider: string;
        /** Name servers that are asked for zones and CNAMEs; those of the system when empty. */
        readonly resolvers?: ReadonlyArray<string> | string;
        /** How the record is looked for before the authority does. */
        readonly propagation?: {
          /** Wait this long before the record is looked for. */
          readonly delayBeforeChecks?: number | string;
          /** Do not look whether the record is there; the authority is told after the delay. */
          readonly disableChecks?: boolean | string;
          /** The record must be seen through every one of `resolvers`, too. */
          readonly requireAllRNS?: boolean | string;
          /** Do not ask the name servers of the zone themselves; with `requireAllRNS` the resolvers alone count. */
          readonly disableANSChecks?: boolean | string;
        };
        /** Older name of `propagation.delayBeforeChecks`. */
        readonly delayBeforeCheck?: number | string;
        /** Older name of `propagation.disableChecks`. */
        readonly disablePropagationCheck?: boolean | string;
      };
      /** Answer on port 80. */
      readonly httpChallenge?: {
        /** Entry point that the authority reaches on port 80. */
        readonly entryPoint: string;
        /** Wait this long between the answer being in place and the authority being told. */
        readonly delay?: number | string;
      };
      /** Answer on port 443, in the TLS handshake. An empty section switches it on. */
      readonly tlsChallenge?: {
        /** Wait this long between the answer being in place and the authority being told. */
        readonly delay?: number | string;
      };
    };
  }>>;
  /** Middlewares of your own, by the name that routing configuration has for them. Loaded at start. */
  readonly plugins?: Readonly<Record<string, {
    /** Its file, relative to the directory of the install file. */
    readonly path?: string;
    /** Its package, looked for in `node_modules` from the directory of the install file upwards. */
    readonly package?: string;
  }>>;
  /** What Traefik sends to its makers. */
  readonly global?: {
    /** Neither version checks nor statistics are sent, whatever this says. */
    readonly checkNewVersion?: boolean | string;
    /** Neither version checks nor statistics are sent, whatever this says. */
    readonly sendAnonymousUsage?: boolean | string;
  };
  /** Hand clients what the authority says of a certificate (OCSP stapling). An empty section switches it on. */
  readonly ocsp?: {
    /** Responders to ask in place of those that certificates name: URL, or host, to URL. */
    readonly responderOverrides?: Readonly<Record<string, string>>;
  };
  /** Routing configuration in the same file. */
  readonly http?: RoutingInput['http'];
  readonly tcp?: RoutingInput['tcp'];
  readonly udp?: RoutingInput['udp'];
  readonly tls?: RoutingInput['tls'];
}

export interface RoutingInput {
  readonly http?: {
    readonly routers?: Readonly<Record<string, RouterInput>>;
    readonly services?: Readonly<Record<string, ServiceInput>>;
    readonly middlewares?: Readonly<Record<string, MiddlewareInput>>;
    readonly serversTransports?: Readonly<Record<string, TransportInput>>;
  };
  readonly tcp?: {
    readonly routers?: Readonly<Record<string, TcpRouterInput>>;
    readonly services?: Readonly<Record<string, TcpServiceInput>>;
    readonly middlewares?: Readonly<Record<string, TcpMiddlewareInput>>;
    readonly serversTransports?: Readonly<Record<string, TcpTransportInput>>;
  };
  readonly udp?: {
    readonly routers?: Readonly<Record<string, UdpRouterInput>>;
    readonly services?: Readonly<Record<string, UdpServiceInput>>;
  };
  readonly tls?: {
    readonly certificates?: readonly CertificateInput[];
    readonly options?: Readonly<Record<string, TlsOptionsInput>>;
    readonly stores?: Readonly<Record<string, TlsStoreInput>>;
  };
}

export interface RouterInput {
  /** Which requests this router takes: matchers joined by `&&`, `||`, `!` and parentheses. */
  readonly rule: string;
  /** Service that gets them; `name` or `name@provider`. Left out only by routers that others name in `parentRefs`. */
  readonly service?: string;
  /** Entry points it listens on; all default ones when left out. */
  readonly entryPoints?: ReadonlyArray<string> | string;
  /** Stages a request passes on its way, in order. */
  readonly middlewares?: ReadonlyArray<string> | string;
  /** Higher is asked first; 0 stands for the length of the rule in bytes. */
  readonly priority?: number | string;
  /** What is reported. */
  readonly observability?: {
    /** Access log lines for requests of this router. */
    readonly accessLogs?: boolean | string;
    /** Metrics for requests of this router. */
    readonly metrics?: boolean | string;
  };
  /** Take requests that come over TLS, and no others. */
  readonly tls?: TlsSection;
  /** Routers above this one: it is offered the requests they match, after their middlewares. The topmost ones own entry points. */
  readonly parentRefs?: ReadonlyArray<string> | string;
  /** Syntax of the rule; `core.defaultRuleSyntax` when left out. */
  readonly ruleSyntax?: 'v2' | 'V2' | 'v3' | 'V3';
}

/** Exactly one of the kinds. */
export interface ServiceInput {
  /** Balances over servers. */
  readonly loadBalancer?: {
    /** Servers to balance over. */
    readonly servers?: ReadonlyArray<{
      /** `http://host:port`, `https://`, or `h2c://` for HTTP/2 in clear text; the path counts with preservePath only. */
      readonly url: string;
      /** Share of the requests; 0 gets none but those of sticky clients. */
      readonly weight?: number | string;
      /** Put the path of the URL before the path of the request. */
      readonly preservePath?: boolean | string;
    }> | string;
    /** Send the client’s Host; otherwise the server’s address. */
    readonly passHostHeader?: boolean | string;
    /** How a server is chosen: in turn by weight; the less busy of two taken at random; by the client’s address; the one that answers soonest. */
    readonly strategy?: 'wrr' | 'WRR' | 'p2c' | 'P2C' | 'hrw' | 'HRW' | 'leasttime' | 'LEASTTIME';
    /** Keeps a client at the server it was sent to first, by a cookie. */
    readonly sticky?: {
      /** The cookie; an empty section has all defaults. */
      readonly cookie?: CookieSection;
    };
    /** Asks every server regularly; those that fail get no requests. */
    readonly healthCheck?: {
      /** Path that is asked, with a query if need be; `/` when left out. */
      readonly path?: string;
      /** `grpc` asks the gRPC health service, over HTTP/2. */
      readonly mode?: 'http' | 'HTTP' | 'grpc' | 'GRPC';
      /** Scheme of the check; that of the server when left out. */
      readonly scheme?: 'http' | 'HTTP' | 'https' | 'HTTPS';
      /** Sent as Host; the server’s address when left out. */
      readonly hostname?: string;
      /** Port of the check; the server’s when left out. */
      readonly port?: number | string;
      /** Method of the request. */
      readonly method?: string;
      /** Time between two checks of a server. */
      readonly interval?: number | string;
      /** Time between two checks of a server that is down; `interval` when left out. */
      readonly unhealthyInterval?: number | string;
      /** A check that takes longer has failed. */
      readonly timeout?: number | string;
      /** Good checks in a row that bring a server up. */
      readonly healthyThreshold?: number | string;
      /** Failed checks in a row that take it down. */
      readonly unhealthyThreshold?: number | string;
      /** Of a server not checked yet. `down` keeps requests away until it has passed. */
      readonly initialState?: 'up' | 'UP' | 'down' | 'DOWN';
      /** Each check comes up to this much later, at random; a tenth of the interval when left out. */
      readonly jitter?: number | string;
      /** Fields of the request. */
      readonly headers?: Readonly<Record<string, string>>;
      /** Ask the target of a redirect, up to ten in a row; otherwise the redirect is the answer. */
      readonly followRedirects?: boolean | string;
      /** Status of a server that is up, one or a range; 200-399 when left out. */
      readonly status?: number | string;
    };
    /** Ejects servers that fail requests: no connection, no answer, or a status from 500 on. An empty section switches it on. */
    readonly passiveHealthCheck?: {
      /** Time in which failures are counted, and for which the server is then left alone. */
      readonly failureWindow?: number | string;
      /** Failures within the window that eject it. */
      readonly maxFailedAttempts?: number | string;
    };
    /** Time in which a server that is added or recovers comes to its full share; 0 gives it at once. */
    readonly slowStart?: number | string;
    /** Transport under `http.serversTransports`; that of the install file when left out. */
    readonly serversTransport?: string;
    /** Stages that requests of all routers pass on their way to this service, in order. */
    readonly middlewares?: ReadonlyArray<string> | string;
    /** Answers are always passed on as they arrive. */
    readonly responseForwarding?: {
      /** Answers are always passed on as they arrive. */
      readonly flushInterval?: number | string;
    };
  };
  /** Divides requests between services by weight. */
  readonly weighted?: {
    /** Services to divide requests between. */
    readonly services: ReadonlyArray<ServicesSection> | string;
    /** Keeps a client at the service it was sent to first. */
    readonly sticky?: {
      /** The cookie; an empty section has all defaults. */
      readonly cookie?: CookieSection;
    };
    /** An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check. */
    readonly healthCheck?: {
    };
  };
  /** Divides clients between services by their address. */
  readonly highestRandomWeight?: {
    /** Services to divide clients between. */
    readonly services: ReadonlyArray<ServicesSection> | string;
    /** As of `weighted`. */
    readonly healthCheck?: {
    };
  };
}

/** Exactly one of the kinds. */
export interface MiddlewareInput {
  /** Puts a prefix in front of the path before the request goes upstream. */
  readonly addPrefix?: {
    /** The path to add; a slash in front may be left out. */
    readonly prefix: string;
  };
  /** Asks for name and password. */
  readonly basicAuth?: {
    /** Users as `name:hash`. */
    readonly users?: ReadonlyArray<string> | string;
    /** File with more users, one a line; `#` begins a comment line. It is read with the configuration and watched; where a user is in both places, the file counts. */
    readonly usersFile?: string;
    /** What browsers show to the user. */
    readonly realm?: string;
    /** Takes the Authorization field off before the request goes upstream. */
    readonly removeHeader?: boolean | string;
    /** Field that tells the service the user’s name. */
    readonly headerField?: string;
  };
  /** Refuses request bodies above a size with 413. */
  readonly bodyLimit?: {
    /** Largest body in bytes. */
    readonly maxRequestBodyBytes: number | string;
  };
  /** Limits the size of requests and responses. */
  readonly buffering?: {
    /** Largest request body in bytes; 0 is unlimited. */
    readonly maxRequestBodyBytes?: number | string;
    /** No effect: request bodies are not gathered. */
    readonly memRequestBodyBytes?: number | string;
    /** Largest response body in bytes; 0 is unlimited. */
    readonly maxResponseBodyBytes?: number | string;
    /** Begin of a response to hold back when there is a limit and its length is not announced. */
    readonly memResponseBodyBytes?: number | string;
  };
  /** Gives a list of middlewares a name, so that routers can share it. */
  readonly chain?: {
    /** Names of the members, first to last. */
    readonly middlewares: ReadonlyArray<string> | string;
  };
  /** Compresses responses. */
  readonly compress?: {
    /** Encodings to offer; the order decides where a client likes several the same. */
    readonly encodings?: ReadonlyArray<'gzip' | 'GZIP' | 'br' | 'BR' | 'zstd' | 'ZSTD'> | string;
    /** Encoding for clients that do not say what they accept; they get the body as it is when left out. */
    readonly defaultEncoding?: 'gzip' | 'GZIP' | 'br' | 'BR' | 'zstd' | 'ZSTD';
    /** Smallest body to compress, when its length is announced; 0 stands for 1024. */
    readonly minResponseBodyBytes?: number | string;
    /** The only types to compress; `text/*` stands for all of a kind. */
    readonly includedContentTypes?: ReadonlyArray<string> | string;
    /** Types not to compress; `image/*` stands for all of a kind. */
    readonly excludedContentTypes?: ReadonlyArray<string> | string;
  };
  /** Finds out the type of responses that name none. */
  readonly contentType?: {
    /** Deprecated: `false` switches the middleware off. */
    readonly autoDetect?: boolean | string;
  };
  /** Asks for name and password, which is proven and not sent. */
  readonly digestAuth?: {
    /** Users as `name:realm:hash`. */
    readonly users?: ReadonlyArray<string> | string;
    /** File with more users, one a line; `#` begins a comment line. It is read with the configuration and watched; where a user is in both places, the file counts. */
    readonly usersFile?: string;
    /** What browsers show to the user. */
    readonly realm?: string;
    /** Takes the Authorization field off before the request goes upstream. */
    readonly removeHeader?: boolean | string;
    /** Field that tells the service the user’s name. */
    readonly headerField?: string;
  };
  /** Refuses paths that hold certain characters percent-encoded. */
  readonly encodedCharacters?: {
    /** Lets `%2F` pass. */
    readonly allowEncodedSlash?: boolean | string;
    /** Lets `%5C` pass. */
    readonly allowEncodedBackSlash?: boolean | string;
    /** Lets `%00` pass. */
    readonly allowEncodedNullCharacter?: boolean | string;
    /** Lets `%3B` pass. */
    readonly allowEncodedSemicolon?: boolean | string;
    /** Lets `%25` pass. */
    readonly allowEncodedPercent?: boolean | string;
    /** Lets `%3F` pass. */
    readonly allowEncodedQuestionMark?: boolean | string;
    /** Lets `%23` pass. */
    readonly allowEncodedHash?: boolean | string;
  };
  /** Answers errors with pages of another service. */
  readonly errors?: {
    /** Statuses to replace: single ones or ranges such as `500-599`. */
    readonly status: ReadonlyArray<number | string> | string;
    /** Status of the answer by status or range that the service gave. */
    readonly statusRewrites?: Readonly<Record<string, number | string>>;
    /** Service that has the pages. */
    readonly service: string;
    /** Path of the page. `{status}` stands for the status of the answer, `{originalStatus}` for that before a rewrite, `{url}` for the escaped URL of the request. */
    readonly query?: string;
    /** Fields of the request that are sent along; all when left out. */
    readonly errorRequestHeaders?: ReadonlyArray<string> | string;
  };
  /** Lets browsers call gRPC services. */
  readonly grpcWeb?: {
    /** Origins whose pages may call; `*` is any, without credentials. */
    readonly allowOrigins?: ReadonlyArray<string> | string;
  };
  /** Sets or removes fields of requests and responses, and answers CORS preflights. */
  readonly headers?: {
    /** Fields to set on the request; an empty value removes the field. `Host` changes the host. */
    readonly customRequestHeaders?: Readonly<Record<string, string>>;
    /** Fields to set on the response; an empty value removes the field. */
    readonly customResponseHeaders?: Readonly<Record<string, string>>;
    /** Origins that may read responses, such as `https://shop.example.com`; `*` stands for all. */
    readonly accessControlAllowOriginList?: ReadonlyArray<string> | string;
    /** RE2 patterns of such origins. Anchor them with `^` and `$`: what is found anywhere in an origin counts. */
    readonly accessControlAllowOriginListRegex?: ReadonlyArray<string> | string;
    /** Methods that answers to preflights allow. */
    readonly accessControlAllowMethods?: ReadonlyArray<string> | string;
    /** Request fields that answers to preflights allow. */
    readonly accessControlAllowHeaders?: ReadonlyArray<string> | string;
    /** Allows cookies and authentication. */
    readonly accessControlAllowCredentials?: boolean | string;
    /** Response fields that scripts may read. */
    readonly accessControlExposeHeaders?: ReadonlyArray<string> | string;
    /** Seconds for which browsers may remember the answer to a preflight; nothing is said of it when left out. */
    readonly accessControlMaxAge?: number | string;
    /** Adds `Origin` to Vary: needed where caches keep responses that depend on the origin. */
    readonly addVaryHeader?: boolean | string;
    /** Hosts that may be asked for; others are answered 400. A host without port allows every port. */
    readonly allowedHosts?: ReadonlyArray<string> | string;
    /** Fields that may hold the host asked for, tried in order before Host. */
    readonly hostsProxyHeaders?: ReadonlyArray<string> | string;
    /** Fields and values that mark a request as having come over TLS, such as `X-Forwarded-Ssl: on`. `X-Forwarded-Proto` of a trusted proxy always does. */
    readonly sslProxyHeaders?: Readonly<Record<string, string>>;
    /** `max-age` of Strict-Transport-Security; 0 sends none. */
    readonly stsSeconds?: number | string;
    /** Adds `includeSubDomains`. */
    readonly stsIncludeSubdomains?: boolean | string;
    /** Adds `preload`. */
    readonly stsPreload?: boolean | string;
    /** Sends Strict-Transport-Security over plain HTTP too. */
    readonly forceSTSHeader?: boolean | string;
    /** Sends `X-Frame-Options: DENY`. */
    readonly frameDeny?: boolean | string;
    /** Value of X-Frame-Options; overrides frameDeny. */
    readonly customFrameOptionsValue?: string;
    /** Sends `X-Content-Type-Options: nosniff`. */
    readonly contentTypeNosniff?: boolean | string;
    /** Sends `X-XSS-Protection: 1; mode=block`. */
    readonly browserXssFilter?: boolean | string;
    /** Value of X-XSS-Protection; overrides browserXssFilter. */
    readonly customBrowserXSSValue?: string;
    /** Value of Content-Security-Policy. */
    readonly contentSecurityPolicy?: string;
    /** Value of Content-Security-Policy-Report-Only. */
    readonly contentSecurityPolicyReportOnly?: string;
    /** Value of Public-Key-Pins. */
    readonly publicKey?: string;
    /** Value of Referrer-Policy. */
    readonly referrerPolicy?: string;
    /** Value of Permissions-Policy. */
    readonly permissionsPolicy?: string;
    /** Leaves out allowed hosts, sslRedirect and Strict-Transport-Security. */
    readonly isDevelopment?: boolean | string;
    /** Deprecated: value of Feature-Policy. Use permissionsPolicy. */
    readonly featurePolicy?: string;
    /** Deprecated: redirects requests that did not come over TLS. Use redirectScheme. */
    readonly sslRedirect?: boolean | string;
    /** Deprecated: 307 instead of 301 for sslRedirect and sslForceHost. */
    readonly sslTemporaryRedirect?: boolean | string;
    /** Deprecated: host to redirect to. Use redirectRegex. */
    readonly sslHost?: string;
    /** Deprecated: redirects requests for another host than sslHost. */
    readonly sslForceHost?: boolean | string;
  };
  /** Lets only clients with certain addresses pass. */
  readonly ipAllowList?: {
    /** Addresses and networks that may pass. */
    readonly sourceRange: ReadonlyArray<string> | string;
    /** Which address counts as the client’s; that of the connection when left out. With `depth` or `excludedIPs`, a request whose `X-Forwarded-For` does not hold it is refused. */
    readonly ipStrategy?: IpStrategySection;
    /** Status for everybody else. */
    readonly rejectStatusCode?: number | string;
  };
  /** The old name of ipAllowList. */
  readonly ipWhiteList?: {
    /** Addresses and networks that may pass. */
    readonly sourceRange: ReadonlyArray<string> | string;
    /** Which address counts as the client’s; that of the connection when left out. With `depth` or `excludedIPs`, a request whose `X-Forwarded-For` does not hold it is refused. */
    readonly ipStrategy?: IpStrategySection;
  };
  /** Answers every request the same, while a service is being worked on. */
  readonly maintenance?: {
    /** Status of the answer. */
    readonly status?: number | string;
    /** Body of the answer. */
    readonly body?: string;
    /** Type of the body. */
    readonly contentType?: string;
    /** When clients should ask again: Retry-After, in whole seconds. */
    readonly retryAfter?: number | string;
    /** Who is let through. */
    readonly bypass?: {
      /** Addresses and networks that reach the service. */
      readonly sourceRange?: ReadonlyArray<string> | string;
      /** Which address counts as the client’s; that of the connection when left out. */
      readonly ipStrategy?: IpStrategySection;
    };
  };
  /** A middleware of your own, in TypeScript or JavaScript. */
  readonly plugin?: Readonly<Record<string, object>>;
  /** Redirects requests whose URL matches a pattern to a URL made from it. */
  readonly redirectRegex?: {
    /** RE2 pattern to find in the URL. */
    readonly regex: string;
    /** URL to redirect to; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar sign. */
    readonly replacement: string;
    /** Clients may remember the redirect: 301 and 308. */
    readonly permanent?: boolean | string;
  };
  /** Redirects to the same URL with another scheme and port. */
  readonly redirectScheme?: {
    /** Scheme to redirect to. */
    readonly scheme: string;
    /** Port to redirect to; the scheme’s own when left out. */
    readonly port?: number | string;
    /** Clients may remember the redirect: 301 and 308. */
    readonly permanent?: boolean | string;
  };
  /** Replaces the path; the query stays. */
  readonly replacePath?: {
    /** The new path; a slash in front may be left out. */
    readonly path: string;
  };
  /** Replaces what a pattern finds in the path; the query stays. */
  readonly replacePathRegex?: {
    /** RE2 pattern to find in the path. */
    readonly regex: string;
    /** What takes its place; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar sign. Nothing is done when it is empty. */
    readonly replacement: string;
  };
  /** Gives every request an identifier of its own. */
  readonly requestId?: {
    /** Field that holds the identifier. */
    readonly headerName?: string;
    /** Keeps an identifier that came with the request: up to 128 letters, digits and `_-.:/+=`. For entry points behind another proxy. */
    readonly trustIncoming?: boolean | string;
  };
  /** Takes the first matching prefix off the path before the request goes upstream. */
  readonly stripPrefix?: {
    /** Prefixes to look for, in order; the first that matches is removed. */
    readonly prefixes: ReadonlyArray<string> | string;
    /** Deprecated in the reference; the path always keeps its leading slash. */
    readonly forceSlash?: boolean | string;
  };
  /** Takes the first prefix that matches a pattern off the path. */
  readonly stripPrefixRegex?: {
    /** RE2 patterns, tried in order. */
    readonly regex: ReadonlyArray<string> | string;
  };
}

export interface TransportInput {
  /** Timeouts towards servers. */
  readonly forwardingTimeouts?: ForwardingTimeoutsSection;
  /** Kept connections to one server, over all workers. A burst leaves up to twice as many for half a second. */
  readonly maxIdleConnsPerHost?: number | string;
  /** Open connections to one server, over all workers; further requests wait. 0 is no limit. */
  readonly maxConnsPerHost?: number | string;
  /** Requests that may wait for a connection to one server; then 503. */
  readonly maxPendingRequests?: number | string;
  /** Response head; then 502. */
  readonly maxResponseHeaderBytes?: number | string;
  /** Fields of a response head; then 502. */
  readonly maxResponseHeaderCount?: number | string;
  /** Take any certificate of a server. Everyone on the way can then be the server. */
  readonly insecureSkipVerify?: boolean | string;
  /** Authorities of servers’ certificates, as paths or PEM; those of Node.js when left out. */
  readonly rootCAs?: ReadonlyArray<string> | string;
  /** `https` servers are not offered HTTP/2. */
  readonly disableHTTP2?: boolean | string;
  /** Name sent to servers and looked for in their certificates; that of the server when left out. */
  readonly serverName?: string;
  /** Certificates for servers that ask for one. */
  readonly certificates?: ReadonlyArray<CertificatesSection> | string;
  /** Subject alternative names of which a server’s certificate must have one. */
  readonly peerCertSANs?: ReadonlyArray<PeerCertSANsSection> | string;
  /** A URI that a server’s certificate must have as subject alternative name. */
  readonly peerCertURI?: string;
  /** Cipher suites up to TLS 1.2, by their names in Go. */
  readonly cipherSuites?: ReadonlyArray<string> | string;
  /** Oldest version. */
  readonly minVersion?: 'VersionTLS10' | 'VERSIONTLS10' | 'VersionTLS11' | 'VERSIONTLS11' | 'VersionTLS12' | 'VERSIONTLS12' | 'VersionTLS13' | 'VERSIONTLS13';
  /** Newest version. */
  readonly maxVersion?: 'VersionTLS10' | 'VERSIONTLS10' | 'VersionTLS11' | 'VERSIONTLS11' | 'VersionTLS12' | 'VERSIONTLS12' | 'VersionTLS13' | 'VERSIONTLS13';
}

export interface TcpRouterInput {
  /** Which connections this router takes: TCP matchers joined by `&&`, `||`, `!` and parentheses. */
  readonly rule: string;
  /** TCP service that gets them; `name` or `name@provider`. */
  readonly service: string;
  /** Entry points it listens on; all default ones when left out. */
  readonly entryPoints?: ReadonlyArray<string> | string;
  /** TCP middlewares a connection passes on its way, in order. */
  readonly middlewares?: ReadonlyArray<string> | string;
  /** Higher is asked first; 0 stands for the length of the rule in bytes, and for -1 where the rule is HostSNI(`*`) alone. */
  readonly priority?: number | string;
  /** Take connections over TLS, and no others. */
  readonly tls?: {
    /** Connections go to the server as they come, and the server ends TLS. */
    readonly passthrough?: boolean | string;
    /** TLS options: `name` or `name@provider`; the default ones when left out. */
    readonly options?: string;
    /** Certificates resolver that gets its certificates. */
    readonly certResolver?: string;
    /** Certificates to get, by their names; one for the hosts in the rule when left out. */
    readonly domains?: ReadonlyArray<DomainsSection> | string;
  };
  /** Syntax of the rule; `core.defaultRuleSyntax` when left out. */
  readonly ruleSyntax?: 'v2' | 'V2' | 'v3' | 'V3';
}

/** Exactly one of the kinds. */
export interface TcpServiceInput {
  /** Balances over servers. */
  readonly loadBalancer?: {
    /** Servers that get connections in turn. */
    readonly servers?: ReadonlyArray<{
      /** `host:port`. */
      readonly address: string;
      /** Speak TLS to it, as the transport says. */
      readonly tls?: boolean | string;
    }> | string;
    /** Transport under `tcp.serversTransports`; that of the install file when left out. */
    readonly serversTransport?: string;
    /** Asks every server regularly; those that fail get no new connections. */
    readonly healthCheck?: {
      /** Port of the check; the server’s when left out. */
      readonly port?: number | string;
      /** Sent once the connection is there. */
      readonly send?: string;
      /** What the answer has to begin with. When left out, a connection (with TLS, a handshake) is enough. */
      readonly expect?: string;
      /** Time between two checks of a server. */
      readonly interval?: number | string;
      /** Time between two checks of a server that is down; `interval` when left out. */
      readonly unhealthyInterval?: number | string;
      /** A check that takes longer has failed. */
      readonly timeout?: number | string;
      /** Good checks in a row that bring a server up. */
      readonly healthyThreshold?: number | string;
      /** Failed checks in a row that take it down. */
      readonly unhealthyThreshold?: number | string;
      /** Of a server not checked yet. `down` keeps connections away until it has passed. */
      readonly initialState?: 'up' | 'UP' | 'down' | 'DOWN';
      /** Each check comes up to this much later, at random; a tenth of the interval when left out. */
      readonly jitter?: number | string;
    };
    /** Deprecated: belongs to the transport. */
    readonly proxyProtocol?: {
      /** Version of the header: 1 is a line of text, 2 is binary. */
      readonly version?: number | string;
    };
    /** Deprecated: belongs to the transport. Milliseconds. */
    readonly terminationDelay?: number | string;
  };
  /** Divides connections between services by weight. */
  readonly weighted?: {
    /** TCP services to divide connections between. */
    readonly services: ReadonlyArray<ServicesSection2> | string;
    /** An empty section: children that are down get nothing, and with all of them down it is down itself. Each needs a health check. */
    readonly healthCheck?: {
    };
  };
}

/** Exactly one of the kinds. */
export interface TcpMiddlewareInput {
  /** Lets only clients with certain addresses through. */
  readonly ipAllowList?: {
    /** Addresses and networks that may connect; others are closed. */
    readonly sourceRange: ReadonlyArray<string> | string;
  };
  /** The old name of ipAllowList. */
  readonly ipWhiteList?: {
    /** Addresses and networks that may connect; others are closed. */
    readonly sourceRange: ReadonlyArray<string> | string;
  };
  /** Limits how many connections an address has open. */
  readonly inFlightConn?: {
    /** Connections one address may have open at a time, over all workers; further ones are closed. */
    readonly amount: number | string;
  };
}

export interface TcpTransportInput {
  /** Connecting to one server, all its addresses together. 0 is no limit. */
  readonly dialTimeout?: number | string;
  /** Time after which a silent connection to a server is probed; 0 switches probes off. */
  readonly dialKeepAlive?: number | string;
  /** Once one side has ended its direction: the time the other side may be silent before the connection is closed; negative for as long as it likes. When left out, 100ms after the server has ended, and no limit after the client has. */
  readonly terminationDelay?: number | string;
  /** Tell servers who the client is, in a PROXY protocol header before everything else. An empty section sends version 2. */
  readonly proxyProtocol?: {
    /** Version of the header: 1 is a line of text, 2 is binary. */
    readonly version?: number | string;
  };
  /** For servers with `tls: true`. */
  readonly tls?: {
    /** Take any certificate of a server. Everyone on the way can then be the server. */
    readonly insecureSkipVerify?: boolean | string;
    /** Authorities of servers’ certificates, as paths or PEM; those of Node.js when left out. */
    readonly rootCAs?: ReadonlyArray<string> | string;
    /** Name sent to servers and looked for in their certificates; that of the server when left out. */
    readonly serverName?: string;
    /** Certificates for servers that ask for one. */
    readonly certificates?: ReadonlyArray<CertificatesSection> | string;
    /** Subject alternative names of which a server’s certificate must have one. */
    readonly peerCertSANs?: ReadonlyArray<PeerCertSANsSection> | string;
    /** A URI that a server’s certificate must have as subject alternative name. */
    readonly peerCertURI?: string;
  };
}

export interface UdpRouterInput {
  /** UDP service that gets the datagrams; `name` or `name@provider`. */
  readonly service: string;
  /** Entry points for UDP whose datagrams it takes; when left out, all that no other router names. Each has one router. */
  readonly entryPoints?: ReadonlyArray<string> | string;
}

/** Exactly one of the kinds. */
export interface UdpServiceInput {
  /** Balances over servers. */
  readonly loadBalancer?: {
    /** Servers that get sessions in turn. */
    readonly servers?: ReadonlyArray<{
      /** `host:port`. */
      readonly address: string;
      /** Its share of the sessions; 0 gets none. */
      readonly weight?: number | string;
    }> | string;
  };
  /** Divides sessions between services by weight. */
  readonly weighted?: {
    /** UDP services to divide sessions between. */
    readonly services: ReadonlyArray<ServicesSection2> | string;
  };
}

export interface CertificateInput {
  /** Certificate and those of its issuers: a path, or the PEM itself. */
  readonly certFile: string;
  /** Its private key: a path, or the PEM itself. */
  readonly keyFile: string;
  /** Stores it belongs to; `default` is the only one. */
  readonly stores?: ReadonlyArray<string> | string;
}

export interface TlsOptionsInput {
  /** Oldest version. */
  readonly minVersion?: 'VersionTLS10' | 'VERSIONTLS10' | 'VersionTLS11' | 'VERSIONTLS11' | 'VersionTLS12' | 'VERSIONTLS12' | 'VersionTLS13' | 'VERSIONTLS13';
  /** Newest version. */
  readonly maxVersion?: 'VersionTLS10' | 'VERSIONTLS10' | 'VersionTLS11' | 'VERSIONTLS11' | 'VersionTLS12' | 'VERSIONTLS12' | 'VersionTLS13' | 'VERSIONTLS13';
  /** Cipher suites up to TLS 1.2, by their names in Go. Those of TLS 1.3 are always on. */
  readonly cipherSuites?: ReadonlyArray<string> | string;
  /** Key exchange groups, in order of preference; `X25519MLKEM768` where this Node.js has it, `X25519`, `CurveP256` and `CurveP384` when left out. */
  readonly curvePreferences?: ReadonlyArray<string> | string;
  /** Certificates of clients. */
  readonly clientAuth?: {
    /** Authorities that may have issued a client’s certificate. */
    readonly caFiles?: ReadonlyArray<string> | string;
    /** What is asked of clients. With authorities and nothing said here, RequireAndVerifyClientCert. */
    readonly clientAuthType?: 'NoClientCert' | 'NOCLIENTCERT' | 'RequestClientCert' | 'REQUESTCLIENTCERT' | 'RequireAnyClientCert' | 'REQUIREANYCLIENTCERT' | 'VerifyClientCertIfGiven' | 'VERIFYCLIENTCERTIFGIVEN' | 'RequireAndVerifyClientCert' | 'REQUIREANDVERIFYCLIENTCERT';
  };
  /** Refuse clients whose server name no certificate has. */
  readonly sniStrict?: boolean | string;
  /** Protocols that are offered, in order of preference. */
  readonly alpnProtocols?: ReadonlyArray<string> | string;
  /** Let no client resume a session. */
  readonly disableSessionTickets?: boolean | string;
  /** Deprecated: the server’s order of suites counts in any case. */
  readonly preferServerCipherSuites?: boolean | string;
}

export interface TlsStoreInput {
  /** For clients that name no host, or one that no certificate has. */
  readonly defaultCertificate?: CertificatesSection;
  /** The same, from a certificates resolver. */
  readonly defaultGeneratedCert?: {
    /** Certificates resolver that gets it. */
    readonly resolver: string;
    /** What it is for. */
    readonly domain: DomainsSection;
  };
}

export interface DomainsSection {
  /** Main name of the certificate. */
  readonly main: string;
  /** Further names. */
  readonly sans?: ReadonlyArray<string> | string;
}

export interface TlsSection {
  /** TLS options: `name` or `name@provider`; the default ones when left out. */
  readonly options?: string;
  /** Certificates resolver that gets its certificates. */
  readonly certResolver?: string;
  /** Certificates to get, by their names; one for the hosts in the rule when left out. */
  readonly domains?: ReadonlyArray<DomainsSection> | string;
}

export interface CookieSection {
  /** Name of the cookie; one made of the service’s name when left out. Characters that no cookie’s name may have become `_`. */
  readonly name?: string;
  /** The browser sends it over TLS only. */
  readonly secure?: boolean | string;
  /** Scripts of the page cannot read it. */
  readonly httpOnly?: boolean | string;
  /** Whether the browser sends it with requests from other sites. */
  readonly sameSite?: 'none' | 'NONE' | 'lax' | 'LAX' | 'strict' | 'STRICT';
  /** Seconds the browser keeps it; 0: until it is closed. -1 deletes it. */
  readonly maxAge?: number | string;
  /** Paths it is sent with. */
  readonly path?: string;
  /** Hosts it is sent to; the one that answered when left out. */
  readonly domain?: string;
  /** Key of the values. Give the same to every router in front of these servers; without it the process has one of its own, which outlives a restart only with `state`. */
  readonly secret?: string;
}

export interface ServicesSection {
  /** The service; `name` or `name@provider`. */
  readonly name: string;
  /** Its share; 0 gets nothing but sticky clients. */
  readonly weight?: number | string;
}

export interface IpStrategySection {
  /** Take the entry at this position of `X-Forwarded-For`, counted from the right; 0 takes the address of the connection. */
  readonly depth?: number | string;
  /** Take the first entry of `X-Forwarded-For` from the right that is not in these networks: list your proxies here. */
  readonly excludedIPs?: ReadonlyArray<string> | string;
  /** Count all IPv6 addresses of a network of this prefix length as one. */
  readonly ipv6Subnet?: number | string;
}

export interface ForwardingTimeoutsSection {
  /** Connecting to a server, all its addresses together; then 504. */
  readonly dialTimeout?: number | string;
  /** From the end of a request to the head of the response; then 504. 0 is no limit. */
  readonly responseHeaderTimeout?: number | string;
  /** Kept connection without a request. */
  readonly idleConnTimeout?: number | string;
  /** HTTP/1.1: longest pause in a response body; then 504, or the answer breaks off. HTTP/2: after so long without a frame the server is asked with a PING. 0 is off. */
  readonly readIdleTimeout?: number | string;
  /** Longest time a server may take no byte of a request body. */
  readonly writeIdleTimeout?: number | string;
  /** HTTP/2: a server that has not answered a PING for so long is gone, with all its requests. */
  readonly pingTimeout?: number | string;
}

export interface CertificatesSection {
  /** Certificate and those of its issuers: a path, or the PEM itself. */
  readonly certFile: string;
  /** Its private key: a path, or the PEM itself. */
  readonly keyFile: string;
}

export interface PeerCertSANsSection {
  /** Type of the name; `DNSName` is the same as `DNS`. */
  readonly type?: 'DNS' | 'URI' | 'DNSName';
  /** The name. */
  readonly value: string;
}

export interface ServicesSection2 {
  /** The service; `name` or `name@provider`. */
  readonly name: string;
  /** Its share; 0 gets nothing. */
  readonly weight?: number | string;
}
