// A check that goes to a server the way requests do, through an endpoint of its own: whatever protocol the server
// speaks. The connection is kept from check to check. Subclasses say what is asked, and what the answer means.

import { Deadline } from '../../core/timer-wheel.ts';
import { BODY_CLOSE } from '../../dataplane/http/body.ts';
import type { Exchange } from '../../dataplane/http/exchange.ts';
import type { Failure } from '../../dataplane/http/failure.ts';
import type { HeaderList } from '../../dataplane/http/message/header-list.ts';
import { Subrequest, type Taker } from '../../dataplane/http/subrequest.ts';
import { canSendAgain, sendAgain, sendFirst } from '../../dataplane/upstream/attempts.ts';
import { ConnectionBudget, connectionBudgetBytes } from '../../dataplane/upstream/connection-budget.ts';
import { Endpoint } from '../../dataplane/upstream/endpoint.ts';
import { EndpointTable } from '../../dataplane/upstream/endpoint-table.ts';
import { Http1ResponseParser } from '../../dataplane/http1/response-parser.ts';
import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec, UpstreamTransportSpec } from '../../model/service.ts';
import { reasonOfCheck } from './check-reason.ts';
import { INCONCLUSIVE, type Probe, type ProbeContext, type Verdict } from './probe.ts';

/** What is longer is no answer to a check, and need not be kept, */
const MAX_ANSWER_BYTES = 1024;
/** nor read to its end: its connection, or its stream, is given up instead. */
const MAX_BODY_BYTES = 64 * 1024;
/** The wheel turns every 50 ms; what is later than this says that the thread was held up. */
const MAX_LATE_MS = 250;

/** Never asked: checks have neither a limit of connections nor a row. */
const NO_LIMITS = new ConnectionBudget(new SharedArrayBuffer(connectionBudgetBytes(1)), 0, 1);
const NO_ROWS = new EndpointTable(new SharedArrayBuffer(0), 0, 1);

export interface ProbeQuestion {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body?: Buffer;
  /** Who is asked, and as whom; left out for the server itself. */
  readonly target?: { readonly endpoint: Endpoint; readonly authority: string };
  /** Sets what else there is to say. */
  prepare?(exchange: Exchange): void;
}

export interface ProbeAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly trailers: HeaderList | null;
  /** The first kilobyte of it. */
  readonly body: Buffer;
}

interface CheckOwner {
  answered(check: Check, answer: ProbeAnswer): void;
  /** `head` is what had come of an answer by then; null for nothing. */
  broke(check: Check, failure: Failure, head: ProbeAnswer | null): void;
}

/** Gathers the answer to one question. */
class Check implements Taker {
  readonly request: Subrequest;
  hasInterim = false;
  private readonly owner: CheckOwner;
  private hasHead = false;
  private body = Buffer.alloc(0);
  private bodyBytes = 0;

  constructor({ method, path, body }: ProbeQuestion, owner: CheckOwner) {
    this.owner = owner;
    this.request = new Subrequest(null, { method, target: path, ...(body === undefined ? {} : { body }) }, this);
  }

  interim(): void {
    this.hasInterim = true;
  }

  startResponse({ failure, responseFraming, responseLength }: Exchange): void {
    this.hasHead = failure === null;
    // The head is the answer, and what follows it would go on and on.
    if (this.hasHead && (responseFraming === BODY_CLOSE || responseLength > MAX_BODY_BYTES)) this.stop();
  }

  flush(): void {}
  /** No stage stands before a check. */
  handlerFailed(): void {}

  write(chunk: Buffer, start: number, end: number): boolean {
    this.bodyBytes += end - start;
    if (this.body.length < MAX_ANSWER_BYTES) this.body = Buffer.concat([this.body, chunk.subarray(start, end)]);
    if (this.bodyBytes > MAX_BODY_BYTES) this.stop();
    return true;
  }

  private stop(): void {
    this.request.cancel();
    this.owner.answered(this, this.answer(null));
  }

  end(trailers: HeaderList | null): void {
    const { failure } = this.request.exchange;
    if (failure === null) this.owner.answered(this, this.answer(trailers));
    else this.owner.broke(this, failure, null);
  }

  abort(failure: Failure): void {
    this.owner.broke(this, failure, this.hasHead ? this.answer(null) : null);
  }

  private answer(trailers: HeaderList | null): ProbeAnswer {
    const { status, responseHeaders: headers } = this.request.exchange;
    return { status, headers, trailers, body: this.body };
  }
}

/** The protocol of the server's, and bounds of its answers. */
export interface ProbeProtocol {
  readonly scheme: 'http' | 'https' | 'h2c';
  readonly isHttp2: boolean;
  readonly maxHeadBytes: number;
  readonly maxHeadFields: number;
}

export abstract class EndpointProbe implements Probe, CheckOwner {
  protected readonly spec: HealthCheckSpec;
  protected readonly server: ServerSpec;
  protected readonly endpoint: Endpoint;
  readonly #protocol: ProbeProtocol;
  readonly #tls: UpstreamTlsSpec;
  readonly #context: ProbeContext;
  readonly #deadline: Deadline;
  /** When the check has taken too long, in the wheel's time. */
  #dueMs = 0;
  #check: Check | null = null;
  /** Who is asked by it. */
  #asked: Endpoint;
  #done: ((verdict: Verdict) => void) | null = null;

