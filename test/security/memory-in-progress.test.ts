// Many clients that begin something and do not end it: beyond the bound over all of them the newest is refused, those before
// it are served when they go on, and nobody else is touched.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter, type RouterProcess } from '../support/router.ts';

/** Of the router in these tests. */
const BOUND = 1_000_000;
const PIECE = 60_000;
const BEGUN = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(PIECE / 2)}\r\nY: ${'y'.repeat(PIECE / 2)}`;

let origin: RecordingOrigin;
let router: RouterProcess;

beforeAll(async () => {
  origin = await RecordingOrigin.start();
  router = await startRouter({
    install: simpleInstall(origin.port, `core: { maxBytesInProgress: ${BOUND} }\nlog: { format: json }\n`),
  });
});
afterAll(async () => {
  await router?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
});

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
