// Which connection of a server a request goes to, where there are several kinds: a client's own, shared ones, and those
// of a limit.

import { describe, expect, test } from 'vitest';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES } from '../http/failure.ts';
import { ADDRESS, anotherClient, ENDPOINT_KEY, endpointLab } from '../../../test/support/endpoint.ts';
import { frame, settings } from '../../../test/support/raw-http2.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const SETTINGS = frame(4, 0, 0);

/** `:status: 200` of the static table, and the end. */
function answered(streamId: number): Buffer {
  return frame(1, 5, streamId, Buffer.from([0x88]));
}

function authenticated(exchange: Exchange): void {
  exchange.requestHeaders.append('Authorization', 'NTLM abc');
}

test.each([
  ['10.0.0.1', '10.0.0.1:80'],
  ['fd00::1', '[fd00::1]:80'],
  ['@api', 'http://@api:80'],
])('a server at %s is shown as %s', (host, shown) => {
  const { make, send } = endpointLab();
  const endpoint = make({}, 'http', host);
  expect([endpoint.address, send(endpoint, 'a').serviceAddr]).toEqual([shown, shown]);
});

test('the first requests to a name wait until it is looked up', async () => {
  const { make, send, dials } = endpointLab({
    resolver: { retain: () => {}, release: () => {}, addresses: () => Promise.resolve([ADDRESS]) } as never, // As much as is used.
  });
  send(make(), 'a');
  expect(dials[0]!.addresses).toBeNull();
  await new Promise(setImmediate);
  expect(dials[0]!.addresses).toEqual([ADDRESS]);
});

describe('a client that authenticates its connection', () => {
  test('has one that nothing else was sent on, and nobody else gets it', async () => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({ maxIdleConnsPerHost: 10 });
    send(endpoint, 'a');
    await says(dials[0]!.connect(), OK);
    const bound = send(endpoint, 'b', authenticated);
    expect(dials).toHaveLength(2);
    const socket = dials[1]!.connect();
    await says(socket, OK);
    const same = (exchange: Exchange): unknown => Object.assign(exchange, { client: bound.client });
    send(endpoint, 'c', same);
    expect(socket.written).toContain('GET /c ');
    send(endpoint, 'd', same);
    send(endpoint, 'e');
    expect([dials.length, socket.written.includes('/d'), socket.written.includes('/e')]).toEqual([2, false, false]);
    await says(socket, OK);
    expect(socket.written).toContain('GET /d ');
    await says(socket, OK);
    // It rests as long as its client does.
    endpoint.retire();
    expect([ended.includes('d 200'), socket.destroyed]).toEqual([true, true]);
  });

  test('loses it with its end, and what has waited goes elsewhere', async () => {
    const { make, send, says, dials } = endpointLab();
    const endpoint = make();
    const bound = send(endpoint, 'a', authenticated);
    const socket = dials[0]!.connect();
    send(endpoint, 'b', (exchange) => Object.assign(exchange, { client: bound.client }));
    expect(dials).toHaveLength(1);
    socket.destroy();
    await new Promise(setImmediate);
    expect(dials).toHaveLength(2);
    const next = dials[1]!.connect();
    expect(next.written).toContain('GET /b ');
    await says(next, OK);
    bound.client.bonds?.dissolve();
    expect(next.destroyed).toBe(false);
  });

  test('takes an idle one where the number is limited', async () => {
    const { make, send, says, dials } = endpointLab();
    const endpoint = make({ maxConnsPerHost: 1 });
    send(endpoint, 'a');
    const socket = dials[0]!.connect();
    await says(socket, OK);
    send(endpoint, 'b', authenticated);
    expect([dials.length, socket.written.includes('GET /b ')]).toEqual([1, true]);
    await says(socket, OK);
    // Its own is another client's hope: it goes after a second.
    send(endpoint, 'c', (exchange) => Object.assign(exchange, { client: anotherClient() }));
    expect([dials.length, socket.destroyed]).toEqual([1, false]);
  });
});

