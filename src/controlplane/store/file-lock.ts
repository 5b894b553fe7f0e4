// A lock on a directory against a second process. It names its holder, so that the lock of a process that is gone can
// be told from that of one that lives; where processes cannot be seen, as on another machine, the holder's heart beat
// tells.
//
//   no lock ──link──▶ HELD        A lock appears whole or not at all, and for one of those who want it.
//   dead lock ──claim──▶ HELD     Only who has the claim on this very lock may replace it; a claim is a lock, too, and
//                                 one whose owner died is claimed in turn.

import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, readlink, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { refuseNewer } from './documents.ts';

/** Of what is in a lock. */
const FORMAT = 1;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's own count; '' where there is no such count. */
  readonly began: string;
  /** Where its process id means something: this start of the machine and its name space; '' when unknown. */
  readonly processes: string;
}

/** A lock as it was found. */
interface Found {
  /** Null when it was written by half: its writer died. */
  readonly holder: Holder | null;
  /** Never that of another lock. */
  readonly identity: string;
  readonly modifiedMs: number;
}

export interface DirectoryLock {
  /** False when another process has taken the lock, taking this one for dead. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

export interface LockTiming {
  /** Between two looks at a lock whose holder cannot be seen. */
  wait(ms: number): Promise<void>;
  /** Told before the first of them. */
  waiting(holder: { readonly pid: number; readonly host: string }): void;
}

const LOCK = 'lock';
const CLAIM = 'lock.claim-';
const TEMPORARY = '.new';
const BEAT_MS = 3_000;
/** A holder that has not given a sign for so long is gone. */
export const STALE_MS = 15_000;
const LOOK_MS = 1_000;
/** Where there are no hard links a lock is written in two steps. */
const HALF_WRITTEN_MS = 500;
/** What is looked at may change hands at the same moment. */
const MAX_ATTEMPTS = 20;
const MAX_CLAIMS = 20;

const TIMING: LockTiming = {
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  waiting: () => {},
};

/** Rejects with ERR_STATE_LOCKED while another process holds it. */
export async function lockDirectory(directory: string, timing: Partial<LockTiming> = {}): Promise<DirectoryLock> {
  const attempt = new Attempt(directory, { ...TIMING, ...timing });
  try {
    for (let left = MAX_ATTEMPTS; left > 0; left--) {
      const lock = await attempt.try();
      if (lock !== null) return lock;
    }
  } finally {
    await attempt.end();
  }
  throw new SignalboxError('ERR_STATE_LOCKED', `state.directory: several processes want ${directory} at once`);
}

class Attempt {
  readonly #directory: string;
  readonly #path: string;
  readonly #timing: LockTiming;
  #own = '';
  #temporary: string | null = null;
  #hasWaited = false;

  constructor(directory: string, timing: LockTiming) {
    this.#directory = directory;
    this.#path = join(directory, LOCK);
    this.#timing = timing;
  }

