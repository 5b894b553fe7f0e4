// One request and its response in flight. Every stage reads and writes this object; its shape is fixed and every field
// is assigned in the constructor, so that the hot path stays monomorphic. It lives as long as the request: stages may
// keep it until then, never beyond.

import type { AccessRecord } from '../../model/access-record.ts';
import { BODY_NONE, type BodyFraming, type BodySink, type BodySource } from './body.ts';
import type { ClientBonds } from './client-bonds.ts';
import type { Failure } from './failure.ts';
import { HeaderList } from './header-list.ts';
import type { TlsSession } from '../tls/tls-acceptor.ts';

/** One stage of the request path. It returns a promise only when it truly waits. */
export type Handler = (exchange: Exchange) => void | Promise<void>;

/** Runs once, before the response head is written; may change status and headers. */
export type ResponseHook = (exchange: Exchange) => void;

/** Where a response goes. */
export interface ResponseSink extends BodySink {
  /**
   * Begins the response from the exchange's status, headers and framing. The head waits for the first body bytes or for
   * `flush`.
   */
  startResponse(exchange: Exchange): void;
}

/** A sink that passes on to another one; see response-filter.ts. */
export interface ChainedSink extends ResponseSink {
  attach(next: ResponseSink): void;
}

/** What the exchange needs of the connection it came in on, whatever the protocol. */
export interface Downstream extends ResponseSink {
  /** Passes a 1xx on (RFC 9110 §15.2); not for 100 and 101. */
  sendInformational(status: number, reason: string, headers: HeaderList): void;
  /** Delivers the request body to the sink from now on, after a 100 if the client waits for one. */
  readBody(sink: BodySink): void;
  /** The request body's sink has room again. */
  resumeBody(): void;
  /** See BodySource.claim, for the request body's current chunk. */
  claimBody(): boolean;
  /** Answers 101 with the exchange's response headers, then moves bytes both ways until either side ends. */
  startTunnel(exchange: Exchange, upstream: TunnelEnd): void;
  /** The tunnel's upstream half has room again. */
  resumeTunnel(): void;
  /** A stage or a hook threw: reports it, stops the server's work and answers 500. */
  handlerFailed(exchange: Exchange, error: unknown): void;
}

/** The upstream half of a tunnel. */
export interface TunnelEnd {
  /** False asks for a pause, until `Downstream.resumeTunnel`. */
  write(chunk: Buffer, start: number, end: number): boolean;
  /** The other side sent FIN: pass it on. */
  finish(): void;
  destroy(): void;
  resume(): void;
}

/** Changes the body of a request on its way to the server. */
export interface RequestFilter {
  /** The sink that the client's bytes go to; what comes of them goes to `sink`. Called again when another server takes over. */
  into(sink: BodySink): BodySink;
}

export interface ExchangeObserver {
  /** The exchange is over, for better or worse; called exactly once. */
  finished(exchange: Exchange): void;
}

/** The client's side of the connection, shared by all its exchanges. */
export interface ClientInfo {
  readonly ip: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Null for a connection without TLS. */
  readonly tls: TlsSession | null;
  /** Its X-Forwarded-* may be believed. */
  readonly isTrusted: boolean;
  /** Connections to servers that are this one's alone; null for none so far. */
  bonds: ClientBonds | null;
}

const NO_HOOKS: readonly ResponseHook[] = [];

export class Exchange implements AccessRecord {
  readonly downstream: Downstream;
  readonly client: ClientInfo;

  // Request, as parsed.
  method = '';
  /** As received. */
  target = '';
  /** Normal form, percent-encoded: what is sent upstream; middlewares may change it through `setPath`. */
  forwardPath = '';
  /** Decoded form of forwardPath: what rules match. */
  path = '';
  /** Without `?`. */
  query = '';
  /** There is a `?`, whatever follows. */
  hasQuery = false;
  /** Filled by the first rule that looks at the query. */
  parsedQuery: ReadonlyMap<string, readonly string[]> | null = null;
  /** Canonical: lower case, no port, no trailing dot, IPv6 in brackets. */
  host = '';
  /** Host as received with its port; what passHostHeader forwards. */
  authority = '';
  /** 1 or 2. */
  majorVersion = 1;
  /** 0 or 1, of version 1; features that HTTP/1.1 brought are there in version 2, which has 1 here. */
  minorVersion = 1;
  readonly requestHeaders = new HeaderList();
  requestFraming: BodyFraming = BODY_NONE;
  /** Of BODY_LENGTH; otherwise 0. */
  requestLength = 0;
  /** Body bytes that are read before the answer is 413; 0 is unlimited. Stages may lower it. */
  maxRequestBytes = 0;
  /** The client waits for a 100 before it sends the body. */
  expectsContinue = false;
  /** The client understands trailers. */
  acceptsTrailers = false;
  /** Names the client will send as trailers; '' for none. */
  trailerNames = '';
  /** Protocols the client would change to and may, see upgrade.ts; '' for none. Then the one the server has chosen. */
  upgrade = '';
  /** Between the request's body and its server; null for none. */
  requestFilter: RequestFilter | null = null;
  /** A forwarded-kind header was received. */
  hasForwarded = false;
  /** Field names the client's Connection header nominated, lower case; null for none. */
  connectionNames: Set<string> | null = null;
  /** Of these: names that stages may see, and the server not; null for none. */
  hopNames: ReadonlySet<string> | null = null;
  /** Host line sent upstream; set by the service. */
  upstreamHost = '';
  appendForwardedFor = true;

