// A check that goes to a server the way requests do, through an endpoint of its own: whatever protocol the server speaks. The
// connection is kept from check to check. Subclasses say what is asked, and what the answer means.

import type { AttemptSender, Exchange } from '../../dataplane/http/exchange.ts';
import { FAILURES, type Failure } from '../../dataplane/http/failure.ts';
import type { HeaderList } from '../../dataplane/http/message/header-list.ts';
import { Subrequest, type Taker } from '../../dataplane/http/subrequest.ts';
import { sendFirst } from '../../dataplane/upstream/attempts.ts';
import { ConnectionBudget, connectionBudgetBytes } from '../../dataplane/upstream/connection-budget.ts';
import { Endpoint } from '../../dataplane/upstream/endpoint.ts';
import { EndpointTable } from '../../dataplane/upstream/endpoint-table.ts';
import { Http1ResponseParser } from '../../dataplane/http1/response-parser.ts';
import type { HealthCheckSpec, ServerSpec, UpstreamTlsSpec, UpstreamTransportSpec } from '../../model/service.ts';
import { isSecureCheck } from './http-probe.ts';
import { INCONCLUSIVE, type Probe, type ProbeContext, type Verdict } from './probe.ts';

/** What is longer is no answer to a check, and need not be kept. */
const MAX_ANSWER_BYTES = 1024;
const MAX_LATE_MS = 250;

/** Never asked: checks have neither a limit of connections nor a row. */
const NO_LIMITS = new ConnectionBudget(new SharedArrayBuffer(connectionBudgetBytes(1)), 0, 1);
const NO_ROWS = new EndpointTable(new SharedArrayBuffer(0), 0, 1);

export interface ProbeQuestion {
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer;
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

/** Gathers the answer to one question. */
class Check implements Taker {
  readonly request: Subrequest;
  private readonly done: (answer: ProbeAnswer | Failure) => void;
  private answer = Buffer.alloc(0);

  constructor({ method, path, body }: ProbeQuestion, done: (answer: ProbeAnswer | Failure) => void) {
    this.done = done;
    this.request = new Subrequest(null, { method, target: path, ...(body === undefined ? {} : { body }) }, this);
  }

  startResponse(): void {}
  flush(): void {}
  /** No stage stands before a check. */
  handlerFailed(): void {}

  write(chunk: Buffer, start: number, end: number): boolean {
    if (this.answer.length < MAX_ANSWER_BYTES) this.answer = Buffer.concat([this.answer, chunk.subarray(start, end)]);
    return true;
  }

  end(trailers: HeaderList | null): void {
    const { failure, status, responseHeaders: headers } = this.request.exchange;
    this.done(failure ?? { status, headers, trailers, body: this.answer });
  }

  abort(failure: Failure): void {
    this.done(failure);
  }
}

export abstract class EndpointProbe implements Probe, AttemptSender {
  protected readonly spec: HealthCheckSpec;
  readonly #endpoint: Endpoint;
  #check: Check | null = null;
  #done: ((verdict: Verdict) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** `tls` is the transport's. */
  constructor(spec: HealthCheckSpec, server: ServerSpec, tls: UpstreamTlsSpec, context: ProbeContext) {
    this.spec = spec;
    const target: ServerSpec = {
      ...server,
      scheme: isSecureCheck(spec, server) ? 'https' : 'h2c',
      port: spec.port === 0 ? server.port : spec.port,
      preservePath: false,
    };
    this.#endpoint = new Endpoint('', target, transportOf(spec, tls), {
      wheel: context.wheel,
      resolver: context.resolver,
      parser: new Http1ResponseParser(),
      tls: context.tls,
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
  /** Calls `ask` again or `settle`. */
  protected abstract answered(answer: ProbeAnswer): void;

  check(done: (verdict: Verdict) => void): void {
    this.#done = done;
    this.#limit(this.spec.timeoutMs);
    this.begin();
  }

  protected get authority(): string {
    return this.spec.hostname === '' ? this.#endpoint.address : this.spec.hostname;
  }

  protected ask(question: ProbeQuestion): void {
    const check = new Check(question, (answer) => {
      if (this.#check !== check) return;
      if ('flag' in answer) this.settle(reasonOf(answer));
      else this.answered(answer);
    });
    this.#check = check;
    const { exchange } = check.request;
    exchange.upstreamHost = this.authority;
    for (const [name, value] of Object.entries(this.spec.headers)) exchange.requestHeaders.set(name, value);
    question.prepare?.(exchange);
    sendFirst(exchange, this);
  }

  sendAttempt(exchange: Exchange): void {
    this.#endpoint.send(exchange);
  }

  /** Grants what the thread itself was held up, as http-probe.ts does. */
  #limit(ms: number): void {
    const dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs > MAX_LATE_MS) {
        this.#limit(Math.min(lateMs, this.spec.timeoutMs));
        return;
      }
      this.settle(`no answer within ${this.spec.timeoutMs} ms`);
    }, ms);
    this.#timer.unref();
  }

  stop(): void {
    this.#done = null;
    this.settle(null);
    this.#endpoint.retire();
  }

  /** The check is over; what still comes of it is nobody's. */
  protected settle(verdict: Verdict): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const done = this.#done;
    const check = this.#check;
    this.#done = null;
    this.#check = null;
    if (check !== null && !check.request.exchange.isFinished) check.request.cancel();
    done?.(verdict);
  }
}

function transportOf(spec: HealthCheckSpec, tls: UpstreamTlsSpec): UpstreamTransportSpec {
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
    maxResponseHeaderBytes: 16 * 1024,
    maxResponseHeaderCount: 100,
    isHttp2: true,
    tls,
  };
}

const REASONS: ReadonlyMap<Failure, string> = new Map<Failure, string>([
  [FAILURES.connectRefused, 'the connection was refused'],
  [FAILURES.dnsFailure, 'its name does not resolve'],
  [FAILURES.upstreamUntrusted, 'its certificate is not trusted'],
  [FAILURES.upstreamTls, 'TLS cannot be used'],
]);

function reasonOf(failure: Failure): Verdict {
  if (failure === FAILURES.noResources) return INCONCLUSIVE;
  return REASONS.get(failure) ?? `no answer (${failure.flag})`;
}
