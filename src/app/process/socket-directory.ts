// The directory of the sockets that workers, and commands of this user, reach the internal services by. It is this
// process's alone, for this user alone, and goes with it; what a killed process has left is cleared away by the next
// one.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';

const PREFIX = 'signalbox-run-';
/** A name of a socket may have some hundred bytes. */
const MAX_PATH_BYTES = 80;
/** One that begins has no sockets for a moment. */
const MIN_AGE_MS = 60_000;

/** Where directories may be made: as the environment says, or where every system has room. */
function candidates(): readonly string[] {
  return [...new Set([tmpdir(), '/tmp', '/run', '/dev/shm', '/var/tmp'])];
}

/** Throws ERR_TEMPORARY_UNUSABLE. */
export function makeSocketDirectory(places = candidates()): string {
  const reasons: string[] = [];
  for (const place of places) {
    if (Buffer.byteLength(place) > MAX_PATH_BYTES) {
      reasons.push(`${place}: its name is too long for a socket in it`);
      continue;
    }
    try {
      return mkdtempSync(join(place, PREFIX));
    } catch (error) {
      reasons.push(`${place}: ${error instanceof Error && 'code' in error ? String(error.code) : String(error)}`);
    }
  }
  throw new SignalboxError(
    'ERR_TEMPORARY_UNUSABLE',
    `no directory can be made for sockets between threads (${reasons.join('; ')}); name one in TMPDIR that this user may write to`,
  );
}

/**
 * The directory that is named, so that commands know where to ask; null when it cannot be had: somebody listens in it,
 * it is another user's, or holds something else.
 */
export async function takeRunDirectory(path: string): Promise<string | null> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // No link: whoever made it could lead it elsewhere afterwards.
    const info = lstatSync(path);
    if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o077) !== 0) return null;
    const left = readdirSync(path).map((name) => join(path, name));
    // A directory that is used for something else as well is none that may go with this process.
    if (!left.every((one) => lstatSync(one).isSocket())) return null;
    if ((await Promise.all(left.map(isListening))).includes(true)) return null;
    for (const one of left) rmSync(one, { force: true });
    return path;
  } catch {
    return null;
  }
}

/** Removes directories of processes that are gone: theirs are sockets that nobody listens on. */
export async function clearLeftDirectories(nowMs: number, places = candidates()): Promise<void> {
  const own = process.getuid?.();
  for (const place of places) {
    for (const name of namesIn(place)) {
      if (!name.startsWith(PREFIX)) continue;
      const path = join(place, name);
      try {
        const info = statSync(path);
        if (info.uid !== own || nowMs - info.mtimeMs < MIN_AGE_MS) continue;
        const listening = await Promise.all(readdirSync(path).map((socket) => isListening(join(path, socket))));
        if (!listening.includes(true)) rmSync(path, { recursive: true, force: true });
      } catch {
        // Somebody else has cleared it away, or it is none of ours.
      }
    }
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Whatever else it is counts as somebody's. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
