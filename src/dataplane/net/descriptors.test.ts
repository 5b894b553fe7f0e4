import { expect, test } from 'vitest';
import { Descriptors, descriptorBytes, isOwnFault } from './descriptors.ts';

function pair(limit: number): readonly [Descriptors, Descriptors] {
  const memory = new SharedArrayBuffer(descriptorBytes(2));
  const [a, b] = [new Descriptors(memory, 0, 2), new Descriptors(memory, 1, 2)] as const;
  a.setLimit(limit);
  return [a, b];
}

test('clients of all workers share the limit, and leave some of it to servers', () => {
  const [a, b] = pair(20);
  const admitted = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? a : b).admitClient());
  expect(admitted.filter(Boolean)).toHaveLength(12);
  expect(a.open).toEqual({ clients: 12, servers: 0 });
  expect(a.refusals).toBe(8);
  a.clientLeft();
  expect(b.admitClient()).toBe(true);
});

test('connections to servers count as well', () => {
  const [a, b] = pair(20);
  for (let index = 0; index < 15; index++) a.serverOpened();
  expect([a.admitClient(), b.admitClient(), b.admitClient(), b.admitClient(), b.admitClient()]).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(b.admitClient()).toBe(false);
  expect(a.hasRoomForServer()).toBe(false);
  a.serverClosed();
  expect(b.hasRoomForServer()).toBe(true);
});

test('what rests goes first', () => {
  const [a] = pair(10);
  let resting = 1;
  a.closeResting = () => resting-- > 0;
  for (let index = 0; index < 2; index++) expect(a.admitClient()).toBe(true);
  expect([a.admitClient(), a.admitClient()]).toEqual([true, false]);
});

test('a dead worker has nothing, and without a limit nothing is refused', () => {
  const [a, b] = pair(9);
  expect([b.admitClient(), b.admitClient()]).toEqual([true, false]);
  a.clearWorker(1);
  expect(a.open).toEqual({ clients: 0, servers: 0 });
  const [free] = pair(0);
  for (let index = 0; index < 100; index++) expect(free.admitClient()).toBe(true);
});

test('what the process lacks is no fault of a server', () => {
  const failed = (code: string): Error => Object.assign(new Error(code), { code });
  expect(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM'].map((code) => isOwnFault(failed(code)))).toEqual(
    Array(5).fill(true),
  );
  expect(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH'].map((code) => isOwnFault(failed(code)))).toEqual(
    Array(3).fill(false),
  );
  expect(isOwnFault(null)).toBe(false);
});
