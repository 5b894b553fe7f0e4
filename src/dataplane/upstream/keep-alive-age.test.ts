import { expect, test } from 'vitest';
import { announcedAge } from '../http/message/announced-age.ts';
import { KeepAliveAge } from './keep-alive-age.ts';

test('a connection is used until the server says otherwise', () => {
  expect(new KeepAliveAge().isUsable(3_600_000, -1)).toBe(true);
});

test('use ends a second before the age at which the server closed one', () => {
  const age = new KeepAliveAge();
  age.closed(5_003);
  expect([3_990, 4_003, 4_004, 4_900].map((ms) => age.isUsable(ms, -1))).toEqual([true, true, false, false]);
});

test('of an age below two seconds the first half is used', () => {
  const age = new KeepAliveAge();
  age.closed(1_000);
  expect([500, 501].map((ms) => age.isUsable(ms, -1))).toEqual([true, false]);
});

test('connections that had hardly rested tell of a restart, not of an age', () => {
  const age = new KeepAliveAge();
  age.closed(20);
  expect(age.isUsable(60_000, -1)).toBe(true);
});

test('what a restart taught is put right by the next connection that rests longer', () => {
  const age = new KeepAliveAge();
  age.closed(2_000);
  expect(age.isUsable(1_500, -1)).toBe(false);
  age.closed(75_000);
  expect([74_000, 74_001].map((ms) => age.isUsable(ms, -1))).toEqual([true, false]);
  age.survived(90_000);
  expect(age.isUsable(600_000, -1)).toBe(true);
});

test('what the server announced counts beside what it showed', () => {
  const age = new KeepAliveAge();
  expect([4_000, 4_001].map((ms) => age.isUsable(ms, 5_000))).toEqual([true, false]);
  age.closed(3_000);
  expect(age.isUsable(2_500, 5_000)).toBe(false);
});

test.each([
  ['timeout=5', 5_000],
  ['timeout=5, max=100', 5_000],
  ['max=100, Timeout = 15', 15_000],
  ['timeout="7"', 7_000],
  ['timeout=0', 0],
  ['max=3', -1],
  ['xtimeout=3', -1],
  ['', -1],
])('Keep-Alive: %s', (value, ms) => {
  expect(announcedAge(value)).toBe(ms);
});
