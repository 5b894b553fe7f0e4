import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDirectory, STALE_MS } from './file-lock.ts';

let directory: string;
let path: string;
let children: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-lock-'));
  path = join(directory, 'lock');
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

const lockOf = (pid: number, began: string, host = hostname()): Promise<void> =>
  writeFile(path, JSON.stringify({ pid, host, began }));

/** A process that says what became of its try, and goes on until its input ends. */
const CONTENDER = `
const { lockDirectory } = await import(${JSON.stringify(new URL('../../../dist/controlplane/store/file-lock.js', import.meta.url).href)});
process.stdin.once('data', async () => {
  try {
    globalThis.lock = await lockDirectory(process.argv[1]);
    console.log('held');
  } catch (error) {
    console.log(error.code ?? String(error));
  }
});
console.log('here');
process.stdin.on('end', () => process.exit());
`;

async function contend(count: number): Promise<string[]> {
  const all = Array.from({ length: count }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', CONTENDER, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  });
  await Promise.all(all.map(({ stdout }) => once(stdout, 'data')));
  const outcomes = all.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim());
  for (const { stdin } of all) stdin.write('go');
  const found = await Promise.all(outcomes);
  for (const child of all) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  return found.toSorted();
}

test.each([2, 6])('of %i that start over a dead lock, one holds it', async (count) => {
  const others = Array.from({ length: count - 1 }, () => 'ERR_STATE_LOCKED');
  // The first round is over a lock of somebody else's making, the others over that of the killed one before.
  await lockOf(2 ** 22 + 1, '1');
  for (let round = 0; round < 10; round++) expect(await contend(count)).toEqual([...others, 'held']);
});

test('of several that start over no lock, one holds it', async () => {
  for (let round = 0; round < 5; round++) {
    expect(await contend(3)).toEqual(['ERR_STATE_LOCKED', 'ERR_STATE_LOCKED', 'held']);
    await rm(path);
  }
});

test('an owner that died with its claim does not keep the lock', async () => {
  await lockOf(2 ** 22 + 1, '1');
  // Who has won the claim and is killed before using it: all but the last step.
  const dead = JSON.stringify({ pid: 2 ** 22 + 2, host: hostname(), began: '1', processes: '', id: 'x' });
  await lockOf(2 ** 22 + 1, '1');
  const text = `${await readFile(path, 'utf8')} ${(await stat(path)).ino}`;
  const identity = createHash('sha256').update(text).digest('hex').slice(0, 32);
  await writeFile(join(directory, `lock.claim-${identity}`), dead);
  await (await lockDirectory(directory)).release();
  expect(await readdir(directory)).toEqual([]);
});

test('a process that ended and was not waited for holds nothing', async () => {
  // The parent does not wait for its child: a shell that has become something else.
  const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$; read line; exit" <&3 & exec 3<&-; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  children.push(parent);
  const pid = Number(String((await once(parent.stdout!, 'data'))[0]));
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  await lockOf(pid, fields[19]!);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED' });
  const input = parent.stdio[3] as NodeJS.WritableStream;
  input.end('end\n');
  for (;;) {
    const state = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]![0];
    if (state === 'Z') break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await (await lockDirectory(directory)).release();
});

test('a holder elsewhere that gives signs of life keeps the lock', async () => {
  await lockOf(1, '1', 'elsewhere');
  const told: unknown[] = [];
  let looks = 0;
  const locked = lockDirectory(directory, {
    waiting: (holder) => told.push(holder),
    async wait() {
      looks++;
      if (looks === 3) await utimes(path, new Date(), new Date(Date.now() + looks));
    },
  });
  await expect(locked).rejects.toMatchObject({
    code: 'ERR_STATE_LOCKED',
    message: expect.stringContaining('process 1 on elsewhere') as string,
  });
  expect(looks).toBe(3);
  expect(told).toEqual([{ pid: 1, host: 'elsewhere' }]);
  expect(await readdir(directory)).toEqual(['lock']);
});

test('a holder elsewhere that gives none has lost it: at once when the lock is old, else after a while', async () => {
  let waitedMs = 0;
  const wait = (ms: number): Promise<void> => {
    waitedMs += ms;
    return Promise.resolve();
  };
  await lockOf(1, '1', 'elsewhere');
  await (await lockDirectory(directory, { wait })).release();
  expect(waitedMs).toBe(STALE_MS);
  waitedMs = 0;
  await lockOf(1, '1', 'elsewhere');
  await utimes(path, 0, 0);
  const lock = await lockDirectory(directory, { wait });
  expect(waitedMs).toBe(0);
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});

test('processes of another container are not taken for ours, though the name is the same', async () => {
  const lock = { pid: process.pid, host: hostname(), began: '1', processes: 'another boot pid:[1]', id: 'x' };
  await writeFile(path, JSON.stringify(lock));
  let looks = 0;
  await (
    await lockDirectory(directory, {
      wait() {
        looks++;
        return Promise.resolve();
      },
    })
  ).release();
  expect(looks).toBeGreaterThan(0);
});

test('a holder that was taken for dead knows, and leaves the other’s lock alone', async () => {
  const first = await lockDirectory(directory);
  expect(await first.isHeld()).toBe(true);
  await lockOf(1, '1', 'elsewhere');
  expect(await first.isHeld()).toBe(false);
  await first.release();
  expect(await readFile(path, 'utf8')).toContain('elsewhere');
});

test('a lock that somebody removed is put back', async () => {
  const lock = await lockDirectory(directory);
  await rm(path);
  expect(await lock.isHeld()).toBe(true);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED' });
  await lock.release();
  expect(await readdir(directory)).toEqual([]);
});
