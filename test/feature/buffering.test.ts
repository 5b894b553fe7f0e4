// buffering through the built program.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';

const { origin, web } = await startLab((originPort) =>
  installWithMiddlewares(
    originPort,
    {
      request: { buffering: { maxRequestBodyBytes: 10 } },
      response: { buffering: { maxResponseBodyBytes: 10 } },
      large: { buffering: { maxResponseBodyBytes: 300_000, memResponseBodyBytes: 100_000 } },
      out: { headers: { customResponseHeaders: { 'X-Out': 'out' } } },
      packed: { compress: {} },
    },
    { both: ['out', 'response'], compressed: ['packed', 'large'], limited: ['large', 'packed'] },
  ),
);

function chunked(body: string, pieceBytes: number): string {
  let text = 'HTTP/1.1 200 OK\r\nX-Theirs: 1\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (let at = 0; at < body.length; at += pieceBytes) {
    const piece = body.slice(at, at + pieceBytes);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

test('a request above the limit is 413, announced or not', async () => {
  const known = await ask(web, 'request', '/', {
    method: 'POST',
    fields: 'Content-Length: 11\r\n',
    body: '01234567890',
  });
  expect(known.status).toBe(413);
  origin.respond = () => {};
  const fields = 'Transfer-Encoding: chunked\r\n';
  const body = 'b\r\n01234567890\r\n0\r\n\r\n';
  expect((await ask(web, 'request', '/', { method: 'POST', fields, body })).status).toBe(413);
});

test.each([
  'HTTP/1.1 200 OK\r\nX-Theirs: 1\r\nContent-Length: 11\r\n\r\n01234567890',
  'HTTP/1.1 200 OK\r\nX-Theirs: 1\r\nContent-Length: 11\r\n\r\n',
  chunked('01234567890', 5),
  chunked('01234567890', 100),
])('a response above the limit is 500, and the service’s connection is given up (%#)', async (answer) => {
  origin.respond = (connection) => connection.socket.write(answer);
  const client = await RawClient.connect(web);
  for (const name of ['response', 'both']) {
    client.send(`GET / HTTP/1.1\r\nHost: ${name}.test\r\n\r\n`);
    const response = await client.response();
    expect([response.status, response.body, field(response, 'X-Theirs')]).toEqual([
      500,
      'Internal Server Error\n',
      null,
    ]);
    expect(field(response, 'X-Out')).toBe(name === 'both' ? 'out' : null);
  }
  await origin.until(() => origin.connections.every(({ isClosed }) => isClosed));
  client.socket.destroy();
});

test.each(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789', chunked('0123456789', 3)])(
  'a response up to the limit passes (%#)',
  async (answer) => {
    origin.respond = (connection) => connection.socket.write(answer);
    for (const name of ['response', 'both']) expect((await ask(web, name, '/')).body).toBe('0123456789');
    expect(origin.connections).toHaveLength(1);
  },
);

test('a long response is held, released and counted', async () => {
  const body = Array.from({ length: 40_000 }, (_, index) => String(index))
    .join('')
    .slice(0, 190_000);
  origin.respond = (connection) => connection.socket.write(chunked(body, 50_000));
  for (let round = 0; round < 3; round++) expect((await ask(web, 'large', '/')).body === body).toBe(true);
  for (const name of ['compressed', 'limited']) {
    const response = await ask(web, name, '/', { fields: 'Accept-Encoding: identity\r\n' });
    expect(response.body === body).toBe(true);
    expect((await ask(web, name, '/', { fields: 'Accept-Encoding: gzip\r\n' })).status).toBe(200);
  }
});

test('one that passes the limit after it was released never ends cleanly', async () => {
  origin.respond = (connection) => connection.socket.write(chunked('x'.repeat(400_000), 50_000));
  const client = await RawClient.connect(web);
  client.send('GET / HTTP/1.1\r\nHost: large.test\r\n\r\n');
  await client.closed();
  expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(client.received.endsWith('0\r\n\r\n')).toBe(false);
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('HEAD and answers without a body are left alone', async () => {
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n');
  expect((await ask(web, 'response', '/', { method: 'HEAD' })).status).toBe(200);
});
