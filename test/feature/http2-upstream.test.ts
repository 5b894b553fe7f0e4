// Servers that speak HTTP/2 in clear text, behind clients of HTTP/1.1 and HTTP/2, through the built program.

import { beforeEach, describe, expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import {
  block,
  frame,
  GET,
  POST,
  RawHttp2,
  RawHttp2Server,
  settings,
  uint32,
  type Frame,
} from '../support/raw-http2.ts';
import { startRouter } from '../support/router.ts';

const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const ENABLE_CONNECT_PROTOCOL = 8;
const REFUSED_STREAM = 7;
const CANCEL = 8;

const SERVICES: Readonly<Record<string, string>> = {
  one: 'maxConnsPerHost: 1',
  quick: 'forwardingTimeouts: { responseHeaderTimeout: 300ms, dialTimeout: 300ms }',
  late: 'forwardingTimeouts: { responseHeaderTimeout: 2s, dialTimeout: 0s }',
  stuck: 'forwardingTimeouts: { writeIdleTimeout: 300ms, dialTimeout: 0s, responseHeaderTimeout: 0s }',
  idle: 'forwardingTimeouts: { idleConnTimeout: 300ms }',
  asked: 'forwardingTimeouts: { readIdleTimeout: 200ms, pingTimeout: 2s }',
};

const origin = await forFile(RawHttp2Server.start());
const names = Object.keys(SERVICES);
const service = (name: string, rest: string): string =>
  `    ${name}: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:${origin.port}" }]${rest} } }`;
const router = await forFile(
  startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" } }
accessLog: { format: json }
http:
  routers:
    all: { rule: "PathPrefix(\`/\`)", service: plain }
${names.map((name) => `    ${name}: { rule: "PathPrefix(\`/${name}\`)", service: ${name} }`).join('\n')}
  services:
${service('plain', '')}
${names.map((name) => service(name, `, serversTransport: ${name}`)).join('\n')}
  serversTransports:
${names.map((name) => `    ${name}: { ${SERVICES[name]} }`).join('\n')}
`,
  }),
);
const port = router.ports['web']!;
beforeEach(() => origin.reset());

/** The nth connection with its first request. */
async function arrival(index = 0, streamId = 1): Promise<{ server: RawHttp2; request: Frame }> {
  const server = await origin.connection(index);
  return { server, request: await server.request(streamId) };
}

const OK = [[':status', '200']] as const;

describe('a client of HTTP/1.1', () => {
  test('a request and its answer', async () => {
    const client = await RawClient.connect(port);
    client.send(
      'GET /a/../b?x=1 HTTP/1.1\r\nHost: Shop.Test:81\r\nX-One: 1\r\nConnection: x-two\r\nX-Two: 2\r\nTE: trailers\r\n\r\n',
    );
    const { server, request } = await arrival();
    expect(Object.keys(request.fields).slice(0, 4)).toEqual([':method', ':scheme', ':authority', ':path']);
    expect(request.fields).toMatchObject({
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'Shop.Test:81',
      ':path': '/b?x=1',
      'x-one': '1',
      'x-forwarded-for': '127.0.0.1',
      te: 'trailers',
    });
    expect(Object.keys(request.fields)).not.toEqual(expect.arrayContaining(['host', 'connection', 'x-two']));
    expect(request.flags & 1).toBe(1);
    server.headers(
      1,
      [
        [':status', '103'],
        ['link', '</a>'],
      ],
      false,
    );
    server.headers(1, [...OK, ['content-length', '5'], ['x-one', '1'], ['x-one', '2']], false);
    server.data(1, 'hello', true);
    expect((await client.response()).head).toMatch(/^HTTP\/1.1 103 [^\r]*\r\nlink: <\/a>\r\n/);
    const answer = await client.response();
    expect(answer.status).toBe(200);
    expect(answer.head).toMatch(/x-one: 1\r\nx-one: 2\r\n/);
    expect(answer.head).toMatch(/content-length: 5\r\n/i);
    expect(answer.body).toBe('hello');
    client.socket.destroy();
  });

  test('bodies and trailers both ways', async () => {
    const client = await RawClient.connect(port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nExpect: 100-continue\r\n\r\n',
    );
    expect((await client.response()).status).toBe(100);
    client.send('5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n');
    const { server, request } = await arrival();
    expect(request.fields['trailer']).toBe('x-sum');
    expect((await server.ended(1)).fields).toEqual({ 'x-sum': '7' });
    expect(server.body(1)).toBe('hello');
    server.headers(1, OK, false);
    server.data(1, 'abc');
    server.send(frame(1, 5, 1, block([['x-sum', '9']])));
    await client.until(() => client.received.endsWith('0\r\nx-sum: 9\r\n\r\n'));
    expect(client.received).toContain('3\r\nabc\r\n');
    client.socket.destroy();
  });

  test.each([
    ['HEAD', '200', [['content-length', '5']], /content-length: 5\r\n/i],
    ['GET', '204', [], /^(?!.*content-length)/is],
    ['GET', '304', [['etag', '"x"']], /etag: "x"\r\n/],
    ['GET', '302', [['location', '/']], /content-length: 0\r\n/i],
  ] as const)('%s %s has no body', async (method, status, fields, head) => {
    const client = await RawClient.connect(port);
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    const { server } = await arrival();
    server.headers(1, [[':status', status], ...fields]);
    const answer = await client.response(method);
    expect([answer.status, answer.body]).toEqual([Number(status), '']);
    expect(answer.head).toMatch(head);
    // The client's connection is good for another one, and so is the server's.
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await server.request(3);
    server.headers(3, OK);
    expect((await client.response()).status).toBe(200);
    client.socket.destroy();
  });

  test('an answer that breaks off never looks complete', async () => {
    const client = await RawClient.connect(port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    server.headers(1, OK, false);
    server.data(1, 'abc');
    await client.until(() => client.received.includes('abc'));
    server.send(frame(3, 0, 1, uint32(2)));
    await client.closed();
    expect(client.received).not.toContain('0\r\n\r\n');
  });

  test('a connection on which every request is reset is left for another', async () => {
    const client = await RawClient.connect(port);
    client.send('GET /0 HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    server.send(frame(3, 0, 1, uint32(2)));
    expect((await client.response()).status).toBe(502);
    for (let index = 1; index < 10; index++) {
      client.send(`GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const id = 1 + 2 * index;
      await server.request(id);
      server.send(frame(3, 0, id, uint32(2)));
      expect((await client.response()).status).toBe(502);
    }
    await server.goaway(0);
    client.send('GET /another HTTP/1.1\r\nHost: a\r\n\r\n');
    const other = await origin.connection(1);
    await other.request(1);
    other.headers(1, OK);
    expect((await client.response()).status).toBe(200);
    client.socket.destroy();
  });

  test('a client that leaves ends the server’s work, and nobody else’s', async () => {
    const client = await RawClient.connect(port);
    const other = await RawClient.connect(port);
    client.send('GET /left HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    other.send('GET /stays HTTP/1.1\r\nHost: a\r\n\r\n');
    await server.request(3);
    client.socket.destroy();
    expect(await server.reset(1)).toBe(CANCEL);
    server.headers(3, OK);
    expect((await other.response()).status).toBe(200);
    other.socket.destroy();
  });
});