describe('connections of HTTP/2', () => {
  test('a hundred requests wait for one that is being opened, the next opens another', () => {
    const { make, send, dials } = endpointLab();
    const endpoint = make({}, 'h2c');
    for (let index = 0; index < 101; index++) send(endpoint, `${index}`);
    expect(dials.map(({ waiters }) => waiters.length)).toEqual([100, 1]);
  });

  test('one that was gone before it was ready fails its dial, and gives the limit back once', async () => {
    const { make, send, dials, ended, otherBudget } = endpointLab();
    const endpoint = make({ maxConnsPerHost: 1 }, 'h2c');
    send(endpoint, 'a');
    const socket = dials[0]!.connect(true);
    socket.destroy();
    await new Promise(setImmediate);
    expect([ended, endpoint.load]).toEqual([['a upstream_closed'], 0]);
    send(endpoint, 'b');
    // And a dial that fails ends the connection that it has made.
    const other = dials[1]!.connect(true);
    dials[1]!.fail(FAILURES.connectTimeout);
    expect([other.destroyed, ended.at(-1)]).toEqual([true, 'b upstream_connect_timeout']);
    expect([otherBudget.take(ENDPOINT_KEY, 1), otherBudget.take(ENDPOINT_KEY, 1)]).toEqual([true, false]);
  });

  test('one that takes no request from the first is no server to try again and again', async () => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({}, 'h2c');
    send(endpoint, 'a');
    for (let index = 0; index < 4; index++) await says(dials[index]!.connect(true), frame(4, 0, 0, settings([3, 0])));
    expect([dials.length, ended, endpoint.load]).toEqual([4, ['a upstream_refused'], 0]);
  });

  test('what waits for one of a limited number goes on it as soon as there is room', async () => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({ maxConnsPerHost: 1 }, 'h2c');
    send(endpoint, 'a');
    const socket = dials[0]!.connect(true);
    await says(socket, frame(4, 0, 0, settings([3, 1])));
    send(endpoint, 'b');
    expect([dials.length, endpoint.load]).toEqual([1, 1]);
    await says(socket, answered(1));
    await says(socket, answered(3));
    expect([ended, endpoint.load]).toEqual([['a 200', 'b 200'], 0]);
  });

  test('only as many as are kept rest; a descriptor, gone addresses and the end take those along', async () => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({ maxIdleConnsPerHost: 1 }, 'h2c');
    send(endpoint, 'a');
    const first = dials[0]!.connect(true);
    await says(first, frame(4, 0, 0, settings([3, 1])));
    send(endpoint, 'b');
    const second = dials[1]!.connect(true);
    await says(second, SETTINGS);
    await says(second, answered(1));
    // Two are more than are kept.
    expect([first.writableEnded, second.writableEnded]).toEqual([false, true]);
    expect([endpoint.hasResting, endpoint.closeResting()]).toEqual([false, false]);
    await says(first, answered(1));
    expect([ended, endpoint.hasResting, endpoint.closeResting()]).toEqual([['b 200', 'a 200'], true, true]);
    await new Promise(setImmediate);
    expect(first.writableEnded).toBe(true);
    for (const end of ['addresses', 'retire'] as const) {
      send(endpoint, end);
      const socket = dials.at(-1)!.connect(true);
      await says(socket, SETTINGS);
      await says(socket, answered(1));
      expect(socket.writableEnded).toBe(false);
      if (end === 'retire') endpoint.retire();
      else endpoint.addressesGone(({ length }) => length > 0);
      await new Promise(setImmediate);
      expect(socket.writableEnded).toBe(true);
    }
  });

  test.each([
    ['WebSocket where the server has tunnels', 'websocket', [8, 1] as const, 'shared'],
    ['WebSocket where it has none', 'websocket', [8, 0] as const, 'refused'],
    ['another protocol', 'derp', [8, 1] as const, 'refused'],
  ])('a change of protocol: %s', async (_, upgrade, setting, how) => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({}, 'h2c');
    send(endpoint, 'a');
    const socket = dials[0]!.connect(true);
    await says(socket, frame(4, 0, 0, settings(setting)));
    send(endpoint, 'b', (exchange) => Object.assign(exchange, { upgrade }));
    expect([ended, endpoint.load]).toEqual(how === 'shared' ? [[], 2] : [['b upstream_upgrade_refused'], 1]);
  });

  test('a change of protocol goes apart, in HTTP/1.1, to a server that has both', async () => {
    const { make, send, says, dials } = endpointLab();
    const endpoint = make({}, 'https');
    send(endpoint, 'a');
    await says(dials[0]!.connect(true), SETTINGS);
    send(endpoint, 'b', (exchange) => Object.assign(exchange, { upgrade: 'derp' }));
    expect(dials.map(({ mayBeShared }) => mayBeShared)).toEqual([true, false]);
  });
});

