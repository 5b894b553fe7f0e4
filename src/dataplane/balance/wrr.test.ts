import { expect, test } from 'vitest';
import fc from 'fast-check';
import { smoothSequence } from './wrr.ts';

test('weights 5, 1, 1 interleave as a a b a c a a', () => {
  expect([...smoothSequence([5, 1, 1])]).toEqual([0, 0, 1, 0, 2, 0, 0]);
});

test('one round holds each index exactly weight times, and never two more than its share in any prefix', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const sequence = [...smoothSequence(weights)];
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = weights.map(() => 0);
      sequence.forEach((index, turn) => {
        counts[index]!++;
        expect(counts[index]!).toBeLessThanOrEqual(((turn + 1) * weights[index]!) / total + 2);
      });
      expect(counts).toEqual(weights);
    }),
  );
});
