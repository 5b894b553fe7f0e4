import { expect, test } from 'vitest';
import { SlowStart } from './slow-start.ts';

test('a target gains a tenth of its weight with each tenth of the time', () => {
  const slow = new SlowStart(10_000);
  slow.begin('a', 5_000);
  expect([5_000, 5_999, 6_000, 9_500, 13_999, 14_000].map((now) => slow.share('a', now))).toEqual([1, 1, 2, 5, 9, 10]);
  expect(slow.stepMs).toBeNull();
});

test('those that are not on their way have their whole weight', () => {
  const slow = new SlowStart(10_000);
  expect(slow.share('a', 0)).toBe(10);
  expect(slow.stepMs).toBeNull();
  slow.begin('b', 0);
  expect(slow.share('a', 0)).toBe(10);
  expect(slow.stepMs).toBe(1_000);
  slow.forget('b');
  expect(slow.stepMs).toBeNull();
});

test('without a duration there is no way to go', () => {
  const slow = new SlowStart(0);
  slow.begin('a', 0);
  expect(slow.share('a', 0)).toBe(10);
});
