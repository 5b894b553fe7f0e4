// A connection to a server that belongs to one client: one request at a time, in their order, and nobody else's.

import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { TimerWheel } from '../../core/timer-wheel.ts';
import type { ClientInfo } from '../http/client-info.ts';
import type { Exchange } from '../http/exchange.ts';
import { Bond } from './bond.ts';
import { CLIENT } from '../../../test/support/downstream.ts';
import { exchangeFor } from '../../../test/support/upstream.ts';

interface Lab {
  readonly bond: Bond<{ destroy(): void }>;
  readonly client: ClientInfo;
  readonly key: object;
  readonly heard: string[];
  readonly now: { isWanted: boolean; isStale: boolean };
  readonly pass: (ms: number) => void;
  readonly take: (
    name: string,
    credentials?: string,
  ) => { taken: boolean; exchange: Exchange; seen: readonly string[] };
}

function lab(): Lab {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const heard: string[] = [];
  const now = { isWanted: false, isStale: false };
  const key = {};
  const client: ClientInfo = { ...CLIENT };
  const owner = {
    context: { wheel },
    transport: { dialTimeoutMs: 500 },
    bondKey: key,
    startOn: (_: unknown, exchange: Exchange) => void heard.push(`start ${exchange.path}`),
    send: (exchange: Exchange) => void heard.push(`elsewhere ${exchange.path}`),
    get isWanted() {
      return now.isWanted;
    },
    isStale: () => now.isStale,
  };
  const bond = new Bond(owner, client, { destroy: () => void heard.push('destroy') });
  return {
    bond,
    client,
    key,
    heard,
    now,
    pass(ms) {
      clock.advance(ms);
      wheel.tick();
    },
    take(name, credentials = '') {
      const { exchange, client: downstream } = exchangeFor();
      exchange.path = name;
      if (credentials !== '') exchange.requestHeaders.append('Authorization', credentials);
      return { taken: bond.take(exchange), exchange, seen: downstream.seen };
    },
  };
}

test('requests wait for one another, and start in their order', () => {
  const { bond, take, heard, client, key, pass } = lab();
  expect(client.bonds?.get(key)).toBe(bond);
  take('/a');
  take('/b');
  expect(heard).toEqual([]);
  bond.released();
  bond.released();
  expect(heard).toEqual(['start /a', 'start /b']);
  bond.released();
  expect(take('/c').taken).toBe(true);
  expect(heard.at(-1)).toBe('start /c');
  pass(5000);
  expect(heard).toHaveLength(3);
});

test('who has credentials of its own does not wait, and goes elsewhere', () => {
  const { take, heard, bond } = lab();
  expect([take('/a', 'Basic x').taken, take('/b', 'NTLM x').taken]).toEqual([false, true]);
  bond.released();
  expect(heard).toEqual(['start /b']);
});

test('a connection whose server is about to close it is closed instead', () => {
  const { take, heard, bond, now } = lab();
  bond.released();
  now.isStale = true;
  expect([take('/a').taken, heard]).toEqual([false, ['destroy']]);
});

test('who has waited for too long is told so, and does not start any more', () => {
  const { take, heard, bond, pass } = lab();
  const { seen, exchange } = take('/a');
  pass(400);
  expect(seen).toEqual([]);
  pass(200);
  expect([seen[0], exchange.failure?.flag]).toEqual(['(begin 503)', 'upstream_pool_timeout']);
  bond.released();
  expect(heard).toEqual([]);
});

test('who leaves while it waits does not start', () => {
  const { take, heard, bond, pass } = lab();
  const left = take('/a');
  take('/b');
  left.exchange.responseSource!.cancel();
  pass(100);
  bond.released();
  expect([heard, left.seen]).toEqual([['start /b'], []]);
});

test('while others wait, a client that asks nothing loses it after a second', () => {
  const { take, heard, bond, pass, now } = lab();
  expect(bond.yieldSoon()).toBe(false);
  now.isWanted = true;
  bond.released();
  pass(900);
  expect(heard).toEqual([]);
  take('/a');
  pass(2000);
  expect(heard).toEqual(['start /a']);
  now.isWanted = false;
  bond.released();
  pass(2000);
  expect(heard).toEqual(['start /a']);
  expect(bond.yieldSoon()).toBe(true);
  pass(1200);
  expect(heard).toEqual(['start /a', 'destroy']);
});

test('when it is gone, who has waited for it goes elsewhere, and the client has none', () => {
  const { take, heard, bond, client, key, pass } = lab();
  const { exchange, seen } = take('/a');
  bond.gone();
  expect([heard, exchange.responseSource]).toEqual([['elsewhere /a'], null]);
  expect(client.bonds?.get(key)).toBeUndefined();
  pass(1000);
  expect(seen).toEqual([]);
  const other = lab();
  other.now.isWanted = true;
  other.bond.released();
  other.bond.gone();
  other.pass(2000);
  expect(other.heard).toEqual([]);
});

test('it ends with its client', () => {
  const { bond, heard } = lab();
  bond.clientGone();
  expect(heard).toEqual(['destroy']);
});
