import { expect, test } from 'vitest';
import type { DownstreamLimits } from '../../model/entrypoint.ts';
import { CONNECTION_REFUSED, ConnectionLimits, connectionLimitsBytes } from './connection-limits.ts';

const LIMITS = { maxConnections: 0, maxConnectionsPerIp: 0 } as DownstreamLimits; // The two that matter here.

test('caps hold over workers that share the memory, and closing makes room', () => {
  const memory = new SharedArrayBuffer(connectionLimitsBytes(2));
  const [a, b] = [0, 1].map((slot) => new ConnectionLimits(memory, slot, 2)) as [ConnectionLimits, ConnectionLimits];
  const limits = { ...LIMITS, maxConnections: 3, maxConnectionsPerIp: 2 };
  const first = a.tryOpen(0, '10.0.0.1', limits);
  const second = b.tryOpen(0, '10.0.0.1', limits);
  expect(first).toBeGreaterThan(0);
  expect(second).toBe(first);
  expect(a.tryOpen(0, '10.0.0.1', limits)).toBe(CONNECTION_REFUSED);
  expect(b.tryOpen(0, '10.0.0.2', limits)).toBeGreaterThan(0);
  expect(a.tryOpen(0, '10.0.0.3', limits)).toBe(CONNECTION_REFUSED);
  expect(a.tryOpen(1, '10.0.0.3', limits)).toBeGreaterThan(0);
  a.close(0, first);
  expect(a.tryOpen(0, '10.0.0.1', limits)).toBeGreaterThan(0);
  expect([a.openOf(0), a.openOfWorker(0), a.openOfWorker(1)]).toEqual([3, 2, 2]);
});

test('what a dead worker held is given back', () => {
  const memory = new SharedArrayBuffer(connectionLimitsBytes(2));
  const [a, b] = [0, 1].map((slot) => new ConnectionLimits(memory, slot, 2)) as [ConnectionLimits, ConnectionLimits];
  const limits = { ...LIMITS, maxConnectionsPerIp: 1 };
  a.tryOpen(0, '::1', limits);
  expect(b.tryOpen(0, '::1', limits)).toBe(CONNECTION_REFUSED);
  b.clearWorker(0);
  expect(b.openOf(0)).toBe(0);
  expect(b.tryOpen(0, '::1', limits)).toBeGreaterThan(0);
});

test('rows are used again by other addresses', () => {
  const limits = new ConnectionLimits(new SharedArrayBuffer(connectionLimitsBytes(1)), 0, 1);
  for (let index = 0; index < 200_000; index++) {
    const ticket = limits.tryOpen(0, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, {
      ...LIMITS,
      maxConnectionsPerIp: 1,
    });
    expect(ticket).toBeGreaterThan(0);
    limits.close(0, ticket);
  }
  expect(limits.openOf(0)).toBe(0);
});
