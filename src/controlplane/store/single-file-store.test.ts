import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SmallDisk } from '../../../test/support/small-disk.ts';
import { SingleFileStore, type SingleFileStoreOptions } from './single-file-store.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-store-'));
  path = join(directory, 'acme.json');
});

afterEach(async () => {
  await chmod(directory, 0o700);
  await rm(directory, { recursive: true });
});

async function start(adopt?: SingleFileStoreOptions['adopt']): Promise<SingleFileStore> {
  const store = new SingleFileStore({ path, option: 'some.storage', ...(adopt === undefined ? {} : { adopt }) });
  await store.start();
  return store;
}

test('gives back what was put, over restarts, in a file for its owner alone', async () => {
  const first = await start();
  await first.put('acme/a/account', { key: 'é' });
  await first.put('acme/b', 1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await first.stop();
  const second = await start();
  expect(await second.get('acme/a/account')).toEqual({ key: 'é' });
  expect(await second.get('acme/none')).toBeNull();
  expect(await second.list('acme/')).toEqual(['acme/a/account', 'acme/b']);
  await second.delete('acme/b');
  expect(await (await start()).list('')).toEqual(['acme/a/account']);
  expect(await readdir(directory)).toEqual(['acme.json']);
});

test('what is given back is nobody else’s', async () => {
  const store = await start();
  const value = { list: [1] };
  await store.put('k', value);
  value.list.push(2);
  (((await store.get('k')) as typeof value).list as number[]).push(3);
  expect(await store.get('k')).toEqual({ list: [1] });
});

test('many writes at once all arrive', async () => {
  const store = await start();
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.put(`k${index}`, index)));
  expect(await (await start()).list('k')).toHaveLength(20);
});

test.each([0o644, 0o640, 0o604, 0o660])('refuses a file with mode %o, and says what to do', async (mode) => {
  await writeFile(path, '');
  await chmod(path, mode);
  await expect(start()).rejects.toMatchObject({
    code: 'ERR_STATE_UNUSABLE',
    message: expect.stringContaining(`run "chmod 600 ${path}"`) as string,
  });
  expect(await readFile(path, 'utf8')).toBe('');
});

test('an empty file, as people make it beforehand, is one to begin with', async () => {
  await writeFile(path, '', { mode: 0o600 });
  const store = await start();
  await store.put('k', 1);
  expect(await (await start()).get('k')).toBe(1);
});

test.each([
  ['half a file', (text: string) => text.slice(0, text.length / 2), /no JSON/],
  ['a changed byte', (text: string) => text.replace('second', 'secund'), /checksum/],
  ['another program’s', () => '{"something": 1}', /no state of this program/],
  [
    'a later form',
    (text: string) => text.replace('"signalbox": 1', '"signalbox": 2'),
    /has the format 2, and this program knows 1: a newer one has written it/,
  ],
])('%s is refused and stays as it is', async (_, damage, reason) => {
  const store = await start();
  await store.put('k', 'second');
  const text = damage(await readFile(path, 'utf8'));
  await writeFile(path, text);
  await expect(start()).rejects.toThrow(reason);
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('a directory in its place is refused', async () => {
  await mkdir(path);
  await expect(start()).rejects.toThrow(/is no file/);
});

test('a file of another program is taken over once and kept beside', async () => {
  const foreign = '{"le": {"Account": null}}';
  await writeFile(path, foreign, { mode: 0o600 });
  const backups: string[] = [];
  const adopt: SingleFileStoreOptions['adopt'] = {
    ending: '.old',
    read: (value) => ('le' in (value as object) ? new Map([['acme/le/account', { from: 'there' }]]) : null),
    adopted: (backup) => backups.push(backup),
  };
  const store = await start(adopt);
  expect(await store.get('acme/le/account')).toEqual({ from: 'there' });
  expect(await readFile(`${path}.old`, 'utf8')).toBe(foreign);
  expect((await stat(`${path}.old`)).mode & 0o077).toBe(0);
  await start(adopt);
  expect(backups).toEqual([`${path}.old`]);
});

test('a file that is not there and a directory that takes none is an error with both', async () => {
  const blocked = new SingleFileStore({ path: '/dev/null/none/acme.json', option: 'some.storage' });
  await expect(blocked.start()).rejects.toThrow(/^some\.storage: \/dev\/null\/none\/acme\.json cannot be used: E/);
});

test('cannot be used before it is started', async () => {
  const store = new SingleFileStore({ path, option: 'some.storage' });
  await expect((async () => store.get('k'))()).rejects.toThrow('not been started');
});

const KEYS = 'k'.repeat(20_000);

test.each([
  ['by a rename', null],
  ['in place', 'EBUSY'],
  ['in place, from another file system', 'EXDEV'],
])('a full disk costs an error and nothing that was there: %s', async (_, renameError) => {
  for (let free = 0; free < 70_000; free += 1_500) {
    await rm(path, { force: true });
    await (await start()).put('old', KEYS);
    const disk = new SmallDisk();
    disk.renameError = renameError;
    const store = new SingleFileStore({ path, option: 'some.storage', files: disk });
    await store.start();
    disk.freeBytes = free;
    const outcome = await store.put('new', KEYS).then(
      () => 'written',
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    expect(['written', 'ENOSPC']).toContain(outcome);
    expect(await readdir(directory)).toEqual(['acme.json']);
    const later = await start();
    expect(await later.get('old')).toBe(KEYS);
    expect(await later.get('new')).toBe(outcome === 'written' ? KEYS : null);
    // With room again, what could not be written goes with the next write.
    disk.freeBytes = Number.POSITIVE_INFINITY;
    await store.put('next', 1);
    expect(await (await start()).list('')).toEqual(['new', 'next', 'old']);
  }
});

test('a process that ends at any step of a rewriting in place leaves the old or the new', async () => {
  for (const [before, after] of [
    ['long'.repeat(200), 'short'],
    ['short', 'long'.repeat(200)],
  ] as const) {
    let seen = '';
    for (let steps = 0; !seen.endsWith('whole'); steps++) {
      await rm(path, { force: true });
      await (await start()).put('k', before);
      const disk = new SmallDisk();
      disk.renameError = 'EBUSY';
      const store = new SingleFileStore({ path, option: 'some.storage', files: disk });
      await store.start();
      disk.stepsLeft = steps;
      const isWhole = await store.put('k', after).then(
        () => true,
        () => false,
      );
      const found = await (await start()).get('k');
      expect([before, after]).toContain(found);
      seen += isWhole ? ' whole' : ` ${found === before ? 'old' : 'new'}`;
    }
    expect(seen).toMatch(/old.*new.*whole$/);
  }
});

test('a rewriting that was broken off is told of when the copy is used', async () => {
  const store = await start();
  await store.put('k', 'new');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, `${whole.slice(0, 30)}${'x'.repeat(300)}\n${whole}`);
  let recovered = 0;
  const later = new SingleFileStore({ path, option: 'some.storage', onRecovered: () => recovered++ });
  await later.start();
  expect(await later.get('k')).toBe('new');
  expect(recovered).toBe(1);
});

test('a symbolic link stays one', async () => {
  await mkdir(join(directory, 'volume'));
  await writeFile(join(directory, 'volume', 'real.json'), '', { mode: 0o600 });
  await symlink('volume/real.json', path);
  const store = await start();
  await store.put('k', 1);
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
  expect(await (await start()).get('k')).toBe(1);
});
