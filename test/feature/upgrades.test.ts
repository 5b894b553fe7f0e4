// Changes of protocol other than WebSocket's: Docker's attach, kubectl over SPDY, Tailscale. What carries requests past
// the router stays behind.

import { expect, test } from 'vitest';
import { startLab } from '../support/lab.ts';
import { block, frame, RawHttp2, type FieldPair } from '../support/raw-http2.ts';
import { RawClient } from '../support/raw-client.ts';
import { simpleInstall } from '../support/router.ts';

const { origin, web: port } = await startLab((originPort) => simpleInstall(originPort));

function switchTo(protocol: string): void {
  origin.respond = ({ socket }, bytes) => {
    if (bytes.includes('Upgrade: ')) {
      socket.write(`HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\nhi`);
    } else socket.write(`<${bytes}>`);
  };
}

test.each([
  ['GET', 'tcp', 'tcp'],
  ['POST', 'tcp', 'tcp'],
  ['POST', 'SPDY/3.1', 'SPDY/3.1'],
  ['POST', 'tailscale-control-protocol', 'tailscale-control-protocol'],
  ['GET', 'DERP', 'derp'],
  ['PUT', 'raw', 'raw'],
  ['GET', 'SPDY/4, SPDY/3.1', 'SPDY/3.1'],
])('%s with Upgrade: %s becomes a tunnel when the server answers 101 %s', async (method, offered, chosen) => {
  switchTo(chosen);
  const client = await RawClient.connect(port);
  client.send(`${method} /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: ${offered}\r\n\r\n`);
  const answer = await client.response();
  expect(answer.status).toBe(101);
  expect(answer.head).toContain('Connection: Upgrade\r\n');
  expect(answer.head).toContain(`Upgrade: ${chosen}\r\n`);
  expect(origin.received).toContain(`Connection: Upgrade\r\nUpgrade: ${offered}\r\n`);
  // The scheme of the request is not that of WebSocket.
  expect(origin.received).toContain('X-Forwarded-Proto: http\r\n');
  client.send('ping\n\0');
  await client.until(() => client.received === 'hi<ping\n\0>');
  client.socket.destroy();
  await origin.until(() => origin.connections[0]!.isClosed);
});

test('a body that the server does not wait for goes before the tunnel', async () => {
  switchTo('tcp');
  const client = await RawClient.connect(port);
  client.send(
    'POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 10\r\n\r\nhello',
  );
  await origin.until(() => origin.received.endsWith('hello'));
  expect(client.received).toBe('');
  client.send('worldtunnel');
  expect((await client.response()).status).toBe(101);
  await origin.until(() => origin.received.endsWith('helloworldtunnel'));
  client.socket.destroy();
});

test.each(['h2c', 'HTTP/2.0', 'TLS/1.0', 'h2', 'tls/1.2, HTTP/1.1'])(
  'what would carry requests past the router is left out: %s',
  async (protocol) => {
    const client = await RawClient.connect(port);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    expect((await client.response()).status).toBe(200);
    expect(origin.received).not.toMatch(/upgrade/i);
    client.socket.destroy();
  },
);

test('HTTP/1.0 knows no upgrades', async () => {
  await RawClient.exchange(port, 'GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  expect(origin.received).not.toMatch(/upgrade/i);
});

test('a server that chooses what nobody offered is refused', async () => {
  switchTo('raw');
  const answer = await RawClient.exchange(
    port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  );
  expect(answer.status).toBe(502);
});

test('extended CONNECT of HTTP/2 with another protocol is the upgrade that HTTP/1.1 has for it', async () => {
  switchTo('connect-udp');
  const client = await RawHttp2.connect(port);
  const fields: FieldPair[] = [
    [':method', 'CONNECT'],
    [':protocol', 'connect-udp'],
    [':scheme', 'http'],
    [':path', '/udp'],
    [':authority', 'a.test'],
    ['capsule-protocol', '?1'],
  ];
  client.send(frame(1, 4, 1, block(fields)));
  expect(await client.status(1)).toBe('200');
  expect(origin.received).toContain('GET /udp HTTP/1.1\r\n');
  expect(origin.received).toContain('Connection: Upgrade\r\nUpgrade: connect-udp\r\n');
  client.data(1, 'ping');
  await client.until(() => client.body(1) === 'hi<ping>');
  client.socket.destroy();
});
