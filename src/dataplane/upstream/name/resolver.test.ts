import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { NoSuchName } from './host-lookup.ts';
import type { Address } from './address.ts';
import { Resolver } from './resolver.ts';

const A: Address = { host: '127.0.0.1', family: 4 };
const B: Address = { host: '127.0.0.2', family: 4 };

let clock: ManualClock;
let resolver: Resolver;
let answer: () => Promise<readonly Address[]>;
let asked: string[];

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  answer = () => Promise.resolve([A]);
  resolver = new Resolver({
    clock,
    lookUp: (host) => {
      asked.push(host);
      return answer();
    },
  });
});
afterEach(() => resolver.stop());

/** Moves the clock in steps of the interval; every look-up settles in between. */
async function advance(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 1_000) {
    clock.advance(1_000);
    resolver.tick();
    // A look-up here settles in a few turns of the microtask queue, all of which are over by then.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('keeps what it knows while name servers fail', async () => {
  resolver.retain('app');
  expect(await resolver.addresses('app')).toEqual([A]);
  answer = () => Promise.reject(new Error('SERVFAIL'));
  await advance(300_000);
  expect(resolver.addresses('app')).toEqual([A]);
  expect(resolver.problem('app')).toBe('SERVFAIL');
});

test('believes a server that says for a while that the name is gone, and tells those who are connected', async () => {
  const gone: boolean[] = [];
  const follower = { addressesGone: (isGone: (host: string) => boolean) => gone.push(isGone(A.host)) };
  resolver.retain('app', follower);
  await resolver.addresses('app');
  answer = () => Promise.reject(new NoSuchName('app'));
  await advance(10_000);
  expect(resolver.addresses('app')).toEqual([A]);
  expect(gone).toEqual([]);
  await advance(30_000);
  expect(resolver.addresses('app')).toEqual([]);
  expect(gone).toEqual([true]);
  answer = () => Promise.resolve([B]);
  await advance(60_000);
  expect(resolver.addresses('app')).toEqual([B]);
});

test('tells who is connected to an address that has been missing from answers for a while', async () => {
  const gone: string[] = [];
  const follower = {
    addressesGone: (isGone: (host: string) => boolean) => gone.push([A, B].map(({ host }) => isGone(host)).join()),
  };
  answer = () => Promise.resolve([A, B]);
  resolver.retain('app', follower);
  await resolver.addresses('app');
  answer = () => Promise.resolve([B]);
  await advance(10_000);
  // New connections go where the name points; those that are open stay: answers may be partial.
  expect(resolver.addresses('app')).toEqual([B]);
  expect(gone).toEqual([]);
  await advance(15_000);
  expect(gone).toEqual(['true,false']);
  resolver.release('app', follower);
});

test('asks less and less often for a name that fails', async () => {
  answer = () => Promise.reject(new Error('no answer'));
  resolver.retain('dead');
  await resolver.addresses('dead');
  await advance(600_000);
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.length).toBeLessThan(16);
});

test('a name whose answer does not come makes no other one wait', async () => {
  answer = () => new Promise(() => {});
  for (let index = 0; index < 50; index++) resolver.retain(`dead${index}`);
  answer = () => Promise.resolve([A]);
  resolver.retain('good');
  expect(await resolver.addresses('good')).toEqual([A]);
});
