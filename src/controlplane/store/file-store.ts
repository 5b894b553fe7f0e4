// State in one directory, a file per key. A write makes the new file beside the old one, forces it to the disk, keeps
// the old one as `.previous`, and only then takes its place: whatever moment the process or the machine dies at, the
// last document is there or the one before. A file that cannot be read is set aside and reported, never overwritten in
// silence.

import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { SignalboxError, messageOf } from '../../core/errors.ts';
import { checkKey, MAX_VALUE_BYTES, type Lease, type StateStore, type StoredEntry, type StoreEvent } from './define.ts';
import { documentLease } from './document-lease.ts';
import { refuseNewer } from './documents.ts';
import { copyWhole, FILE_SYSTEM, syncDirectory, writeNewFile } from './durable-write.ts';
import { RevisionLog } from './revision-log.ts';
import { lockDirectory, type DirectoryLock, type LockTiming } from './file-lock.ts';

const SCHEMA_VERSION = 1;
const ENDING = '.json';
const PREVIOUS = '.previous';
const TEMPORARY = '.new';
/** No revision of an earlier process is greater than what it says: so many are taken at a time. */
const REVISIONS = 'revisions';
const RESERVED_REVISIONS = 1_000_000;
/** Of documents that were written by programs without revisions. */
const FIRST_REVISION = 1;

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
  readonly #log = new RevisionLog();
  /** Revisions up to this one are this process's. */
  #reserved = 0;
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
      this.#log.begin(await this.#readReserved());
      await this.#reserve();
    } catch (error) {
      await this.#lock?.release();
      this.#lock = null;
      if (error instanceof SignalboxError) throw error;
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new SignalboxError(
        'ERR_STATE_UNUSABLE',
        `state.directory: ${directory} cannot be used (${reason}); it must be a directory this user may write to`,
        { cause: error },
      );
    }
  }

  get revision(): number {
    return this.#log.revision;
  }

  async get(key: string): Promise<unknown> {
    return (await this.read(key))?.value ?? null;
  }

  async read(key: string): Promise<StoredEntry | null> {
    const path = this.#pathOf(key);
    return (await this.#read(path)) ?? (await this.#read(path + PREVIOUS));
  }

  async put(key: string, value: unknown): Promise<number> {
    this.#pathOf(key);
    const payload = payloadOf(key, value);
    return this.#inOrder(key, () => this.#putNow(key, payload));
  }

  async putIf(key: string, value: unknown, revision: number): Promise<number | null> {
    this.#pathOf(key);
    const payload = payloadOf(key, value);
    return this.#inOrder(key, async () => {
      const present = (await this.read(key))?.revision ?? 0;
      return present === revision ? this.#putNow(key, payload) : null;
    });
  }

  async #putNow(key: string, payload: string): Promise<number> {
    return this.#counted(async (revision) => {
      await this.#write(this.#pathOf(key), encode(payload, revision));
      return { kind: 'put', key, revision };
    });
  }

  /** A write with its revision, of which watchers are told. */
  async #counted(write: (revision: number) => Promise<StoreEvent>): Promise<number> {
    if (this.#log.given >= this.#reserved) await this.#reserve();
    const revision = this.#log.next();
    try {
      this.#log.happened(await write(revision));
    } catch (error) {
      this.#log.failed(revision);
      throw error;
    }
    return revision;
  }

  watch(prefix: string, since: number, told: (event: StoreEvent) => void): () => void {
    return this.#log.watch(prefix, since, told);
  }

  lease(name: string, owner: string, forMs: number): Promise<Lease | null> {
    return documentLease(this, { name, owner, forMs }, this.#options.now);
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await this.#inOrder(key, () =>
      this.#counted(async (revision) => {
        await this.#checkLock();
        // The older one first: it must not come back in place of the newer.
        await rm(path + PREVIOUS, { force: true });
        await rm(path, { force: true });
        await syncDirectory(FILE_SYSTEM, path);
        return { kind: 'delete', key, revision };
      }),
    );
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

  #inOrder<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(key) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done.then(
      () => {},
      () => {},
    );
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

  async #readReserved(): Promise<number> {
    const text = await readFile(join(this.#options.directory, REVISIONS), 'utf8').catch(() => '');
    const reserved = Number(text.trim());
    return Number.isSafeInteger(reserved) && reserved > FIRST_REVISION ? reserved : FIRST_REVISION;
  }

  /** On the disk before the first of them is given. */
  async #reserve(): Promise<void> {
    const path = join(this.#options.directory, REVISIONS);
    const reserved = this.#log.given + RESERVED_REVISIONS;
    await writeNewFile(FILE_SYSTEM, path + TEMPORARY, Buffer.from(`${reserved}\n`), 'w');
    await rename(path + TEMPORARY, path);
    await syncDirectory(FILE_SYSTEM, path);
    this.#reserved = reserved;
  }

  /** Null when there is no such file, or none that can be read. Rejects when a newer program has written it. */
  async #read(path: string): Promise<StoredEntry | null> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
    const decoded = decode(path, text);
    if (typeof decoded !== 'string') return decoded;
    const aside = `${path}.corrupt-${this.#options.now()}`;
    await rename(path, aside);
    this.#options.onCorrupt(aside, decoded);
    return null;
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

/** Throws a SignalboxError when it is too long. */
function payloadOf(key: string, value: unknown): string {
  const payload = JSON.stringify(value);
  if (Buffer.byteLength(payload) > MAX_VALUE_BYTES) {
    throw new SignalboxError('ERR_STATE_UNUSABLE', `the state "${key}" is larger than ${MAX_VALUE_BYTES} bytes`);
  }
  return payload;
}

function encode(payload: string, revision: number): string {
  return `${JSON.stringify({ schema: SCHEMA_VERSION, sha256: digest(payload), revision })}\n${payload}\n`;
}

function digest(payload: string): string {
  return createHash('sha256').update(payload).digest('hex');
}

/** The entry, or why there is none. Throws a SignalboxError when a newer program has written it. */
function decode(path: string, text: string): StoredEntry | string {
  const lineEnd = text.indexOf('\n');
  const payload = text.slice(lineEnd + 1).replace(/\n$/, '');
  try {
    const head = JSON.parse(text.slice(0, lineEnd)) as { schema?: unknown; sha256?: unknown; revision?: unknown }; // Compared below.
    if (typeof head.schema === 'number') refuseNewer(path, head.schema, SCHEMA_VERSION);
    if (head.schema !== SCHEMA_VERSION) {
      return `it has the schema version ${String(head.schema)}; this program knows ${SCHEMA_VERSION}`;
    }
    if (head.sha256 !== digest(payload)) return 'its content does not have the checksum it names';
    const revision = typeof head.revision === 'number' ? head.revision : FIRST_REVISION;
    return { value: JSON.parse(payload) as unknown, revision };
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    return messageOf(error);
  }
}