describe('a client of HTTP/2', () => {
  test('bodies and trailers both ways, and an end without a body', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, [...POST, ['te', 'trailers']], false);
    client.data(1, 'hello');
    client.send(frame(1, 5, 1, block([['x-sum', '7']])));
    const { server } = await arrival();
    expect((await server.ended(1)).fields).toEqual({ 'x-sum': '7' });
    server.headers(1, OK, false);
    server.data(1, 'abc');
    server.send(frame(1, 5, 1, block([['x-sum', '9']])));
    expect((await client.ended(1)).fields).toEqual({ 'x-sum': '9' });
    expect(client.body(1)).toBe('abc');
    client.socket.destroy();
  });

  test('what breaks off is reset, and a reset client resets the server', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, GET);
    client.headers(3, GET);
    const { server } = await arrival();
    await server.request(3);
    server.headers(1, OK, false);
    server.send(frame(3, 0, 1, uint32(2)));
    expect(await client.reset(1)).toBe(2);
    client.send(frame(3, 0, 3, uint32(CANCEL)));
    expect(await server.reset(3)).toBe(CANCEL);
    client.socket.destroy();
  });

  test('an answer before the end of the request stops the upload', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.data(1, 'x'.repeat(100));
    const { server } = await arrival();
    server.headers(1, [[':status', '403']]);
    expect(await client.status(1)).toBe('403');
    await client.ended(1);
    expect(await client.reset(1)).toBe(0);
    expect(await server.reset(1)).toBe(CANCEL);
    client.socket.destroy();
  });
});

