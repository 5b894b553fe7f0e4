// A lock on a directory against a second process. It names its holder, so that the lock of a process that is gone can be
// told from that of one that lives, also when the process id has been given to another since.

import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's own count; '' where there is no such count. */
  readonly began: string;
}

/** A lock that is taken over may be taken by another at the same moment. */
const MAX_ATTEMPTS = 3;

/** Resolves to the way to give the lock back. Rejects with ERR_STATE_LOCKED while another process holds it. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  const own: Holder = { pid: process.pid, host: hostname(), began: await beginOf(process.pid) };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(own));
      await file.sync();
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = await readHolder(path);
    if (holder !== null && (await isAlive(holder))) {
      throw new SignalboxError(
        'ERR_STATE_LOCKED',
        `state.directory: process ${holder.pid} on ${holder.host} uses ${directory}; stop it, or give this one a directory of its own. If that process is gone, remove ${path}`,
      );
    }
    await rm(path, { force: true });
  }
  throw new SignalboxError('ERR_STATE_LOCKED', `state.directory: several processes want ${directory} at once`);
}

/** Null when the lock was written by half: its writer died. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder> | null; // Checked in the next line.
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' && typeof holder.began === 'string'
      ? { pid: holder.pid, host: holder.host, began: holder.began }
      : null;
  } catch {
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  // A directory shared between machines: of another's processes nothing can be known.
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // Not allowed to signal it, so it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return holder.began === (await beginOf(holder.pid));
}

async function beginOf(pid: number): Promise<string> {
  try {
    // The name of a program, in parentheses, may hold anything; the 22nd field is counted from behind it.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
