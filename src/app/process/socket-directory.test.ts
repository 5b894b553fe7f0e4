import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clearLeftDirectories, makeSocketDirectory } from './socket-directory.ts';

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
  for (const path of [dead, young]) {
    const child = spawn(process.execPath, [
      '-e',
      "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))",
      join(path!, 'socket'),
    ]);
    await once(child, 'exit');
  }
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
