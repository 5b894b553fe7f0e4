// gRPC through the built program, with the library of Node.js as real client and real server, in clear text and over
// TLS.

import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, ECHO, grpcClient, startGrpcServer, type EchoHandlers, type GrpcServer } from '../support/grpc.ts';
import { POST, RawHttp2 } from '../support/raw-http2.ts';
import { holdPort } from '../support/ports.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';

const HOST = 'grpc.test';
const serverPair = certificateFor([HOST]);
/** Beyond every window, and the library's own limit for what it receives. */
const LARGE = 'x'.repeat(3 * 1024 * 1024);

let cancelled: (() => void) | null = null;

const handlers: EchoHandlers = {
  unary(made: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) {
    const { request, metadata } = made;
    if (request === 'hang') {
      made.on('cancelled', () => cancelled?.());
      return;
    }
    if (request === 'refuse') {
      const trailers = new grpc.Metadata();
      trailers.set('x-detail', 'none');
      done({ code: grpc.status.NOT_FOUND, details: 'no such thing: 100 % ü', metadata: trailers });
      return;
    }
    const head = new grpc.Metadata();
    head.set('x-seen', String(metadata.get('x-sent')[0] ?? ''));
    made.sendMetadata(head);
    const trailers = new grpc.Metadata();
    trailers.set('x-length', String(request.length));
    done(null, request, trailers);
  },
  collect(made: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) {
    let length = 0;
    made.on('data', (text: string) => (length += text.length));
    made.on('end', () => done(null, String(length)));
    made.on('cancelled', () => cancelled?.());
  },
  repeat(made: grpc.ServerWritableStream<string, string>) {
    const [count, size] = made.request.split('x').map(Number) as [number, number];
    let sent = 0;
    const more = (): void => {
      while (sent < count) {
        sent++;
        if (!made.write('y'.repeat(size))) {
          made.once('drain', more);
          return;
        }
      }
      made.end();
    };
    made.on('cancelled', () => cancelled?.());
    more();
  },
  chat(made: grpc.ServerDuplexStream<string, string>) {
    made.on('data', (text: string) => made.write(text.toUpperCase()));
    made.on('end', () => made.end());
    made.on('cancelled', () => cancelled?.());
  },
};

let plain: GrpcServer;
let secure: GrpcServer;
/** Of HTTP/1.1, and says nothing. */
let silent: RecordingOrigin;
let router: RouterProcess;

beforeAll(async () => {
  plain = await startGrpcServer(handlers);
  secure = await startGrpcServer(handlers, serverPair);
  silent = await RecordingOrigin.start(() => {});
  router = await startRouter({
    install: `
entryPoints:
  clear: { address: "127.0.0.1:0" }
  secure: { address: "127.0.0.1:0", http: { tls: {} } }
  tosecure: { address: "127.0.0.1:0", http: { tls: {} } }
  down: { address: "127.0.0.1:0" }
  impatient: { address: "127.0.0.1:0", transport: { respondingTimeouts: { readTimeout: 300ms } } }
  api: { address: "127.0.0.1:0" }
accessLog: { format: json }
metrics: { prometheus: { entryPoint: api } }
http:
  routers:
    plain: { rule: "PathPrefix(\`/test.Echo/\`)", entryPoints: [clear, secure, impatient], service: plain }
    secure: { rule: "PathPrefix(\`/test.Echo/\`)", entryPoints: [tosecure], service: secure }
    down: { rule: "PathPrefix(\`/test.Echo/\`)", entryPoints: [down], service: down }
    stall: { rule: "Path(\`/stall\`)", entryPoints: [impatient], service: stall }
  services:
    plain: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${plain.port}" }] } }
    secure: { loadBalancer: { serversTransport: own, servers: [{ url: "https://127.0.0.1:${secure.port}" }] } }
    stall: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${silent.port}" }] } }
    down: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${holdPort()}" }] } }
  serversTransports:
    own: { serverName: ${HOST}, rootCAs: [DIR/server.pem] }
`,
    files: { 'server.pem': serverPair.certificate },
  });
});

afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
  await secure?.[Symbol.asyncDispose]();
  await silent?.[Symbol.asyncDispose]();
});

