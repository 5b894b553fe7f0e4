import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { TimerWheel } from '../../../core/timer-wheel.ts';
import type { FrameOutput } from '../../http2/frame-output.ts';
import type { UpstreamPeer } from '../connection-owner.ts';
import { SilenceWatch } from './silence-watch.ts';

let clock: ManualClock;
let wheel: TimerWheel;
let events: string[];

beforeEach(() => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  events = [];
});
afterEach(() => wheel.stop());

function watchOf(readIdleTimeoutMs: number): SilenceWatch | null {
  const peer = { transport: { readIdleTimeoutMs, pingTimeoutMs: 1_000 }, context: { wheel } } as UpstreamPeer; // As much as is read.
  const output = { ping: () => void events.push('asked') } as unknown as FrameOutput; // As much as is called.
  return SilenceWatch.of(peer, output, () => events.push('gone'));
}

function pass(ms: number): void {
  clock.advance(ms);
  wheel.tick();
}

test('a server that says nothing is asked, and given up when it does not answer', () => {
  const watch = watchOf(10_000)!;
  watch.heard();
  pass(9_000);
  expect(events).toEqual([]);
  pass(1_500);
  expect(events).toEqual(['asked']);
  pass(2_000);
  expect(events).toEqual(['asked', 'gone']);
});

test('any sign of life begins the time anew', () => {
  const watch = watchOf(10_000)!;
  watch.heard();
  pass(10_500);
  watch.heard();
  pass(2_000);
  expect(events).toEqual(['asked']);
  pass(9_000);
  expect(events).toEqual(['asked', 'asked']);
  watch.stop();
  pass(60_000);
  expect(events).toEqual(['asked', 'asked']);
});

test('where nobody wants to know, nobody asks', () => {
  expect(watchOf(0)).toBe(null);
});
