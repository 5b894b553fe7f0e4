import { expect, test } from 'vitest';
import { InterimLimit } from './interim-limit.ts';

test('what comes five times a second may come for hours', () => {
  const limit = new InterimLimit();
  for (let count = 0; count < 50_000; count++) expect(limit.allow(count * 200)).toBe(true);
});

test('a hundred may come at once, no more, until time has passed', () => {
  const limit = new InterimLimit();
  for (let count = 0; count < 100; count++) expect(limit.allow(1000)).toBe(true);
  expect(limit.allow(1000)).toBe(false);
  expect(limit.allow(3000)).toBe(true);
  limit.reset();
  for (let count = 0; count < 100; count++) expect(limit.allow(3000)).toBe(true);
});
