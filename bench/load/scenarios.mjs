// The rows of the table. Each scenario runs its contestants one after the other in every round, so that a ratio
// compares what the machine gave both at about the same time.

import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { grpcMessage, h2load, handshakes, p99AtRate, pause, residentKib, websocketMessages, wrk } from './measure.mjs';
import { ECHO_PORT } from './rivals.mjs';

const rate = (options) => async (contestant, settings) => (await throughput(contestant, settings, options)).value;

async function throughput(
  contestant,
  { seconds },
  { path = '/bench/small', connections = 64, headers, uploadBytes, scheme } = {},
) {
  const result = await wrk(contestant.child, {
    port: contestant.port,
    path,
    connections,
    seconds,
    headers,
    uploadBytes,
    scheme,
  });
  return { value: { value: result.rate, microseconds: result.microseconds, errors: result.errors } };
}

const multiplexed =
  (options) =>
  async (contestant, { seconds }) => {
    const result = await h2load(contestant.child, { port: contestant.port, path: '/bench/small', seconds, ...options });
    return { value: result.rate, microseconds: result.microseconds, errors: result.errors };
  };

const shake =
  (isResumed) =>
  async (contestant, { seconds }) => {
    const result = await handshakes(contestant.child, { port: contestant.port, seconds, isResumed });
    return { value: result.rate, microseconds: result.microseconds, errors: result.errors };
  };

const echoes = async (contestant, { seconds }) => {
  const { port, child } = contestant;
  const result = await websocketMessages(child, { port, serverPort: ECHO_PORT, connections: 64, seconds });
  return { value: result.rate, microseconds: result.microseconds, errors: result.errors };
};

const GRPC = {
  connections: 16,
  streams: 16,
  path: '/bench/grpc',
  scheme: 'http',
  headers: ['content-type: application/grpc', 'te: trailers'],
  body: grpcMessage('a question of a client'),
};

const SIGNALBOX = ['node20', 'node24'];
const ALL = ['nginx', 'haproxy', 'envoy', 'caddy', ...SIGNALBOX];
const CARRIERS = ['nginx', 'haproxy', 'envoy', ...SIGNALBOX];
const IDLE_CONNECTIONS = 8000;
const IDLE_SECURE_CONNECTIONS = 4000;

