// A connection to a server without a server, and without a client behind it: what either would see is noted.

import { onTestFinished } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { Exchange, type Downstream } from '../../src/dataplane/http/exchange.ts';
import type { BodySink } from '../../src/dataplane/http/body.ts';
import type { HeaderList } from '../../src/dataplane/http/message/header-list.ts';
import { respondFailure } from '../../src/dataplane/http/respond.ts';
import { Http1ResponseParser } from '../../src/dataplane/http1/response-parser.ts';
import type { ResponseOwner, UpstreamContext } from '../../src/dataplane/upstream/connection-owner.ts';
import { DEFAULT_UPSTREAM_TLS, type ServerSpec, type UpstreamTransportSpec } from '../../src/model/service.ts';
import { CLIENT, OtherSide } from './downstream.ts';

/** All waits are a second long, but for those a test names. */
export const WAITING_TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 1000, responseHeaderTimeoutMs: 1000, idleConnTimeoutMs: 1000, readIdleTimeoutMs: 1000, pingTimeoutMs: 0,
  writeIdleTimeoutMs: 1000, maxIdleConnsPerHost: 10, maxConnsPerHost: 0, maxPendingRequests: 10, maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20, isHttp2: true, tls: DEFAULT_UPSTREAM_TLS,
}; // prettier-ignore

export function serverSpec(scheme: ServerSpec['scheme'] = 'http', host = 'a', port = 1): ServerSpec {
  return { url: `${scheme}://${host}:${port}`, scheme, host, port, path: '', preservePath: false, weight: 1 };
}

/** The client's side of an exchange, as its server's connection sees it. */
export class NotingDownstream extends OtherSide implements Downstream {
  /** Who takes the body of the request, once somebody does. */
  sink: BodySink | null = null;
  isOver = false;

  startResponse(exchange: Exchange): void {
    exchange.isResponseStarted = true;
    this.seen.push(`(begin ${exchange.status})`);
  }
  sendInformational(status: number, _: string, headers: HeaderList): void {
    this.seen.push(`(${status} ${headers.render().trim()})`);
  }
  readBody(sink: BodySink): void {
    this.sink = sink;
  }
  resumeBody(): void {
    this.seen.push('(resume body)');
  }
  startTunnel(exchange: Exchange): void {
    exchange.isResponseStarted = true;
    this.seen.push(`(tunnel ${exchange.upgrade})`);
  }
  resumeTunnel(): void {
    this.seen.push('(resume tunnel)');
  }
  handlerFailed(_: Exchange, error: unknown): void {
    this.seen.push(`(failed ${String(error)})`);
  }
}

export interface UpstreamLab {
  readonly clock: ManualClock;
  readonly context: UpstreamContext;
  /** What the endpoint has heard. */
  readonly heard: string[];
  /** What every owner of a connection is. */
  readonly owner: ResponseOwner;
  /** Lets time go by. */
  readonly pass: (ms: number) => void;
}

export function upstreamLab(
  server: ServerSpec = serverSpec(),
  transport: Partial<UpstreamTransportSpec> = {},
  context: Partial<UpstreamContext> = {},
): UpstreamLab {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  onTestFinished(() => wheel.stop());
  const heard: string[] = [];
  const used: Partial<UpstreamContext> = {
    wheel,
    parser: new Http1ResponseParser(),
    workerSlots: 1,
    keepOriginHeaders: false,
    trace: null,
    resting: new Set(),
    ...context,
  };
  const whole = used as UpstreamContext; // The part that is used.
  return {
    clock,
    context: whole,
    heard,
    owner: {
      server,
      transport: { ...WAITING_TRANSPORT, ...transport },
      context: whole,
      answered: ({ status }) => void heard.push(`answered ${status}`),
      failed(exchange) {
        const { attempt } = exchange;
        const marks = [
          attempt.isUntouched ? 'untouched' : '',
          attempt.wasReused ? 'reused' : '',
          attempt.isUnseen ? 'unseen' : '',
        ];
        heard.push(['failed', attempt.failure!.flag, ...marks].filter((word) => word !== '').join(' '));
        exchange.responseSource = null;
        respondFailure(exchange, attempt.failure!);
      },
    },
    pass(ms) {
      clock.advance(ms);
      wheel.tick();
    },
  };
}

/** A request that has passed the stages. */
export function exchangeFor(method = 'GET'): { readonly exchange: Exchange; readonly client: NotingDownstream } {
  const client = new NotingDownstream();
  const exchange = new Exchange(client, { ...CLIENT });
  exchange.method = method;
  exchange.forwardPath = exchange.path = '/';
  exchange.upstreamHost = 'a';
  exchange.appendForwardedFor = false;
  return { exchange, client };
}
