import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readNamedFile, readNamedFileSync, unreadableReason } from './named-file.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-named-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** What both ways of reading make of it. */
async function outcomes(path: string, maxBytes = 1024): Promise<readonly string[]> {
  const waited = await readNamedFile(path, maxBytes).then(({ text }) => text, unreadableReason);
  let at: string;
  try {
    at = readNamedFileSync(path, maxBytes);
  } catch (error) {
    at = unreadableReason(error);
  }
  return [waited, at];
}

const both = (text: string): readonly string[] => [text, text];

test('a file is read whole, also one that does not know its size', async () => {
  const path = join(directory, 'file');
  const text = 'é'.repeat(100_000);
  writeFileSync(path, text);
  expect(await outcomes(path, 200_000)).toEqual(both(text));
  expect((await outcomes('/proc/self/status', 100_000))[1]).toContain('VmSize');
});

test('more than the bound is never taken', async () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'x'.repeat(1025));
  expect(await outcomes(path)).toEqual(both('it is larger than 1 KiB'));
  expect(await outcomes('/proc/self/smaps', 64)).toEqual(both('it is larger than 0.0625 KiB'));
});

test('what is no file is named, and nobody waits for it', async () => {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  expect(await outcomes(fifo)).toEqual(both('it is a named pipe; expected a regular file'));
  mkdirSync(join(directory, 'd'));
  expect(await outcomes(join(directory, 'd'))).toEqual(both('it is a directory; expected a regular file'));
  for (const path of ['/dev/zero', '/dev/tty', '/dev/full', '/dev/random']) {
    expect(await outcomes(path)).toEqual(both('it is a device; expected a regular file'));
  }
  const socket = join(directory, 'socket');
  const server = net.createServer().listen(socket);
  await new Promise((resolve) => server.once('listening', resolve));
  expect(await outcomes(socket)).toEqual(both('it is a socket; expected a regular file'));
  server.close();
});

test('what is not there has the system’s code', async () => {
  expect(await outcomes(join(directory, 'none'))).toEqual(both('ENOENT'));
});
