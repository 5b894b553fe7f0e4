// What every state store promises, asked of each.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryStore, type Kept } from '../../../test/support/memory-store.ts';
import { CompactedError, type StateStore, type StoreEvent } from './define.ts';
import { inFormat, readDocument, type DocumentFormat } from './documents.ts';
import { FileStore } from './file-store.ts';
import { SingleFileStore } from './single-file-store.ts';

/** More writes than any store keeps events of. */
const MANY = 1_005;

let directory = '';
let nowMs = 0;
let kept: Kept;

const STORES: Readonly<Record<string, () => StateStore>> = {
  'in a directory': () => new FileStore({ directory: join(directory, 'state'), now: () => nowMs, onCorrupt: () => {} }),
  'in one file': () =>
    new SingleFileStore({ path: join(directory, 'state.json'), option: 'some.storage', now: () => nowMs }),
  'in memory': () => new MemoryStore(kept, () => nowMs, MANY - 5),
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
  nowMs = 1_000;
  kept = { documents: new Map(), revision: 1 };
});

afterEach(() => rm(directory, { recursive: true }));

describe.each(Object.entries(STORES))('%s', (_, create) => {
  let store: StateStore;

  beforeEach(async () => {
    store = create();
    await store.start();
  });

  afterEach(() => store.stop());

  test('a document is what was last put, over restarts, with its revision', async () => {
    expect(await store.read('a/b')).toBeNull();
    const first = await store.put('a/b', { text: 'é' });
    const second = await store.put('a/b', { text: 'è', list: [1, null] });
    expect(second).toBeGreaterThan(first);
    expect(store.revision).toBe(second);
    await store.stop();
    store = create();
    await store.start();
    expect(await store.read('a/b')).toEqual({ value: { text: 'è', list: [1, null] }, revision: second });
    expect(await store.get('a/b')).toEqual({ text: 'è', list: [1, null] });
    expect(await store.put('c', 1)).toBeGreaterThan(second);
  });

  test('what is gone is gone, and its revision is not given again', async () => {
    const put = await store.put('a', 1);
    await store.delete('a');
    expect([await store.get('a'), await store.list('')]).toEqual([null, []]);
    const deleted = store.revision;
    expect(deleted).toBeGreaterThan(put);
    await store.stop();
    store = create();
    await store.start();
    expect(await store.put('a', 2)).toBeGreaterThan(deleted);
  });

  test('keys are listed by their prefix, in order', async () => {
    for (const key of ['b/2', 'a', 'b/10', 'b/1']) await store.put(key, key);
    expect(await store.list('b/')).toEqual(['b/1', 'b/10', 'b/2']);
    await expect(async () => store.put('../x', 1)).rejects.toThrow('is no key');
  });

  test('of those who change what they have read, one wins', async () => {
    const revision = await store.put('counter', 0);
    const outcomes = await Promise.all([1, 2, 3].map((value) => store.putIf('counter', value, revision)));
    expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
    expect(await store.read('counter')).toEqual({ value: 1, revision: outcomes[0] });
    expect(await store.putIf('fresh', 1, revision)).toBeNull();
    expect(await store.putIf('fresh', 1, 0)).toBeGreaterThan(revision);
    expect(await store.putIf('fresh', 2, 0)).toBeNull();
  });

  test('a watcher misses nothing after the revision it names, and gets it in order', async () => {
    const since = await store.put('a/1', 'before');
    await store.put('a/2', 'second');
    await store.put('b/1', 'of no interest');
    const events: StoreEvent[] = [];
    const stop = store.watch('a/', since, (event) => events.push(event));
    await Promise.all([store.put('a/3', 'third'), store.put('a/4', 'fourth'), store.delete('a/1')]);
    stop();
    await store.put('a/5', 'too late');
    expect(events.map(({ kind, key }) => `${kind} ${key}`).toSorted()).toEqual([
      'delete a/1',
      'put a/2',
      'put a/3',
      'put a/4',
    ]);
    const revisions = events.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
  });

  test('a watcher that comes too late is told to list again', async () => {
    const since = store.revision;
    for (let count = 0; count < MANY; count++) await store.put('k', count);
    expect(() => store.watch('', since, () => {})).toThrow(CompactedError);
    expect(() => store.watch('', store.revision, () => {})()).not.toThrow();
  });

  test('a lease is had by one at a time, and its number grows', async () => {
    const first = (await store.lease('leader', 'one', 10_000))!;
    expect(await store.lease('leader', 'two', 10_000)).toBeNull();
    expect(await store.lease('other', 'two', 10_000)).not.toBeNull();
    nowMs += 9_000;
    expect(await first.renew()).toBe(true);
    nowMs += 9_000;
    expect(await store.lease('leader', 'two', 10_000)).toBeNull();
    nowMs += 1_001;
    const second = (await store.lease('leader', 'two', 10_000))!;
    expect(second.fence).toBeGreaterThan(first.fence);
    // Taken for dead: it is told, and gives up nothing of the other's.
    expect(await first.renew()).toBe(false);
    await first.release();
    expect(await store.lease('leader', 'three', 10_000)).toBeNull();
    await second.release();
    const third = (await store.lease('leader', 'three', 10_000))!;
    expect(third.fence).toBeGreaterThan(second.fence);
    expect(await second.renew()).toBe(false);
  });

  test('of those who want a free lease at once, one has it', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((owner) => store.lease('leader', owner, 10_000)));
    expect(all.filter((lease) => lease !== null)).toHaveLength(1);
  });

  const FORMAT: DocumentFormat = {
    format: 3,
    migrations: {
      1: ({ name }) => ({ names: [name] }),
      2: ({ names }) => ({ names, isNew: false }),
    },
  };

  test('an older document is brought to the present, and its copy kept', async () => {
    await store.put('doc', { name: 'a' });
    const now = { names: ['a'], isNew: false, format: 3 };
    expect(await readDocument(store, 'doc', FORMAT)).toEqual(now);
    expect(await store.get('doc')).toEqual(now);
    expect(await store.get('formats/1/doc')).toEqual({ name: 'a' });
    const { revision } = store;
    expect(await readDocument(store, 'doc', FORMAT)).toEqual(now);
    expect(store.revision).toBe(revision);
  });

  test('a newer document is refused with what to do, and one that no step leads from is none', async () => {
    await store.put('newer', inFormat({ format: 4 }, { x: 1 }));
    await expect(readDocument(store, 'newer', FORMAT)).rejects.toMatchObject({
      code: 'ERR_STATE_UNUSABLE',
      message: expect.stringMatching(/"newer" has the format 4, and this program knows 3: .*Run that one/) as unknown,
    });
    expect(await store.get('newer')).toEqual({ x: 1, format: 4 });
    await store.put('gap', { x: 1 });
    expect(await readDocument(store, 'gap', { format: 2 })).toBeNull();
    expect(await store.get('gap')).toEqual({ x: 1 });
    expect(await readDocument(store, 'none', FORMAT)).toBeNull();
  });
});