describe('connections', () => {
  test('requests share one, up to what the server allows; more open another', async () => {
    origin.settings = settings([MAX_CONCURRENT_STREAMS, 4]);
    const client = await RawHttp2.connect(port);
    for (let index = 0; index < 6; index++) client.headers(1 + 2 * index, GET);
    const first = await origin.connection(0);
    await first.request(7);
    const second = await origin.connection(1);
    await second.request(3);
    expect(first.frames.filter(({ type }) => type === 1)).toHaveLength(4);
    // A stream that ends makes room.
    first.headers(1, OK);
    await client.ended(1);
    client.headers(13, GET);
    await first.request(9);
    expect(origin.connections).toHaveLength(2);
    client.socket.destroy();
  });

  test('with maxConnsPerHost they wait for a stream', async () => {
    origin.settings = settings([MAX_CONCURRENT_STREAMS, 1]);
    const client = await RawHttp2.connect(port);
    const fields = GET.map(([name, value]) => [name, name === ':path' ? '/one' : value] as const);
    for (const id of [1, 3, 5]) client.headers(id, fields);
    const server = await origin.connection(0);
    for (const id of [1, 3, 5]) {
      await server.request(id);
      expect(server.frames.filter(({ type }) => type === 1)).toHaveLength((id + 1) / 2);
      server.headers(id, OK);
      expect(await client.status(id)).toBe('200');
    }
    expect(origin.connections).toHaveLength(1);
    client.socket.destroy();
  });

  test('no request is sent before the server’s SETTINGS; without them it is 504', async () => {
    origin.settings = null;
    const { status } = await RawClient.exchange(port, 'GET /quick HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(status).toBe(504);
    const server = await origin.connection(0);
    await server.closed();
    expect(server.frames.filter(({ type }) => type === 1)).toHaveLength(0);
  });

  test('a server that leaves: what it has not seen goes to another connection, the rest is finished', async () => {
    const client = await RawHttp2.connect(port);
    for (const id of [1, 3]) client.headers(id, GET);
    const { server } = await arrival();
    await server.request(3);
    server.send(frame(7, 0, 0, Buffer.concat([uint32(1), uint32(0)])));
    const second = await origin.connection(1);
    await second.request(1);
    second.headers(1, OK);
    expect(await client.status(3)).toBe('200');
    client.headers(5, GET);
    await second.request(3);
    server.headers(1, OK);
    expect(await client.status(1)).toBe('200');
    await server.closed();
    client.socket.destroy();
  });

  test('a request that is refused is sent again, with its body; not for ever', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.data(1, 'hello', true);
    const { server } = await arrival();
    await server.ended(1);
    server.send(frame(3, 0, 1, uint32(REFUSED_STREAM)));
    await server.ended(3);
    expect(server.body(3)).toBe('hello');
    server.headers(3, OK);
    expect(await client.status(1)).toBe('200');
    client.headers(3, GET);
    for (const id of [5, 7, 9, 11]) {
      await server.request(id);
      server.send(frame(3, 0, id, uint32(REFUSED_STREAM)));
    }
    expect(await client.status(3)).toBe('502');
    await router.prints((printed) => printed.includes('"upstream_refused"'));
    client.socket.destroy();
  });

  test('what comes of a body while nobody has the request goes with it', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.data(1, 'first, ');
    const { server } = await arrival();
    await server.until(() => server.body(1) === 'first, ');
    // Refuses the request and takes no other: the next connection has yet to be opened.
    server.send(frame(7, 0, 0, Buffer.concat([uint32(0), uint32(0)])));
    client.data(1, 'then ', false);
    client.data(1, 'the rest', true);
    const second = await origin.connection(1);
    await second.ended(1);
    expect(second.body(1)).toBe('first, then the rest');
    second.headers(1, OK);
    expect(await client.status(1)).toBe('200');
    client.socket.destroy();
  });

  test('a long body that is gone with its server: 502', async () => {
    const client = await RawHttp2.connect(port);
    client.headers(1, POST, false);
    client.data(1, 'x'.repeat(10_000));
    const { server } = await arrival();
    await server.until(() => server.dataBytes === 10_000);
    server.send(frame(3, 0, 1, uint32(REFUSED_STREAM)));
    expect(await client.status(1)).toBe('502');
    client.socket.destroy();
  });

  test('an idle connection is closed in order', async () => {
    const exchange = RawClient.exchange(port, 'GET /idle HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    server.headers(1, OK);
    await exchange;
    expect(await server.goaway(0)).toBe(0);
    await server.closed();
  });

  test('a silent server is asked whether it is there; one that does not say so is given up', async () => {
    const client = await RawClient.connect(port);
    client.send('GET /asked HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    const isPing = ({ type }: Frame): boolean => type === 6;
    await server.until(() => server.frames.some(isPing));
    server.send(frame(6, 1, 0, server.frames.find(isPing)!.payload));
    await server.until(() => server.frames.filter(isPing).length === 2);
    expect((await client.response()).status).toBe(504);
    await server.closed();
    client.socket.destroy();
  });

  test('a response that does not come in time: 504, and only that stream ends', async () => {
    const client = await RawClient.connect(port);
    client.send('GET /late HTTP/1.1\r\nHost: a\r\n\r\n');
    const { server } = await arrival();
    expect((await client.response()).status).toBe(504);
    expect(await server.reset(1)).toBe(CANCEL);
    client.send('GET /late HTTP/1.1\r\nHost: a\r\n\r\n');
    await server.request(3);
    server.headers(3, OK);
    expect((await client.response()).status).toBe(200);
    client.socket.destroy();
  });
});

describe('windows', () => {
  const upload = 'u'.repeat(200_000);

  test('a server’s windows hold an upload up, and open it again', async () => {
    origin.settings = settings([INITIAL_WINDOW_SIZE, 10_000]);
    const client = await RawClient.connect(port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${upload.length}\r\n\r\n${upload}`);
    const { server } = await arrival();
    await server.until(() => server.dataBytes === 10_000);
    await server.settled();
    expect(server.dataBytes).toBe(10_000);
    server.send(frame(8, 0, 1, uint32(300_000)));
    await server.until(() => server.dataBytes === 65_535);
    await server.settled();
    expect(server.dataBytes).toBe(65_535);
    server.send(frame(8, 0, 0, uint32(300_000)));
    await server.ended(1);
    expect(server.body(1)).toBe(upload);
    server.headers(1, OK);
    expect((await client.response()).status).toBe(200);
    client.socket.destroy();
  });

  test('a server that takes no more of an upload: 504', async () => {
    origin.settings = settings([INITIAL_WINDOW_SIZE, 10_000]);
    const client = await RawClient.connect(port);
    client.send(`POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: ${upload.length}\r\n\r\n${upload}`);
    const { server } = await arrival();
    expect((await client.response()).status).toBe(504);
    expect(await server.reset(1)).toBe(CANCEL);
    client.socket.destroy();
  });

  test('a client that stalls holds up nobody else, and costs no more than a window', async () => {
    const client = await RawHttp2.connect(port, settings([INITIAL_WINDOW_SIZE, 0]));
    client.headers(1, GET);
    const { server } = await arrival();
    server.headers(1, OK, false);
    for (let index = 0; index < 3; index++) server.data(1, Buffer.alloc(16_384));
    server.data(1, Buffer.alloc(65_535 - 3 * 16_384));
    await server.settled();
    expect(server.frames.some(({ type, streamId }) => type === 8 && streamId === 1)).toBe(false);
    const other = RawClient.exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await server.request(3);
    server.headers(3, [...OK, ['content-length', '16384']], false);
    server.data(3, Buffer.alloc(16_384), true);
    expect((await other).body).toHaveLength(16_384);
    client.send(frame(8, 0, 1, uint32(65_535)));
    await server.until(() => server.frames.some(({ type, streamId }) => type === 8 && streamId === 1));
    await client.until(() => client.dataBytes === 65_535);
    client.socket.destroy();
  });
});

describe('WebSocket', () => {
  const HANDSHAKE =
    'GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

  test('a client of HTTP/1.1 to a server of HTTP/2, until both have ended', async () => {
    origin.settings = settings([ENABLE_CONNECT_PROTOCOL, 1]);
    const client = await RawClient.connect(port);
    client.send(HANDSHAKE);
    const { server, request } = await arrival();
    expect(request.fields).toMatchObject({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/chat',
      'sec-websocket-version': '13',
    });
    expect(request.fields['sec-websocket-key']).toBeUndefined();
    server.headers(1, [...OK, ['sec-websocket-protocol', 'chat']], false);
    await client.until(() => client.received.includes('\r\n\r\n'));
    expect(client.received).toMatch(/^HTTP\/1.1 101 /);
    expect(client.received).toMatch(/Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    client.received = '';
    client.send('to the server');
    await server.until(() => server.body(1) === 'to the server');
    server.data(1, 'to the client');
    await client.until(() => client.received === 'to the client');
    client.socket.end();
    await server.ended(1);
    server.data(1, '', true);
    await client.closed();
  });

  test('a client of HTTP/2 to a server of HTTP/2', async () => {
    origin.settings = settings([ENABLE_CONNECT_PROTOCOL, 1]);
    const client = await RawHttp2.connect(port);
    client.headers(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)], false);
    const { server } = await arrival();
    server.headers(1, OK, false);
    expect(await client.status(1)).toBe('200');
    client.data(1, 'a');
    await server.until(() => server.body(1) === 'a');
    server.data(1, 'b');
    await client.until(() => client.body(1) === 'b');
    client.send(frame(3, 0, 1, uint32(CANCEL)));
    expect(await server.reset(1)).toBe(CANCEL);
    client.socket.destroy();
  });

  test('a refusal is the client’s to see', async () => {
    origin.settings = settings([ENABLE_CONNECT_PROTOCOL, 1]);
    const client = await RawClient.connect(port);
    client.send(HANDSHAKE);
    const { server } = await arrival();
    server.headers(
      1,
      [
        [':status', '403'],
        ['content-length', '2'],
      ],
      false,
    );
    server.data(1, 'no', true);
    expect(await client.response()).toMatchObject({ status: 403, body: 'no' });
    client.socket.destroy();
  });

  test('a server in clear text without extended CONNECT: 502 with a reason', async () => {
    const { status } = await RawClient.exchange(port, HANDSHAKE);
    expect(status).toBe(502);
    await router.prints((printed) => printed.includes('"upstream_upgrade_refused"'));
  });
});
