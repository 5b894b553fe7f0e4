import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  ['a later form', (text: string) => text.replace('"signalbox": 1', '"signalbox": 2'), /version 2/],
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
