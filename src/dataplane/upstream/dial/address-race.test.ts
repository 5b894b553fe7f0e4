import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { TimerWheel } from '../../../core/timer-wheel.ts';
import { AddressRace, ATTEMPT_DELAY_MS, type AddressTry } from './address-race.ts';
import type { Address } from '../name/address.ts';

let clock: ManualClock;
let wheel: TimerWheel;
let log: string[];
let tries: Map<string, AddressTry>;
let race: AddressRace;

const addresses = (...names: string[]): Address[] => names.map((host) => ({ host, family: 4 }));
const advance = (ms: number): void => {
  clock.advance(ms);
  wheel.tick();
};

beforeEach(() => {
  clock = new ManualClock();
  wheel = new TimerWheel(clock);
  log = [];
  tries = new Map();
  race = new AddressRace({
    wheel,
    tryAddress: (address) => {
      log.push(`try ${address.host}`);
      const one = { address, isConnected: false, abandon: () => log.push(`abandon ${address.host}`) };
      tries.set(address.host, one);
      return one;
    },
    outrun: ({ host }) => log.push(`outrun ${host}`),
    exhausted: () => log.push('exhausted'),
  });
  return () => wheel.stop();
});

test('tries the next address beside one that keeps silent, and ends it when the next one answers', () => {
  race.start(addresses('a', 'b'), 30_000);
  advance(ATTEMPT_DELAY_MS - 100);
  expect(log).toEqual(['try a']);
  advance(200);
  expect(log).toEqual(['try a', 'try b']);
  race.connected(tries.get('b')!);
  expect(log).toEqual(['try a', 'try b', 'outrun a', 'abandon a']);
});

test('tries the next address at once when one fails, and tells when all have', () => {
  race.start(addresses('a', 'b'), 30_000);
  race.failed(tries.get('a')!);
  expect(log).toEqual(['try a', 'try b']);
  race.failed(tries.get('b')!);
  expect(log).toEqual(['try a', 'try b', 'exhausted']);
});

test('waits for the silent one when the others have failed', () => {
  race.start(addresses('a', 'b'), 30_000);
  advance(ATTEMPT_DELAY_MS + 50);
  race.failed(tries.get('b')!);
  expect(log).toEqual(['try a', 'try b']);
  race.connected(tries.get('a')!);
  expect(log).toEqual(['try a', 'try b']);
});

test('gives a handshake its part of the time, then tries the next address beside it', () => {
  race.start(addresses('a', 'b'), 10_000);
  race.connected(tries.get('a')!);
  advance(4_900);
  expect(log).toEqual(['try a']);
  advance(200);
  expect(log).toEqual(['try a', 'try b']);
  // Both may still end well: whoever connects does not end who has connected.
  race.connected(tries.get('b')!);
  race.stop(tries.get('a')!);
  expect(log).toEqual(['try a', 'try b', 'abandon b']);
});

test('goes back to an address that was merely slower when the handshake with the faster one fails', () => {
  race.start(addresses('a', 'b'), 10_000);
  advance(ATTEMPT_DELAY_MS + 50);
  race.connected(tries.get('b')!);
  race.failed(tries.get('b')!);
  expect(log).toEqual(['try a', 'try b', 'outrun a', 'abandon a', 'try a']);
});

test('ends all of them when it is stopped', () => {
  race.start(addresses('a', 'b', 'c'), 10_000);
  advance(ATTEMPT_DELAY_MS + 50);
  race.stop();
  expect(log).toEqual(['try a', 'try b', 'abandon a', 'abandon b']);
  advance(5_000);
  expect(log).toHaveLength(4);
});
