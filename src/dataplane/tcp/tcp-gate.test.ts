import { expect, test } from 'vitest';
import { TCP_ENDS } from './tcp-end.ts';
import { createTcpGate, tcpInFlight, type TcpGate } from './tcp-gate.ts';

/** Gates of one middleware in two workers. */
function gates(memory: SharedArrayBuffer, name: string, amount: number): readonly [TcpGate, TcpGate] {
  const [a, b] = [0, 1].map((slot) =>
    createTcpGate({ kind: 'inFlightConn', name, amount }, tcpInFlight.view(memory, slot, 2)),
  );
  return [a!, b!];
}

test('connections in flight are counted by middleware and address, over all workers', () => {
  const memory = new SharedArrayBuffer(tcpInFlight.bytes({ workerSlots: 2 }));
  const [a, b] = gates(memory, 'limit@file', 2);
  const [other] = gates(memory, 'other@file', 1);
  const tickets = [a.enter('10.0.0.1'), b.enter('10.0.0.1')];
  expect(Math.min(...tickets)).toBeGreaterThan(0);
  expect([a.enter('10.0.0.1'), b.enter('10.0.0.1')]).toEqual([-1, -1]);
  expect([b.enter('10.0.0.2'), other.enter('10.0.0.1')].map((ticket) => ticket > 0)).toEqual([true, true]);
  b.leave(tickets[1]!);
  expect(a.enter('10.0.0.1')).toBeGreaterThan(0);
});

test('names are told apart however long they are, with the longest addresses as well', () => {
  const memory = new SharedArrayBuffer(tcpInFlight.bytes({ workerSlots: 2 }));
  const ip = '2001:0db8:1111:2222:3333:4444:255.255.255.255';
  for (const length of [49, 50, 51, 200]) {
    const name = 'n'.repeat(length);
    const [one] = gates(memory, name, 1);
    const [same] = gates(memory, name, 1);
    expect([one.enter(ip) > 0, same.enter(ip)]).toEqual([true, -1]);
  }
});

test('an ipAllowList lets its addresses in and no others; each kind says why it refuses', () => {
  const memory = new SharedArrayBuffer(tcpInFlight.bytes({ workerSlots: 2 }));
  const counts = tcpInFlight.view(memory, 0, 2);
  const list = createTcpGate({ kind: 'ipAllowList', name: 'l', sourceRange: ['10.0.0.0/8', '::1'] }, counts);
  expect(['10.1.2.3', '::1', '11.0.0.1'].map((ip) => list.enter(ip))).toEqual([0, 0, -1]);
  expect(list.refusal).toBe(TCP_ENDS.addressRefused);
  expect(gates(memory, 'limit', 1)[0].refusal).toBe(TCP_ENDS.tooManyConnections);
});

test('what a worker that is gone had open counts no more', () => {
  const memory = new SharedArrayBuffer(tcpInFlight.bytes({ workerSlots: 2 }));
  const [a, b] = gates(memory, 'limit', 1);
  expect([a.enter('10.0.0.1') > 0, b.enter('10.0.0.1')]).toEqual([true, -1]);
  tcpInFlight.clearWorker!(tcpInFlight.view(memory, 1, 2), 0);
  expect(b.enter('10.0.0.1')).toBeGreaterThan(0);
});
