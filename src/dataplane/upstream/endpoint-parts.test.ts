// Where a request to a server goes, and what becomes of connections, with dials that do what the test says and sockets
// without a network.

import { beforeEach, expect, test } from 'vitest';
import { FAILURES } from '../http/failure.ts';
import { ADDRESS, endpointLab, type EndpointLab } from '../../../test/support/endpoint.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

let clock: EndpointLab['clock'];
let wheel: EndpointLab['wheel'];
let table: EndpointLab['table'];
let dials: EndpointLab['dials'];
let ended: EndpointLab['ended'];
let context: EndpointLab['context'];
let make: EndpointLab['make'];
let send: EndpointLab['send'];
let says: EndpointLab['says'];

beforeEach(() => {
  ({ clock, wheel, table, dials, ended, context, make, send, says } = endpointLab());
});

test('a request waits for its dial, and the next one takes the connection that is idle', async () => {
  const endpoint = make();
  send(endpoint, 'a');
  expect([endpoint.load, dials.length]).toEqual([1, 1]);
  const socket = dials[0]!.connect();
  expect(socket.written).toMatch(/^GET \/a HTTP\/1\.1\r\n/);
  await says(socket, OK);
  expect([ended, endpoint.load, table.inFlight(0)]).toEqual([['a 200'], 0, 0]);
  send(endpoint, 'b');
  expect([dials.length, endpoint.load]).toEqual([1, 1]);
  await says(socket, OK);
  expect(ended).toEqual(['a 200', 'b 200']);
});

test('a dial that fails ends its request with what was the matter', () => {
  const endpoint = make();
  const exchange = send(endpoint, 'a');
  dials[0]!.fail(FAILURES.connectRefused, '10.0.0.1:80: ECONNREFUSED');
  expect([ended, endpoint.load]).toEqual([['a upstream_connect_refused'], 0]);
  expect(exchange.failureReason).toBe('10.0.0.1:80: ECONNREFUSED');
});

test('beyond those that are kept, connections rest for a burst alone', async () => {
  const endpoint = make();
  for (const name of ['a', 'b', 'c']) send(endpoint, name);
  const sockets = dials.map((dial) => dial.connect());
  for (const socket of sockets) await says(socket, OK);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
  clock.advance(5_000);
  wheel.tick();
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, true, true]);
  endpoint.retire();
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
});

test('of a limited number of connections the next free one goes to who has waited longest; too many do not wait', async () => {
  const endpoint = make({ maxConnsPerHost: 1 });
  for (const name of ['a', 'b', 'c', 'd']) send(endpoint, name);
  expect([dials.length, ended]).toEqual([1, ['d upstream_pool_full']]);
  const socket = dials[0]!.connect();
  await says(socket, OK);
  expect(socket.written).toContain('GET /b ');
  await says(socket, OK);
  await says(socket, OK);
  expect(ended.slice(1)).toEqual(['a 200', 'b 200', 'c 200']);
});

test('who waits for a connection does so for a dial’s time, and who leaves does not wait', () => {
  const endpoint = make({ maxConnsPerHost: 1 });
  for (const name of ['a', 'b', 'c']) send(endpoint, name);
  const left = send(endpoint, 'd');
  expect(left.failure).toBe(FAILURES.poolFull);
  clock.advance(20_000);
  wheel.tick();
  expect(ended.slice(1).toSorted()).toEqual(['b upstream_pool_timeout', 'c upstream_pool_timeout']);
  const next = send(endpoint, 'e');
  next.responseSource!.cancel();
  dials[0]!.fail(FAILURES.connectFailed);
  expect([dials.length, ended.at(-1)]).toEqual([1, 'a upstream_connect_failed']);
});

test('a request whose dial waits for a descriptor takes the connection that another one has done with', async () => {
  const endpoint = make();
  send(endpoint, 'a');
  const socket = dials[0]!.connect();
  send(endpoint, 'b');
  dials[1]!.isStarved = true;
  await says(socket, OK);
  expect([socket.written.includes('GET /b '), dials[1]!.isOver, endpoint.load]).toEqual([true, true, 1]);
});

test('requests share a dial that may become one of HTTP/2, and go apart when it does not', async () => {
  const endpoint = make({}, 'https');
  for (const name of ['a', 'b']) send(endpoint, name);
  expect(dials.map(({ mayBeShared, waiters }) => [mayBeShared, waiters.length])).toEqual([[true, 2]]);
  const first = dials[0]!.connect(false);
  expect(dials.map(({ mayBeShared }) => mayBeShared)).toEqual([true, false]);
  const second = dials[1]!.connect(false);
  await says(first, OK);
  await says(second, OK);
  expect([ended, endpoint.load]).toEqual([['a 200', 'b 200'], 0]);
});

test('a connection of HTTP/2 takes the requests that wait once the server has introduced itself', async () => {
  const endpoint = make({}, 'h2c');
  for (const name of ['a', 'b']) send(endpoint, name);
  const socket = dials[0]!.connect(true);
  expect(dials[0]!.isOver).toBe(false);
  await says(socket, '\0\0\0\u0004\0\0\0\0\0');
  expect([dials.length, dials[0]!.isOver, endpoint.load]).toEqual([1, true, 2]);
  send(endpoint, 'c');
  expect([dials.length, endpoint.load]).toEqual([1, 3]);
  socket.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  expect([endpoint.load, ended]).toEqual([0, ['a', 'b', 'c'].map((name) => `${name} upstream_closed`)]);
}); // prettier-ignore

test('addresses that are gone take their connections along, those that are busy after their answer', async () => {
  const endpoint = make({ maxIdleConnsPerHost: 4 });
  for (const name of ['a', 'b']) send(endpoint, name);
  const sockets = dials.map((dial) => dial.connect());
  await says(sockets[0]!, OK);
  endpoint.addressesGone((host) => host === ADDRESS.host);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  await says(sockets[1]!, OK);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

test('for a descriptor the oldest idle connection closes, as long as there is one', async () => {
  const endpoint = make();
  send(endpoint, 'a');
  const socket = dials[0]!.connect();
  expect(context.resting.size).toBe(0);
  await says(socket, OK);
  expect(context.resting.has(endpoint)).toBe(true);
  expect([endpoint.closeResting(), socket.destroyed, endpoint.closeResting()]).toEqual([true, true, false]);
  expect(context.resting.size).toBe(0);
});

test('failures are counted and told of, and eject the server when they are too many', () => {
  const told: string[] = [];
  let ejections = 0;
  const endpoint = make();
  endpoint.configure({
    row: 0,
    passive: { failureWindowMs: 10_000, maxFailedAttempts: 2 },
    ejected: () => void ejections++,
    trace: { failed: (flag: string, _: number, reason: string) => told.push(`${flag} ${reason}`), worked: () => {} } as never, // As much as is used.
  });
  for (const name of ['a', 'b']) {
    send(endpoint, name);
    dials.at(-1)!.fail(FAILURES.connectRefused, 'refused');
  }
  expect([told, ejections, endpoint.isUp]).toEqual([
    ['upstream_connect_refused refused', 'upstream_connect_refused refused'],
    1,
    false,
  ]);
}); // prettier-ignore