/** `better` tells which way the figure goes; `base` is what ratios are to; `least` and `aim` are the project's own. */
export const SCENARIOS = [
  { key: 'keep-alive', title: 'keep-alive GET, 100 routers, one header added', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ALL, config: { routers: 100 }, run: rate({}), least: 0.75, aim: 0.95 },
  { key: 'routers-10k', title: 'the same with 10,000 routers', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', 'envoy', ...SIGNALBOX], config: { routers: 10_000 }, run: rate({}) },
  { key: 'routers-ratio', title: '10,000 routers to 100, Signalbox to itself', unit: 'requests/s', better: 'more', base: 'self', contestants: SIGNALBOX, config: { routers: 100 }, second: { routers: 10_000 }, run: rate({}), least: 0.9, aim: 1 },
  { key: 'access-log', title: 'keep-alive GET with a JSON access log to a file', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', ...SIGNALBOX], config: { routers: 100, log: true }, run: rate({}), least: 0.6, aim: 0.8 },
  { key: 'body-100k', title: '100 KB responses', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ALL, config: { routers: 100 }, run: rate({ path: '/bench/100k', connections: 32 }), least: 1, aim: 1.5 },
  { key: 'body-10m', title: '10 MB responses', unit: 'requests/s', better: 'more', base: 'haproxy', contestants: ALL, config: { routers: 100 }, run: rate({ path: '/bench/10m', connections: 16 }), least: 0.8, aim: 1 },
  { key: 'upload-100k', title: '100 KB requests', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ALL, config: { routers: 100 }, run: rate({ path: '/bench/sink', connections: 32, uploadBytes: 100 * 1024 }), least: 1, aim: 1.5 },
  { key: 'upload-10m', title: '10 MB requests', unit: 'requests/s', better: 'more', base: 'haproxy', contestants: ALL, config: { routers: 100 }, run: rate({ path: '/bench/sink', connections: 16, uploadBytes: 10 * 1024 * 1024 }), least: 0.8, aim: 1 },
  ...[2, 20, 200].map((kib) => ({ key: `compress-${kib}k`, title: `gzip of ${kib} KB of JSON, level 6`, unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', ...SIGNALBOX], config: { routers: 100, compress: true }, run: rate({ path: `/bench/json-${kib}k`, connections: 32, headers: ['Accept-Encoding: gzip'] }), least: 0.8, aim: 1 })),
  { key: 'connections', title: 'new connection per request', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ALL, config: { routers: 100 }, run: rate({ headers: ['Connection: close'] }), least: 0.35, aim: 0.6 },
  { key: 'tls', title: 'TLS 1.3 keep-alive GET, HTTP/1.1', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, tls: 'ec' }, run: rate({ scheme: 'https' }), least: 0.6, aim: 0.8 },
  { key: 'h2-16x16', title: 'HTTP/2 over TLS to HTTP/1.1, 16 connections of 16 streams', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, tls: 'ec' }, run: multiplexed({ connections: 16, streams: 16 }), least: 1.1, aim: 1.5 },
  { key: 'h2-64x1', title: 'HTTP/2 over TLS to HTTP/1.1, 64 connections of one stream', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, tls: 'ec' }, run: multiplexed({ connections: 64, streams: 1 }), least: 0.75, aim: 1 },
  { key: 'h2-1m', title: '1 MB responses over HTTP/2 and TLS', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, tls: 'ec' }, run: multiplexed({ connections: 8, streams: 4, path: '/bench/1m' }), least: 0.7, aim: 1 },
  { key: 'grpc', title: 'gRPC unary calls, HTTP/2 in clear text on both sides, 16 connections of 16 streams', unit: 'requests/s', better: 'more', base: 'nginx', contestants: ['nginx', ...SIGNALBOX], config: { routers: 100, grpc: true }, run: multiplexed(GRPC), least: 1, aim: 1.5 },
  ...['ec', 'rsa'].flatMap((tls) => [false, true].map((isResumed) => ({ key: `handshake-${tls}${isResumed ? '-resumed' : ''}`, title: `${isResumed ? 'resumed handshakes of TLS 1.2' : 'full handshakes of TLS 1.3'}, ${tls === 'ec' ? 'P-256' : 'RSA-2048'}`, unit: 'per CPU second', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, tls }, run: shake(isResumed), ...(isResumed ? {} : { least: 0.5, aim: 0.7 }) }))),
  { key: 'tcp-10m', title: 'TCP: 10 MB carried to clients', unit: 'requests/s', better: 'more', base: 'nginx', contestants: CARRIERS, config: { tcp: true }, run: rate({ path: '/bench/10m', connections: 16 }), least: 0.8, aim: 1 },
  { key: 'tcp-upload-10m', title: 'TCP: 10 MB carried to servers', unit: 'requests/s', better: 'more', base: 'nginx', contestants: CARRIERS, config: { tcp: true }, run: rate({ path: '/bench/sink', connections: 16, uploadBytes: 10 * 1024 * 1024 }), least: 0.8, aim: 1 },
  { key: 'tcp-small', title: 'TCP: small messages to and fro', unit: 'requests/s', better: 'more', base: 'nginx', contestants: CARRIERS, config: { tcp: true }, run: rate({}), least: 0.8, aim: 1 },
  { key: 'tcp-connections', title: 'TCP: a connection per small message', unit: 'requests/s', better: 'more', base: 'nginx', contestants: CARRIERS, config: { tcp: true }, run: rate({ headers: ['Connection: close'] }) },
  { key: 'websocket', title: 'WebSocket: small messages to a server and back, 64 connections', unit: 'per CPU second', better: 'more', base: 'nginx', contestants: ['nginx', 'haproxy', ...SIGNALBOX], config: { routers: 100, websocket: true }, run: echoes, least: 0.8, aim: 1 },
  { key: 'p99', title: 'p99 at 60 % of the slower one’s maximum', unit: 'ms', better: 'less', base: 'nginx', contestants: ['nginx', ...SIGNALBOX], config: { routers: 100 }, run: fixedRate, least: 1.5, aim: 1.2 },
  { key: 'changes', title: 'p99 with one change per second in 10,000 routers, to none', unit: 'ms', better: 'less', base: 'quiet', contestants: SIGNALBOX, config: { routers: 10_000, provider: true }, run: changing, least: 2, aim: 1.3 },
  { key: 'idle', title: 'memory of an idle connection (8,000 of them)', unit: 'KiB', better: 'less', base: null, contestants: ['nginx', ...SIGNALBOX], config: { routers: 100 }, run: idleMemory, least: 10, aim: 6 },
  { key: 'idle-h2', title: `memory of an idle HTTP/2 connection over TLS (${IDLE_SECURE_CONNECTIONS} of them)`, unit: 'KiB', better: 'less', base: null, contestants: ['nginx', ...SIGNALBOX], config: { routers: 100, tls: 'ec' }, run: idleSecureMemory, least: 45, aim: 33 },
  { key: 'resident', title: 'memory of the process, two workers, idle', unit: 'MB', better: 'less', base: null, contestants: SIGNALBOX, config: { routers: 100, workers: 2 }, run: async ({ child }) => ({ value: residentKib(child.pid) / 1024 }), least: 150, aim: 120 },
]; // prettier-ignore

