import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { DEFAULT_UPSTREAM_TLS, type UpstreamTransportSpec } from '../../model/service.ts';
import { Exchange, type Downstream } from '../http/exchange.ts';
import { sendFirst } from './attempts.ts';
import type { UpstreamContext } from './connection-owner.ts';
import { Endpoint } from './endpoint.ts';
import { Http1ResponseParser } from '../http1/response-parser.ts';

const TRANSPORT: UpstreamTransportSpec = {
  dialTimeoutMs: 10_000,
  responseHeaderTimeoutMs: 0,
  idleConnTimeoutMs: 90_000,
  readIdleTimeoutMs: 0,
  pingTimeoutMs: 0,
  writeIdleTimeoutMs: 0,
  maxIdleConnsPerHost: 10,
  maxConnsPerHost: 0,
  maxPendingRequests: 10,
  maxResponseHeaderBytes: 4096,
  maxResponseHeaderCount: 20,
  isHttp2: false,
  tls: DEFAULT_UPSTREAM_TLS,
};

let clock: ManualClock;
let wheel: TimerWheel;
let server: net.Server;
let endpoint: Endpoint;
let answer: string;
const sockets: net.Socket[] = [];
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';

beforeEach(async () => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  answer = `${OK}\r\n`;
  server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // A TCP server.
  const context: Partial<UpstreamContext> = {
    wheel,
    parser: new Http1ResponseParser(),
    workerSlots: 1,
    keepOriginHeaders: false,
    resting: new Set(),
    // What an endpoint uses of it.
    resolver: {
      retain: () => {},
      release: () => {},
      addresses: () => [{ host: '127.0.0.1', family: 4 }],
    } as unknown as UpstreamContext['resolver'],
  };
  const host = '127.0.0.1';
  endpoint = new Endpoint(
    'test',
    { url: `http://${host}:${port}`, scheme: 'http', host, port, path: '', preservePath: false, weight: 1 },
    TRANSPORT,
    context as UpstreamContext, // The part that is used.
  );
});

afterEach(() => {
  endpoint.retire();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  wheel.stop();
});

function advance(ms: number): void {
  clock.advance(ms);
  wheel.tick();
}

/** Sends a request; settles with its status. */
function ask(method: string): Promise<number> {
  return new Promise((resolve) => {
    const downstream: Partial<Downstream> = {
      startResponse: () => void (exchange.isResponseStarted = true),
      flush: () => {},
      write: () => true,
      end: () => {
        exchange.isFinished = true;
        resolve(exchange.status);
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
    const exchange = new Exchange(downstream as Downstream, client); // The part that is used.
    exchange.method = method;
    exchange.forwardPath = exchange.path = '/';
    exchange.upstreamHost = 'a';
    sendFirst(exchange, { sendAttempt: (one) => endpoint.send(one) });
  });
}

test('a request that may not be repeated looks for the end of a rested connection first', async () => {
  expect(await ask('POST')).toBe(200);
  advance(2_000);
  sockets[0]!.end();
  expect(await ask('POST')).toBe(200);
  expect(sockets).toHaveLength(2);
});

test('a rested connection that its server keeps takes the request', async () => {
  expect(await ask('POST')).toBe(200);
  advance(2_000);
  expect(await ask('POST')).toBe(200);
  expect(sockets).toHaveLength(1);
});

test('connections are not used any more shortly before the age at which the server closed one', async () => {
  expect(await ask('GET')).toBe(200);
  advance(5_000);
  const second = new Promise((resolve) => server.once('connection', resolve));
  sockets[0]!.end();
  // The end has been seen when the server sees the answer to it.
  await once(sockets[0]!, 'close');
  expect(await ask('GET')).toBe(200);
  await second;
  advance(3_900);
  expect(await ask('GET')).toBe(200);
  expect(sockets).toHaveLength(2);
  advance(4_100);
  expect(await ask('GET')).toBe(200);
  expect(sockets).toHaveLength(3);
});

test('what the server says of its age counts', async () => {
  answer = `${OK}Keep-Alive: timeout=5\r\n\r\n`;
  expect(await ask('GET')).toBe(200);
  advance(3_900);
  expect(await ask('GET')).toBe(200);
  expect(sockets).toHaveLength(1);
  advance(4_100);
  expect(await ask('GET')).toBe(200);
  expect(sockets).toHaveLength(2);
});

test('a connection of no age is used once', async () => {
  answer = `${OK}Keep-Alive: timeout=0\r\n\r\n`;
  expect(await ask('GET')).toBe(200);
  expect(await ask('GET')).toBe(200);
  expect(sockets).toHaveLength(2);
});
