// Whether the hooks of an exchange serve those they are for: a retry on status, a counter of requests in progress and a
// copy of request bodies, each as a stage of a few lines, over real sockets, for both protocols on both sides.

import { WRITTEN_FACTS, type HttpEndpointSpec } from '../../model/endpoint-set.ts';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { decodeInstall } from '../../controlplane/config/install/load-install.ts';
import { DEFAULT_UPSTREAM_TLS, type LoadBalancerSpec } from '../../model/service.ts';
import type { BodySink } from '../http/body.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import { entryPointSettings, entryPointState } from '../downstream/entry-point-state.ts';
import { Http1Connection } from '../downstream/http1-connection.ts';
import { Http2Connection } from '../downstream/http2-connection.ts';
import { respond } from '../http/respond.ts';
import { canSendAgain, sendAgain } from '../upstream/attempts.ts';
import type { UpstreamContext } from '../upstream/connection-owner.ts';
import { EndpointTable, endpointTableBytes } from '../upstream/endpoint-table.ts';
import { Http1ResponseParser } from '../http1/response-parser.ts';
import { LoadBalancer } from './load-balancer.ts';

type Stage = (next: Handler) => Handler;

// ── the stages ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Asks another server after a 5xx or a failure, at most twice. */
const retry: Stage = (next) => (exchange) => {
  exchange.keepBody(1024 * 1024, true);
  const again = (): 'pass' | 'taken' => {
    if (exchange.attempt.number > 2 || !canSendAgain(exchange)) return 'pass';
    exchange.attempt.exclude();
    sendAgain(exchange);
    return 'taken';
  };
  exchange.onFailure(again);
  exchange.onResponse(() => (exchange.status >= 500 ? again() : 'pass'));
  return next(exchange);
};

/** Requests in progress. */
class InFlight {
  now = 0;
  most = 0;

  readonly stage: Stage = (next) => (exchange) => {
    this.most = Math.max(this.most, ++this.now);
    exchange.onFinish(() => void this.now--);
    return next(exchange);
  };
}

/** Copies request bodies. */
class Tee {
  readonly copies: string[] = [];

  readonly stage: Stage = (next) => (exchange) => {
    const place = this.copies.push('') - 1;
    exchange.addRequestFilter({
      into: (sink: BodySink): BodySink => ({
        write: (chunk, start, end, owner) => {
          this.copies[place] += chunk.latin1Slice(start, end);
          return sink.write(chunk, start, end, owner);
        },
        flush: () => sink.flush(),
        end: (trailers) => sink.end(trailers),
        abort: (failure) => sink.abort(failure),
      }),
    });
    return next(exchange);
  };
}

/** How often each hook has been called. */
class Counts {
  attempt = 0;
  failure = 0;
  response = 0;
  finish = 0;

  readonly stage: Stage = (next) => (exchange) => {
    exchange.onAttempt(() => void this.attempt++);
    exchange.onFailure(() => (this.failure++, 'pass'));
    exchange.onResponse(() => void this.response++);
    exchange.onFinish(() => void this.finish++);
    return next(exchange);
  };
}

// ── the laboratory ───────────────────────────────────────────────────────────────────────────────────────────────────

type Protocol = 'HTTP/1.1' | 'HTTP/2';
type Answer = (body: string, response: http.ServerResponse, name: string) => void;

const TRANSPORT = {
  dialTimeoutMs: 0, responseHeaderTimeoutMs: 0, idleConnTimeoutMs: 90_000, readIdleTimeoutMs: 0, pingTimeoutMs: 0,
  writeIdleTimeoutMs: 0, maxIdleConnsPerHost: 10, maxConnsPerHost: 0, maxPendingRequests: 10, maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20, isHttp2: false, tls: DEFAULT_UPSTREAM_TLS,
} as const; // prettier-ignore

const stops: (() => Promise<void>)[] = [];
let answers: Record<string, Answer>;

function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  stops.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** A server that answers as `answers` says for its name. */
function origin(protocol: Protocol, name: string): Promise<number> {
  const handle = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    let body = '';
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('end', () => answers[name]!(body, response, name));
  };
  // The compatibility API has the shape of the other one.
  return listen(protocol === 'HTTP/2' ? http2.createServer(handle as never) : http.createServer(handle));
}

