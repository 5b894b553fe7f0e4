// Many clients that begin something and do not end it: beyond the bound over all of them the newest is refused, those
// before it are served when they go on, and nobody else is touched.

import { expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { frame } from '../support/raw-http2.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

/** Of the router in these tests. */
const BOUND = 1_000_000;
const PIECE = 60_000;
const BEGUN = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(PIECE / 2)}\r\nY: ${'y'.repeat(PIECE / 2)}`;

const origin = await forFile(RecordingOrigin.start());
const router = await forFile(
  startRouter({
    install: simpleInstall(
      origin.port,
      `core: { maxBytesInProgress: ${BOUND} }\nlog: { format: json }\n`,
      // Without a timeout what is begun stays begun, however long the test takes.
      `    transport: { respondingTimeouts: { headerTimeout: 0s } }
  secure: { address: "127.0.0.1:0", http: { tls: {} }, transport: { respondingTimeouts: { headerTimeout: 0s } } }`,
    ),
  }),
);

test('begun heads are refused beyond the bound, and those before them are served', async () => {
  const port = router.ports['web']!;
  const clients: RawClient[] = [];
  let refused: RawClient | null = null;
  // One after the other; a refusal is an answer, and a head that is kept has none.
  for (let index = 0; index < 40; index++) {
    const client = await RawClient.connect(port);
    clients.push(client);
    client.send(BEGUN);
  }
  const answers = clients.map(async (client) => {
    const { status } = await client.response();
    refused ??= client;
    return status;
  });
  const first = await Promise.race(answers);
  expect(first).toBe(503);
  expect(refused).not.toBeNull();
  // A request that comes whole needs no room.
  const other = await RawClient.exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(other.status).toBe(200);
  for (const client of clients) client.send('\r\n\r\n');
  const statuses = await Promise.all(answers);
  const served = statuses.filter((status) => status === 200).length;
  expect(served).toBeGreaterThanOrEqual(10);
  expect(served).toBeLessThanOrEqual(Math.floor(BOUND / PIECE));
  expect(statuses.filter((status) => status === 503)).toHaveLength(40 - served);
  for (const client of clients) client.socket.destroy();
  // What was held is free again.
  const late = await RawClient.connect(port);
  late.send(BEGUN);
  late.send('\r\n\r\n');
  expect((await late.response()).status).toBe(200);
  late.socket.destroy();
  expect(router.stderr()).not.toMatch(/worker (?:crashed|is replaced)/);
});

/**
 * Sends the bytes on connection after connection, which stay open, until the router has ended one; returns what that
 * one got.
 */
async function untilRefused(port: number, bytes: Buffer): Promise<{ opened: number; received: string }> {
  const clients: RawClient[] = [];
  try {
    for (;;) {
      const client = await RawClient.connect(port);
      clients.push(client);
      client.socket.on('error', () => {});
      client.socket.write(bytes);
      // Everything before has been read when this one is answered.
      expect((await RawClient.exchange(router.ports['web']!, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(200);
      const refused = clients.find((one) => one.isEnded || one.isClosed);
      if (refused !== undefined) return { opened: clients.length, received: refused.received };
      expect(clients.length).toBeLessThan(200);
    }
  } finally {
    for (const client of clients) client.socket.destroy();
  }
}

test('hellos that do not end are reset beyond the bound', async () => {
  const record = Buffer.concat([
    Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x7f, 0xf0]),
    Buffer.alloc(16_380),
    Buffer.from([22, 3, 1, 0x3f, 0xf0]),
    Buffer.alloc(16_000),
  ]);
  const { opened, received } = await untilRefused(router.ports['secure']!, record);
  expect(received).toBe('');
  expect(opened).toBeGreaterThanOrEqual(Math.floor(BOUND / record.length));
});

test('header blocks of HTTP/2 that do not end are refused beyond the bound', async () => {
  const begun = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0),
    frame(1, 0, 1, Buffer.alloc(16_000)),
    frame(9, 0, 1, Buffer.alloc(16_000)),
  ]);
  const { opened, received } = await untilRefused(router.ports['web']!, begun);
  expect(opened).toBeGreaterThan(10);
  // GOAWAY with ENHANCE_YOUR_CALM.
  expect(received).toMatch(/\x07\x00\x00\x00\x00\x00.{4}\x00\x00\x00\x0b/s);
});

test('whatever ends, and however, leaves nothing counted', async () => {
  const port = router.ports['web']!;
  const one = async (text: string): Promise<void> => {
    const client = await RawClient.connect(port);
    client.socket.on('error', () => {});
    client.send(text);
    client.socket.destroySoon();
    await client.closed();
  };
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n';
  await one(get);
  await one(`${get}X: ${'x'.repeat(5_000)}`);
  await one(`${get}\r\n${get}\r\n${get}`);
  await one(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc`);
  await one(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${get}\r\n${get}\r\n`);
  await one(
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0).toString('latin1')}${frame(1, 0, 1, Buffer.alloc(900)).toString('latin1')}`,
  );
  await one(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0).toString('latin1')}\0\x10\0`);
  const counted = (): readonly number[] =>
    [...router.stderr().matchAll(/"bytesInProgress":(-?\d+)/g)].map(([, bytes]) => Number(bytes));
  for (let looks = 1; counted().at(-1) !== 0; looks++) {
    router.signal('SIGUSR2');
    await router.sees(() => counted().length >= looks);
  }
  expect(counted().every((bytes) => bytes >= 0)).toBe(true);
});
