import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileOutput, StreamOutput, WholeLines } from './line-output.ts';
import { ApplicationLog } from './log.ts';

/** Longer than any of these takes; never waited for. */
const LONG_MS = 60_000;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-lines-'));
});

afterEach(() => rm(directory, { recursive: true }));

/** A stream whose reader takes nothing until it is told to. */
class Stuck extends Writable {
  taken = '';
  #waiting: (() => void)[] = [];

  constructor() {
    super({ decodeStrings: false, highWaterMark: 1 });
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.#waiting.push(() => {
      this.taken += chunk;
      done();
    });
  }

  async read(): Promise<void> {
    while (this.#waiting.length > 0) {
      for (const take of this.#waiting.splice(0)) take();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('after a short write the next line begins on a new line', async () => {
  let free = 6;
  let disk = '';
  const lines = new WholeLines((bytes) => {
    const fits = Math.min(bytes.length, free);
    if (fits === 0) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    free -= fits;
    disk += Buffer.from(bytes.subarray(0, fits)).toString();
    return Promise.resolve(fits);
  });
  await expect(lines.write(Buffer.from('one\ntwo\nthree\n'))).rejects.toThrow('full');
  await expect(lines.write(Buffer.from('lost\n'))).rejects.toThrow('full');
  free = 100;
  await lines.write(Buffer.from('four\n'));
  expect(disk).toBe('one\ntw\nfour\n');
  // Cut between two lines.
  free = 5;
  await expect(lines.write(Buffer.from('five\nsix\n'))).rejects.toThrow('full');
  free = 100;
  await lines.write(Buffer.from('seven\n'));
  expect(disk).toBe('one\ntw\nfour\nfive\nseven\n');
});

test('a reader that takes nothing costs lines, which are counted and told of', async () => {
  const stream = new Stuck();
  const log = new ApplicationLog({ level: 'info', format: 'json', filePath: '' }, new StreamOutput(stream, 10_000));
  for (let count = 0; count < 1_000; count++) log.info('x'.repeat(1_000));
  expect(log.dropped).toBeGreaterThan(985);
  const { dropped } = log;
  expect(stream.writableLength).toBeLessThanOrEqual(10_000);
  await stream.read();
  log.info('again');
  await stream.read();
  const said = stream.taken
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; lines?: number });
  expect(said.slice(-2).map(({ msg, lines }) => [msg.slice(0, 14), lines])).toEqual([
    ['again', undefined],
    ['lines of this ', dropped],
  ]);
  // Nothing is waited for that is not there.
  await log.flush(LONG_MS);
});

test('a reader that is gone costs nothing else', async () => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  const output = new StreamOutput(stream);
  output.write('a\n');
  await new Promise((resolve) => setImmediate(resolve));
  expect(output.write('b\n')).toBe(false);
  await output.flush(LONG_MS);
});

test('a file has every line in order, also over a change of the file', async () => {
  const path = join(directory, 'log');
  const output = new FileOutput(path);
  for (let count = 0; count < 500; count++) output.write(`${count}\n`);
  await output.flush(LONG_MS);
  await rename(path, `${path}.1`);
  output.write('500\n');
  await output.flush(LONG_MS);
  output.reopen(path);
  for (let count = 501; count < 1_000; count++) output.write(`${count}\n`);
  await output.flush(LONG_MS);
  const all = (await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'));
  expect(all).toBe(Array.from({ length: 1_000 }, (_, count) => `${count}\n`).join(''));
});

test('a full device takes nothing and holds up nothing', async () => {
  const output = new FileOutput('/dev/full');
  for (let count = 0; count < 100; count++) expect(output.write('x\n')).toBe(true);
  await output.flush(LONG_MS);
});

test('a named pipe that nobody reads is an error, not a wait', () => {
  const path = join(directory, 'fifo');
  execFileSync('mkfifo', [path]);
  expect(() => new FileOutput(path)).toThrow('ENXIO');
});
