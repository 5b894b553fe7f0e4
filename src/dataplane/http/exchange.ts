// One request and its response in flight. Every stage reads and writes this object; its shape is fixed and every field
// is assigned in the constructor, so that the hot path stays monomorphic. It lives as long as the request: stages may
// keep it until then, never beyond.

import { performance } from 'node:perf_hooks';
import type { AccessRecord } from '../../model/access-record.ts';
import { Attempt } from './attempt.ts';
import {
  BODY_NONE,
  type BodyFraming,
  type BodySink,
  type BodySource,
  type RequestFilter,
  type TunnelEnd,
} from './body.ts';
import type { ClientIdentity, ClientInfo } from './client-info.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { added, NO_HOOKS } from './hook-list.ts';
import type { Failure } from './failure.ts';
import { HeaderList } from './message/header-list.ts';
import { KeptBody } from './kept-body.ts';

/** One stage of the request path. It returns a promise only when it truly waits. */
export type Handler = (exchange: Exchange) => void | Promise<void>;

/** `taken`: the stage goes on in its own way, and stages further out have no say for now. */
export type Verdict = 'pass' | 'taken';

/** Runs before each attempt is sent, and before its server is picked; may change headers, and exclude servers. */
export type AttemptHook = (exchange: Exchange) => void;

/**
 * Runs when there will be no response, before one of ours takes its place; not for what the client did wrong. Who takes
 * it has sent the request again (upstream/attempts.ts), or answers.
 */
export type FailureHook = (exchange: Exchange, failure: Failure) => Verdict;

/**
 * Runs before the head of each response is written, ours or a server's; may change status and headers. Who takes it has
 * sent the request again, or puts another response into its place, by a filter: see `runHooksLeft`.
 */
export type ResponseHook = (exchange: Exchange) => Verdict | void;

/** Runs when the exchange is over, for better or worse: always, exactly once. */
export type FinishHook = (exchange: Exchange) => void;

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
  /** Answers 101 with the exchange's response headers, then moves bytes both ways until either side ends. */
  startTunnel(exchange: Exchange, upstream: TunnelEnd): void;
  /** The tunnel's upstream half has room again. */
  resumeTunnel(): void;
  /** A stage or a hook threw: reports it, stops the server's work and answers 500. */
  handlerFailed(exchange: Exchange, error: unknown): void;
}

export interface ExchangeObserver {
  /** The exchange is over, for better or worse; called exactly once. */
  finished(exchange: Exchange): void;
}

/** Who picks a server for a try and sends it there: a load balancer. */
export interface AttemptSender {
  /** Not to one that the attempt excludes, as long as there is another. */
  sendAttempt(exchange: Exchange): void;
  /** Where targets come and go: whether there is one that it has not gone to yet. */
  hasAnother?(exchange: Exchange): boolean;
}

export class Exchange extends ExchangeRecord implements AccessRecord {
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
  /** Who asks, by the connection's certificate or as an authenticating middleware has found; null: nobody knows. */
  identity: ClientIdentity | null;
  observer: ExchangeObserver | null = null;
  /** Services that the request has entered; null for none. */
  counted: ExchangeObserver | null = null;
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
  readonly attempt = new Attempt();
  /** Of the attempts; null before the first. */
  sender: AttemptSender | null = null;
  traffic: AccessRecord['traffic'] = 'http';

  private lastFilter: ChainedSink | null = null;
  private requestFilters: readonly RequestFilter[] = NO_HOOKS;
  private keptBody: KeptBody | null = null;
  private hasReadBody = false;
  private attemptHooks: readonly AttemptHook[] = NO_HOOKS;
  private failureHooks: readonly FailureHook[] = NO_HOOKS;
  private responseHooks: readonly ResponseHook[] = NO_HOOKS;
  private finishHooks: readonly FinishHook[] = NO_HOOKS;
  /** Response hooks below this index have not run for the present response. */
  private hooksLeft = 0;
  private isInHook = false;
  /** Of response hooks, those of stages. */
  private stageHooks = 0;

  constructor(downstream: Downstream, client: ClientInfo) {
    super();
    this.downstream = downstream;
    this.client = client;
    this.identity = client.identity;
    this.responseSink = downstream;
  }

  // ── request body ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts the filter between those that are there and the server. Before the body is read. */
  addRequestFilter(filter: RequestFilter): void {
    this.requestFilters = added(this.requestFilters, filter);
  }

  /**
   * Keeps the body as it goes to the server, as long as it has no more than `maxBytes`, so that it can be sent again:
   * until a response begins, or with `isForResponse` until the end. The first wish counts, and only before the body is
   * read.
   */
  keepBody(maxBytes: number, isForResponse: boolean): void {
    if (this.hasReadBody || this.requestFraming === BODY_NONE) return;
    this.keptBody ??= new KeptBody(maxBytes, isForResponse);
  }

  /** The whole of the request is there to be sent again. */
  get hasWholeRequest(): boolean {
    return this.requestFraming === BODY_NONE || !this.hasReadBody || this.keptBody?.isWhole === true;
  }