  /** Null when something has changed meanwhile: look again. */
  async try(): Promise<DirectoryLock | null> {
    const temporary = await this.#write();
    const handle = await create(temporary, this.#path);
    if (handle !== null) return this.#held(handle);
    const found = await look(this.#path);
    if (found === null) return null;
    if (!(await this.#isDead(this.#path, found))) return null;
    const claims = await this.#claim(found);
    if (claims === null) return null;
    // Whoever claimed it before has replaced it before giving up the claim.
    const present = await look(this.#path);
    if (present?.identity !== found.identity) {
      await rm(claims.at(-1)!, { force: true });
      return null;
    }
    await rename(temporary, this.#path);
    this.#temporary = null;
    return this.#held(await open(this.#path, 'r+'));
  }

  async end(): Promise<void> {
    if (this.#temporary !== null) await rm(this.#temporary, { force: true }).catch(() => {});
  }

  /** The lock as it is to be, under a name of its own. */
  async #write(): Promise<string> {
    await this.end();
    const id = randomUUID();
    const own = await ownHolder();
    this.#own = JSON.stringify({ ...own, id, format: FORMAT });
    this.#temporary = join(this.#directory, `${LOCK}.${id}${TEMPORARY}`);
    const file = await open(this.#temporary, 'wx', 0o600);
    try {
      await file.writeFile(this.#own);
      await file.sync();
    } finally {
      await file.close();
    }
    return this.#temporary;
  }

  /**
   * The claims that were made on the way to the right to replace this lock; null when another's lock is to be looked at
   * again.
   */
  async #claim(dead: Found): Promise<readonly string[] | null> {
    const claims: string[] = [];
    let { identity } = dead;
    while (claims.length < MAX_CLAIMS) {
      const path = join(this.#directory, CLAIM + identity);
      claims.push(path);
      const handle = await create(this.#temporary!, path);
      if (handle !== null) {
        await handle.close();
        return claims;
      }
      const claim = await look(path);
      if (claim === null || !(await this.#isDead(path, claim))) return null;
      ({ identity } = claim);
    }
    return null;
  }

  /** Rejects when its holder lives; false when it is another's by now. */
  async #isDead(path: string, found: Found): Promise<boolean> {
    if (found.holder === null) {
      await this.#timing.wait(HALF_WRITTEN_MS);
      return (await look(path))?.identity === found.identity;
    }
    const { pid, host } = found.holder;
    switch (await stateOf(found.holder)) {
      case 'gone':
        return true;
      case 'alive':
        throw this.#locked(found.holder);
      case 'unseen':
    }
    // Both times are the file system's own: clocks of two machines differ.
    if ((await stat(this.#temporary!)).mtimeMs - found.modifiedMs > STALE_MS) return true;
    if (!this.#hasWaited) this.#timing.waiting({ pid, host });
    this.#hasWaited = true;
    for (let waitedMs = 0; waitedMs < STALE_MS; waitedMs += LOOK_MS) {
      await this.#timing.wait(LOOK_MS);
      const present = await look(path);
      if (present?.identity !== found.identity) return false;
      if (present.modifiedMs !== found.modifiedMs) throw this.#locked(found.holder);
    }
    return true;
  }

  #locked({ pid, host }: Holder): SignalboxError {
    return new SignalboxError(
      'ERR_STATE_LOCKED',
      `state.directory: process ${pid} on ${host} uses ${this.#directory}; stop it, or give this one a directory of its own. If that process is gone, remove ${this.#path}`,
    );
  }

  async #held(handle: FileHandle): Promise<DirectoryLock> {
    // Claims on what is no more; nobody lives who could still use one.
    for (const name of await readdir(this.#directory)) {
      if (name.startsWith(CLAIM)) await rm(join(this.#directory, name), { force: true });
    }
    return new HeldLock(this.#path, this.#own, handle);
  }
}

class HeldLock implements DirectoryLock {
  readonly #path: string;
  readonly #own: string;
  /** Of this lock, whatever lies under its name by now. */
  #handle: FileHandle;
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> = Promise.resolve();

  constructor(path: string, own: string, handle: FileHandle) {
    this.#path = path;
    this.#own = own;
    this.#handle = handle;
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, BEAT_MS);
    this.#timer.unref();
  }

  async isHeld(): Promise<boolean> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      return error.code === 'ENOENT' ? null : '';
    });
    return text === null ? this.#putBack() : text === this.#own;
  }

  /** Somebody has removed it, perhaps with the whole directory. */
  async #putBack(): Promise<boolean> {
    try {
      const handle = await open(this.#path, 'wx+', 0o600);
      await handle.writeFile(this.#own);
      await this.#handle.close();
      this.#handle = handle;
      return true;
    } catch {
      return false;
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    if (await this.isHeld()) await rm(this.#path, { force: true });
    await this.#handle.close();
  }

  /** The same bytes again: the time of the change is the file system's. A full disk may refuse them. */
  async #beat(): Promise<void> {
    const bytes = Buffer.from(this.#own);
    try {
      await this.#handle.write(bytes, 0, bytes.length, 0);
    } catch {
      const now = new Date();
      await this.#handle.utimes(now, now).catch(() => {});
    }
  }
}

/** Another name for the file, unless there is one already; null then. */
async function create(from: string, path: string): Promise<FileHandle | null> {
  try {
    await link(from, path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    // ENOENT: the holder has tidied up.
    if (code === 'EEXIST' || code === 'ENOENT') return null;
    if (!/^(?:EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK|EACCES)$/.test(code)) throw error;
    return createWithoutLinks(from, path);
  }
  return open(path, 'r+');
}

async function createWithoutLinks(from: string, path: string): Promise<FileHandle | null> {
  const text = await readFile(from);
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx+', 0o600);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return null;
    throw error;
  }
  try {
    await handle.writeFile(text);
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
}

/** Null when there is none. */
async function look(path: string): Promise<Found | null> {
  let text: string;
  let info: { readonly ino: number; readonly mtimeMs: number };
  try {
    const file = await open(path, 'r');
    try {
      info = await file.stat();
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const holder = decode(text);
  // One that was made by this program has an id. One that is being written is not the same a moment later.
  const unique = `${text} ${info.ino}${holder === null ? ` ${info.mtimeMs}` : ''}`;
  return {
    holder,
    identity: createHash('sha256').update(unique).digest('hex').slice(0, 32),
    modifiedMs: info.mtimeMs,
  };
}

function decode(text: string): Holder | null {
  try {
    const holder = JSON.parse(text) as (Partial<Holder> & { readonly format?: unknown }) | null; // Checked below.
    if (typeof holder?.format === 'number') refuseNewer('lock', holder.format, FORMAT);
    if (typeof holder?.pid !== 'number' || typeof holder.host !== 'string' || typeof holder.began !== 'string') {
      return null;
    }
    const { pid, host, began, processes } = holder;
    return { pid, host, began, processes: typeof processes === 'string' ? processes : '' };
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    return null;
  }
}

async function stateOf(holder: Holder): Promise<'alive' | 'gone' | 'unseen'> {
  if (holder.host !== hostname()) return 'unseen';
  // Containers may have one name and yet not see each other's processes.
  if (holder.processes !== '' && holder.processes !== (await ownProcesses())) return 'unseen';
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // Not allowed to signal it, so it is there.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return 'gone';
  }
  const { began, isDead } = await lifeOf(holder.pid);
  return isDead || holder.began !== began ? 'gone' : 'alive';
}

async function ownHolder(): Promise<Holder> {
  const { began } = await lifeOf(process.pid);
  return { pid: process.pid, host: hostname(), began, processes: await ownProcesses() };
}

async function ownProcesses(): Promise<string> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return `${boot} ${await readlink('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** A process that ended and was not waited for is still in the table of processes. */
async function lifeOf(pid: number): Promise<{ readonly began: string; readonly isDead: boolean }> {
  try {
    // The name of a program, in parentheses, may hold anything; the fields are counted from behind it.
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { began: fields[19] ?? '', isDead: /^[ZXx]$/.test(fields[0] ?? '') };
  } catch {
    return { began: '', isDead: false };
  }
}
