import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ManualClock } from './clock.ts';
import { Deadline, TimerWheel } from './timer-wheel.ts';

function run(wheel: TimerWheel, clock: ManualClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50);
    wheel.tick();
  }
}

test('expires once, not before its time and at most two ticks after it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 40 }), (delays) => {
      const clock = new ManualClock();
      const wheel = new TimerWheel(clock);
      const fired: number[] = [];
      delays.forEach((ms, index) => {
        const deadline = new Deadline(() => {
          expect(fired[index]).toBeUndefined();
          fired[index] = clock.now();
        });
        wheel.arm(deadline, ms);
      });
      run(wheel, clock, 61_000);
      wheel.stop();
      delays.forEach((ms, index) => {
        expect(fired[index]).toBeGreaterThanOrEqual(ms);
        expect(fired[index]).toBeLessThanOrEqual(ms + 100);
      });
    }),
    { numRuns: 30 },
  );
});

test('a deadline moved later or earlier expires at its last setting', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  let at = 0;
  const deadline = new Deadline(() => (at = clock.now()));
  wheel.arm(deadline, 1_000);
  run(wheel, clock, 500);
  wheel.arm(deadline, 2_000);
  run(wheel, clock, 1_500);
  expect(at).toBe(0);
  wheel.arm(deadline, 100);
  run(wheel, clock, 200);
  expect(at).toBeGreaterThanOrEqual(2_100);
  expect(at).toBeLessThanOrEqual(2_200);
  wheel.stop();
});

test('an expiry may remove, disarm or arm other deadlines that are due in the same tick', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const fired: string[] = [];
  const removed = new Deadline(() => fired.push('removed'));
  const rearmed = new Deadline(() => fired.push(`rearmed at ${clock.now()}`));
  const breaker = (): void => {
    fired.push('breaker');
    wheel.remove(removed);
    wheel.arm(rearmed, 500);
  };
  // Whichever of the two breakers comes first in the slot, the others are still pending.
  const first = new Deadline(breaker);
  wheel.arm(removed, 100);
  wheel.arm(rearmed, 100);
  wheel.arm(first, 100);
  run(wheel, clock, 200);
  expect(fired).toEqual(['breaker']);
  run(wheel, clock, 600);
  expect(fired).toHaveLength(2);
  wheel.stop();
});
