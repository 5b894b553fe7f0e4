import { createHash } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SignalboxError } from '../../core/errors.ts';
import { FileStore } from './file-store.ts';
import { StoredHistory } from './stored-history.ts';

let directory: string;
let corrupt: string[];
let open: FileStore[];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'signalbox-store-')), 'state');
  corrupt = [];
  open = [];
});

afterEach(async () => {
  for (const store of open) await store.stop();
  await rm(join(directory, '..'), { recursive: true });
});

async function start(): Promise<FileStore> {
  const store = new FileStore({ directory, now: () => 7, onCorrupt: (_, reason) => corrupt.push(reason) });
  await store.start();
  open.push(store);
  return store;
}

test('gives back what was put, over restarts, for its owner alone', async () => {
  const first = await start();
  await first.put('a/b', { text: 'é', list: [1, null] });
  await first.put('a/c', 1);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'a/b.json'))).mode & 0o777).toBe(0o600);
  await first.stop();
  const second = await start();
  expect(await second.get('a/b')).toEqual({ text: 'é', list: [1, null] });
  expect(await second.get('a/none')).toBeNull();
  expect(await second.list('a/')).toEqual(['a/b', 'a/c']);
  await second.delete('a/b');
  expect(await second.get('a/b')).toBeNull();
  expect(await second.list('')).toEqual(['a/c']);
});

test('writes of one key take effect in order', async () => {
  const store = await start();
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.put('k', index)));
  expect(await store.get('k')).toBe(19);
});

test.each([
  ['half a file', (text: string) => text.slice(0, text.length / 2), 'JSON'],
  ['a changed byte', (text: string) => text.replace('second', 'secund'), 'checksum'],
  ['nothing', () => '', 'JSON'],
  ['no form', (text: string) => text.replace('"schema":1', '"schema":0'), 'schema version 0'],
])('%s is set aside and reported, and the document before counts', async (_, damage, reason) => {
  const store = await start();
  await store.put('k', 'first');
  await store.put('k', 'second');
  const path = join(directory, 'k.json');
  const damaged = damage(await readFile(path, 'utf8'));
  await writeFile(path, damaged);
  expect(await store.get('k')).toBe('first');
  expect(corrupt).toEqual([expect.stringContaining(reason)]);
  expect(await readFile(`${path}.corrupt-7`, 'utf8')).toBe(damaged);
  // And goes on.
  await store.put('k', 'third');
  expect(await store.get('k')).toBe('third');
});

