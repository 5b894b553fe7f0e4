import { expect, test } from 'vitest';
import { LatestValue, type Update } from './latest-value.ts';

/** Takes everything and keeps it. */
function taker<T, C>(): { readonly taken: Update<T, C>[]; take(update: Update<T, C>): void } {
  const taken: Update<T, C>[] = [];
  return { taken, take: (update) => taken.push(update) };
}

test('whoever follows from the start gets each change, and who comes late the whole value', () => {
  const cell = new LatestValue<string, string>('a', { version: 1 });
  const early = taker<string, string>();
  cell.follow(early, 1);
  cell.set('ab', '+b');
  const late = taker<string, string>();
  cell.follow(late);
  expect(early.taken).toEqual([{ version: 2, value: 'ab', change: '+b' }]);
  expect(late.taken).toEqual([{ version: 2, value: 'ab', change: null }]);
});

test('who comes back gets the changes it has missed as long as they are kept, and the whole value otherwise', () => {
  const cell = new LatestValue<string, string>('', { changes: 2 });
  for (const letter of 'abcd') cell.set(cell.value + letter, letter);
  const missedTwo = taker<string, string>();
  const missedThree = taker<string, string>();
  const ahead = taker<string, string>();
  cell.follow(missedTwo, 2);
  cell.follow(missedThree, 1);
  cell.follow(ahead, 9);
  expect(missedTwo.taken.map(({ change }) => change)).toEqual(['c', 'd']);
  expect(missedThree.taken).toEqual([{ version: 4, value: 'abcd', change: null }]);
  expect(ahead.taken).toEqual(missedThree.taken);
});

test('a value that is set whole is no change to anybody', () => {
  const cell = new LatestValue<string, string>('', { changes: 8 });
  cell.set('a', 'a');
  cell.set('x');
  cell.set('xy', 'y');
  const back = taker<string, string>();
  cell.follow(back, 1);
  expect(back.taken).toEqual([{ version: 3, value: 'xy', change: null }]);
});

test('delivered settles when all that follow have answered for the version or are gone', async () => {
  const cell = new LatestValue<string>('a');
  const [one, two, three] = [cell.follow(taker(), 0), cell.follow(taker(), 0), cell.follow(taker(), 0)];
  cell.set('b');
  let isSettled = false;
  const delivered = cell.delivered().finally(() => {
    isSettled = true;
  });
  one.acknowledge(1, { acked: 4, nacks: ['worker 5: no'] });
  two.refuse(1, ['worker 9: never']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isSettled).toBe(false);
  three.end(['it ended']);
  expect(await delivered).toEqual({ acked: 4, nacks: ['worker 5: no', 'worker 9: never', 'it ended'] });
  expect([one.version, two.version]).toEqual([1, 0]);
  // Those that answered before they were asked about it count as well, and the one that ended does not follow any more.
  expect(await cell.delivered()).toEqual({ acked: 4, nacks: ['worker 5: no', 'worker 9: never'] });
});

test('who has a later version has the one that is asked for', async () => {
  const cell = new LatestValue<string>('a');
  const following = cell.follow(taker(), 0);
  cell.set('b');
  const first = cell.delivered();
  cell.set('c');
  following.acknowledge(2);
  expect(await first).toEqual({ acked: 1, nacks: [] });
});

test('an answer for an earlier version settles nothing later', async () => {
  const cell = new LatestValue<string>('a');
  const following = cell.follow(taker(), 0);
  cell.set('b');
  cell.set('c');
  const delivered = cell.delivered();
  following.acknowledge(1);
  following.refuse(2, ['too much']);
  expect(await delivered).toEqual({ acked: 0, nacks: ['too much'] });
  expect(following.version).toBe(1);
});

test('the silent are not waited for beyond the time', async () => {
  const late: { ms: number; callback: () => void }[] = [];
  const cell = new LatestValue<string>('a', {
    after: (ms, callback) => {
      const one = { ms, callback };
      late.push(one);
      return { close: () => void late.splice(late.indexOf(one), 1) };
    },
  });
  const quick = cell.follow(taker(), 0);
  cell.follow(taker(), 0);
  cell.set('b');
  const delivered = cell.delivered(5_000);
  quick.acknowledge(1);
  expect(late.map(({ ms }) => ms)).toEqual([5_000]);
  late[0]!.callback();
  expect(await delivered).toEqual({ acked: 1, nacks: ['no answer within 5000 ms'] });
});

test('with nobody following there is nobody to wait for', async () => {
  const cell = new LatestValue<string>('a');
  cell.set('b');
  expect(await cell.delivered()).toEqual({ acked: 0, nacks: [] });
});

test('a version that is not later begins a new count, and acknowledgements of before say nothing', async () => {
  const cell = new LatestValue<string>('a', { version: 6 });
  const following = cell.follow(taker(), 6);
  cell.set('b');
  const before = cell.delivered();
  cell.set('c', null, 3);
  expect(await before).toEqual({ acked: 0, nacks: ['it was replaced'] });
  following.acknowledge(7);
  expect(following.version).toBe(0);
  const delivered = cell.delivered();
  following.acknowledge(3);
  expect(await delivered).toEqual({ acked: 1, nacks: [] });
});
