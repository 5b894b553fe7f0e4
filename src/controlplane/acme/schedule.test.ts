import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coversDomain, covers, neededSets } from './coverage.ts';
import { parseWindow, renewalTime } from './renewal.ts';
import { MAX_CERTIFICATES, ResolverSchedule, type CertificateFacts } from './schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-01-01T00:00:00Z');

function schedule(random = (): number => 0): ResolverSchedule {
  return new ResolverSchedule({ resolver: 'le', durationMs: 90 * DAY, random });
}

function facts(domains: readonly string[], notBefore = NOW, days = 90, ariId: string | null = null): CertificateFacts {
  return { domains, notBefore, notAfter: notBefore + days * DAY, ariId };
}

test('a wildcard stands for exactly one label, and a wildcard only for itself', () => {
  expect(coversDomain(['*.a.test'], 'x.a.test')).toBe(true);
  expect(coversDomain(['*.a.test'], 'a.test')).toBe(false);
  expect(coversDomain(['*.a.test'], 'x.y.a.test')).toBe(false);
  expect(coversDomain(['x.a.test'], '*.a.test')).toBe(false);
  expect(coversDomain(['*.test'], '*.a.test')).toBe(false);
  expect(covers(['*.a.test', 'a.test'], ['a.test', 'b.a.test'])).toBe(true);
});

test('sets that another one stands for are left out, whatever the order', () => {
  const sets = [['b.a.test'], ['*.a.test', 'a.test'], ['a.test'], ['c.test'], ['a.test', 'c.test'], ['*.a.test']];
  const kept = neededSets(sets);
  expect(kept).toEqual([
    ['*.a.test', 'a.test'],
    ['a.test', 'c.test'],
  ]);
  const names = fc.constantFrom('a.test', 'b.a.test', '*.a.test', 'c.test', '*.c.test', 'd.c.test');
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(names, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), (given) => {
      const needed = neededSets(given);
      for (const set of given) expect(needed.some((one) => covers(one, set))).toBe(true);
      for (const one of needed) {
        expect(needed.filter((other) => other !== one && covers(other, one))).toEqual([]);
      }
      const key = (all: readonly (readonly string[])[]): string =>
        all
          .map((one) => one.toSorted().join())
          .toSorted()
          .join(' ');
      expect(key(neededSets(given.toReversed()))).toBe(key(needed));
    }),
  );
});

test.each([
  [2160, 90, 60],
  // A shorter certificate than the configuration says is judged by its own lifetime.
  [2160, 45, 35],
  [2160, 6.7, 4.7],
  [720, 90, 80],
  [8760, 398, 278],
  [168, 90, 88],
])('with certificatesDuration %i a certificate of %d days is renewed on day %d', (hours, days, day) => {
  const validity = { notBefore: NOW, notAfter: NOW + days * DAY };
  expect((renewalTime(validity, hours * HOUR, () => 0) - NOW) / DAY).toBeCloseTo(day, 5);
});

test('renewal is spread over the interval of the table and never comes after the end', () => {
  const validity = { notBefore: NOW, notAfter: NOW + 90 * DAY };
  expect(renewalTime(validity, 90 * DAY, () => 0.999)).toBeLessThan(NOW + 61 * DAY);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 * 24 }),
      fc.integer({ min: 1, max: 5000 * 24 }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (lifeHours, durationHours, share) => {
        const life = lifeHours * HOUR;
        const at = renewalTime({ notBefore: NOW, notAfter: NOW + life }, durationHours * HOUR, () => share);
        expect(at).toBeGreaterThanOrEqual(NOW + life / 2 - 1);
        expect(at).toBeLessThanOrEqual(NOW + life);
      },
    ),
  );
});

test('windows of renewal are read strictly', () => {
  const window = { start: '2026-02-01T00:00:00Z', end: '2026-02-02T00:00:00Z' };
  expect(parseWindow({ suggestedWindow: window })).toEqual({
    start: Date.parse(window.start),
    end: Date.parse(window.end),
  });
  for (const bad of [null, {}, { suggestedWindow: null }, { suggestedWindow: { start: 'x', end: window.end } }]) {
    expect(parseWindow(bad)).toBeNull();
  }
  expect(parseWindow({ suggestedWindow: { start: window.end, end: window.start } })).toBeNull();
});

