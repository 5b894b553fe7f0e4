// HTTP/2 clients in cleartext with prior knowledge, served by HTTP/1.1 servers, through the built program.

import http2 from 'node:http2';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { block, frame, GET, POST, RawHttp2, uint32 } from '../support/raw-http2.ts';
import { answerOk, RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const { origin, web: port } = await startLab((originPort) =>
  simpleInstall(originPort, 'accessLog: { format: json, filePath: DIR/access.log }'),
);

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly interim: readonly number[];
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: string;
}

function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: string | null = null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === null });
    const interim: number[] = [];
    let head: Answer['headers'] = {};
    let trailers: http2.IncomingHttpHeaders = {};
    let text = '';
    stream.setEncoding('latin1');
    stream.on('headers', (fields) => interim.push(fields[':status']!));
    stream.on('continue', () => interim.push(100));
    stream.on('response', (fields) => (head = fields));
    stream.on('trailers', (fields) => (trailers = fields));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('end', () => resolve({ headers: head, interim, trailers, body: text }));
    stream.on('error', reject);
    if (body !== null) stream.end(body);
  });
}

async function withSession<T>(use: (session: http2.ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    return await use(session);
  } finally {
    session.destroy();
  }
}

test('sends the origin the same strict HTTP/1.1 request, and its answer back', async () => {
  const answer = await withSession((session) =>
    ask(session, { ':path': '/a/../b?x=1', ':authority': 'Shop.Test:81', 'x-one': '1', te: 'trailers', cookie: 'a=1' }),
  );
  expect(answer.headers[':status']).toBe(200);
  expect(answer.headers['content-length']).toBe('2');
  expect(answer.headers.date).toBeDefined();
  expect(answer.body).toBe('ok');
  expect(origin.received.replace(/X-Forwarded-Server: .*\r\n/, '')).toBe(
    'GET /b?x=1 HTTP/1.1\r\nHost: Shop.Test:81\r\nx-one: 1\r\ncookie: a=1\r\nX-Forwarded-Host: Shop.Test:81\r\nX-Forwarded-Port: 81\r\n' +
      'X-Forwarded-Proto: http\r\nX-Real-Ip: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\nTE: trailers\r\nConnection: TE\r\n\r\n',
  );
});

test('serves many streams of one connection at once', async () => {
  origin.respond = (connection, bytes) => {
    const path = /^GET (\S+)/.exec(bytes)![1]!;
    connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
  };
  await withSession(async (session) => {
    const paths = Array.from({ length: 200 }, (_, index) => `/${index}`);
    const answers = await Promise.all(paths.map((path) => ask(session, { ':path': path })));
    expect(answers.map(({ body }) => body)).toEqual(paths);
  });
});

test('joins cookie crumbs, and keeps other fields that repeat', async () => {
  const client = await RawHttp2.connect(port);
  client.headers(1, [...GET, ['cookie', 'a=1'], ['x-a', '1'], ['cookie', 'b=2'], ['x-a', '2']]);
  expect(await client.status(1)).toBe('200');
  expect(origin.received).toContain('cookie: a=1; b=2\r\n');
  expect(origin.received).toContain('x-a: 1\r\nx-a: 2\r\n');
  client.socket.destroy();
});

