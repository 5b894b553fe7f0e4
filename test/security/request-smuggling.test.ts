// Smuggling: bytes that one side takes for a body and the other for a request. The origin answers what the strictest
// reader finds in its bytes, and after every test nothing it received may be readable in two ways.

import { afterEach, expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';
import { answerWhole, readStrictly, type StrictRequest } from './strict-reading.ts';

const { origin, web: port } = await startLab((originPort) => simpleInstall(originPort), answerWhole());
afterEach(() => {
  for (const connection of origin.connections) expect(readStrictly(connection.received).violation).toBe(null);
});

const seen = (): readonly StrictRequest[] =>
  origin.connections.flatMap((connection) => readStrictly(connection.received).requests);
const post = (fields: string, body: string): string => `POST /outer HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const INNER = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

test.each([
  ['1 TE.CL: chunked before a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', 400],
  ['1 length zero beside chunked', 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', 400],
  ['2 two lengths in different case', 'Content-Length: 0\r\ncontent-length: 40\r\n', 400],
  ['4 length in octal with a sign', 'Content-Length: -010\r\n', 400],
  ['4 length with a full-width digit', 'Content-Length: \xef\xbc\x95\r\n', 400],
  ['4 length with a fraction', 'Content-Length: 5.0\r\n', 400],
  ['4 length with an exponent', 'Content-Length: 5e0\r\n', 400],
  ['4 quoted length', 'Content-Length: "5"\r\n', 400],
  ['5 gzip before chunked', 'Transfer-Encoding: gzip, chunked\r\n', 501],
  ['5 unknown coding before chunked', 'Transfer-Encoding: x, chunked\r\n', 400],
  ['5 empty coding', 'Transfer-Encoding: \r\n', 400],
  ['6 parameter on chunked', 'Transfer-Encoding: chunked;q=1\r\n', 400],
  ['6 tab before the colon', 'Transfer-Encoding\t: chunked\r\n', 400],
  ['6 form feed', 'Transfer-Encoding: \x0cchunked\r\n', 400],
  ['6 NUL', 'Transfer-Encoding: chunked\0\r\n', 400],
  ['6 NEL', 'Transfer-Encoding: chunked\x85\r\n', 400],
  ['6 folded over two lines', 'Transfer-Encoding:\r\n chunked\r\n', 400],
  ['6 hidden behind a bare CR', 'X: 1\rTransfer-Encoding: chunked\r\n', 400],
  ['6 hidden behind a bare LF', 'X: 1\nTransfer-Encoding: chunked\r\n', 400],
  ['7 chunked and then identity', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', 400],
  ['7 identity and then chunked', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', 501],
  ['19 length in a field name with a space', 'Content-Length : 38\r\n', 400],
  ['19 Expect with a hidden length', 'Expect: 100-continue\r\n Content-Length: 38\r\n', 400],
])('%s: refused, closed, and nothing behind it is a request', async (_, fields, status) => {
  const client = await RawClient.connect(port);
  client.send(post(fields, `0\r\n\r\n${INNER}`));
  const response = await client.response();
  expect(response.status).toBe(status);
  expect(response.head).toContain('Connection: close\r\n');
  await client.closed();
  expect(client.received).toBe('');
  expect(origin.connections).toHaveLength(0);
  client.socket.destroy();
});

test.each([
  ['4 leading zeros are decimal', `Content-Length: 00${INNER.length}\r\n`, INNER],
  ['4 white space around a length', `Content-Length: \t ${INNER.length} \t\r\n`, INNER],
  ['6 tab before chunked', 'Transfer-Encoding:\tchunked\r\n', `${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`],
  [
    '6 chunked in upper case',
    'TRANSFER-ENCODING: CHUNKED\r\n',
    `${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`,
  ],
  ['39 length spelled with an underscore', `Content_Length: 5\r\nContent-Length: ${INNER.length}\r\n`, INNER],
  ['39 coding spelled with an underscore', `Transfer_Encoding: chunked\r\nContent-Length: ${INNER.length}\r\n`, INNER],
])('%s: a request in the body stays in the body', async (_, fields, body) => {
  const client = await RawClient.connect(port);
  client.send(post(fields, `${body}GET /after HTTP/1.1\r\nHost: a\r\n\r\n`));
  expect((await client.response()).status).toBe(200);
  expect((await client.response()).status).toBe(200);
  expect(seen().map(({ target, body: read }) => [target, read])).toEqual([
    ['/outer', INNER],
    ['/after', ''],
  ]);
  client.socket.destroy();
});

test.each([
  ['10 negative size', '-5\r\nhello\r\n0\r\n\r\n'],
  ['10 underscore in the size', '5_\r\nhello\r\n0\r\n\r\n'],
  ['10 space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['10 size of 17 digits with leading zeros', '00000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['10 size beyond 2^53', '20000000000000\r\nhello\r\n0\r\n\r\n'],
  ['10 size that wraps to five in 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['11 CR and something else behind the size', '5\rX\nhello\r\n0\r\n\r\n'],
  ['11 LF CR behind the size', '5\n\rhello\r\n0\r\n\r\n'],
  ['11 bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['11 bare LF behind the last chunk', '5\r\nhello\r\n0\n\n'],
  ['12 no line end behind the data', '5\r\nhello0\r\n\r\n'],
  ['13 CR in an extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
  ['13 CR LF inside a quoted extension', '5;a="\r\nhello\r\n0\r\n\r\n"\r\nhello\r\n0\r\n\r\n'],
  ['14 host as a trailer', '5\r\nhello\r\n0\r\nHost: b\r\n\r\n'],
  ['14 chunked as a trailer', '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['14 forwarded address as a trailer', '5\r\nhello\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n'],
  ['14 length with an underscore as a trailer', '5\r\nhello\r\n0\r\nContent_Length: 1\r\n\r\n'],
  ['14 folded trailer', '5\r\nhello\r\n0\r\nX: 1\r\n 2\r\n\r\n'],
  ['14 bare LF in trailers', '5\r\nhello\r\n0\r\nX: 1\nY: 2\r\n\r\n'],
  ['14 bare LF as the end of trailers', '5\r\nhello\r\n0\r\nX: 1\n\n'],
  ['14 too many trailers', `5\r\nhello\r\n0\r\n${'X: 1\r\n'.repeat(100)}\r\n`],
])('%s: 400, and the upstream request never completes', async (_, body) => {
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', `${body}${INNER}`));
  expect((await client.response()).status).toBe(400);
  await client.closed();
  expect(client.received).toBe('');
  await origin.until(() => origin.connections.every((connection) => connection.isClosed));
  expect(seen()).toEqual([]);
  client.socket.destroy();
});

test('13 chunk extensions are dropped and chunks written anew', async () => {
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', '0005;a="b";c\r\nhello\r\nA ;x\r\n'));
  expect((await client.response()).status).toBe(400);
  client.socket.destroy();
  const other = await RawClient.connect(port);
  other.send(post('Transfer-Encoding: chunked\r\n', '0005;a="b";c\r\nhello\r\nA;x\r\n0123456789\r\n0;y\r\n\r\n'));
  expect((await other.response()).status).toBe(200);
  expect(seen().map(({ body }) => body)).toEqual(['hello0123456789']);
  expect(origin.received).not.toContain(';');
  other.socket.destroy();
});

test('15 a second last chunk is judged as a request and refused', async () => {
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', `1\r\nx\r\n0\r\n\r\n0\r\n\r\n${INNER}`));
  expect((await client.response()).status).toBe(200);
  expect((await client.response()).status).toBe(400);
  await client.closed();
  expect(seen().map(({ target }) => target)).toEqual(['/outer']);
  client.socket.destroy();
});

test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PROPFIND'])(
  '16 %s with a body is forwarded with its length and its bytes',
  async (method) => {
    const client = await RawClient.connect(port);
    client.send(`${method} /outer HTTP/1.1\r\nHost: a\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}`);
    expect((await client.response(method)).status).toBe(200);
    expect(seen().map((request) => [request.method, request.target, request.body])).toEqual([
      [method, '/outer', INNER],
    ]);
    client.socket.destroy();
  },
);

test('18 a final answer before the body: the upstream connection is not used again, nor its body read as a request', async () => {
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  const client = await RawClient.connect(port);
  client.send(post(`Expect: 100-continue\r\nContent-Length: ${INNER.length}\r\n`, ''));
  let response = await client.response();
  while (response.status === 100) response = await client.response();
  expect(response.status).toBe(403);
  await origin.until(() => origin.connections[0]!.isClosed);
  origin.respond = answerWhole();
  client.send(INNER);
  // Either those bytes are the body that was owed, or the connection has ended; a request they are not.
  client.socket.end();
  await client.closed();
  expect(seen()).toEqual([]);
});

test('22 pipelined requests behind one that waits are held, not sent ahead', async () => {
  origin.respond = () => {};
  const client = await RawClient.connect(port);
  client.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n' + 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50));
  await origin.until(() => seen().length > 0);
  expect(seen().map(({ target }) => target)).toEqual(['/first']);
  origin.respond = answerWhole();
  origin.respond(origin.connections[0]!, '');
  for (let index = 0; index < 51; index++) expect((await client.response()).status).toBe(200);
  expect(seen().map(({ target }) => target)).toEqual(['/first', ...Array.from({ length: 50 }, () => '/next')]);
  client.socket.destroy();
});

test('22 a flood of pipelined bytes is held back by the socket, not by memory', async () => {
  await using silent = await RecordingOrigin.start(() => {});
  await using flooded = await startRouter({ install: simpleInstall(silent.port) });
  const client = await RawClient.connect(flooded.ports['web']!);
  client.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  await silent.until(() => silent.received.length > 0);
  // Far more than the buffers of two loopback sockets hold: the write can only stay unfinished.
  client.socket.write(Buffer.alloc(64 * 1024 * 1024, INNER));
  const ping = 'GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n';
  expect((await RawClient.exchange(flooded.ports['traefik']!, ping)).body).toBe('OK');
  expect(client.socket.writableLength).toBeGreaterThan(0);
  expect(readStrictly(silent.received).requests.map(({ target }) => target)).toEqual(['/first']);
  client.socket.destroy();
});

test('23 a client body that breaks off ends its upstream connection', async () => {
  const client = await RawClient.connect(port);
  client.send(post('Content-Length: 100\r\n', 'half'));
  await origin.until(() => origin.received.endsWith('half'));
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
  expect((await RawClient.exchange(port, INNER)).status).toBe(200);
  expect(origin.connections).toHaveLength(2);
});

test('9 HTTP/1.0 without length never reads until the end of the connection', async () => {
  const client = await RawClient.connect(port);
  client.send('POST /outer HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
  expect((await client.response()).status).toBe(200);
  expect(seen().map(({ body }) => body)).toEqual(['']);
  client.socket.destroy();
});
