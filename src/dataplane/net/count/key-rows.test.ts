import { expect, test } from 'vitest';
import { KeyRows, type KeyTableShape } from './key-rows.ts';

const SHAPE: KeyTableShape = { sets: 8, keyBytes: 32 };

function views(): { memory: SharedArrayBuffer; a: KeyRows; b: KeyRows } {
  const memory = new SharedArrayBuffer(4 * KeyRows.cells(SHAPE));
  return { memory, a: new KeyRows(memory, 0, SHAPE, 0), b: new KeyRows(memory, 0, SHAPE, 1) };
}

test('every view finds a key in the set and the row that one has given it', () => {
  const { a, b } = views();
  for (const key of ['', '10.0.0.1', '2001:db8::1', 'é', 'x'.repeat(33), '日本']) {
    const set = a.load(key);
    expect(b.load(key)).toBe(set);
    const row = a.find(set);
    expect(row).toBe(-1);
    a.setKey(set, 3);
    expect(b.find(set)).toBe(3);
    b.load(`${key}.`);
    expect(b.hasKey(set, 3)).toBe(false);
  }
});

test('keys spread over the sets, however alike they are', () => {
  const { a } = views();
  const counts = new Map<number, number>();
  for (let index = 0; index < 8_000; index++) {
    const set = a.load(`10.0.${index >> 8}.${index & 255}`);
    counts.set(set, (counts.get(set) ?? 0) + 1);
  }
  // 1,000 each, give or take ten standard deviations.
  expect([...counts.values()].every((count) => count > 700 && count < 1_300)).toBe(true);
  expect(counts.size).toBe(SHAPE.sets);
});

test('the lock of a dead worker is freed, and nobody else’s', () => {
  const { memory, a, b } = views();
  const cells = new Int32Array(memory);
  const locks = (): number => cells.filter((_, index) => index > 0).reduce((sum, cell) => sum + cell, 0);
  a.lock(2);
  b.lock(5);
  expect(locks()).toBe(1 + 2);
  a.clearWorker(1);
  expect(locks()).toBe(1);
  a.lock(5);
  a.unlock(5);
  a.unlock(2);
  expect(locks()).toBe(0);
});