test('carries bodies with and without a length, and trailers both ways', async () => {
  origin.respond = (connection) => {
    if (!connection.received.endsWith('0\r\nx-sum: 7\r\n\r\n')) return;
    connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n');
  };
  const client = await RawHttp2.connect(port);
  client.headers(1, [...POST, ['te', 'trailers'], ['trailer', 'x-sum']], false);
  client.data(1, 'hello');
  client.send(frame(1, 5, 1, block([['x-sum', '7']])));
  const last = await client.ended(1);
  expect(last.fields).toEqual({ 'x-sum': '9' });
  expect(client.body(1)).toBe('abc');
  expect(origin.received).toContain('Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n');
  origin.respond = (connection, bytes) => {
    if (bytes.endsWith('hello')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  client.headers(3, [...POST, ['content-length', '5']], false);
  client.data(3, 'hello', true);
  expect(await client.status(3)).toBe('200');
  expect(origin.received).toContain('Content-Length: 5\r\n');
  client.socket.destroy();
});

test('gives HEAD, 204 and 304 no body', async () => {
  await withSession(async (session) => {
    origin.respond = (connection) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    const head = await ask(session, { ':method': 'HEAD', ':path': '/' });
    expect([head.headers[':status'], head.headers['content-length'], head.body]).toEqual([200, '5', '']);
    origin.respond = (connection) => connection.socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    const empty = await ask(session, { ':path': '/' });
    expect([empty.headers[':status'], empty.headers['content-length']]).toEqual([204, undefined]);
    origin.respond = (connection) => connection.socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n');
    expect((await ask(session, { ':path': '/' })).headers[':status']).toBe(304);
  });
  expect(origin.connections).toHaveLength(1);
});

test('passes interim responses on, and answers 100 when the upstream is ready for the body', async () => {
  origin.respond = (connection) => {
    if (!connection.received.endsWith('hello')) return;
    connection.socket.write(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
  };
  const client = await RawHttp2.connect(port);
  client.headers(1, [...POST, ['content-length', '5'], ['expect', '100-continue']], false);
  await client.until(() => client.frames.some(({ fields }) => fields[':status'] === '100'));
  client.data(1, 'hello', true);
  expect(await client.status(1)).toBe('200');
  expect(client.frames.map(({ fields }) => fields[':status']).filter(Boolean)).toEqual(['100', '103', '200']);
  expect(origin.received).not.toMatch(/expect/i);
  client.socket.destroy();
});

test('an answer before the end of the request ends it with NO_ERROR, and stops the upload', async () => {
  origin.respond = (connection) => {
    if (connection.received.length < 5000)
      connection.socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  };
  const client = await RawHttp2.connect(port);
  client.headers(1, POST, false);
  client.data(1, 'x'.repeat(100));
  expect(await client.status(1)).toBe('403');
  await client.ended(1);
  expect(await client.reset(1)).toBe(0);
  // What was in flight is dropped, trailers too; the connection lives.
  client.data(1, 'more');
  client.send(frame(1, 5, 1, block([['x-late', '1']])));
  client.headers(3, GET);
  expect(await client.status(3)).toBe('403');
  client.socket.destroy();
});

test('a response without a length that breaks off is reset, never ended', async () => {
  origin.respond = (connection) => {
    connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', () =>
      connection.socket.resetAndDestroy(),
    );
  };
  const client = await RawHttp2.connect(port);
  client.headers(1, GET);
  expect(await client.reset(1)).toBe(2);
  expect(client.frames.some(({ type, flags }) => type < 2 && (flags & 1) !== 0)).toBe(false);
  client.socket.destroy();
});

test('cuts header blocks of both directions into frames and puts them together', async () => {
  const long = 'v'.repeat(20_000);
  origin.respond = (connection, bytes) => {
    if (!bytes.includes('\r\n\r\n')) return;
    const got = /x-long: (v+)/.exec(connection.received)![1]!.length;
    connection.socket.write(
      `HTTP/1.1 200 OK\r\nX-Got: ${got}\r\nX-Long: ${'w'.repeat(9000)}\r\nX-Longer: ${'w'.repeat(9000)}\r\nContent-Length: 0\r\n\r\n`,
    );
  };
  await withSession(async (session) => {
    const answer = await ask(session, { ':path': '/', 'x-long': long });
    expect(answer.headers['x-got']).toBe('20000');
    expect(answer.headers['x-longer']).toHaveLength(9000);
    expect((await ask(session, { ':path': '/', 'x-long': long })).headers['x-got']).toBe('20000');
  });
});

test('reads a preface byte by byte', async () => {
  const client = await RawHttp2.bare(port);
  const bytes = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
    frame(4, 0, 0),
    frame(1, 5, 1, block(GET)),
  ]);
  for (const octet of bytes) {
    client.send(Buffer.from([octet]));
    await new Promise(setImmediate);
  }
  expect(await client.status(1)).toBe('200');
  client.socket.destroy();
});

