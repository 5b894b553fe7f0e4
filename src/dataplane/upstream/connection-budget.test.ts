import { expect, test } from 'vitest';
import { ConnectionBudget, connectionBudgetBytes } from './connection-budget.ts';

function pair(): { a: ConnectionBudget; b: ConnectionBudget } {
  const memory = new SharedArrayBuffer(connectionBudgetBytes(2));
  return { a: new ConnectionBudget(memory, 0, 2), b: new ConnectionBudget(memory, 1, 2) };
}

test('the limit holds over workers', () => {
  const { a, b } = pair();
  expect([a.take('s', 2), b.take('s', 2), a.take('s', 2), b.take('other', 1)]).toEqual([true, true, false, true]);
  b.give('s');
  expect(a.take('s', 2)).toBe(true);
});

test('a worker that waits is told when another gives back, and is seen waiting', async () => {
  const { a, b } = pair();
  expect(a.take('s', 1)).toBe(true);
  const told = new Promise<void>((resolve) => b.await('s', 1, resolve));
  expect(a.isAwaited('s')).toBe(true);
  expect(b.isAwaited('s')).toBe(false);
  a.give('s');
  await told;
  expect(a.isAwaited('s')).toBe(false);
  expect(b.take('s', 1)).toBe(true);
});

test('a dead worker’s connections are given back', () => {
  const { a, b } = pair();
  a.take('s', 1);
  expect(b.take('s', 1)).toBe(false);
  b.clearWorker(0);
  expect(b.take('s', 1)).toBe(true);
});

test('a worker with an idle connection is told that another begins to wait', async () => {
  const { a, b } = pair();
  expect(a.take('s', 1)).toBe(true);
  const before = new Promise<void>((resolve) => a.watch('s', resolve));
  b.await('s', 1, () => {});
  await before;
  // The same wait is answered once; the next one finds a worker that had not been watching.
  let isAsked = false;
  a.watch('s', () => (isAsked = true));
  await Promise.resolve();
  expect(isAsked).toBe(false);
  a.give('s');
});

test('a worker that gets an idle connection while another waits is told at once', async () => {
  const { a, b } = pair();
  expect(a.take('s', 1)).toBe(true);
  b.await('s', 1, () => {});
  let isAsked = false;
  a.watch('s', () => (isAsked = true));
  await Promise.resolve();
  expect(isAsked).toBe(true);
  a.give('s');
});

test('a connection given back just before the wait ends it at once', async () => {
  const { a, b } = pair();
  expect(a.take('s', 1)).toBe(true);
  expect(b.take('s', 1)).toBe(false);
  a.give('s');
  let isTold = false;
  b.await('s', 1, () => (isTold = true));
  await Promise.resolve();
  expect(isTold).toBe(true);
});
