import { expect, test } from 'vitest';
import type { DownstreamLimits } from '../../../model/entry-point.ts';
import { allocateTables, SharedTables } from '../../../core/shared-table.ts';
import { addressCounts, CONNECTION_REFUSED, ConnectionLimits } from './connection-limits.ts';
import { entryPointCounts, type EntryPointCounts } from './entry-point-counts.ts';

const LIMITS = { maxConnections: 0, maxConnectionsPerIp: 0 } as DownstreamLimits; // The two that matter here.
const TABLES = [addressCounts, entryPointCounts] as const;

interface Worker {
  readonly limits: ConnectionLimits;
  readonly counts: EntryPointCounts;
  readonly clearWorker: (slot: number) => void;
}

function workers(workerSlots: number): readonly Worker[] {
  const memory = allocateTables(TABLES, { workerSlots });
  return Array.from({ length: workerSlots }, (_, slot) => {
    const tables = new SharedTables(TABLES, memory, slot, workerSlots);
    const counts = tables.of(entryPointCounts);
    const limits = new ConnectionLimits(counts, tables.of(addressCounts));
    return { limits, counts, clearWorker: (dead) => tables.clearWorker(dead) };
  });
}

function pair(): readonly [Worker, Worker] {
  const [a, b] = workers(2);
  return [a!, b!];
}

test('caps hold over workers that share the memory, and closing makes room', () => {
  const [{ limits: a, counts }, { limits: b }] = pair();
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
  expect([counts.openOf(0), counts.openOfWorker(0), counts.openOfWorker(1)]).toEqual([3, 2, 2]);
});

test('what a dead worker held is given back', () => {
  const [{ limits: a }, { limits: b, counts, clearWorker }] = pair();
  const limits = { ...LIMITS, maxConnectionsPerIp: 1 };
  a.tryOpen(0, '::1', limits);
  expect(b.tryOpen(0, '::1', limits)).toBe(CONNECTION_REFUSED);
  clearWorker(0);
  expect(counts.openOf(0)).toBe(0);
  expect(b.tryOpen(0, '::1', limits)).toBeGreaterThan(0);
});

test('rows are used again by other addresses', () => {
  const [worker] = workers(1);
  const { limits, counts } = worker!;
  for (let index = 0; index < 200_000; index++) {
    const ticket = limits.tryOpen(0, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, {
      ...LIMITS,
      maxConnectionsPerIp: 1,
    });
    expect(ticket).toBeGreaterThan(0);
    limits.close(0, ticket);
  }
  expect(counts.openOf(0)).toBe(0);
});

test('an address counts on every entry point with a cap for addresses, and a cap of its own for each of them', () => {
  const [{ limits: a }, { limits: b }] = pair();
  const capped = { ...LIMITS, maxConnectionsPerIp: 1 };
  expect(a.tryOpen(0, '10.0.0.1', LIMITS)).toBe(0);
  expect(a.tryOpen(0, '10.0.0.1', capped)).toBeGreaterThan(0);
  expect(b.tryOpen(1, '10.0.0.1', capped)).toBe(CONNECTION_REFUSED);
  expect(b.tryOpen(1, '10.0.0.1', { ...capped, maxConnectionsPerIp: 2 })).toBeGreaterThan(0);
});
