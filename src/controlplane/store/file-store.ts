// State in one directory, a file per key. A write makes the new file beside the old one, forces it to the disk, keeps the
// old one as `.previous`, and only then takes its place: whatever moment the process or the machine dies at, the last
// document is there or the one before. A file that cannot be read is set aside and reported, never overwritten in silence.

import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { checkKey, MAX_VALUE_BYTES, type StateStore } from './define.ts';
import { copyWhole, FILE_SYSTEM, syncDirectory, writeNewFile } from './durable-write.ts';
import { lockDirectory, type DirectoryLock, type LockTiming } from './file-lock.ts';

const SCHEMA_VERSION = 1;
const ENDING = '.json';
const PREVIOUS = '.previous';
const TEMPORARY = '.new';

export interface FileStoreOptions {
  readonly directory: string;
  readonly now: () => number;
  /** A file was set aside. */
  readonly onCorrupt: (path: string, reason: string) => void;
  readonly lock?: Partial<LockTiming>;
}

export class FileStore implements StateStore {
  readonly #options: FileStoreOptions;
  readonly #writes = new Map<string, Promise<void>>();
  #lock: DirectoryLock | null = null;

  constructor(options: FileStoreOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { directory } = this.#options;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      this.#lock = await lockDirectory(directory, this.#options.lock);
      // What a write that did not finish has left.
      for (const path of await this.#files()) if (path.endsWith(TEMPORARY)) await rm(path, { force: true });
    } catch (error) {
      if (error instanceof SignalboxError) throw error;
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new SignalboxError(
        'ERR_STATE_UNUSABLE',
        `state.directory: ${directory} cannot be used (${reason}); it must be a directory this user may write to`,
        { cause: error },
      );
    }
  }

  async get(key: string): Promise<unknown> {
    const path = this.#pathOf(key);
    const last = await this.#read(path);
    return last === undefined ? ((await this.#read(path + PREVIOUS)) ?? null) : last;
  }

  async put(key: string, value: unknown): Promise<void> {
    const path = this.#pathOf(key);
    const text = encode(value);
    if (Buffer.byteLength(text) > MAX_VALUE_BYTES) {
      throw new SignalboxError('ERR_STATE_UNUSABLE', `the state "${key}" is larger than ${MAX_VALUE_BYTES} bytes`);
    }
    await this.#inOrder(key, () => this.#write(path, text));
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await this.#inOrder(key, async () => {
      await this.#checkLock();
      // The older one first: it must not come back in place of the newer.
      await rm(path + PREVIOUS, { force: true });
      await rm(path, { force: true });
      await syncDirectory(FILE_SYSTEM, path);
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const keys = new Set<string>();
    for (const path of await this.#files()) {
      const name = relative(this.#options.directory, path).split(sep).join('/').replace(PREVIOUS, '');
      if (name.endsWith(ENDING) && name.startsWith(prefix)) keys.add(name.slice(0, -ENDING.length));
    }
    return [...keys].toSorted();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#writes.values());
    await this.#lock?.release();
    this.#lock = null;
  }

  #pathOf(key: string): string {
    checkKey(key);
    if (this.#lock === null) throw new Error('the state store has not been started');
    return join(this.#options.directory, key + ENDING);
  }

  #inOrder(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#writes.get(key) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done.catch(() => {});
    this.#writes.set(key, settled);
    void settled.then(() => {
      if (this.#writes.get(key) === settled) this.#writes.delete(key);
    });
    return done;
  }

  async #write(path: string, text: string): Promise<void> {
    const temporary = path + TEMPORARY;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await this.#checkLock();
    await writeNewFile(FILE_SYSTEM, temporary, Buffer.from(text), 'w');
    await keepPrevious(path);
    await rename(temporary, path);
    await syncDirectory(FILE_SYSTEM, path);
  }

  /** A process that stood still for long enough has been taken for dead: what it would write now is another's. */
  async #checkLock(): Promise<void> {
    if (this.#lock === null || (await this.#lock.isHeld())) return;
    const { directory } = this.#options;
    throw new SignalboxError(
      'ERR_STATE_LOCKED',
      `state.directory: another process has taken ${directory}, since this one gave no sign for too long; nothing is written any more. End one of the two`,
    );
  }

  /** Undefined when there is no such file, or none that can be read. */
  async #read(path: string): Promise<unknown> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const decoded = decode(text);
    if (typeof decoded !== 'string') return decoded.value;
    const aside = `${path}.corrupt-${this.#options.now()}`;
    await rename(path, aside);
    this.#options.onCorrupt(aside, decoded);
    return undefined;
  }

  async #files(): Promise<readonly string[]> {
    const entries = await readdir(this.#options.directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }
}

/** A second name for the present file, made whole before the first one moves on. */
async function keepPrevious(path: string): Promise<void> {
  const staged = path + PREVIOUS + TEMPORARY;
  await rm(staged, { force: true });
  try {
    await link(path, staged);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') return;
    // Some file systems have no second names.
    await copyWhole(path, path + PREVIOUS, staged);
    return;
  }
  await rename(staged, path + PREVIOUS);
}

function encode(value: unknown): string {
  const payload = JSON.stringify(value);
  return `${JSON.stringify({ schema: SCHEMA_VERSION, sha256: digest(payload) })}\n${payload}\n`;
}

function digest(payload: string): string {
  return createHash('sha256').update(payload).digest('hex');
}

/** The value, or why there is none. */
function decode(text: string): { value: unknown } | string {
  const lineEnd = text.indexOf('\n');
  const payload = text.slice(lineEnd + 1).replace(/\n$/, '');
  try {
    const head = JSON.parse(text.slice(0, lineEnd)) as { schema?: unknown; sha256?: unknown }; // Compared below.
    if (head.schema !== SCHEMA_VERSION) {
      return `it has the schema version ${String(head.schema)}; this program knows ${SCHEMA_VERSION}`;
    }
    if (head.sha256 !== digest(payload)) return 'its content does not have the checksum it names';
    return { value: JSON.parse(payload) as unknown };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
