// Origins that misbehave behind a 101: a tunnel ends visibly and for both sides, its reason is in the log, and only a
// tunnel that is silent in both directions is idle.

import { beforeEach, expect, test } from 'vitest';
import { forFile } from '../support/lab.ts';
import { failureCounts, installFile, lineOf, servers } from '../support/laboratory.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin, type OriginConnection } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const origin = await forFile(RecordingOrigin.start());
const url = `http://127.0.0.1:${origin.port}`;
const install = installFile('', servers({ lab: url, write: [url, 'write'] }));
const timeouts = 'address: "127.0.0.1:0", transport: { respondingTimeouts: { tunnelIdleTimeout: 2s } }';
const router = await forFile(startRouter({ install: install.replace('address: "127.0.0.1:0"', timeouts) }));
const patient = await forFile(startRouter({ install }));
beforeEach(() => {
  for (const { socket } of origin.connections) socket.destroy();
  origin.connections.length = 0;
  origin.respond = ({ socket }, bytes) => {
    if (!bytes.includes('\r\n\r\n')) return;
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  };
});

/** A tunnel that stands: the client's end and the origin's. */
async function open(
  through: RouterProcess,
  id: string,
  service = 'lab',
): Promise<{ client: RawClient; server: OriginConnection }> {
  const client = await RawClient.connect(through.ports['web']!);
  client.send(
    `GET /${id} HTTP/1.1\r\nHost: a\r\nX-Service: ${service}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  expect((await client.response()).status).toBe(101);
  const server = origin.connections.find(({ received }) => received.includes(`GET /${id} `))!;
  return { client, server };
}

test('76 a tunnel silent in both directions ends, one in which only the server speaks does not', async () => {
  const spoken = await open(router, 't1.');
  const silent = await open(router, 't2.');
  // The silent one is the clock: it was opened later, and ends while the other one is spoken in.
  spoken.client.socket.on('data', () => spoken.server.socket.write('.'));
  spoken.server.socket.write('.');
  await silent.client.closed();
  const heard = spoken.client.received.length;
  await spoken.client.until(() => spoken.client.received.length > heard);
  expect((await lineOf(router, 't2.')).ResponseFlag).toBe('tunnel_idle');
  await origin.until(() => silent.server.isClosed);
  spoken.client.socket.destroy();
  await origin.until(() => spoken.server.isClosed);
});

test('76 an origin that resets a tunnel breaks the client’s end of it', async () => {
  const { client, server } = await open(patient, 't3.');
  server.socket.resetAndDestroy();
  await client.closed();
  const line = await lineOf(patient, 't3.');
  expect([line.DownstreamStatus, line.ResponseFlag]).toEqual([101, 'upstream_reset']);
});

test('76 a reset that comes with the last bytes of a tunnel is none the less a reset', async () => {
  const { client, server } = await open(patient, 't4.');
  server.socket.write('last words', () => server.socket.resetAndDestroy());
  await client.closed();
  expect((await lineOf(patient, 't4.')).ResponseFlag).toBe('upstream_reset');
});

test.each(['origin', 'client'])('a FIN of the %s passes, and the other direction goes on', async (who) => {
  const id = `t5-${who}.`;
  const { client, server } = await open(patient, id);
  server.socket.removeAllListeners('end');
  if (who === 'origin') {
    server.socket.end('bye');
    await client.until(() => client.isEnded, true);
    expect(client.received).toBe('bye');
    client.send('still here');
    await origin.until(() => server.received.endsWith('still here'));
    client.socket.end();
  } else {
    const ended = new Promise<void>((resolve) => server.socket.once('end', resolve));
    client.send('bye');
    client.socket.end();
    await ended;
    expect(server.received).toMatch(/bye$/);
    server.socket.write('still here');
    await client.until(() => client.received === 'still here');
    server.socket.end();
  }
  await origin.until(() => server.isClosed);
  const line = await lineOf(patient, id);
  expect([line.DownstreamStatus, line.ResponseFlag]).toEqual([101, '']);
});

test('76 an origin that reads nothing more ends the tunnel: upstream_write_timeout', async () => {
  const { client, server } = await open(patient, 't6.', 'write');
  server.socket.pause();
  client.socket.write(Buffer.alloc(64 * 1024 * 1024));
  await client.closed();
  client.socket.destroy();
  expect((await lineOf(patient, 't6.')).ResponseFlag).toBe('upstream_write_timeout');
  expect((await failureCounts(patient)).get('write upstream_write_timeout')).toBe(1);
});

test('76 a client that resets its tunnel ends the origin’s connection', async () => {
  const { client, server } = await open(patient, 't7.');
  client.socket.resetAndDestroy();
  await origin.until(() => server.isClosed);
  expect((await lineOf(patient, 't7.')).ResponseFlag).toBe('client_gone');
});

test('76 clients that reset their tunnels with their last bytes have not half-closed them', async () => {
  const tunnels = await Promise.all(Array.from({ length: 8 }, (_, index) => open(patient, `t8-${index}.`)));
  // These origins would go on for ever.
  for (const { server } of tunnels) server.socket.removeAllListeners('end');
  // Bytes and reset are both there before the router looks.
  patient.signal('SIGSTOP');
  for (const { client } of tunnels) client.socket.write('bye', () => client.socket.resetAndDestroy());
  for (const { client } of tunnels) await client.until(() => client.isClosed, true);
  patient.signal('SIGCONT');
  for (const [index] of tunnels.entries()) {
    expect((await lineOf(patient, `t8-${index}.`)).ResponseFlag).toBe('client_gone');
  }
});