describe('idle connections', () => {
  test('a connection that nobody waits for any more is kept for the next', async () => {
    const { make, send, says, dials, ended } = endpointLab();
    const endpoint = make({}, 'https');
    send(endpoint, 'a').responseSource!.cancel();
    expect([dials[0]!.isOver, endpoint.load]).toEqual([false, 0]);
    const socket = dials[0]!.connect(false);
    send(endpoint, 'b');
    await says(socket, OK);
    expect([dials.length, ended, endpoint.load]).toEqual([1, ['b 200'], 0]);
  });

  test('who may not be sent twice looks before it is sent on one that has rested', async () => {
    const { make, send, says, dials, clock, wheel, ended } = endpointLab();
    const endpoint = make();
    send(endpoint, 'a');
    const socket = dials[0]!.connect();
    await says(socket, OK);
    clock.advance(2000);
    wheel.tick();
    const left = send(endpoint, 'b', (exchange) => Object.assign(exchange, { method: 'POST' }));
    left.responseSource!.cancel();
    expect(endpoint.load).toBe(0);
    send(endpoint, 'c', (exchange) => Object.assign(exchange, { method: 'POST' }));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([socket.written.includes('/b'), socket.written.includes('/c')]).toEqual([false, true]);
    await says(socket, OK);
    expect([ended, dials.length]).toEqual([['a 200', 'c 200'], 1]);
  });

  test('a retired server’s connections end with what they do, and who waits is told', async () => {
    const { make, send, says, dials, ended, table } = endpointLab();
    const endpoint = make({ maxConnsPerHost: 1 });
    send(endpoint, 'a');
    const socket = dials[0]!.connect();
    send(endpoint, 'b');
    endpoint.retire();
    // The row may be another server's; what is in progress is counted here alone.
    expect([ended, table.inFlight(0), endpoint.load]).toEqual([['b no_server'], 0, 1]);
    await says(socket, OK);
    expect([ended, socket.destroyed, endpoint.load]).toEqual([['b no_server', 'a 200'], true, 0]);
  });

  test.each(['http', 'h2c'] as const)('of %s go to another worker that begins to wait', async (scheme) => {
    const { make, send, says, dials, otherBudget } = endpointLab();
    const endpoint = make({ maxConnsPerHost: 1 }, scheme);
    send(endpoint, 'a');
    const socket = dials[0]!.connect(scheme === 'h2c');
    if (scheme === 'h2c') await says(socket, SETTINGS);
    await says(socket, scheme === 'h2c' ? answered(1) : OK);
    expect(otherBudget.take(ENDPOINT_KEY, 1)).toBe(false);
    await new Promise<void>((resolve) => otherBudget.await(ENDPOINT_KEY, 1, resolve));
    await new Promise(setImmediate);
    expect(otherBudget.take(ENDPOINT_KEY, 1)).toBe(true);
  });
});

test('how long answers take is known as long as there are fresh ones; errors of the server count against it', async () => {
  const { make, send, says, dials, clock, wheel } = endpointLab();
  const endpoint = make();
  let ejections = 0;
  endpoint.configure({
    row: 0,
    passive: { failureWindowMs: 10_000, maxFailedAttempts: 1 },
    ejected: () => void ejections++,
    trace: null,
  });
  expect(endpoint.responseMs).toBe(0);
  send(endpoint, 'a');
  await says(dials[0]!.connect(), 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
  expect([endpoint.responseMs > 0, ejections, endpoint.isUp]).toEqual([true, 1, false]);
  clock.advance(10_500);
  wheel.tick();
  expect(endpoint.responseMs).toBe(0);
});
