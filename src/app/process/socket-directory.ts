// The directory of the sockets that workers reach the internal services by. It is this process's alone, for this user
// alone, and goes with it; what a killed process has left is cleared away by the next one.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
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
