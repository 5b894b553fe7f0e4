import { expect, test } from 'vitest';
import { clearConnectionBudget, ConnectionBudget, connectionBudgetBytes } from './connection-budget.ts';

function pair(): { memory: SharedArrayBuffer; a: ConnectionBudget; b: ConnectionBudget } {
  const memory = new SharedArrayBuffer(connectionBudgetBytes(2));
  return { memory, a: new ConnectionBudget(memory, 0, 2), b: new ConnectionBudget(memory, 1, 2) };
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
  const told = new Promise<void>((resolve) => b.await('s', resolve));
  expect(a.isAwaited('s')).toBe(true);
  expect(b.isAwaited('s')).toBe(false);
  a.give('s');
  await told;
  expect(a.isAwaited('s')).toBe(false);
  expect(b.take('s', 1)).toBe(true);
});

test('a dead worker’s connections are given back', () => {
  const { memory, a, b } = pair();
  a.take('s', 1);
  expect(b.take('s', 1)).toBe(false);
  clearConnectionBudget(memory, 0, 2);
  expect(b.take('s', 1)).toBe(true);
});
