// Who goes when descriptors are used up: connections whose client has been served, or has had its time to ask.

import net from 'node:net';
import { expect, test } from 'vitest';
import { decodeInstall } from '../../controlplane/config/install/load-install.ts';
import { SystemClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import { Http2Connection } from './http2-connection.ts';
import { entryPointSettings, entryPointState } from './entry-point-state.ts';
import { Http1Connection } from './http1-connection.ts';
import { respond } from '../http/respond.ts';
import { NEWCOMER_MS } from './downstream-connection.ts';

const CLIENT = {
  ip: '127.0.0.1',
  port: 1,
  scheme: 'http',
  tls: null,
  isTrusted: false,
  bonds: null,
  identity: null,
} as const;

function context() {
  const spec = decodeInstall('', 'entryPoints: { web: { address: ":0" } }').value!.entryPoints['web']!;
  return {
    entryPoint: entryPointState(entryPointSettings(spec, { finished: () => {} })),
    wheel: new TimerWheel(new SystemClock()),
    handler: (exchange: Parameters<typeof respond>[0]) => respond(exchange, 200, 'ok'),
    closed: () => {},
    switchToHttp2: () => {},
    handlerFailed: () => {},
  };
}

test.each([
  ['HTTP/1.1', Http1Connection],
  ['HTTP/2', Http2Connection],
] as const)('a newcomer has time to ask: %s', (_, Connection) => {
  const shared = context();
  const connection = new Connection(shared, new net.Socket(), CLIENT, 0, false);
  expect([connection.hasAsked, connection.closeIfResting()]).toEqual([false, false]);
  const openedMs = shared.wheel.nowMs;
  shared.wheel.touch(openedMs + NEWCOMER_MS / 2);
  expect(connection.closeIfResting()).toBe(false);
  shared.wheel.touch(openedMs + NEWCOMER_MS * 2);
  expect(connection.closeIfResting()).toBe(true);
  expect(connection.closeIfResting()).toBe(false);
});

test('one that has been answered rests at once, and half a head is no rest', () => {
  const shared = context();
  const connection = new Http1Connection(shared, new net.Socket(), CLIENT, 0, false);
  const say = (text: string): void => connection.onRead(Buffer.from(text), text.length);
  say('GET / HTTP/1.1\r\n');
  shared.wheel.touch(shared.wheel.nowMs + 10 * NEWCOMER_MS);
  expect(connection.closeIfResting()).toBe(false);
  say('Host: a\r\n\r\n');
  expect([connection.hasAsked, connection.closeIfResting()]).toEqual([true, true]);
});
