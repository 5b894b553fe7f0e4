import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import type { FailureReport } from '../../model/server-failure.ts';
import { FailureTrace } from './failure-trace.ts';

let clock: ManualClock;
let wheel: TimerWheel;
let sent: FailureReport[][];
let trace: FailureTrace;

beforeEach(() => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  sent = [];
  trace = new FailureTrace(wheel, (reports) => sent.push([...reports]));
});
afterEach(() => wheel.stop());

function advance(ms: number): void {
  clock.advance(ms);
  wheel.tick();
}

test('the first failure is sent at once, the others of a second together', () => {
  const server = trace.server('http', 'app', 'http://a');
  server.failed('upstream_reset', 502, 'first');
  expect(sent).toEqual([
    [
      {
        protocol: 'http',
        service: 'app',
        server: 'http://a',
        failures: 1,
        flag: 'upstream_reset',
        status: 502,
        reason: 'first',
        isFailing: true,
      },
    ],
  ]);
  for (let count = 0; count < 10_000; count++) server.failed('upstream_reset', 502, 'later');
  expect(sent).toHaveLength(1);
  advance(1_100);
  expect(sent[1]).toMatchObject([{ failures: 10_000, reason: 'later', isFailing: true }]);
  advance(10_000);
  expect(sent).toHaveLength(2);
});

test('answers are no news while nothing fails, and one is when something did', () => {
  const server = trace.server('http', 'app', 'http://a');
  const other = trace.server('http', 'app', 'http://b');
  server.worked();
  expect(trace.isQuiet).toBe(true);
  server.failed('upstream_reset', 502, '');
  other.worked();
  advance(5_000);
  server.worked();
  server.worked();
  expect(sent.flat().map(({ failures, isFailing }) => [failures, isFailing])).toEqual([
    [1, true],
    [0, false],
  ]);
  expect(trace.isQuiet).toBe(true);
});

test('a server that fails and answers in turns costs two messages a second', () => {
  const server = trace.server('tcp', 'app', 'a:1');
  for (let count = 0; count < 1_000; count++) {
    server.failed('upstream_reset', 502, '');
    server.worked();
  }
  advance(1_100);
  expect(sent).toHaveLength(2);
  expect(sent[1]).toMatchObject([{ failures: 999, isFailing: false }]);
});

test('an answer is news, too, where another worker has seen the failure', () => {
  trace.watch({ protocol: 'http', service: 'app', server: 'http://a' });
  trace.server('http', 'app', 'http://a').worked();
  expect(sent).toMatchObject([[{ failures: 0, isFailing: false }]]);
});

test('a thousand servers are remembered, and those that are silent make room', () => {
  for (let index = 0; index < 3_000; index++) trace.server('http', 'app', `${index}`).failed('f', 502, '');
  expect(sent).toHaveLength(1_000);
  advance(100_000);
  trace.server('http', 'app', 'new').failed('f', 502, '');
  expect(sent).toHaveLength(1_001);
});
