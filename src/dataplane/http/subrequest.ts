// A request without a client: the program asks something itself, through the same services and endpoints as everybody,
// and the answer goes to who has asked. Error pages and checks of health are such requests.

import { performance } from 'node:perf_hooks';
import { BODY_LENGTH, BODY_NONE, type BodySink, type BodySource } from './body.ts';
import { Exchange, type Downstream, type ResponseSink } from './exchange.ts';
import type { ClientInfo } from './client-info.ts';
import { FAILURES, type Failure } from './failure.ts';

/** On behalf of no client. */
const NOBODY: ClientInfo = { ip: '', port: 0, scheme: 'http', tls: null, isTrusted: true, bonds: null, identity: null };

export interface SubrequestInit {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Sent whole, as often as it is asked for; left out for none. */
  readonly body?: Buffer;
}

/** Gets the answer: its head, its body, and one of `end` and `abort`. Nothing after `cancel`. */
export interface Taker extends ResponseSink {
  /** An interim answer has come, which is passed on to nobody. */
  interim?(): void;
  /** A stage in front of the service threw: a defect. The answer follows. */
  handlerFailed(error: unknown): void;
}

export class Subrequest implements Downstream, BodySource {
  readonly exchange: Exchange;
  private readonly taker: Taker;
  private readonly body: Buffer | null;

  /**
   * `like` is the exchange whose client is served by it; what routers and stages know of that one, they know of this
   * one.
   */
  constructor(like: Exchange | null, { method, target, body }: SubrequestInit, taker: Taker) {
    this.taker = taker;
    this.body = body ?? null;
    const exchange = new Exchange(this, like?.client ?? NOBODY);
    this.exchange = exchange;
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    exchange.isSubrequest = true;
    exchange.method = method;
    exchange.target = target;
    exchange.forwardPath = exchange.path = path.startsWith('/') ? path : `/${path}`;
    exchange.query = question < 0 ? '' : target.slice(question + 1);
    exchange.hasQuery = question >= 0;
    exchange.startMs = performance.now();
    exchange.startWallMs = Date.now();
    exchange.requestFraming = body === undefined ? BODY_NONE : BODY_LENGTH;
    exchange.requestLength = body?.length ?? 0;
    if (like === null) {
      exchange.appendForwardedFor = false;
      return;
    }
    exchange.identity = like.identity;
    exchange.host = like.host;
    exchange.authority = like.authority;
    exchange.entryPointName = like.entryPointName;
    exchange.routerName = like.routerName;
    exchange.appendForwardedFor = like.appendForwardedFor;
    exchange.hasForwarded = like.hasForwarded;
  }

  /** Sends it to a service, or whatever else handles requests. */
  send(handler: (exchange: Exchange) => void | Promise<void>): void {
    const { exchange } = this;
    try {
      const waiting = handler(exchange);
      if (waiting instanceof Promise) waiting.catch((error: unknown) => this.handlerFailed(exchange, error));
    } catch (error) {
      this.handlerFailed(exchange, error);
    }
  }

  // ── asked by the taker ─────────────────────────────────────────────────────────────────────────────────────────

  /** It takes bytes again. */
  resume(): void {
    this.exchange.responseSource?.resume();
  }

  /** The answer is not wanted any more. */
  cancel(): void {
    const source = this.exchange.responseSource;
    this.exchange.finish();
    source?.cancel();
  }

  // ── as the client's side of the exchange ───────────────────────────────────────────────────────────────────────

  startResponse(exchange: Exchange): void {
    if (exchange.isFinished) return;
    exchange.isResponseStarted = true;
    this.taker.startResponse(exchange);
  }

  write: ResponseSink['write'] = (chunk, start, end, owner) =>
    this.exchange.isFinished || this.taker.write(chunk, start, end, owner);

  flush(): void {
    if (!this.exchange.isFinished) this.taker.flush();
  }

  end: ResponseSink['end'] = (trailers) => {
    if (this.exchange.isFinished) return;
    this.exchange.finish();
    this.taker.end(trailers);
  };

  abort(failure: Failure): void {
    if (this.exchange.isFinished) return;
    this.exchange.failure ??= failure;
    this.exchange.finish();
    this.taker.abort(failure);
  }

  readBody(sink: BodySink): void {
    if (this.body === null) return;
    sink.write(this.body, 0, this.body.length, null);
    sink.end(null);
  }

  handlerFailed(exchange: Exchange, error: unknown): void {
    if (exchange.isFinished) return;
    this.taker.handlerFailed(error);
    exchange.dropSource();
    this.abort(FAILURES.internal);
  }

  resumeBody(): void {}
  sendInformational(): void {
    this.taker.interim?.();
  }
  /** Nobody has asked for another protocol. */
  startTunnel(exchange: Exchange): void {
    exchange.dropSource();
    this.abort(FAILURES.upgradeRefused);
  }
  resumeTunnel(): void {}
}
