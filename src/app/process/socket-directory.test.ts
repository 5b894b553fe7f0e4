import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clearLeftDirectories, makeSocketDirectory, takeRunDirectory } from './socket-directory.ts';

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'signalbox-place-'));
});

afterEach(() => rmSync(place, { recursive: true }));

test('a place that is missing, no directory, or too long is passed over', () => {
  writeFileSync(join(place, 'file'), '');
  const long = join(place, 'x'.repeat(90));
  mkdirSync(long);
  expect(makeSocketDirectory([join(place, 'none'), join(place, 'file'), long, place])).toMatch(
    new RegExp(`^${place}/signalbox-run-`),
  );
  expect(() => makeSocketDirectory([join(place, 'none'), long])).toThrow(/none: ENOENT; .*too long.*TMPDIR/);
});

/** A socket of a process that was killed. */
async function leaveSocket(path: string): Promise<void> {
  const child = spawn(process.execPath, [
    '-e',
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))",
    path,
  ]);
  await once(child, 'exit');
}

test('a directory that is named is made, and taken again with what a killed process has left', async () => {
  const path = join(place, 'above', 'run');
  expect(await takeRunDirectory(path)).toBe(path);
  await leaveSocket(join(path, 'owner'));
  expect(existsSync(join(path, 'owner'))).toBe(true);
  expect(await takeRunDirectory(path)).toBe(path);
  expect(existsSync(join(path, 'owner'))).toBe(false);
});

test('a directory that is named is left to whoever has it', async () => {
  const used = join(place, 'used');
  await takeRunDirectory(used);
  const server = net.createServer((socket) => socket.destroy()).listen(join(used, 'owner'));
  await once(server, 'listening');
  expect(await takeRunDirectory(used)).toBe(null);
  server.close();

  const home = join(place, 'home');
  await takeRunDirectory(home);
  writeFileSync(join(home, 'letter'), '');
  expect(await takeRunDirectory(home)).toBe(null);
  expect(existsSync(join(home, 'letter'))).toBe(true);

  const open = join(place, 'open');
  mkdirSync(open);
  chmodSync(open, 0o755);
  symlinkSync(used, join(place, 'link'));
  for (const other of ['open', 'link', 'home/letter', 'home/letter/below'])
    expect([other, await takeRunDirectory(join(place, other))]).toEqual([other, null]);
});

test('what killed processes have left is cleared away, and nothing else', async () => {
  const make = (name: string): string => {
    const path = join(place, name);
    mkdirSync(path);
    return path;
  };
  const [dead, alive, young, empty, file] = ['dead', 'alive', 'young', 'empty', 'file'].map((name) =>
    make(`signalbox-run-${name}`),
  );
  const foreign = make('signalbox-other');
  for (const path of [dead, young]) await leaveSocket(join(path!, 'socket'));
  const server = net.createServer((socket) => socket.destroy()).listen(join(alive!, 'socket'));
  await once(server, 'listening');
  writeFileSync(join(file!, 'text'), '');
  for (const path of [dead, alive, empty, file, foreign]) utimesSync(path!, 1, 1);
  await clearLeftDirectories(Date.now(), [place, join(place, 'none')]);
  expect([dead, alive, young, empty, file, foreign].map((path) => existsSync(path!))).toEqual([
    false,
    true,
    true,
    false,
    // Not a socket: nobody listens on it.
    false,
    true,
  ]);
  server.close();
});