  /** `tls` is the transport's. */
  constructor(
    spec: HealthCheckSpec,
    server: ServerSpec,
    tls: UpstreamTlsSpec,
    context: ProbeContext,
    protocol: ProbeProtocol,
  ) {
    this.spec = spec;
    this.#protocol = protocol;
    this.#tls = tls;
    this.#context = context;
    this.#deadline = new Deadline(() => this.#expired());
    this.server = { ...server, scheme: protocol.scheme, port: spec.port === 0 ? server.port : spec.port };
    this.endpoint = this.endpointOf(this.server);
    this.#asked = this.endpoint;
  }

  /** For a server that is asked in the same way. Whoever makes it retires it. */
  protected endpointOf(server: ServerSpec): Endpoint {
    const transport = transportOf(this.spec, this.#tls, this.#protocol);
    return new Endpoint('', { ...server, preservePath: false }, transport, {
      wheel: this.#context.wheel,
      resolver: this.#context.resolver,
      parser: new Http1ResponseParser(),
      tls: this.#context.tls,
      workerSlots: 1,
      budget: NO_LIMITS,
      table: NO_ROWS,
      ejected: () => {},
      trace: null,
      keepOriginHeaders: false,
      resting: new Set(),
    });
  }

  /** Begins a check; it calls `ask`. */
  protected abstract begin(): void;
  /** What came of a question: calls `ask` again or `settle`. */
  protected abstract judge(answer: ProbeAnswer): void;
  /** The answer broke off behind its head; false when that is no answer. */
  protected abstract judgesHead(head: ProbeAnswer, failure: Failure): boolean;

  check(done: (verdict: Verdict) => void): void {
    this.#done = done;
    this.#arm(this.spec.timeoutMs);
    this.begin();
  }

  protected get authority(): string {
    return this.spec.hostname === '' ? this.endpoint.address : this.spec.hostname;
  }

  protected ask(question: ProbeQuestion): void {
    const endpoint = question.target?.endpoint ?? this.endpoint;
    const authority = question.target?.authority ?? this.authority;
    const check = new Check(question, this);
    this.#check = check;
    this.#asked = endpoint;
    const { exchange } = check.request;
    exchange.upstreamHost = authority;
    question.prepare?.(exchange);
    for (const [name, value] of Object.entries(this.spec.headers)) {
      // The host is the option `hostname`'s affair.
      if (name.toLowerCase() !== 'host') exchange.requestHeaders.set(name, value);
    }
    // A kept connection that turns out to be dead says nothing about the server, whatever was asked on it.
    exchange.onFailure(() => (isOfDeadConnection(exchange) ? repeat(exchange) : 'pass'));
    sendFirst(exchange, { sendAttempt: (one) => endpoint.send(one) });
  }

  answered(check: Check, answer: ProbeAnswer): void {
    if (this.#check === check) this.judge(answer);
  }

  broke(check: Check, failure: Failure, head: ProbeAnswer | null): void {
    if (this.#check !== check || (head !== null && this.judgesHead(head, failure))) return;
    const { hasInterim, request } = check;
    this.settle(reasonOfCheck({ failure, failureReason: request.exchange.failureReason, hasInterim }));
  }

  #arm(ms: number): void {
    const { wheel } = this.#context;
    this.#dueMs = wheel.nowMs + ms;
    wheel.arm(this.#deadline, ms);
  }

  /**
   * A main thread that was busy, or had no core, has not read what servers have long answered: its own delay must not
   * take all of them down at once.
   */
  #expired(): void {
    const lateMs = this.#context.wheel.nowMs - this.#dueMs;
    if (lateMs > MAX_LATE_MS) {
      this.#arm(Math.min(lateMs, this.spec.timeoutMs));
      return;
    }
    const done = this.#done;
    // Behind the reads that are due in this turn.
    setImmediate(() => {
      if (done === null || this.#done !== done || this.#deadline.atMs !== Number.POSITIVE_INFINITY) return;
      this.settle(this.#asked.isStarved ? INCONCLUSIVE : `no answer within ${this.spec.timeoutMs} ms`);
    });
  }

  stop(): void {
    this.#done = null;
    this.settle(null);
    this.#context.wheel.remove(this.#deadline);
    this.endpoint.retire();
  }

  /** The check is over; what still comes of it is nobody's. */
  protected settle(verdict: Verdict): void {
    this.#context.wheel.disarm(this.#deadline);
    const done = this.#done;
    const check = this.#check;
    this.#done = null;
    this.#check = null;
    if (check !== null && !check.request.exchange.isFinished) check.request.cancel();
    done?.(verdict);
  }
}

function isOfDeadConnection(exchange: Exchange): boolean {
  const { number, failure, isUntouched, wasReused } = exchange.attempt;
  return number === 1 && isUntouched && wasReused && failure?.isEndOfConnection === true && canSendAgain(exchange);
}

function repeat(exchange: Exchange): 'taken' {
  sendAgain(exchange);
  return 'taken';
}

function transportOf(spec: HealthCheckSpec, tls: UpstreamTlsSpec, protocol: ProbeProtocol): UpstreamTransportSpec {
  return {
    // The check as a whole has a limit, which speaks of itself.
    dialTimeoutMs: 2 * spec.timeoutMs,
    responseHeaderTimeoutMs: 0,
    idleConnTimeoutMs: 2 * Math.max(spec.intervalMs, spec.unhealthyIntervalMs) + spec.timeoutMs,
    readIdleTimeoutMs: 0,
    pingTimeoutMs: 0,
    writeIdleTimeoutMs: spec.timeoutMs,
    maxIdleConnsPerHost: 1,
    maxConnsPerHost: 0,
    maxPendingRequests: 1,
    maxResponseHeaderBytes: protocol.maxHeadBytes,
    maxResponseHeaderCount: protocol.maxHeadFields,
    isHttp2: protocol.isHttp2,
    tls,
  };
}