describe.each([
  ['h2c to h2c', 'clear', null],
  ['TLS to h2c', 'secure', HOST],
  ['TLS to TLS', 'tosecure', HOST],
])('%s', (_, entryPoint, authority) => {
  let client: grpc.Client;

  beforeAll(() => {
    client = grpcClient(router.ports[entryPoint]!, authority);
  });
  afterAll(() => client.close());

  test('unary, with metadata and trailers', async () => {
    const { message, metadata, status } = await call(client, 'hello', { 'x-sent': 'this' });
    expect(message).toBe('hello');
    expect(metadata.get('x-seen')).toEqual(['this']);
    expect(status.metadata.get('x-length')).toEqual(['5']);
  });

  test('a message larger than all windows, both ways', async () => {
    const { message } = await call(client, LARGE);
    expect(message === LARGE).toBe(true);
  });

  test('an error status without a message arrives whole', async () => {
    await expect(call(client, 'refuse')).rejects.toMatchObject({
      code: grpc.status.NOT_FOUND,
      details: 'no such thing: 100 % ü',
    });
  });

  test('client streaming', async () => {
    const { path, requestSerialize, responseDeserialize } = ECHO.collect;
    const answer = await new Promise<string>((resolve, reject) => {
      const made = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
        error === null ? resolve(value!) : reject(error),
      );
      for (let index = 0; index < 200; index++) made.write('z'.repeat(10_000));
      made.end();
    });
    expect(answer).toBe('2000000');
  });

  test('server streaming, to a client that reads slowly', async () => {
    const { path, requestSerialize, responseDeserialize } = ECHO.repeat;
    const made = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, '100x50000');
    let count = 0;
    for await (const text of made) {
      expect((text as string).length).toBe(50_000);
      if (count++ % 10 === 0) await new Promise(setImmediate);
    }
    expect(count).toBe(100);
  });

  test('both streaming: each message is answered before the next is sent', async () => {
    const { path, requestSerialize, responseDeserialize } = ECHO.chat;
    const made = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    for (const text of ['one', 'two', 'three']) {
      made.write(text);
      expect((await once(made, 'data'))[0]).toBe(text.toUpperCase());
    }
    made.end();
    const [status] = (await once(made, 'status')) as [grpc.StatusObject];
    expect(status.code).toBe(grpc.status.OK);
  });

  test('a deadline that passes is the client’s to see, and ends the server’s work', async () => {
    const atServer = new Promise<void>((resolve) => (cancelled = resolve));
    await expect(call(client, 'hang', {}, { deadline: Date.now() + 2_000 })).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
    });
    await atServer;
  });

  test('a client that cancels ends the server’s work', async () => {
    const atServer = new Promise<void>((resolve) => (cancelled = resolve));
    const { path, requestSerialize, responseDeserialize } = ECHO.chat;
    const made = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    made.write('a');
    await once(made, 'data');
    made.on('error', () => {});
    made.cancel();
    await atServer;
  });
});

test('a call may be silent for longer than a body of another kind', async () => {
  const client = grpcClient(router.ports['impatient']!);
  const { path, requestSerialize, responseDeserialize } = ECHO.chat;
  const made = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  made.write('first');
  await once(made, 'data');
  const other = await RawHttp2.connect(router.ports['impatient']!);
  other.headers(
    1,
    POST.map(([name, value]) => [name, name === ':path' ? '/stall' : value] as const),
    false,
  );
  other.data(1, 'never ends');
  expect(await other.status(1)).toBe('408');
  made.write('second');
  expect((await once(made, 'data'))[0]).toBe('SECOND');
  made.end();
  client.close();
  other.socket.destroy();
});

test('failures of the router are statuses of gRPC', async () => {
  const client = grpcClient(router.ports['down']!);
  await expect(call(client, 'x')).rejects.toMatchObject({
    code: grpc.status.UNAVAILABLE,
    details: 'Bad Gateway (upstream_connect_refused)',
  });
  const { requestSerialize, responseDeserialize } = ECHO.unary;
  const failed = await new Promise<grpc.ServiceError>((resolve) => {
    client.makeUnaryRequest('/other.Service/Call', requestSerialize, responseDeserialize, '', (error) =>
      resolve(error!),
    );
  });
  expect(failed).toMatchObject({ code: grpc.status.UNIMPLEMENTED, details: '404 page not found (no_route)' });
  client.close();
  await router.prints((printed) => printed.includes('no_route'));
  const records = router
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const found = records.find((record) => record['ResponseFlag'] === 'upstream_connect_refused');
  expect(found).toMatchObject({ DownstreamStatus: 502, RequestProtocol: 'HTTP/2.0' });
  const metrics = await (await fetch(`http://127.0.0.1:${router.ports['api']!}/metrics`)).text();
  expect(metrics).toMatch(/service_server_connections\{service="plain@[^}]*protocol="h2"\} [1-9]/);
  expect(metrics).toMatch(/service_requests_total\{[^}]*protocol="grpc"/);
});