async function balancer(upstream: Protocol, names: readonly string[]): Promise<LoadBalancer> {
  const wheel = new TimerWheel(new SystemClock());
  stops.push(async () => wheel.stop());
  const context: Partial<UpstreamContext> = {
    wheel,
    parser: new Http1ResponseParser(),
    workerSlots: 1,
    keepOriginHeaders: false,
    resting: new Set(),
    table: new EndpointTable(new SharedArrayBuffer(endpointTableBytes(1)), 0, 1),
    trace: null,
    // What an endpoint uses of it.
    resolver: {
      retain: () => {},
      release: () => {},
      addresses: () => [{ host: '127.0.0.1', family: 4 }],
    } as unknown as UpstreamContext['resolver'],
  };
  const scheme = upstream === 'HTTP/2' ? 'h2c' : 'http';
  const endpoints: HttpEndpointSpec[] = [];
  for (const name of names) {
    const port = await origin(upstream, name);
    const url = `${scheme}://127.0.0.1:${port}`;
    const server = { url, scheme, host: '127.0.0.1', port, path: '', preservePath: false, weight: 1 } as const;
    endpoints.push({ ...server, ...WRITTEN_FACTS, key: url });
  }
  const cookie = { name: 'to', secure: false, httpOnly: false, sameSite: null, maxAgeSeconds: 0, path: '/', domain: '', secret: 'k' }; // prettier-ignore
  const spec: LoadBalancerSpec = {
    kind: 'loadBalancer', name: 's', strategy: 'wrr', endpointSet: 's', passHostHeader: true, transport: TRANSPORT, sticky: cookie,
    healthCheck: null, passiveHealthCheck: null, slowStartMs: 0, middlewares: [],
  }; // prettier-ignore
  const service = new LoadBalancer('s', context as UpstreamContext, new Uint8Array(32)); // The part that is used.
  service.update(spec, { endpoints, rows: {} });
  stops.push(async () => service.retire());
  return service;
}

/** An entry point whose requests go through the stages, the first one first. */
function entryPoint(downstream: Protocol, stages: readonly Stage[], service: Handler): Promise<number> {
  const spec = decodeInstall('', 'entryPoints: { web: { address: ":0" } }').value!.entryPoints['web']!;
  const wheel = new TimerWheel(new SystemClock());
  stops.push(async () => wheel.stop());
  const context = {
    entryPoint: entryPointState(entryPointSettings(spec, { finished: () => {} })),
    wheel,
    handler: stages.reduceRight((next, stage) => stage(next), service),
    closed: () => {},
    switchToHttp2: () => {},
    handlerFailed: (_: Exchange, error: unknown) => {
      throw error;
    },
  };
  const client = {
    ip: '127.0.0.1',
    port: 1,
    scheme: 'http',
    tls: null,
    isTrusted: false,
    bonds: null,
    identity: null,
  } as const;
  const Connection = downstream === 'HTTP/2' ? Http2Connection : Http1Connection;
  return listen(
    net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      new Connection(context, socket, { ...client }, 0, true);
    }),
  );
}

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly cookies: number;
}

interface Asked {
  readonly answer: Promise<Answered>;
  /** The client leaves. */
  abort(): void;
}

function ask(downstream: Protocol, port: number, body = ''): Asked {
  const method = body === '' ? 'GET' : 'POST';
  if (downstream === 'HTTP/1.1') {
    const request = http.request({ port, host: '127.0.0.1', method, agent: false });
    const answer = new Promise<Answered>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const cookies = response.headers['set-cookie']?.length ?? 0;
          resolve({ status: response.statusCode!, body: text, cookies });
        });
      });
    });
    request.end(body);
    return { answer, abort: () => request.destroy() };
  }
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const stream = session.request({ ':method': method, ':path': '/' }, { endStream: body === '' });
  const answer = new Promise<Answered>((resolve, reject) => {
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    let text = '';
    stream.on('error', reject);
    stream.on('aborted', () => reject(new Error('aborted')));
    stream.on('response', (headers) => (head = headers));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.on('end', () => {
      session.close();
      const status = head[':status'];
      if (status === undefined) reject(new Error('no answer'));
      else resolve({ status, body: text, cookies: head['set-cookie']?.length ?? 0 });
    });
  });
  if (body !== '') stream.end(body);
  return { answer, abort: () => session.destroy() };
}

const ok: Answer = (body, response, name) => response.end(`${name} ${body.length}`);
const busy: Answer = (_, response) => {
  response.statusCode = 503;
  response.end('busy');
};
const breaksOff: Answer = (_, response) => {
  const { stream } = response as unknown as { stream?: http2.ServerHttp2Stream };
  if (stream === undefined) response.socket!.destroy();
  else stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
};

