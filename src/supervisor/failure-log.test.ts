import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { TimerWheel } from '../core/timer-wheel.ts';
import type { FailingServer, FailureReport } from '../model/server-failure.ts';
import { FailureLog } from './failure-log.ts';

const SERVER = { protocol: 'http', service: 'app@file', server: 'http://127.0.0.1:9001' } as const;
const WHY = {
  reason: '127.0.0.1:9001: connection refused (ECONNREFUSED)',
  flag: 'upstream_connect_refused',
  status: 502,
};
const NAMES = { service: SERVER.service, server: SERVER.server };

let clock: ManualClock;
let wheel: TimerWheel;
let lines: unknown[][];
let began: FailingServer[];
let log: FailureLog;

beforeEach(() => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  lines = [];
  began = [];
  const other = (): void => expect.unreachable();
  log = new FailureLog({
    clock,
    wheel,
    log: { debug: other, info: other, error: other, warn: (message, fields) => void lines.push([message, fields]) },
    began: (server) => began.push(server),
  });
});
afterEach(() => {
  log.stop();
  wheel.stop();
});

function report(failures: number, isFailing = true, server: FailingServer = SERVER): FailureReport {
  return { ...server, ...WHY, failures, isFailing };
}

function advance(ms: number): void {
  // The wheel's own steps: a long one of the clock alone would be a stall.
  for (let passed = 0; passed < ms; passed += 1000) {
    clock.advance(1000);
    wheel.tick();
  }
}

test('the first failure is told with its reason, then a count a minute, then that the server answers again', () => {
  log.take(report(1));
  expect(lines).toEqual([['a server fails requests', { ...NAMES, ...WHY }]]);
  expect(began).toMatchObject([SERVER]);
  log.take(report(40));
  log.take({ ...report(17), flag: 'upstream_reset' });
  advance(59_000);
  expect(lines).toHaveLength(1);
  advance(2_000);
  expect(lines[1]).toEqual([
    'a server still fails requests',
    { ...NAMES, ...WHY, failures: 57, withinMs: 61_000, flag: 'upstream_reset' },
  ]);
  log.take(report(2));
  log.take(report(0, false));
  expect(lines.slice(2)).toEqual([['a server answers again', { ...NAMES, failures: 60 }]]);
  advance(200_000);
  expect(lines).toHaveLength(3);
});

test('a server nobody asks is silent until it fails or answers, whenever that is', () => {
  log.take(report(1));
  advance(600_000);
  expect(lines).toHaveLength(1);
  log.take(report(3));
  expect(lines[1]).toEqual(['a server still fails requests', { ...NAMES, ...WHY, failures: 3, withinMs: 600_000 }]);
  advance(600_000);
  log.take(report(0, false));
  expect(lines.slice(2)).toEqual([['a server answers again', { ...NAMES, failures: 4 }]]);
});

test('a server that fails now and then costs three lines in the first minute and one in each other', () => {
  for (let minute = 0; minute < 3; minute++) {
    for (let second = 0; second < 60; second++) {
      log.take(report(1));
      log.take(report(0, false));
      advance(1_000);
    }
  }
  const told = lines.map(([message]) => message);
  expect(told.slice(0, 3)).toEqual([
    'a server fails requests',
    'a server answers again',
    'a server failed requests, and answers again',
  ]);
  expect(told.length).toBeLessThanOrEqual(5);
  expect(new Set(told.slice(2))).toEqual(new Set(['a server failed requests, and answers again']));
  expect(lines[2]).toMatchObject([expect.anything(), { failures: expect.any(Number) }]);
});

test('failures of several workers are told once, and an answer to any of them counts', () => {
  for (let worker = 0; worker < 4; worker++) log.take(report(1));
  log.take(report(0, false));
  log.take(report(0, false));
  expect(lines.map(([message]) => message)).toEqual(['a server fails requests', 'a server answers again']);
});

test('what health checks have said is not said again', () => {
  const change = { service: SERVER.service, url: SERVER.server, reason: 'a check failed' };
  log.take(report(1));
  log.healthChanged({ ...change, isUp: false });
  log.take(report(30));
  advance(120_000);
  log.healthChanged({ ...change, isUp: true });
  log.take(report(0, false));
  expect(lines).toHaveLength(1);
  log.take(report(1));
  expect(lines).toHaveLength(2);
});

test('connections and sessions are named by their protocol, services without servers by themselves', () => {
  log.take({ ...report(1, true, { protocol: 'tcp', service: 'db@file', server: '127.0.0.1:5432' }), status: 0 });
  log.take({ ...report(1, true, { protocol: 'http', service: 'none@file', server: '' }), status: 503 });
  log.take({ ...report(0, false, { protocol: 'http', service: 'none@file', server: '' }), status: 503 });
  expect(lines).toEqual([
    [
      'a server fails requests',
      { service: 'db@file', server: '127.0.0.1:5432', protocol: 'tcp', reason: WHY.reason, flag: WHY.flag },
    ],
    ['a service fails requests', { service: 'none@file', ...WHY, status: 503 }],
    ['a service has a server again', { service: 'none@file', failures: 1 }],
  ]);
});

test('as many servers as one likes cost a bounded number of lines', () => {
  for (let index = 0; index < 5_000; index++) log.take(report(1, true, { ...SERVER, server: `http://s${index}` }));
  expect(lines).toHaveLength(1_000);
});
