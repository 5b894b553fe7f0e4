// contentType through the built program: the head waits for the first bytes, and nothing else changes.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient } from '../support/raw-client.ts';
import { type OriginConnection } from '../support/recording-origin.ts';

const { origin, web } = await startLab((originPort) =>
  installWithMiddlewares(
    originPort,
    {
      guess: { contentType: {} },
      off: { contentType: { autoDetect: false } },
      typed: { headers: { customResponseHeaders: { 'X-Out': 'out' } } },
    },
    { both: ['typed', 'guess', 'guess'] },
  ),
);

function answerWith(text: string): void {
  origin.respond = (connection) => connection.socket.write(text, 'latin1');
}

test.each([
  ['<html><p>x', 'text/html; charset=utf-8'],
  ['%PDF-1.7', 'application/pdf'],
  ['a', 'text/plain; charset=utf-8'],
  [`\0${'a'.repeat(200_000)}`, 'application/octet-stream'],
])('names the type of a body without one (%#)', async (body, type) => {
  for (const name of ['guess', 'both']) {
    answerWith(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const known = await ask(web, name, '/');
    expect([field(known, 'Content-Type'), known.body === body]).toEqual([type, true]);
    answerWith(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    const chunked = await ask(web, name, '/');
    expect([field(chunked, 'Content-Type'), chunked.body === body]).toEqual([type, true]);
  }
});

test('gathers a begin that comes in pieces, as long as they come together', async () => {
  const pieces = ['<ht', 'ml>', 'x'.repeat(600)].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  answerWith(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.join('')}0\r\n\r\n`);
  const response = await ask(web, 'guess', '/');
  expect([field(response, 'Content-Type'), response.body]).toEqual([
    'text/html; charset=utf-8',
    `<html>${'x'.repeat(600)}`,
  ]);
});

test('does not hold back what has come', async () => {
  let server: OriginConnection | null = null;
  origin.respond = (connection) => {
    server = connection;
    connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    connection.socket.write('1\r\na\r\n');
  };
  const client = await RawClient.connect(web);
  client.send('GET / HTTP/1.1\r\nHost: guess.test\r\n\r\n');
  await client.until(() => client.received.endsWith('\r\n\r\n1\r\na\r\n'));
  expect(client.received).toContain('Content-Type: text/plain; charset=utf-8\r\n');
  server!.socket.write('1\r\nb\r\n0\r\n\r\n');
  expect((await client.response()).body).toBe('ab');
  client.socket.destroy();
});

test.each([
  ['GET', 'HTTP/1.1 200 OK\r\nContent-Type: x/y\r\nContent-Length: 1\r\n\r\na', 'x/y'],
  ['GET', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na', null],
  ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', null],
  ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', null],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', null],
])('leaves other responses alone (%s %j)', async (method, answer, type) => {
  answerWith(answer);
  expect(field(await ask(web, 'guess', '/', { method }), 'Content-Type')).toBe(type);
});

test('autoDetect: false switches it off', async () => {
  answerWith('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na');
  expect(field(await ask(web, 'off', '/'), 'Content-Type')).toBeNull();
});

test('a service that breaks off before its body begins is answered for', async () => {
  origin.respond = (connection) => {
    connection.socket.end('HTTP/1.1 200 OK\r\nX-Half: 1\r\nContent-Length: 5\r\n\r\n');
  };
  const response = await ask(web, 'both', '/');
  expect([response.status, field(response, 'X-Half'), field(response, 'X-Out')]).toEqual([502, null, 'out']);
});

test('a body cut short later never ends cleanly', async () => {
  origin.respond = (connection) => connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc');
  const client = await RawClient.connect(web);
  client.send('GET / HTTP/1.1\r\nHost: guess.test\r\n\r\n');
  await client.closed();
  expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nabc$/);
});
