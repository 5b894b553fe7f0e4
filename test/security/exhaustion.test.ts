// Clients that hold on to what they are given: a connection, a deadline, a place under a cap, a body beyond its limit.
// Where the router is to act on its own there are short limits, so that waiting for it is short; no test measures time,
// and those that time out wait together.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter, type RouterProcess } from '../support/router.ts';
import { answerWhole, readStrictly } from './strict-reading.ts';

/** Has limits for time, where nothing that is in time is asked for. */

const origin = await forFile(RecordingOrigin.start(answerWhole()));
const start = (transport: string): Promise<RouterProcess> =>
  startRouter({ install: simpleInstall(origin.port, '', `    transport: { ${transport} }`) });
const router = await forFile(start('limits: { maxBodyBytes: 1000 }'));
const hasty = await forFile(start('respondingTimeouts: { headerTimeout: 2s, readTimeout: 2s, idleTimeout: 2s }'));
const port = router.ports['web']!;
const hastyPort = hasty.ports['web']!;

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;

/** Sends the text again and again until the connection has ended. */
async function drip(client: RawClient, text: string): Promise<void> {
  const timer = setInterval(() => client.send(text), 40);
  await client.closed();
  clearInterval(timer);
}

test.concurrent('68 slowloris: bytes that keep coming do not put the end of a head off', async () => {
  const client = await RawClient.connect(hastyPort);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n');
  await drip(client, 'X: 1\r\n');
  expect(client.received).toMatch(/^HTTP\/1\.1 408 /);
  client.socket.destroy();
});

test.concurrent('68 slowloris one byte at a time in the request line', async () => {
  const client = await RawClient.connect(hastyPort);
  client.send('GET /');
  await drip(client, 'a');
  expect(client.received).toMatch(/^HTTP\/1\.1 408 /);
  client.socket.destroy();
});

test.concurrent('68 a connection that says nothing, or empty lines only, is closed', async () => {
  const silent = await RawClient.connect(hastyPort);
  const chatty = await RawClient.connect(hastyPort);
  await Promise.all([silent.closed(), drip(chatty, '\r\n')]);
  expect(silent.received).toBe('');
  expect(chatty.received).not.toContain(' 200 ');
  silent.socket.destroy();
  chatty.socket.destroy();
});

test.concurrent.each([
  ['a body with a length', 'Content-Length: 100\r\n', 'some'],
  ['a chunk', 'Transfer-Encoding: chunked\r\n', '5\r\nhel'],
  ['a chunk size', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n1'],
  ['a chunk extension', 'Transfer-Encoding: chunked\r\n', '5;a='],
  ['the trailers', 'Transfer-Encoding: chunked\r\n', '0\r\nX: 1\r\n'],
])(
  '69 slow body: silence in the middle of %s is 408, and the upstream never sees a whole request',
  async (_, fields, body) => {
    origin.connections.length = 0;
    const client = await RawClient.connect(hastyPort);
    client.send(post(fields, body));
    expect((await client.response()).status).toBe(408);
    await client.closed();
    await origin.until(() => origin.connections.every((connection) => connection.isClosed));
    expect(origin.connections.flatMap((connection) => readStrictly(connection.received).requests)).toEqual([]);
    client.socket.destroy();
  },
);

test('68 slowloris on a connection that has been served before', async () => {
  const client = await RawClient.connect(hastyPort);
  client.send(`${GET}GET /slow HTTP/1.1\r\n`);
  expect((await client.response()).status).toBe(200);
  expect((await client.response()).status).toBe(408);
  await client.closed();
  client.socket.destroy();
});

test('71 the cap over all clients holds over all workers, and a place that is left is given away again', async () => {
  await using capped = await startRouter({
    install: simpleInstall(origin.port, '', '    transport: { limits: { maxConnections: 4 } }'),
    workers: 2,
  });
  const web = capped.ports['web']!;
  const attempt = async (): Promise<RawClient | null> => {
    try {
      const client = await RawClient.connect(web);
      client.send(GET);
      await client.response();
      return client;
    } catch {
      // Refused by a reset, which may come before or after the request.
      return null;
    }
  };
  const held: (RawClient | null)[] = [];
  for (let index = 0; index < 4; index++) held.push(await attempt());
  expect(held.filter((client) => client === null)).toEqual([]);
  expect(await Promise.all([attempt(), attempt(), attempt()])).toEqual([null, null, null]);
  held[0]!.socket.destroy();
  // The place is free once the worker has seen the close.
  let next = await attempt();
  while (next === null) next = await attempt();
  for (const client of [...held, next]) client?.socket.destroy();
});

test('72 a length over the limit is 413 before the body is read or the upstream is asked', async () => {
  origin.connections.length = 0;
  const client = await RawClient.connect(port);
  client.send(post('Content-Length: 1001\r\n'));
  const response = await client.response();
  expect(response.status).toBe(413);
  expect(response.head).toContain('Connection: close\r\n');
  await client.closed();
  expect(origin.connections).toHaveLength(0);
  client.socket.destroy();
});

test('72 a client that asks first is told 413, not 100', async () => {
  const client = await RawClient.connect(port);
  client.send(post('Expect: 100-continue\r\nContent-Length: 5000\r\n'));
  expect((await client.response()).status).toBe(413);
  await client.closed();
  client.socket.destroy();
});

test('72 many small chunks over the limit are 413 in mid-stream', async () => {
  origin.connections.length = 0;
  const client = await RawClient.connect(port);
  client.send(post('Transfer-Encoding: chunked\r\n', '1\r\nx\r\n'.repeat(1001)));
  expect((await client.response()).status).toBe(413);
  await client.closed();
  await origin.until(() => origin.connections.every((connection) => connection.isClosed));
  expect(origin.connections.flatMap((connection) => readStrictly(connection.received).requests)).toEqual([]);
  client.socket.destroy();
});

test('72 bodies of exactly the limit pass, with a length and in chunks', async () => {
  const body = 'x'.repeat(1000);
  expect((await RawClient.exchange(port, post('Content-Length: 1000\r\n', body))).status).toBe(200);
  const chunks = `${'1\r\nx\r\n'.repeat(1000)}0\r\n\r\n`;
  expect((await RawClient.exchange(port, post('Transfer-Encoding: chunked\r\n', chunks))).status).toBe(200);
});

test('70 a client that stops reading does not keep another one waiting', async () => {
  const piece = 'x'.repeat(64 * 1024);
  await using endless = await RecordingOrigin.start((connection, bytes) => {
    if (!bytes.startsWith('GET /endless')) {
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      return;
    }
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n');
    const fill = (): void => {
      while (!connection.socket.destroyed && connection.socket.write(piece));
      connection.socket.once('drain', fill);
    };
    fill();
  });
  await using single = await startRouter({
    install: simpleInstall(endless.port, '', '    transport: { respondingTimeouts: { writeIdleTimeout: 500ms } }'),
  });
  const stalled: RawClient[] = [];
  for (let index = 0; index < 10; index++) {
    const client = await RawClient.connect(single.ports['web']!);
    client.socket.pause();
    client.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n');
    stalled.push(client);
  }
  await endless.until(() => endless.connections.length === 10);
  expect((await RawClient.exchange(single.ports['web']!, GET)).body).toBe('ok');
  const isStalled = (text: string): boolean => text.startsWith('GET /endless');
  await endless.until(() =>
    endless.connections.every((connection) => !isStalled(connection.received) || connection.isClosed),
  );
  for (const client of stalled) client.socket.destroy();
});
