// Responses that would be read as two, as none or as endless, and origins that break off. A client sees a failure or a
// visible break, never a clean end of half a body, and no byte of one answer reaches another request.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { simpleInstall } from '../support/router.ts';
import { answerWhole } from './strict-reading.ts';

const { origin, web: port } = await startLab((originPort) => simpleInstall(originPort), answerWhole());

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const answering = (text: string): void => {
  origin.respond = (connection) => connection.socket.write(text, 'latin1');
};
const head = (fields: string): string => `HTTP/1.1 200 OK\r\n${fields}\r\n`;

test.each([
  ['different lengths', head('Content-Length: 2\r\nContent-Length: 3\r\n') + 'ok!'],
  ['a list of lengths that differ', head('Content-Length: 2, 3\r\n') + 'ok'],
  ['signed length', head('Content-Length: +2\r\n') + 'ok'],
  ['empty length', head('Content-Length:\r\n')],
  ['length beyond 2^53', head('Content-Length: 99999999999999999\r\n')],
  ['gzip before chunked', head('Transfer-Encoding: gzip, chunked\r\n') + '0\r\n\r\n'],
  ['chunked named twice', head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n') + '0\r\n\r\n'],
  ['obfuscated chunked', head('Transfer-Encoding: \x0bchunked\r\n') + '0\r\n\r\n'],
  ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['space before a colon', head('Content-Length : 2\r\n') + 'ok'],
  ['bare CR in a value', head('X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n') + 'ok'],
  ['bare LF in a value', head('X: a\nSet-Cookie: b\r\nContent-Length: 2\r\n') + 'ok'],
  ['NUL in a value', head('X: a\0b\r\nContent-Length: 2\r\n') + 'ok'],
  ['bad byte in a name', head('X@: 1\r\nContent-Length: 2\r\n') + 'ok'],
  ['no colon', head('X\r\nContent-Length: 2\r\n') + 'ok'],
  ['space before the first field', head(' X: 1\r\nContent-Length: 2\r\n') + 'ok'],
  ['control character in the reason', 'HTTP/1.1 200 O\x1bK\r\nContent-Length: 2\r\n\r\nok'],
  ['status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['status 000', 'HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['status 099', 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['no version', '200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['101 for another protocol', 'HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'],
  ['101 without a word', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
])('24 response with %s: 502, and its connection is closed', async (_, text) => {
  answering(text);
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  const response = await client.response();
  expect(response.status).toBe(502);
  expect(response.head).not.toMatch(/set-cookie/i);
  await origin.until(() => origin.connections[0]!.isClosed);
  origin.respond = answerWhole();
  client.send(REQUEST);
  expect((await client.response()).body).toBe('ok');
  client.socket.destroy();
});

test('24 a response head without end is cut off at its limit', async () => {
  origin.respond = (connection) => {
    connection.socket.write('HTTP/1.1 200 OK\r\n');
    const more = (): void => {
      while (!connection.socket.destroyed && connection.socket.write('X: 1\r\n'.repeat(1000)));
      connection.socket.once('drain', more);
    };
    more();
  };
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  expect((await client.response()).status).toBe(502);
  await origin.until(() => origin.connections[0]!.isClosed);
  client.socket.destroy();
});

test.each([
  ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 200],
  ['a list of equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok', 200],
  ['a status beyond 599', 'HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nok', 999],
])('%s: nobody reads that differently', async (_, text, status) => {
  origin.respond = ({ socket }) => socket.write(text);
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  const answer = await client.response();
  expect([answer.status, answer.body]).toEqual([status, 'ok']);
  expect(answer.head.match(/content-length: 2\r\n/gi)).toHaveLength(1);
  client.socket.destroy();
});

test('a trailer field that may not be there costs itself, not the response', async () => {
  origin.respond = ({ socket }) =>
    socket.write(
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 0\r\nX-Sum: 1\r\n\r\n',
    );
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  await client.until(() => client.received.endsWith('\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n'));
  expect(client.received).toContain('Trailer: X-Sum\r\n');
  client.socket.destroy();
});

test('twenty interim responses are no flood', async () => {
  origin.respond = ({ socket }) =>
    socket.write(`${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  for (let count = 0; count < 20; count++) expect((await client.response()).status).toBe(102);
  expect((await client.response()).body).toBe('ok');
  client.socket.destroy();
});

test('24 interim responses without end are cut off', async () => {
  origin.respond = (connection) => {
    const more = (): void => {
      while (!connection.socket.destroyed && connection.socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)));
      connection.socket.once('drain', more);
    };
    more();
  };
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  const seen: number[] = [];
  do seen.push((await client.response()).status);
  while (seen.at(-1) === 102);
  expect(seen.at(-1)).toBe(502);
  expect(seen.length).toBeLessThanOrEqual(1000);
  await origin.until(() => origin.connections[0]!.isClosed);
  client.socket.destroy();
});

test.each([
  ['a size that is none', 'zz\r\n'],
  ['a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a size of 17 digits', '00000000000000003\r\nabc\r\n0\r\n\r\n'],
  ['bare LF behind a size', '3\nabc\r\n0\r\n\r\n'],
  ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['an extension without end', `3;${'x'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`],
  ['a trailer that is no field', '3\r\nabc\r\n0\r\nContent Length: 3\r\n\r\n'],
  ['a bare LF among the trailers', '3\r\nabc\r\n0\r\nX: 1\n\n'],
  ['trailers without end', `3\r\nabc\r\n0\r\n${'X: 1\r\n'.repeat(10_000)}`],
])('24 76 a chunked response with %s breaks off without a last chunk', async (_, rest) => {
  answering(`${head('Transfer-Encoding: chunked\r\n')}5\r\nfirst\r\n${rest}`);
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  await client.closed();
  expect(client.received).not.toMatch(/0\r\n(?:[^\r\n]+\r\n)*\r\n$/);
  await origin.until(() => origin.connections[0]!.isClosed);
});

test.each([
  ['by FIN', (socket: { end(): unknown }) => socket.end()],
  ['by RST', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
])('76 a chunked response that ends %s before its last chunk does not end cleanly', async (_, stop) => {
  origin.respond = ({ socket }) => {
    socket.write(`${head('Transfer-Encoding: chunked\r\n')}5\r\nfirst\r\n`, () => stop(socket));
  };
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  await client.closed();
  expect(client.received).not.toContain('0\r\n\r\n');
});

test.each([
  ['by FIN', (socket: { end(): unknown }) => socket.end()],
  ['by RST', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
])('76 a response with a length that ends %s is shorter than announced, and the connection closes', async (_, stop) => {
  origin.respond = ({ socket }) => {
    socket.write(`${head('Content-Length: 100\r\n')}first`, () => stop(socket));
  };
  const client = await RawClient.connect(port);
  client.send(REQUEST + REQUEST);
  await client.closed();
  expect(client.received).toContain('Content-Length: 100\r\n');
  expect(client.received.split('HTTP/1.1 ')).toHaveLength(2);
});

test('76 a reset before the head of a POST is 502 and is not tried again', async () => {
  origin.respond = ({ socket }) => socket.resetAndDestroy();
  const response = await RawClient.exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
  expect(response.status).toBe(502);
  expect(origin.connections).toHaveLength(1);
});

test('76 half a head and then the end is 502', async () => {
  origin.respond = ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nContent-Le');
  expect((await RawClient.exchange(port, REQUEST)).status).toBe(502);
});

test('76 a body without end is passed on for as long as the client reads, and stops with it', async () => {
  const piece = 'x'.repeat(64 * 1024);
  origin.respond = ({ socket }) => {
    socket.write(head('Connection: close\r\n'));
    const more = (): void => {
      while (!socket.destroyed && socket.write(piece));
      socket.once('drain', more);
    };
    more();
  };
  const client = await RawClient.connect(port);
  let bytes = 0;
  const enough = new Promise<void>((resolve) =>
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      client.received = '';
      if (bytes > 32 * 1024 * 1024) resolve();
    }),
  );
  client.send(REQUEST);
  await enough;
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('23 a response that is not asked for, split over the end of the one before, answers nobody', async () => {
  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
  origin.respond = ({ socket }) => socket.write(`${head('Content-Length: 2\r\n')}ok${evil.slice(0, 10)}`);
  const client = await RawClient.connect(port);
  client.send(REQUEST);
  expect((await client.response()).body).toBe('ok');
  await origin.until(() => origin.connections[0]!.isClosed);
  origin.respond = answerWhole();
  client.send(REQUEST);
  expect((await client.response()).body).toBe('ok');
  expect(origin.connections).toHaveLength(2);
  client.socket.destroy();
});

test('23 Connection: close wins over keep-alive in a response, in either order', async () => {
  for (const value of ['close, keep-alive', 'keep-alive, close', 'keep-alive\r\nConnection: close']) {
    answering(`${head(`Connection: ${value}\r\nContent-Length: 2\r\n`)}ok`);
    const before = origin.connections.length;
    expect((await RawClient.exchange(port, REQUEST)).body).toBe('ok');
    await origin.until(() => origin.connections[before]!.isClosed);
  }
});

test('24 what a response’s Connection names stays on its hop, what it must not name does not', async () => {
  answering(
    head(
      'Connection: X-Internal, Content-Type, Set-Cookie\r\nX-Internal: 1\r\nContent-Type: a/b\r\nSet-Cookie: c\r\n' +
        'Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nContent-Length: 2\r\n',
    ) + 'ok',
  );
  const response = await RawClient.exchange(port, REQUEST);
  expect(response.head).not.toMatch(/x-internal|keep-alive:|proxy-authenticate/i);
  expect(response.head).toContain('Content-Type: a/b\r\n');
  expect(response.head).toContain('Set-Cookie: c\r\n');
});

test('20 bytes behind an upgrade request reach the origin only after its 101, as they are', async () => {
  origin.respond = () => {};
  const client = await RawClient.connect(port);
  client.send(
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  await origin.until(() => origin.received.endsWith('\r\n\r\n'));
  expect(origin.received).not.toContain('/admin');
  origin.connections[0]!.socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  expect((await client.response()).status).toBe(101);
  await origin.until(() => origin.received.endsWith('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'));
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('20 an upgrade with a body changes behind the body, whatever the method', async () => {
  origin.respond = () => {};
  for (const [index, method] of ['POST', 'GET'].entries()) {
    const client = await RawClient.connect(port);
    client.send(
      `${method} /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhelloGET /admin HTTP/1.1\r\n\r\n`,
    );
    await origin.until(() => origin.connections[index]?.received.endsWith('\r\n\r\nhello') === true);
    origin.connections[index]!.socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect((await client.response()).status).toBe(101);
    await origin.until(() => origin.connections[index]!.received.endsWith('helloGET /admin HTTP/1.1\r\n\r\n'));
    client.socket.destroy();
  }
});