/** All contestants at the same rate: 60 % of the slowest's best. */
async function fixedRate(contestant, settings, shared) {
  shared.rate ??= {};
  if (shared.rate[contestant.key] === undefined) {
    // First round: everybody's maximum is needed before the common rate is known.
    for (const one of shared.contestants) {
      shared.rate[one.key] ??= (await throughput(one, settings)).value.value;
    }
  }
  const common = 0.6 * Math.min(...Object.values(shared.rate));
  return {
    value: await p99AtRate({
      port: contestant.port,
      path: '/bench/small',
      connections: 64,
      seconds: settings.seconds,
      rate: common,
    }),
  };
}

/** p99 while one router changes every second, beside p99 while none does; and how long a change takes to show. */
async function changing(contestant, settings) {
  const file = join(contestant.directory, 'routing.yml');
  const rateNow = 0.4 * (await throughput(contestant, { seconds: 2 })).value.value;
  const seconds = Math.max(4, settings.seconds);
  const quiet = await p99AtRate({
    port: contestant.port,
    path: '/bench/small',
    connections: 64,
    seconds,
    rate: rateNow,
  });
  const text = readFileSync(file, 'utf8');
  const visible = [];
  let isDone = false;
  const changes = (async () => {
    for (let index = 0; !isDone; index++) {
      const path = `/changed${Date.now()}/`;
      const begin = performance.now();
      writeFileSync(file, text.replace('/p7/', path));
      while (!isDone && !(await isRouted(contestant.port, path))) await pause(10);
      visible.push((performance.now() - begin) / 1000);
      await pause(Math.max(0, 1000 - (performance.now() - begin)));
      if (index > 60) return;
    }
  })();
  const changed = await p99AtRate({
    port: contestant.port,
    path: '/bench/small',
    connections: 64,
    seconds,
    rate: rateNow,
  });
  isDone = true;
  await changes;
  writeFileSync(file, text);
  visible.sort((a, b) => a - b);
  return { value: changed, base: quiet, note: `visible after ${visible[visible.length >> 1].toFixed(2)} s` };
}

/** The added response header tells an answer that went through a router from the proxy's own 404. */
async function isRouted(port, path) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  await response.arrayBuffer();
  return response.headers.has('x-proxy');
}

/**
 * Resident memory per connection that rests after two requests. The program is warm, so that its code and its first
 * garbage are not counted, and few connect at a time, so that neither are upstream connections.
 */
async function idleMemory(contestant) {
  // Once: a second time the connections would find the memory of the first.
  contestant.idle ??= await growthPerConnection(contestant, IDLE_CONNECTIONS, restingConnection, () =>
    throughput(contestant, { seconds: 2 }),
  );
  return { value: contestant.idle };
}

/** The same for HTTP/2 over TLS. */
async function idleSecureMemory(contestant) {
  contestant.idle ??= await growthPerConnection(contestant, IDLE_SECURE_CONNECTIONS, restingSecureConnection, () =>
    multiplexed({ connections: 64, streams: 1 })(contestant, { seconds: 2 }),
  );
  return { value: contestant.idle };
}

async function growthPerConnection({ child, port }, count, open, warmUp) {
  await warmUp();
  await pause(1000);
  const before = residentKib(child.pid);
  const sockets = [];
  for (let batch = 0; batch < count / 50; batch++) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => open(port)))));
  }
  await pause(1000);
  const after = residentKib(child.pid);
  for (const socket of sockets) socket.destroy();
  return (after - before) / count;
}

/** RFC 9113 §4.1. */
function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const PATH = '/bench/small';
/** GET over https (RFC 7541 appendix A: 2, 7), path and authority as literals without index (4, 1). */
const REQUEST_HEADERS = Buffer.concat([
  Buffer.from([0x82, 0x87, 0x04, PATH.length]),
  Buffer.from(PATH),
  Buffer.from([0x01, 1]),
  Buffer.from('a'),
]);
const [DATA, HEADERS, SETTINGS] = [0, 1, 4];
const [END_STREAM, END_STREAM_AND_HEADERS] = [1, 5];

/** A connection that rests after two requests, as the plain one does. */
function restingSecureConnection(port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    const ask = (stream) => socket.write(frame(HEADERS, END_STREAM_AND_HEADERS, stream, REQUEST_HEADERS));
    let received = Buffer.alloc(0);
    let answers = 0;
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
      ask(1);
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
        const [type, flags] = [received[3], received[4]];
        received = received.subarray(9 + received.readUIntBE(0, 3));
        if (type === SETTINGS && (flags & 1) === 0) socket.write(frame(SETTINGS, 1, 0, Buffer.alloc(0)));
        if (type !== DATA || (flags & END_STREAM) === 0) continue;
        if (++answers < 2) ask(3);
        else resolve(socket);
      }
    });
  });
}

function restingConnection(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let answers = 0;
    const ask = () => socket.write('GET /bench/small HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.on('connect', ask);
    // Two requests: the second is what makes a connection one that stays.
    socket.on('data', () => (++answers < 2 ? ask() : resolve(socket)));
    socket.on('error', reject);
  });
}