test('HTTP/1.1 lives on the same port, and the preface means nothing behind a request', async () => {
  expect((await RawClient.exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(200);
  const client = await RawClient.connect(port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  expect((await client.response()).status).toBeGreaterThanOrEqual(400);
  client.socket.destroy();
});

test.each([
  ['userinfo in :authority', [...GET.slice(0, 3), [':authority', 'u@a.test']], '400'],
  ['a host that differs from :authority', [...GET, ['host', 'b.test']], '400'],
  ['neither :authority nor host', GET.slice(0, 3), '400'],
  ['a path that is none', [GET[0]!, GET[1]!, [':path', 'x'], GET[3]!], '400'],
  ['a path with a space', [GET[0]!, GET[1]!, [':path', '/a b'], GET[3]!], '400'],
  ['CONNECT', [[':method', 'CONNECT'], GET[3]!], '405'],
  ['TRACE', [[':method', 'TRACE'], ...GET.slice(1)], '405'],
  ['extended CONNECT for what would carry requests past the router', [[':method', 'CONNECT'], [':protocol', 'h2c'], ...GET.slice(1)], '501'],
  ['another expectation', [...GET, ['expect', 'tea']], '417'],
  ['a path beyond the limit', [GET[0]!, GET[1]!, [':path', `/${'x'.repeat(33_000)}`], GET[3]!], '414'],
  ['too many fields', [...GET, ...Array.from({ length: 300 }, (_, index) => [`x-${index}`, '1'] as const)], '431'],
] as const)('answers %s', async (_, fields, status) => {
  const client = await RawHttp2.connect(port);
  const bytes = block(fields);
  if (bytes.length > 16_384) {
    client.send(frame(1, 1, 1, bytes.subarray(0, 16_000)), frame(9, 0, 1, bytes.subarray(16_000, 32_000)), frame(9, 4, 1, bytes.subarray(32_000)));
  } else client.send(frame(1, 5, 1, bytes));
  expect(await client.status(1)).toBe(status);
  client.headers(3, GET);
  expect(await client.status(3)).toBe('200');
  client.socket.destroy();
}); // prettier-ignore

test('says HTTP/2.0 in the access log, and what became of each request', async () => {
  await using other = await startRouter({
    install: simpleInstall(origin.port, 'accessLog: { format: json }'),
  });
  const client = await RawHttp2.connect(other.ports['web']!);
  client.headers(1, [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/logged?q'],
    [':authority', 'A.test:80'],
  ]);
  expect(await client.status(1)).toBe('200');
  origin.respond = () => {};
  client.headers(3, [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/left'],
    [':authority', 'a.test'],
  ]);
  await origin.until(() => origin.received.includes('/left'));
  client.send(frame(3, 0, 3, uint32(8)));
  client.headers(5, [...GET, ['connection', 'close']]);
  await other.prints((printed) => printed.split('\n').length > 3);
  const records = other
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records.map((record) => [record['RequestProtocol'], record['RequestPath'], record['DownstreamStatus'], record['ResponseFlag']])).toEqual([
    ['HTTP/2.0', '/logged?q', 200, ''],
    ['HTTP/2.0', '/left', 499, 'client_gone'],
    ['HTTP/2.0', expect.any(String), 400, 'http2_error'],
  ]); // prettier-ignore
  client.socket.destroy();
});

describe('WebSocket over HTTP/2', () => {
  const CONNECT = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    ...GET.slice(1),
    ['sec-websocket-version', '13'],
    ['sec-websocket-protocol', 'chat'],
  ] as const;

  function acceptOf(request: string): string {
    const key = /Sec-WebSocket-Key: (\S+)/.exec(request)![1]!;
    return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  }

  test('tunnels to a server of HTTP/1.1, both ways, until both have ended', async () => {
    origin.respond = (connection, bytes) => {
      if (bytes.startsWith('GET ')) {
        connection.socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: ${acceptOf(bytes)}\r\n\r\nfirst`,
        );
      } else connection.socket.write(bytes.toUpperCase());
    };
    const client = await RawHttp2.connect(port);
    client.headers(1, CONNECT, false);
    client.data(1, 'early ');
    expect(await client.status(1)).toBe('200');
    const head = client.frames.find(({ type }) => type === 1)!;
    expect(head.fields['sec-websocket-protocol']).toBe('chat');
    expect(head.fields['sec-websocket-accept']).toBeUndefined();
    expect(origin.received).toContain('Connection: Upgrade\r\nUpgrade: websocket\r\n');
    expect(origin.received).toContain('X-Forwarded-Proto: ws\r\n');
    client.data(1, 'hello');
    await client.until(() => client.body(1).endsWith('HELLO'));
    expect(client.body(1)).toBe('firstEARLY HELLO');
    client.data(1, '', true);
    await client.ended(1);
    await origin.until(() => origin.connections[0]!.isClosed);
    // The connection goes on.
    origin.respond = answerOk;
    client.headers(3, GET);
    expect(await client.status(3)).toBe('200');
    client.socket.destroy();
  });

  test.each([
    ['a wrong Sec-WebSocket-Accept', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n', '502'],
    ['a 200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', '502'],
    ['a refusal', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', '403'],
  ])('a server that answers with %s opens no tunnel', async (_, text, status) => {
    origin.respond = (connection) => connection.socket.write(text);
    const client = await RawHttp2.connect(port);
    client.headers(1, CONNECT, false);
    expect(await client.status(1)).toBe(status);
    client.socket.destroy();
  }); // prettier-ignore

  test('a client that resets the stream ends the server’s side', async () => {
    origin.respond = (connection, bytes) =>
      connection.socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(bytes)}\r\n\r\n`,
      );
    const client = await RawHttp2.connect(port);
    client.headers(1, CONNECT, false);
    expect(await client.status(1)).toBe('200');
    client.send(frame(3, 0, 1, uint32(8)));
    await origin.until(() => origin.connections[0]!.isClosed);
    client.socket.destroy();
  });
});

describe('leaving', () => {
  test('says so in two steps, serves what was sent meanwhile, and closes', async () => {
    await using slow = await RecordingOrigin.start(() => {});
    await using other = await startRouter({ install: simpleInstall(slow.port) });
    const client = await RawHttp2.connect(other.ports['web']!);
    client.headers(1, GET);
    await slow.until(() => slow.connections.length === 1);
    other.signal('SIGTERM');
    await client.goaway();
    const first = client.frames.find(({ type }) => type === 7)!;
    expect(first.payload.readUInt32BE()).toBe(0x7fff_ffff);
    // The client has not heard of it yet.
    client.headers(3, GET);
    await slow.until(() => slow.connections.length === 2);
    const ping = client.frames.find(({ type, flags }) => type === 6 && flags === 0)!;
    client.send(frame(6, 1, 0, ping.payload));
    await client.until(() => client.frames.filter(({ type }) => type === 7).length === 2);
    const second = client.frames.findLast(({ type }) => type === 7)!;
    expect(second.payload.readUInt32BE()).toBe(3);
    // Too late.
    client.headers(5, GET);
    for (const { socket } of slow.connections) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await client.ended(1);
    await client.ended(3);
    await client.closed();
    expect(slow.connections).toHaveLength(2);
    expect(await other.exited).toBe(0);
  });

  test('after the number of requests that a connection may have', async () => {
    await using other = await startRouter({
      install: simpleInstall(origin.port, '', '    transport: { keepAliveMaxRequests: 3 }'),
    });
    const session = http2.connect(`http://127.0.0.1:${other.ports['web']!}`);
    const closed = new Promise((resolve) => session.once('close', resolve));
    for (let index = 0; index < 3; index++) {
      expect((await ask(session, { ':path': '/' })).body).toBe('ok');
    }
    await closed;
  });
});

test('the options of the entry point reach the client and bind it', async () => {
  await using other = await startRouter({
    install: simpleInstall(
      origin.port,
      '',
      '    http2: { maxConcurrentStreams: 2, maxDecoderHeaderTableSize: 128, maxEncoderHeaderTableSize: 0 }',
    ),
  });
  origin.respond = () => {};
  const client = await RawHttp2.connect(other.ports['web']!);
  await client.settled();
  const settings = client.frames.find(({ type, flags }) => type === 4 && flags === 0)!.payload;
  const pairs = Array.from({ length: settings.length / 6 }, (_, at) => [
    settings.readUInt16BE(at * 6),
    settings.readUInt32BE(at * 6 + 2),
  ]);
  expect(Object.fromEntries(pairs)).toMatchObject({ 1: 128, 3: 2, 8: 1 });
  client.headers(1, GET);
  client.headers(3, GET);
  client.headers(5, GET);
  expect(await client.reset(5)).toBe(7);
  client.send(frame(4, 1, 0));
  // A table of the default size was not allowed for.
  client.send(frame(1, 5, 7, Buffer.from('3fe11f82', 'hex')));
  expect(await client.goaway()).toBe(9);
  await client.closed();
});
