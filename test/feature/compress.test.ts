// compress through the built program.

import { brotliDecompressSync, constants, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { ask, field, installWithMiddlewares } from '../support/middlewares.ts';
import { RawClient, type RawResponse } from '../support/raw-client.ts';
import { type OriginConnection } from '../support/recording-origin.ts';

const { origin, web } = await startLab((originPort) =>
  installWithMiddlewares(
    originPort,
    {
      plain: { compress: {} },
      brotli: { compress: { encodings: ['br', 'gzip'], defaultEncoding: 'gzip', minResponseBodyBytes: 10 } },
      only: { compress: { includedContentTypes: ['image/png', 'text/plain'] } },
      but: { compress: { excludedContentTypes: ['Text/Plain; charset=utf-8'] } },
      sniffing: { contentType: {} },
    },
    { sniffed: ['plain', 'sniffing'], twice: ['plain', 'plain'] },
  ),
);

const TEXT = 'compress me, please. '.repeat(100);

function answerWith(fields: string, body = TEXT, status = '200 OK'): void {
  origin.respond = (connection) =>
    connection.socket.write(`HTTP/1.1 ${status}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
}

function get(name: string, accept: string | null, method = 'GET'): Promise<RawResponse> {
  return ask(web, name, '/', { method, fields: accept === null ? '' : `Accept-Encoding: ${accept}\r\n` });
}

function decoded({ body }: RawResponse, coding: string | null): string {
  const bytes = Buffer.from(body, 'latin1');
  return (coding === 'gzip' ? gunzipSync(bytes) : coding === 'br' ? brotliDecompressSync(bytes) : bytes).toString(
    'latin1',
  );
}

test.each([
  ['plain', 'gzip', 'gzip'],
  ['plain', 'br, gzip', 'gzip'],
  ['plain', 'br, gzip;q=0.5', 'br'],
  ['plain', 'identity', null],
  ['plain', null, null],
  ['brotli', 'gzip, br', 'br'],
  ['brotli', null, 'gzip'],
  ['brotli', '', null],
  ['twice', 'gzip', 'gzip'],
])('%s with Accept-Encoding %j gives %j', async (name, accept, coding) => {
  answerWith('Content-Type: text/plain\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\nVary: Origin\r\n');
  const response = await get(name, accept);
  expect(field(response, 'Content-Encoding')).toBe(coding);
  expect(decoded(response, coding)).toBe(TEXT);
  expect(field(response, 'Vary')).toBe('Origin, Accept-Encoding');
  expect(field(response, 'ETag')).toBe('"v1"');
  expect(field(response, 'Accept-Ranges')).toBe(coding === null ? 'bytes' : null);
  expect(field(response, 'Content-Length')).toBe(coding === null ? String(TEXT.length) : null);
});

test.each([
  ['Content-Type: text/plain\r\nContent-Encoding: br\r\n', TEXT, '200 OK'],
  ['Content-Type: text/plain\r\nCache-Control: public, no-transform\r\n', TEXT, '200 OK'],
  ['Content-Type: text/plain\r\nContent-Range: bytes 0-9/20\r\n', TEXT, '206 Partial Content'],
  ['Content-Type: text/plain\r\n', 'short', '200 OK'],
  ['Content-Type: image/png\r\n', TEXT, '200 OK'],
  ['Content-Type: video/mp4\r\n', TEXT, '200 OK'],
  ['Content-Type: application/grpc\r\n', TEXT, '200 OK'],
])('leaves alone what is not worth it or may not be changed (%j %#)', async (fields, body, status) => {
  answerWith(fields, body, status);
  const response = await get('plain', 'gzip');
  expect(response.body).toBe(body);
  expect(field(response, 'Content-Length')).toBe(String(body.length));
  expect(field(response, 'Vary')).toBeNull();
});

test('types are chosen by what is included or excluded', async () => {
  for (const [name, type, coding] of [
    ['only', 'text/plain; charset=utf-8', 'gzip'],
    ['only', 'IMAGE/PNG', 'gzip'],
    ['only', 'text/html', null],
    ['but', 'text/plain', null],
    ['but', 'text/html', 'gzip'],
    ['plain', 'image/svg+xml', 'gzip'],
  ] as const) {
    answerWith(`Content-Type: ${type}\r\n`);
    expect([name, type, field(await get(name, 'gzip'), 'Content-Encoding')]).toEqual([name, type, coding]);
  }
});

test('HEAD gets what the service says', async () => {
  origin.respond = (connection) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n');
  expect(field(await get('plain', 'gzip', 'HEAD'), 'Content-Length')).toBe('5000');
});

test('a large body arrives whole, and the connection goes on', async () => {
  const large = Array.from({ length: 200_000 }, (_, index) => `${index * 7919},`).join('');
  answerWith('Content-Type: text/plain\r\n', large);
  const client = await RawClient.connect(web);
  for (let round = 0; round < 3; round++) {
    client.send('GET / HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n');
    expect(decoded(await client.response(), 'gzip') === large).toBe(true);
  }
  client.socket.destroy();
});

test('a client that reads slowly holds the service back, and gets everything', async () => {
  // Noise, so that as much goes out as comes in.
  const noise = Buffer.from(
    Array.from({ length: 4_000_000 }, (_, index) => (Math.imul(index, 2654435761) >>> 13) & 255),
  );
  answerWith('Content-Type: text/plain\r\n', noise.toString('latin1'));
  const client = await RawClient.connect(web);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n');
  await origin.until(() => origin.received.includes('\r\n\r\n'));
  client.socket.resume();
  expect(Buffer.from(decoded(await client.response(), 'gzip'), 'latin1').equals(noise)).toBe(true);
  client.socket.destroy();
});

test('events are compressed and delivered one by one', async () => {
  let server: OriginConnection | null = null;
  origin.respond = (connection) => {
    server = connection;
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  };
  const client = await RawClient.connect(web);
  client.send('GET / HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n');
  await client.until(() => client.received.includes('\r\n\r\n'));
  expect(client.received).toContain('Content-Encoding: gzip\r\n');
  const soFar = (): string => {
    const start = client.received.indexOf('\r\n\r\n') + 4;
    let bytes = '';
    for (let at = start; at < client.received.length;) {
      const lineEnd = client.received.indexOf('\r\n', at);
      const size = Number.parseInt(client.received.slice(at, lineEnd), 16);
      if (lineEnd < 0 || client.received.length < lineEnd + size + 4) break;
      bytes += client.received.slice(lineEnd + 2, lineEnd + 2 + size);
      at = lineEnd + 4 + size;
    }
    return gunzipSync(Buffer.from(bytes, 'latin1'), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  };
  let expected = '';
  for (const word of ['one', 'two', 'three']) {
    const event = `data: ${word}\n\n`;
    expected += event;
    const before = client.received.length;
    server!.socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    await client.until(() => client.received.length > before && soFar() === expected);
  }
  client.socket.destroy();
  await origin.until(() => server!.isClosed);
});

test('a body cut short never ends cleanly', async () => {
  origin.respond = (connection) =>
    connection.socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n${TEXT}`);
  const client = await RawClient.connect(web);
  client.send('GET / HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n');
  await client.closed();
  expect(client.received.endsWith('0\r\n\r\n')).toBe(false);
});

test('a type that is found out is compressed all the same', async () => {
  answerWith('', `<html>${TEXT}`);
  const response = await get('sniffed', 'gzip');
  expect([field(response, 'Content-Type'), decoded(response, 'gzip')]).toEqual([
    'text/html; charset=utf-8',
    `<html>${TEXT}`,
  ]);
});

test('a 1.0 client gets the compressed body up to the end of the connection', async () => {
  answerWith('Content-Type: text/plain\r\n');
  const response = await RawClient.exchange(web, 'GET / HTTP/1.0\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n');
  expect(decoded(response, 'gzip')).toBe(TEXT);
});
