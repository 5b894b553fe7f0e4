// Lines beyond the limit are counted until the next one that is sent.

import { expect, test } from 'vitest';
import { LineLimit } from './line-limit.ts';

test('lines of one second are limited, and what was left out is told once', () => {
  const limit = new LineLimit(2);
  expect([5, 5, 6, 1004].map((now) => limit.admit(now))).toEqual([0, 0, null, null]);
  expect([1005, 1006, 1007, 9000, 9001].map((now) => limit.admit(now))).toEqual([2, 0, null, 1, 0]);
});