test('orders what is wanted one at a time and then waits for renewal', () => {
  const one = schedule();
  one.setWanted([['a.test'], ['b.test']], [], NOW);
  expect(one.status(NOW).map(({ state }) => state)).toEqual(['pending', 'pending']);
  const first = one.next(NOW);
  expect(first).toEqual({ kind: 'order', key: 'a.test', domains: ['a.test'], replaces: null });
  expect(one.next(NOW)).toBeNull();
  expect(one.status(NOW).map(({ state }) => state)).toEqual(['ordering', 'pending']);
  one.issued('a.test', facts(['a.test']), NOW);
  expect(one.next(NOW)).toMatchObject({ kind: 'order', key: 'b.test' });
  one.issued('b.test', facts(['b.test']), NOW);
  expect(one.next(NOW)).toBeNull();
  expect(one.wakeAt()).toBe(NOW + 60 * DAY);
  const due = NOW + 60 * DAY;
  expect(one.next(due - 1)).toBeNull();
  expect(one.next(due)).toMatchObject({ kind: 'order', key: 'a.test' });
  expect(one.status(due)[0]).toMatchObject({ state: 'renewing', nextTry: null });
});

test('a certificate at hand that stands for the names is used and renewed in their place', () => {
  const one = schedule();
  one.adopt([facts(['*.a.test', 'a.test'], NOW - 80 * DAY)], NOW);
  one.setWanted([['b.a.test'], ['other.test']], [], NOW);
  expect(one.next(NOW)).toMatchObject({ domains: ['other.test'] });
  one.issued('other.test', facts(['other.test']), NOW);
  // The wildcard is due.
  expect(one.next(NOW)).toMatchObject({ domains: ['*.a.test', 'a.test'] });
  one.failed('*.a.test,a.test', { message: 'no DNS', retryAfterMs: null, scope: 'certificate' }, NOW);
  // Past its end the names themselves are ordered.
  const later = NOW + 11 * DAY;
  expect(one.next(later)).toMatchObject({ domains: ['b.a.test'] });
  one.issued('b.a.test', facts(['b.a.test'], later), later);
  expect(one.takeExpired(later).map(({ domains }) => domains)).toEqual([['*.a.test', 'a.test']]);
  expect(one.status(later)).toHaveLength(2);
});

test('names that certificates from elsewhere cover are not ordered', () => {
  const one = schedule();
  one.setWanted([['b.a.test'], ['a.test', 'c.test']], [['*.a.test'], ['c.test'], ['a.test']], NOW);
  expect(one.next(NOW)).toBeNull();
  expect(one.wakeAt()).toBeNull();
  one.setWanted([['b.a.test']], [], NOW);
  expect(one.next(NOW)).toMatchObject({ domains: ['b.a.test'] });
});

test('a certificate that nobody wants is kept and not renewed', () => {
  const one = schedule();
  one.adopt([facts(['old.test'], NOW - 80 * DAY)], NOW);
  one.setWanted([], [], NOW);
  expect(one.next(NOW)).toBeNull();
  expect(one.status(NOW)).toMatchObject([{ domains: ['old.test'], state: 'valid', nextTry: null }]);
  expect(one.takeExpired(NOW)).toEqual([]);
  expect(one.takeExpired(NOW + 11 * DAY)).toHaveLength(1);
  expect(one.status(NOW + 11 * DAY)).toEqual([]);
});