beforeEach(() => {
  answers = {};
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2'];
const BODIES = [
  ['without a body', ''],
  ['with a short body', 'x'.repeat(100)],
  ['with a long body', 'y'.repeat(200_000)],
] as const;

describe.each(PROTOCOLS.flatMap((one) => PROTOCOLS.map((other) => [one, other] as const)))('%s to %s', (down, up) => {
  test.each(BODIES)('a retry on status asks another server, %s', async (_, body) => {
    const [outer, inner] = [new Counts(), new Counts()];
    answers = { a: busy, b: ok };
    const service = await balancer(up, ['a', 'b']);
    const stages = [outer.stage, retry, inner.stage];
    const port = await entryPoint(down, stages, (exchange) => service.handle(exchange));
    expect(await ask(down, port, body).answer).toEqual({ status: 200, body: `b ${body.length}`, cookies: 1 });
    expect(outer).toMatchObject({ attempt: 2, failure: 0, response: 1, finish: 1 });
    expect(inner).toMatchObject({ attempt: 2, failure: 0, response: 2, finish: 1 });
  });

  test('a server that breaks off is no answer yet, and when all do, there is one', async () => {
    const [outer, inner] = [new Counts(), new Counts()];
    answers = { a: breaksOff, b: ok };
    const service = await balancer(up, ['a', 'b']);
    const stages = [outer.stage, retry, inner.stage];
    const port = await entryPoint(down, stages, (exchange) => service.handle(exchange));
    expect(await ask(down, port, 'body').answer).toMatchObject({ status: 200, body: 'b 4' });
    expect(outer).toMatchObject({ attempt: 2, failure: 0, response: 1, finish: 1 });
    expect(inner).toMatchObject({ attempt: 2, failure: 1, response: 1, finish: 1 });
    answers['b'] = breaksOff;
    // Three attempts: the last one excludes both servers, and goes to one of them all the same.
    expect(await ask(down, port, 'body').answer).toMatchObject({ status: 502, cookies: 0 });
    expect(outer).toMatchObject({ attempt: 5, failure: 1, response: 2, finish: 2 });
    expect(inner).toMatchObject({ attempt: 5, failure: 4, response: 2, finish: 2 });
  });

  test('requests in progress are counted, whatever their end', async () => {
    const inFlight = new InFlight();
    const counts = new Counts();
    const held: (() => void)[] = [];
    let arrived = (): void => {};
    answers = {
      a: (body, response) => {
        held.push(() => ok(body, response, 'a'));
        arrived();
      },
    };
    const service = await balancer(up, ['a']);
    let isOver = (): void => {};
    const watch: Stage = (next) => (exchange) => {
      exchange.onFinish(() => isOver());
      return next(exchange);
    };
    const stages = [watch, inFlight.stage, counts.stage];
    const port = await entryPoint(down, stages, (exchange) => service.handle(exchange));
    const asked = [];
    for (let index = 0; index < 3; index++) {
      const here = new Promise<void>((resolve) => (arrived = resolve));
      asked.push(ask(down, port));
      await here;
    }
    expect(inFlight).toMatchObject({ now: 3, most: 3 });
    const over = new Promise<void>((resolve) => (isOver = resolve));
    const gone = expect(asked[1]!.answer).rejects.toThrow();
    asked[1]!.abort();
    await Promise.all([gone, over]);
    expect(inFlight.now).toBe(2);
    expect(counts).toMatchObject({ attempt: 3, failure: 0, response: 0, finish: 1 });
    for (const answer of held) answer();
    expect((await Promise.all([asked[0]!.answer, asked[2]!.answer])).map(({ status }) => status)).toEqual([200, 200]);
    expect(inFlight).toMatchObject({ now: 0, most: 3 });
    expect(counts).toMatchObject({ failure: 0, response: 2, finish: 3 });
  });

  test.each(BODIES.slice(1))('a copy of the body is what the server gets, also of a request sent twice, %s', async (_, body) => {
    const [before, behind] = [new Tee(), new Tee()];
    answers = { a: busy, b: ok };
    const service = await balancer(up, ['a', 'b']);
    const stages = [before.stage, retry, behind.stage];
    const port = await entryPoint(down, stages, (exchange) => service.handle(exchange));
    expect(await ask(down, port, body).answer).toMatchObject({ status: 200, body: `b ${body.length}` });
    expect(before.copies).toEqual([body]);
    expect(behind.copies).toEqual([body]);
  }); // prettier-ignore

  test('a response that a hook replaces is seen by stages further out alone', async () => {
    const [outer, inner] = [new Counts(), new Counts()];
    answers = { a: (_, response) => response.end('z'.repeat(100_000)) };
    const service = await balancer(up, ['a']);
    const replace: Stage = (next) => (exchange) => {
      exchange.onResponse(() => {
        exchange.responseHeaders.clear();
        respond(exchange, 418, 'another');
        return 'taken';
      });
      return next(exchange);
    };
    const stages = [outer.stage, replace, inner.stage];
    const port = await entryPoint(down, stages, (exchange) => service.handle(exchange));
    for (let turn = 1; turn <= 2; turn++) {
      expect(await ask(down, port).answer).toMatchObject({ status: 418, body: 'another' });
      expect(outer).toMatchObject({ attempt: turn, failure: 0, response: turn, finish: turn });
      expect(inner).toMatchObject({ attempt: turn, failure: 0, response: turn, finish: turn });
    }
  });
});
