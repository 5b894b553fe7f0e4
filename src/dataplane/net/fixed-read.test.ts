import { expect, test } from 'vitest';
import { copyToSlab, Reading, releaseSlab } from './fixed-read.ts';

test('a slab is handed over once, so that it comes back to the pool once', () => {
  const reading = new Reading();
  reading.useSlabs();
  const slab = reading.nextChunk()!;
  // Two pieces of a body in one read, each written by its own call.
  const claims = [reading.claim(), reading.claim()];
  const next = reading.nextChunk()!;
  for (const isClaimed of claims) if (isClaimed) releaseSlab(slab);
  const one = copyToSlab(Buffer.from('one'), 0, 3);
  const other = copyToSlab(Buffer.from('other'), 0, 5);
  expect([one === other, one === next, other === next]).toEqual([false, false, false]);
  expect(one.latin1Slice(0, 3)).toBe('one');
});