test('failures back off up to half a day, and what failed least is tried first', () => {
  const one = schedule();
  one.setWanted([['a.test'], ['b.test']], [], NOW);
  let now = NOW;
  const waits: number[] = [];
  for (let round = 0; round < 12; round++) {
    expect(one.next(now)).toMatchObject({ key: 'a.test' });
    one.failed('a.test', { message: 'refused', retryAfterMs: null, scope: 'certificate' }, now);
    if (round === 0) {
      expect(one.next(now)).toMatchObject({ key: 'b.test' });
      one.issued('b.test', facts(['b.test'], now), now);
    }
    const wake = one.wakeAt()!;
    waits.push((wake - now) / MINUTE);
    now = wake;
  }
  expect(waits.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  expect(waits.at(-1)).toBe(360);
  expect(one.status(now)).toMatchObject([
    { domains: ['a.test'], state: 'failed', lastError: 'refused', failures: 12 },
    {},
  ]);
});

test('honours what the authority says about the next try', () => {
  const one = schedule();
  one.setWanted([['a.test'], ['b.test']], [], NOW);
  one.next(NOW);
  one.failed('a.test', { message: 'too many', retryAfterMs: 3 * DAY, scope: 'rate' }, NOW);
  // The others wait a little: whose limit it is cannot be told.
  expect(one.next(NOW)).toBeNull();
  expect(one.wakeAt()).toBe(NOW + 5 * MINUTE);
  expect(one.next(NOW + 5 * MINUTE)).toMatchObject({ key: 'b.test' });
  one.issued('b.test', facts(['b.test']), NOW + 5 * MINUTE);
  expect(one.wakeAt()).toBe(NOW + 3 * DAY);
  expect(one.status(NOW + DAY)[0]).toMatchObject({ nextTry: NOW + 3 * DAY, lastError: 'too many' });
});

test('an authority that cannot be reached holds up everything and does not count against the names', () => {
  const one = schedule();
  one.setWanted([['a.test'], ['b.test']], [], NOW);
  let now = NOW;
  for (const seconds of [15, 30, 60, 120]) {
    expect(one.next(now)).not.toBeNull();
    one.failed('a.test', { message: 'ECONNREFUSED', retryAfterMs: null, scope: 'authority' }, now);
    expect(one.next(now)).toBeNull();
    expect(one.wakeAt()).toBe(now + seconds * 1000);
    now = one.wakeAt()!;
  }
  expect(one.status(now)).toMatchObject([
    { domains: ['a.test'], state: 'failed', failures: 4, lastError: 'ECONNREFUSED', nextTry: now },
    { domains: ['b.test'], state: 'pending', failures: 4, lastError: 'ECONNREFUSED', nextTry: now },
  ]);
  // Once it answers, names begin at nothing.
  one.failed('a.test', { message: 'no such name', retryAfterMs: null, scope: 'certificate' }, now);
  expect(one.status(now)).toMatchObject([
    { failures: 1, lastError: 'no such name', nextTry: now + 60_000 },
    { failures: 0, lastError: null },
  ]);
});

test('renews within the window the authority suggests, drawn once', () => {
  let draws = 0;
  const one = schedule(() => {
    draws++;
    return 0.5;
  });
  one.setWanted([['a.test']], [], NOW);
  one.next(NOW);
  one.issued('a.test', facts(['a.test'], NOW, 90, 'aki.serial'), NOW);
  expect(one.next(NOW)).toEqual({ kind: 'askRenewal', key: 'a.test', ariId: 'aki.serial' });
  const window = { start: NOW + 10 * DAY, end: NOW + 12 * DAY };
  one.renewalAnswered('a.test', window, 2 * HOUR, NOW);
  expect(one.next(NOW)).toBeNull();
  expect(one.wakeAt()).toBe(NOW + 2 * HOUR);
  const before = draws;
  one.renewalAnswered('a.test', window, null, NOW);
  expect(draws).toBe(before);
  expect(one.wakeAt()).toBe(NOW + 6 * HOUR);
  // A window in the past, as for a certificate that will be revoked.
  one.renewalAnswered('a.test', { start: NOW - 2 * DAY, end: NOW - DAY }, null, NOW);
  expect(one.next(NOW)).toEqual({ kind: 'order', key: 'a.test', domains: ['a.test'], replaces: 'aki.serial' });
  one.failed('a.test', { message: 'busy', retryAfterMs: null, scope: 'certificate' }, NOW);
  // A window beyond the end is none.
  one.renewalAnswered('a.test', { start: NOW + 200 * DAY, end: NOW + 300 * DAY }, null, NOW);
  expect(one.status(NOW)[0]!.nextTry).toBe(NOW + 85.5 * DAY);
});

test('an authority that cannot be asked for a window is asked again, and the table counts', () => {
  const one = schedule();
  one.adopt([facts(['a.test'], NOW, 90, 'aki.serial')], NOW);
  one.setWanted([['a.test']], [], NOW);
  one.next(NOW);
  one.renewalAnswered('a.test', null, null, NOW);
  expect(one.wakeAt()).toBe(NOW + 6 * HOUR);
  expect(one.status(NOW)[0]!.nextTry).toBe(NOW + 60 * DAY);
});

test('a certificate for other names than were asked for is not asked for again at once', () => {
  const one = schedule();
  one.setWanted([['a.test']], [], NOW);
  one.next(NOW);
  one.issued('a.test', facts(['b.test']), NOW);
  expect(one.next(NOW)).toBeNull();
  expect(one.status(NOW)[0]).toMatchObject({ failures: 1, lastError: 'the certificate is for other names' });
});

test('takes as many certificates as it can see to and says how many it refused', () => {
  const one = schedule();
  one.setWanted(
    Array.from({ length: MAX_CERTIFICATES + 5 }, (_, index) => [`h${index}.test`]),
    [],
    NOW,
  );
  expect(one.refused).toBe(5);
  expect(one.status(NOW)).toHaveLength(MAX_CERTIFICATES);
});
