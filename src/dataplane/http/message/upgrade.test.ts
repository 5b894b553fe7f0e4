import { expect, test } from 'vitest';
import { isOffered, passableUpgrade } from './upgrade.ts';

test.each([
  ['websocket', 'websocket'],
  ['WebSocket', 'websocket'],
  ['tcp', 'tcp'],
  ['SPDY/3.1', 'SPDY/3.1'],
  ['tailscale-control-protocol', 'tailscale-control-protocol'],
  ['DERP', 'DERP'],
  ['h2c', ''],
  ['H2C', ''],
  ['h2', ''],
  ['HTTP/2.0', ''],
  ['http/1.1', ''],
  ['TLS/1.0', ''],
  ['tls', ''],
  ['h2c-14', ''],
  ['h2cats', 'h2cats'],
  ['h2c, websocket', 'websocket'],
  ['TLS/1.0, HTTP/1.1', ''],
  ['raw , ,tcp', 'raw, tcp'],
  ['a b', ''],
  ['a/b/c', ''],
  ['', ''],
])('Upgrade: %s goes on as "%s"', (value, expected) => {
  expect(passableUpgrade(value)).toBe(expected);
});

test('a server may choose what it was offered, in any case', () => {
  expect(isOffered('SPDY/3.1, tcp', 'TCP')).toBe(true);
  expect(isOffered('tcp', 'tcp')).toBe(true);
  expect(isOffered('tcp', 'raw')).toBe(false);
  expect(isOffered('tcp, raw', 'tcp, raw')).toBe(true);
  expect(isOffered('', '')).toBe(false);
  expect(isOffered('tcp', '')).toBe(false);
});