test('a document of a newer program is refused, and stays as it is', async () => {
  const store = await start();
  await store.put('k', 'first');
  await store.put('k', 'second');
  const path = join(directory, 'k.json');
  const newer = (await readFile(path, 'utf8')).replace('"schema":1', '"schema":2');
  await writeFile(path, newer);
  await expect(store.get('k')).rejects.toThrow(/k\.json" has the format 2, and this program knows 1: .* Run that one/);
  expect(corrupt).toEqual([]);
  expect(await readFile(path, 'utf8')).toBe(newer);
});

test('documents of programs without revisions have one, and later ones are greater than any before', async () => {
  await mkdir(directory, { recursive: true });
  const payload = JSON.stringify('before');
  const sha256 = createHash('sha256').update(payload).digest('hex');
  await writeFile(join(directory, 'old.json'), `${JSON.stringify({ schema: 1, sha256 })}\n${payload}\n`);
  const first = await start();
  expect(await first.read('old')).toEqual({ value: 'before', revision: 1 });
  const given = await first.put('new', 1);
  await first.delete('new');
  const last = first.revision;
  expect([given > 1, last > given]).toEqual([true, true]);
  await first.stop();
  const second = await start();
  // Also than those that left nothing behind.
  expect(await second.put('new', 2)).toBeGreaterThan(last);
  expect(() => second.watch('', last - 1, () => {})).toThrow(/not kept; list again/);
});

test('a second process is refused by the name of the first, and a dead one does not keep the directory', async () => {
  await mkdir(directory, { recursive: true });
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(holder.stdout, 'data');
  const fields = (await readFile(`/proc/${holder.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  const lock = (began: string, host = hostname()): Promise<void> =>
    writeFile(join(directory, 'lock'), JSON.stringify({ pid: holder.pid, host, began }));
  await lock(fields[19]!);
  const error: unknown = await start().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SignalboxError);
  expect(error).toMatchObject({ code: 'ERR_STATE_LOCKED' });
  expect(String(error)).toContain(`process ${holder.pid}`);
  // The same number, given to another process since.
  await lock('1');
  await (await start()).stop();
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await lock(fields[19]!);
  await (await start()).stop();
  // Written by half.
  await writeFile(join(directory, 'lock'), '{"pid":');
  await start();
});

test('a directory that cannot be used is an error that names the option', async () => {
  await mkdir(join(directory, '..'), { recursive: true });
  await writeFile(directory, 'a file');
  await expect(start()).rejects.toMatchObject({ code: 'ERR_STATE_UNUSABLE', message: expect.stringContaining('state.directory') as string });
}); // prettier-ignore

test('keys are names, not paths', async () => {
  const store = await start();
  for (const key of ['', '../x', 'a//b', '/a', 'a/', '.hidden', 'a/../b', 'a b', 'x'.repeat(201)]) {
    await expect(store.put(key, 1)).rejects.toThrow(TypeError);
  }
});

const NOTHING = { routers: 0, middlewares: 0, services: 0 };

test('of compiled snapshots of earlier versions, those with secrets in them go, but for the pinned one', async () => {
  const store = await start();
  const written = { 'middleware m@file': [{ path: ['x'], written: '${SECRET}' }] };
  const compiled = (version: number, rest: object): object => ({ version, format: 5, createdAt: version, ...rest });
  await store.put('snapshots/000000000001', compiled(1, { written }));
  await store.put('snapshots/000000000002', compiled(2, { written }));
  await store.put('snapshots/000000000003', compiled(3, {}));
  await store.put('snapshots/000000000004', { ...compiled(4, {}), format: 4 });
  await store.put('pin', { version: 2 });
  const history = new StoredHistory(store, (error) => {
    throw error;
  });
  const { entries, pinned } = await history.load();
  expect(entries.map(({ version }) => version)).toEqual([2, 3]);
  expect(pinned).toBe(2);
  expect(await store.list('snapshots/')).toEqual([2, 3, 4].map((version) => `snapshots/00000000000${version}`));
});

test('history comes back with its pin, and a pin of what is gone does not', async () => {
  const store = await start();
  const history = new StoredHistory(store, (error) => {
    throw error;
  });
  for (const version of [9, 10, 11])
    history.append({ version, digest: `d${version}`, createdAt: version, counts: NOTHING, forms: [] });
  history.pin(10);
  await history.flush();
  expect((await history.load()).entries.map(({ version }) => version)).toEqual([9, 10, 11]);
  expect((await history.load()).pinned).toBe(10);
  history.remove(10);
  await history.flush();
  expect((await history.load()).pinned).toBeNull();
});

/** A child that writes 1, 2, 3 … and says each once it is safe. */
const WRITER = `
import { FileStore } from ${JSON.stringify(new URL('../../../dist/controlplane/store/file-store.js', import.meta.url).href)};
const store = new FileStore({ directory: process.argv[1], now: () => 0, onCorrupt: (path, reason) => console.log('corrupt ' + reason) });
await store.start();
const first = ((await store.get('k')) ?? { version: 0 }).version + 1;
for (let version = first; ; version++) {
  await store.put('k', { version, filler: 'x'.repeat(version * 997 % 20000) });
  process.stdout.write(version + '\\n');
}
`;

/** Reproducible: a linear congruential generator (Numerical Recipes). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Of the writing process; each is a start of Node. */
const KILLS = Number(process.env['STORE_KILLS'] ?? 40);

test('kill -9 at any moment of a write: the last document is there, or the one before', async () => {
  const random = seeded(20_261_123);
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // After some writes and some turns of a loop: the moment falls anywhere between two steps of the next one.
    let left = 1 + Math.floor(random() * 5);
    const spin = Math.floor(random() * 200_000);
    let said = '';
    writer.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      left -= chunk.toString().split('\n').length;
      if (left > 0) return;
      for (let count = 0; count < spin; count++) Math.sqrt(count);
      writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    expect(said).not.toContain('corrupt');
    acknowledged = Math.max(acknowledged, ...said.split('\n').map(Number));
    const store = await start();
    const found = (await store.get('k')) as { version: number } | null;
    await store.stop();
    expect(found).not.toBeNull();
    // Everything that was called safe is there; a write that was under way may be.
    expect(found!.version).toBeGreaterThanOrEqual(acknowledged);
    expect(found!.version).toBeLessThanOrEqual(acknowledged + 1);
    acknowledged = found!.version;
  }
  expect(corrupt).toEqual([]);
  expect((await readdir(directory)).filter((name) => name.endsWith('.new'))).toEqual([]);
}); // prettier-ignore

test('kill -9 before and after every step of the write', () => {
  // The steps are those of node:fs/promises, in which the child counts down to its own death.
  const script = `
import * as fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import promises from 'node:fs/promises';
let left = Number(process.argv[2]);
const step = () => { if (left-- === 0) process.kill(process.pid, 'SIGKILL'); };
for (const name of ['mkdir', 'open', 'link', 'rename', 'rm', 'copyFile']) {
  const real = promises[name];
  promises[name] = async (...args) => { if (armed) step(); const result = await real(...args); if (armed) step(); return result; };
}
syncBuiltinESMExports();
let armed = false;
const { FileStore } = await import(${JSON.stringify(new URL('../../../dist/controlplane/store/file-store.js', import.meta.url).href)});
const store = new FileStore({ directory: process.argv[1], now: () => 0, onCorrupt: () => process.exit(9) });
await store.start();
const before = await store.get('k');
if (process.argv[2] === 'read') { console.log(JSON.stringify(before)); await store.stop(); process.exit(0); }
await store.put('k', 'old');
await store.put('k', 'old');
armed = true;
await store.put('k', 'new');
armed = false;
await store.stop();
console.log('finished');
`;
  const run = (argument: string): { stdout: string; signal: NodeJS.Signals | null } => {
    const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script, directory, argument], {
      encoding: 'utf8',
    });
    return { stdout, signal };
  };
  let killed = 0;
  for (let step = 0; ; step++) {
    const { stdout, signal } = run(String(step));
    if (signal === null) {
      expect(stdout).toBe('finished\n');
      break;
    }
    expect(signal).toBe('SIGKILL');
    killed++;
    expect(run('read').stdout).toMatch(/^"(?:old|new)"\n$/);
  }
  expect(killed).toBeGreaterThan(8);
});