  // Routing.
  entryPointName = '';
  routerName = '';
  serviceName = '';
  serviceUrl = '';
  serviceAddr = '';
  clientUser = '';
  observer: ExchangeObserver | null = null;
  /** What the observer chose for this route; it alone knows the type. */
  observed: unknown = null;

  // Response.
  status = 0;
  reason = '';
  readonly responseHeaders = new HeaderList();
  responseFraming: BodyFraming = BODY_NONE;
  responseLength = 0;
  originHeaders: HeaderList | null = null;
  originStatus = 0;
  originBytes = 0;
  failure: Failure | null = null;
  /** What the system or OpenSSL said of a server that could not be reached; empty when nothing did. */
  failureReason = '';
  /** Where the response goes: the filter next to the service, or the client itself. */
  responseSink: ResponseSink;
  responseSource: BodySource | null = null;
  /** Made by a stage for an answer of its own, such as an error page: no stage replaces that one's. */
  isSubrequest = false;
  /** Head written or being written: too late for another answer. */
  isResponseStarted = false;
  isFinished = false;

  // Accounting.
  startWallMs = 0;
  startMs = 0;
  endMs = 0;
  originStartMs = 0;
  originEndMs = 0;
  requestBytes = 0;
  responseBytes = 0;
  retryAttempts = 0;
  traffic: AccessRecord['traffic'] = 'http';

  private lastFilter: ChainedSink | null = null;
  private hooks: ResponseHook[] | readonly ResponseHook[] = NO_HOOKS;
  /** Hooks below this index have not run for the present response. */
  private hooksLeft = 0;

  constructor(downstream: Downstream, client: ClientInfo) {
    this.downstream = downstream;
    this.client = client;
    this.responseSink = downstream;
  }

  /** Delivers the request body to the server's connection: see `Downstream.readBody`. */
  readBody(sink: BodySink): void {
    this.downstream.readBody(this.requestFilter === null ? sink : this.requestFilter.into(sink));
  }

  /** See BodySource.claim, for the request body's current chunk. */
  claimBody(): boolean {
    // What a filter passes on is its own memory.
    return this.requestFilter === null && this.downstream.claimBody();
  }

  /** Hooks run in reverse order of registration: the stage next to the service first. */
  onResponse(hook: ResponseHook): void {
    if (this.hooks === NO_HOOKS) this.hooks = [hook];
    else (this.hooks as ResponseHook[]).push(hook); // Mutable unless it is NO_HOOKS.
  }

  /**
   * False when a hook threw: the exchange has then been answered for it, and the caller stops. Hooks run inside the
   * read callbacks of other connections, where an exception would cost every request of the worker.
   */
  runResponseHooks(): boolean {
    this.hooksLeft = this.hooks.length;
    return this.runHooksLeft();
  }

  /**
   * For a hook whose stage is about to replace the response: hooks of stages further out do not run until the returned
   * function is called, with the other response in place. It answers as `runResponseHooks` does.
   */
  holdHooks(): () => boolean {
    let left = this.hooksLeft;
    this.hooksLeft = 0;
    return () => {
      this.hooksLeft = left;
      left = 0;
      return this.runHooksLeft();
    };
  }

  private runHooksLeft(): boolean {
    try {
      while (this.hooksLeft > 0) this.hooks[--this.hooksLeft]!(this);
    } catch (error) {
      // Stages further out have their say about the answer that takes the place; with each round there are fewer.
      this.hooks = this.hooks.slice(0, this.hooksLeft);
      this.downstream.handlerFailed(this, error);
      return false;
    }
    return true;
  }

  /** Puts the filter between those that are there and the client; for response hooks. */
  addFilter(filter: ChainedSink): void {
    filter.attach(this.downstream);
    if (this.lastFilter === null) this.responseSink = filter;
    else this.lastFilter.attach(filter);
    this.lastFilter = filter;
  }

  /** For an answer that takes the place of one that has not begun. */
  dropFilters(): void {
    this.lastFilter = null;
    this.responseSink = this.downstream;
  }

  get clientIp(): string {
    return this.client.ip;
  }
  get clientPort(): number {
    return this.client.port;
  }
  get scheme(): 'http' | 'https' {
    return this.client.scheme;
  }
  get tlsVersion(): string {
    return this.client.tls === null ? '' : this.client.tls.version;
  }
  get tlsCipher(): string {
    return this.client.tls === null ? '' : this.client.tls.cipher;
  }
  get tlsClientSubject(): string {
    return this.client.tls === null ? '' : this.client.tls.clientSubject;
  }
  get protocol(): string {
    if (this.majorVersion === 2) return 'HTTP/2.0';
    return this.minorVersion === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }
  get durationMs(): number {
    return this.endMs - this.startMs;
  }
  get originDurationMs(): number {
    return this.originStartMs === 0 ? 0 : (this.originEndMs || this.endMs) - this.originStartMs;
  }
  get responseFlag(): string {
    return this.failure === null ? '' : this.failure.flag;
  }
}