  /** Delivers the request body to the server's connection: see `Downstream.readBody`. Again for each attempt. */
  readBody(sink: BodySink): void {
    const isAgain = this.hasReadBody;
    this.hasReadBody = true;
    let first = sink;
    if (this.keptBody !== null) {
      first = this.keptBody.into(sink);
      if (this.keptBody.isComplete) return;
    }
    for (let index = this.requestFilters.length - 1; index >= 0; index--)
      first = this.requestFilters[index]!.into(first);
    this.downstream.readBody(first);
    if (isAgain) this.downstream.resumeBody();
  }

  // ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────────

  onAttempt(hook: AttemptHook): void {
    this.attemptHooks = added(this.attemptHooks, hook);
  }

  /**
   * In the order of registration: the stage next to the client first. False when one threw, which is answered, since
   * others may share the connection whose read callback this is in.
   */
  runAttemptHooks(): boolean {
    try {
      for (const hook of this.attemptHooks) hook(this);
    } catch (error) {
      this.downstream.handlerFailed(this, error);
      return false;
    }
    return true;
  }

  /** Every stage has been passed: response hooks that follow are of the server that is picked. */
  noteStages(): void {
    this.stageHooks = this.responseHooks.length;
  }

  /** Another server is picked. */
  forgetServer(): void {
    if (this.responseHooks.length > this.stageHooks) this.responseHooks = this.responseHooks.slice(0, this.stageHooks);
  }

  /** What a server still has to say is of no use any more. */
  dropSource(): void {
    const source = this.responseSource;
    this.responseSource = null;
    source?.cancel();
  }

  /** The present attempt, or its response, counts for nothing: what is left is as before it was sent. */
  forgetAttempt(): void {
    this.keptBody?.detach();
    this.dropSource();
    this.dropFilters();
    this.responseHeaders.clear();
    this.hooksLeft = 0;
    // An answer that comes at once is seen by all hooks, the one that has asked for it included.
    this.isInHook = false;
    this.status = 0;
    this.reason = '';
    this.originHeaders = null;
    this.originStatus = 0;
    this.originBytes = 0;
    this.failure = null;
    this.failureReason = '';
    if (this.traffic === 'sse') this.traffic = 'http';
  }

  /** The head of a server's response has come. */
  answered(): void {
    if (this.keptBody !== null) this.keptBody.answered();
  }

  // ── failure, response, end ─────────────────────────────────────────────────────────────────────────────────────

  onFailure(hook: FailureHook): void {
    this.failureHooks = added(this.failureHooks, hook);
  }

  /** The stage next to the service first, in reverse order of registration. `taken` also when a hook threw. */
  runFailureHooks(failure: Failure): Verdict {
    const hooks = this.failureHooks;
    let index = hooks.length;
    try {
      while (index > 0) if (hooks[--index]!(this, failure) === 'taken') return 'taken';
    } catch (error) {
      this.failureHooks = hooks.slice(0, index);
      this.downstream.handlerFailed(this, error);
      return 'taken';
    }
    return 'pass';
  }

  onResponse(hook: ResponseHook): void {
    this.responseHooks = added(this.responseHooks, hook);
  }

  /**
   * Hooks run in reverse order of registration: the stage next to the service first. False when the caller stops, as
   * its response is not wanted any more: a hook has sent the request again, or answered, or thrown, which is answered.
   * Hooks run inside the read callbacks of other connections, where an exception would cost every request of the
   * worker.
   */
  runResponseHooks(): boolean {
    // The answer of a hook is seen by those further out.
    if (!this.isInHook) this.hooksLeft = this.responseHooks.length;
    return this.runHooksLeft();
  }

  /** For a stage that has put another response into the place of one that it took: stages further out see that one. */
  runHooksLeft(): boolean {
    const { number } = this.attempt;
    while (this.hooksLeft > 0) {
      let verdict: Verdict | void;
      try {
        this.isInHook = true;
        verdict = this.responseHooks[--this.hooksLeft]!(this);
      } catch (error) {
        // Stages further out have their say about the answer that takes the place; with each round there are fewer.
        this.responseHooks = this.responseHooks.slice(0, this.hooksLeft);
        this.isInHook = false;
        this.downstream.handlerFailed(this, error);
        return false;
      }
      this.isInHook = false;
      if (verdict === 'taken') return this.attempt.number === number && !this.isResponseStarted && !this.isFinished;
    }
    return true;
  }

  onFinish(hook: FinishHook): void {
    this.finishHooks = added(this.finishHooks, hook);
  }

  /** Called by whoever has made the exchange. A hook that throws costs nobody else anything. */
  finish(): void {
    if (this.isFinished) return;
    this.endMs = performance.now();
    this.isFinished = true;
    this.responseSource = null;
    if (this.keptBody !== null) this.keptBody.forget();
    for (let index = this.finishHooks.length - 1; index >= 0; index--) {
      try {
        this.finishHooks[index]!(this);
      } catch (error) {
        this.downstream.handlerFailed(this, error);
      }
    }
    if (this.counted !== null) this.counted.finished(this);
    this.observer?.finished(this);
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
}
