import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { DEFAULT_UPSTREAM_TLS, type HealthCheckSpec, type ServerSpec } from '../../model/service.ts';
import { UpstreamTls } from '../../dataplane/tls/upstream-tls.ts';
import { Resolver } from '../../dataplane/upstream/name/resolver.ts';
import { HttpProbe } from './http-probe.ts';
import type { Verdict } from './probe.ts';

const SPEC: HealthCheckSpec = {
  mode: 'http',
  scheme: null,
  path: '/health',
  method: 'GET',
  hostname: '',
  port: 0,
  headers: {},
  followRedirects: true,
  status: [[200, 399]],
  intervalMs: 1_000,
  unhealthyIntervalMs: 1_000,
  timeoutMs: 5_000,
  jitterMs: 0,
  healthyThreshold: 1,
  unhealthyThreshold: 1,
  initialState: 'up',
};

let server: net.Server;
let answer: (socket: net.Socket) => void;
let connections: net.Socket[];
let asked: (() => void) | null;
let clock: ManualClock;
let wheel: TimerWheel;

beforeEach(async () => {
  connections = [];
  asked = null;
  answer = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      answer(socket);
      asked?.();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
});
afterEach(async () => {
  wheel.stop();
  for (const socket of connections) socket.destroy();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
});

function probeOf(spec: Partial<HealthCheckSpec> = {}): HttpProbe {
  const { port } = server.address() as AddressInfo; // A TCP server.
  const target: ServerSpec = {
    url: `http://127.0.0.1:${port}`,
    scheme: 'http',
    host: '127.0.0.1',
    port,
    path: '',
    preservePath: false,
    weight: 1,
  };
  const context = { wheel, resolver: new Resolver(), tls: new UpstreamTls(() => null) };
  return new HttpProbe({ ...SPEC, ...spec }, target, DEFAULT_UPSTREAM_TLS, context);
}

function check(probe: HttpProbe): Promise<Verdict> {
  return new Promise((resolve) => probe.check(resolve));
}

test('keeps its connection from check to check', async () => {
  const probe = probeOf();
  for (let turn = 0; turn < 5; turn++) expect(await check(probe)).toBeNull();
  expect(connections).toHaveLength(1);
  probe.stop();
});

test('a kept connection that turns out to be dead is no verdict', async () => {
  const probe = probeOf();
  await check(probe);
  const first = connections[0]!;
  answer = (socket) => {
    if (socket === first) socket.destroy();
    else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
  };
  expect(await check(probe)).toBeNull();
  expect(connections).toHaveLength(2);
  probe.stop();
});

test('nor is one for a check that may not be repeated otherwise', async () => {
  const probe = probeOf({ method: 'POST' });
  await check(probe);
  const first = connections[0]!;
  answer = (socket) => {
    if (socket === first) socket.destroy();
    else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
  };
  expect(await check(probe)).toBeNull();
  expect(connections).toHaveLength(2);
  probe.stop();
});

test('it asks as the option says, and names itself unless a header does', async () => {
  let request = '';
  server.on('connection', (socket) => socket.on('data', (chunk: Buffer) => (request += chunk.toString('latin1'))));
  const { port } = server.address() as AddressInfo; // A TCP server.
  const plain = probeOf();
  await check(plain);
  expect(request).toBe(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: signalbox-health-check\r\n\r\n`);
  plain.stop();
  request = '';
  const headers = { 'X-Probe': 'yes', 'user-agent': 'mine', Host: 'nobody' };
  const probe = probeOf({ method: 'POST', path: '/a?b=c', hostname: 'a.example', headers });
  await check(probe);
  expect(request.toLowerCase()).toContain('user-agent: mine\r\n');
  expect(request).toMatch(/^POST \/a\?b=c HTTP\/1\.1\r\nHost: a\.example\r\n/);
  expect(request).toContain('X-Probe: yes\r\n');
  expect(request).toContain('Content-Length: 0\r\n');
  expect(request).not.toMatch(/signalbox|nobody/);
  probe.stop();
});

test('the head is the answer, whatever becomes of the body', async () => {
  const probe = probeOf();
  answer = (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nendless');
  expect(await check(probe)).toBeNull();
  answer = (socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nshort');
  expect(await check(probe)).toBe('it answered 503');
  answer = (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n');
  expect(await check(probe)).toBeNull();
  answer = (socket) => socket.end('nonsense\r\n\r\n');
  expect(await check(probe)).toBe('the answer is no HTTP response');
  probe.stop();
});

test('a redirect is followed to where it leads, and the next check is the server’s own again', async () => {
  const paths: string[] = [];
  const other = net.createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      paths.push(chunk.toString('latin1').split('\r\n', 2).join(' '));
      socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  const { port } = other.address() as AddressInfo; // A TCP server.
  answer = (socket) => {
    socket.write(
      `HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:${port}/x?y\r\nContent-Length: 0\r\n\r\n`,
    );
  };
  const probe = probeOf();
  for (let turn = 0; turn < 2; turn++) expect(await check(probe)).toBe('it answered 404');
  expect(paths).toEqual(Array.from({ length: 2 }, () => `GET /x?y HTTP/1.1 Host: 127.0.0.1:${port}`));
  expect(connections).toHaveLength(1);
  const strict = probeOf({ followRedirects: false });
  expect(await check(strict)).toBeNull();
  probe.stop();
  strict.stop();
  await new Promise((resolve) => {
    other.close(resolve);
  });
});

test('a fresh connection that is closed without an answer is one', async () => {
  answer = (socket) => socket.destroy();
  const probe = probeOf();
  expect(await check(probe)).toMatch(/connection/);
  probe.stop();
});

test('interim answers are passed over, endless ones are not an answer', async () => {
  answer = (socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const probe = probeOf();
  expect(await check(probe)).toBeNull();
  answer = (socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(200));
  expect(await check(probe)).toBe('the answer is no final response');
  probe.stop();
});

test('a long or endless body is not read', async () => {
  const probe = probeOf();
  answer = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nx');
  expect(await check(probe)).toBeNull();
  answer = (socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n${'x'.repeat(0x20000)}`);
  expect(await check(probe)).toBeNull();
  probe.stop();
});

test('redirects in a circle end', async () => {
  answer = (socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n');
  const probe = probeOf();
  expect(await check(probe)).toBe('more than 10 redirects');
  probe.stop();
});

test('an answer that does not come is a verdict after the time limit', async () => {
  answer = () => {};
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  const probe = probeOf();
  const verdict = check(probe);
  await wasAsked;
  for (let step = 0; step < 51; step++) {
    clock.advance(100);
    wheel.tick();
  }
  expect(await verdict).toBe('no answer within 5000 ms');
  probe.stop();
});

test('a thread that was held up does not take the server down for it', async () => {
  let reply = (): void => {};
  answer = (socket) => {
    reply = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  };
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  const probe = probeOf();
  const verdict = check(probe);
  await wasAsked;
  // Half a minute in one step: nothing was read meanwhile.
  clock.advance(30_000);
  wheel.tick();
  reply();
  expect(await verdict).toBeNull();
  probe.stop();
});
