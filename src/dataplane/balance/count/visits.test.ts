import { beforeEach, expect, test } from 'vitest';
import { serviceTableOf } from '../../../../test/support/service-table.ts';
import { ServiceRow } from './service-row.ts';
import { bucketOf, BUCKETS, DURATION_BOUNDS_MS, type ServiceTable } from './service-table.ts';
import { ServiceWindow } from './service-window.ts';
import { Visits } from './visits.ts';

let table: ServiceTable;
let rows: Readonly<Record<'router' | 'first' | 'second', ServiceRow>>;
let windows: readonly ServiceWindow[];

beforeEach(() => {
  table = serviceTableOf();
  const row = (key: string): ServiceRow => new ServiceRow(table, key);
  rows = { router: row('router'), first: row('first'), second: row('second') };
  windows = ['router', 'first', 'second'].map((key) => new ServiceWindow(table, key));
});

function choose(visits: Visits, names: readonly (keyof typeof rows)[], flag?: string): void {
  visits.begin();
  for (const name of names) visits.through(rows[name]);
  visits.settle(flag);
}

function told(): readonly string[] {
  return windows.map((window) => {
    const { requests, inFlight, failures } = window.take();
    return [requests, inFlight, ...failures.keys()].join(' ');
  });
}

test('where the next server is another service’s, the first has failed, and what leads to both goes on', () => {
  const visits = new Visits();
  choose(visits, ['router', 'first']);
  expect(told()).toEqual(['0 1', '0 1', '0 0']);
  choose(visits, ['router', 'second'], 'upstream_connect_refused');
  expect(told()).toEqual(['0 1', '1 0 upstream_connect_refused', '0 1']);
  visits.end('');
  expect(told()).toEqual(['1 0', '0 0', '1 0']);
  visits.end('drained');
  expect(told()).toEqual(['0 0', '0 0', '0 0']);
});

test('the next server of the same service is no other visit', () => {
  const visits = new Visits();
  choose(visits, ['router', 'first']);
  choose(visits, ['router', 'first'], 'upstream_connect_refused');
  visits.end('');
  expect(told()).toEqual(['1 0', '1 0', '0 0']);
});

test('who was asked in vain, and another in his place, is not counted', () => {
  const visits = new Visits();
  visits.begin();
  visits.through(rows.router);
  const { depth } = visits;
  visits.through(rows.first);
  visits.backTo(depth);
  visits.through(rows.second);
  visits.settle();
  visits.end('');
  expect(told()).toEqual(['1 0', '0 0', '1 0']);
});

test('one that never got as far counts nowhere, and what a client does is no failure of a service', () => {
  new Visits().end('router_disabled');
  expect(told()).toEqual(['0 0', '0 0', '0 0']);
  const visits = new Visits();
  choose(visits, ['router']);
  visits.end('client_reset');
  expect(told()[0]).toBe('1 0');
});

test('durations up to a day have buckets, and longer ones another', () => {
  expect([0, 10, 11, 86_400_000, 86_400_001].map((ms) => bucketOf(ms, DURATION_BOUNDS_MS) - BUCKETS)).toEqual([
    0, 0, 1, 12, 13,
  ]);
});
