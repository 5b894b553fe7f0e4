// State in one file: all documents together, for what people expect to find, copy and mount as a file, and keep secret.
// It is written beside and takes the old one's place, so that it is whole at any moment; a file that is mounted alone
// into a container cannot be replaced and is rewritten in place. Either way a write that fails leaves what was there.

import { createHash } from 'node:crypto';
import { access, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { isMap } from '../../schema/input.ts';
import { checkKey, MAX_VALUE_BYTES, type Lease, type StateStore, type StoredEntry, type StoreEvent } from './define.ts';
import { documentLease } from './document-lease.ts';
import { refuseNewer } from './documents.ts';
import {
  copiesIn,
  copyWhole,
  FILE_SYSTEM,
  rewriteInPlace,
  syncDirectory,
  writeNewFile,
  type FileSystem,
} from './durable-write.ts';
import { RevisionLog } from './revision-log.ts';

const SCHEMA_VERSION = 1;
const TEMPORARY = '.new';
/** Of documents that were written by programs without revisions. */
const FIRST_REVISION = 1;
/** Anything for others than the owner. */
const OTHERS = 0o077;
/** The path is somebody else's mount, or the directory takes no files. */
const IN_PLACE = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']);

export interface SingleFileStoreOptions {
  readonly path: string;
  /** Option that names the path, for messages. */
  readonly option: string;
  /** Reads a file of another program; null when it is none it knows. Such a file is kept with `ending`. */
  readonly adopt?: {
    readonly ending: string;
    read(value: unknown): ReadonlyMap<string, unknown> | null;
    adopted(backup: string): void;
  };
  /** A rewriting in place was broken off; the copy that is whole counts. */
  readonly onRecovered?: () => void;
  /** The machine's when left out. */
  readonly files?: FileSystem;
  /** Milliseconds since the epoch, of leases; the system's when left out. */
  now?(): number;
}

interface Content {
  readonly documents: ReadonlyMap<string, StoredEntry>;
  /** Of the last write. */
  readonly revision: number;
}

export class SingleFileStore implements StateStore {
  readonly #options: SingleFileStoreOptions;
  readonly #files: FileSystem;
  /** Behind symbolic links: what is replaced is the file, not the link to it. */
  #path: string;
  #documents = new Map<string, StoredEntry>();
  readonly #log = new RevisionLog();
  #isStarted = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SingleFileStoreOptions) {
    this.#options = options;
    this.#files = options.files ?? FILE_SYSTEM;
    this.#path = options.path;
  }

  async start(): Promise<void> {
    const { path, option, adopt } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      this.#path = await realpath(path).catch(() => path);
      const text = await this.#readGuarded();
      const value = text.trim() === '' ? null : this.#parse(text);
      const foreign = value !== null && adopt !== undefined ? adopt.read(value) : null;
      if (foreign !== null) {
        const backup = path + adopt!.ending;
        // A copy from before is the original: what is there now has been read as well.
        const isKept = await access(backup).then(
          () => true,
          () => false,
        );
        if (!isKept) await copyWhole(path, backup, backup + TEMPORARY);
        this.#documents = new Map([...foreign].map(([key, one]) => [key, { value: one, revision: FIRST_REVISION }]));
        this.#log.begin(FIRST_REVISION);
        await this.#write();
        adopt!.adopted(backup);
      } else if (value !== null) {
        const content = decode(value, this.#where);
        if (typeof content === 'string') throw new Error(content);
        this.#documents = new Map(content.documents);
        this.#log.begin(content.revision);
      } else await this.#write();
    } catch (error) {
      if (error instanceof SignalboxError) throw error;
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} cannot be used: ${reason}`, { cause: error });
    }
    this.#isStarted = true;
  }

  get #where(): string {
    return `${this.#options.option}: ${this.#options.path}`;
  }

  get revision(): number {
    return this.#log.revision;
  }

  async get(key: string): Promise<unknown> {
    return (await this.read(key))?.value ?? null;
  }

  read(key: string): Promise<StoredEntry | null> {
    this.#check(key);
    const entry = this.#documents.get(key);
    return Promise.resolve(entry === undefined ? null : structuredClone(entry));
  }

  /** What could not be written stays here, and goes with the next write. */
  async put(key: string, value: unknown): Promise<number> {
    this.#check(key);
    const revision = this.#log.next();
    this.#documents.set(key, { value: structuredClone(value), revision });
    await this.#written({ kind: 'put', key, revision });
    return revision;
  }

  async putIf(key: string, value: unknown, revision: number): Promise<number | null> {
    this.#check(key);
    return (this.#documents.get(key)?.revision ?? 0) === revision ? this.put(key, value) : null;
  }

  async delete(key: string): Promise<void> {
    this.#check(key);
    if (!this.#documents.delete(key)) return;
    await this.#written({ kind: 'delete', key, revision: this.#log.next() });
  }

  watch(prefix: string, since: number, told: (event: StoreEvent) => void): () => void {
    return this.#log.watch(prefix, since, told);
  }

  lease(name: string, owner: string, forMs: number): Promise<Lease | null> {
    return documentLease(this, { name, owner, forMs }, () => this.#options.now?.() ?? Date.now());
  }

  /** It is told of even when the disk does not take it: it is what everyone here is given from now on. */
  async #written(event: StoreEvent): Promise<void> {
    try {
      await this.#inOrder();
    } finally {
      this.#log.happened(event);
    }
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.#documents.keys()].filter((key) => key.startsWith(prefix)).toSorted());
  }

  async stop(): Promise<void> {
    await this.#writing;
    this.#isStarted = false;
  }

  #check(key: string): void {
    checkKey(key);
    if (!this.#isStarted) throw new Error('the state store has not been started');
  }

  /** Each write has everything that was put before it began. */
  #inOrder(): Promise<void> {
    const done = this.#writing.then(() => this.#write());
    this.#writing = done.catch(() => {});
    return done;
  }

  async #readGuarded(): Promise<string> {
    const { path, option } = this.#options;
    return (await refuseOpenFile(path, option)) ? readFile(path, 'utf8') : '';
  }

  async #write(): Promise<void> {
    const path = this.#path;
    const text = encode({ documents: this.#documents, revision: this.#log.given });
    const temporary = path + TEMPORARY;
    try {
      // Not one that somebody else has put there.
      await this.#files.rm(temporary, { force: true });
      await writeNewFile(this.#files, temporary, Buffer.from(text), 'wx');
      await this.#files.rename(temporary, path);
    } catch (error) {
      await this.#files.rm(temporary, { force: true }).catch(() => {});
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!IN_PLACE.has(code)) throw error;
      await rewriteInPlace(this.#files, path, text).catch((problem: unknown) => {
        if (problem instanceof Error && 'code' in problem && problem.code === 'ENOENT') throw error;
        throw problem;
      });
      return;
    }
    await syncDirectory(this.#files, path);
  }

  #parse(text: string): unknown {
    const whole = parse(text);
    if (whole !== undefined) return whole;
    for (const copy of copiesIn(text)) {
      const value = parse(copy);
      if (value === undefined) continue;
      const isKnown =
        typeof decode(value, this.#where) !== 'string' || (this.#options.adopt?.read(value) ?? null) !== null;
      if (!isKnown) continue;
      this.#options.onRecovered?.();
      return value;
    }
    throw new Error('it is no JSON; restore it from a copy, or move it away to begin anew');
  }
}

function encode({ documents, revision }: Content): string {
  const sorted = [...documents].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const content = Object.fromEntries(sorted.map(([key, entry]) => [key, entry.value]));
  const revisions = Object.fromEntries(sorted.map(([key, entry]) => [key, entry.revision]));
  const head = { signalbox: SCHEMA_VERSION, sha256: digest(content), revision };
  return `${JSON.stringify({ ...head, documents: content, revisions }, null, 2)}\n`;
}

function digest(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** Undefined when it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The documents, or why there are none. Throws a SignalboxError when a newer program has written them. */
function decode(value: unknown, where: string): Content | string {
  if (!isMap(value) || !isMap(value['documents'])) {
    return 'it is no state of this program, nor of one it knows; move it away to begin anew';
  }
  const { signalbox: format, revision, revisions } = value;
  if (typeof format === 'number') refuseNewer(where, format, SCHEMA_VERSION);
  if (format !== SCHEMA_VERSION) {
    return `it has the version ${String(format)}; this program knows ${SCHEMA_VERSION}`;
  }
  if (value['sha256'] !== digest(value['documents'])) {
    return 'its content does not have the checksum it names; restore it from a copy, or move it away';
  }
  // Of programs without revisions there are none.
  const known = isMap(revisions) ? revisions : {};
  const revisionOf = (key: string): number => (typeof known[key] === 'number' ? known[key] : FIRST_REVISION);
  const entries = Object.entries(value['documents']);
  return {
    documents: new Map(entries.map(([key, one]) => [key, { value: one, revision: revisionOf(key) }])),
    revision: typeof revision === 'number' ? revision : FIRST_REVISION,
  };
}

/**
 * Rejects with a SignalboxError when others may read the file or it is none; false when it is not there yet. `option`
 * names the path, for messages.
 */
export async function refuseOpenFile(path: string, option: string): Promise<boolean> {
  let mode: number;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} is no file`);
    if (info.size > MAX_VALUE_BYTES) {
      throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} is larger than ${MAX_VALUE_BYTES} bytes`);
    }
    mode = info.mode & 0o777;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  if ((mode & OTHERS) !== 0 && process.platform !== 'win32') {
    throw new SignalboxError(
      'ERR_STATE_UNUSABLE',
      `${option}: others may read or write ${path} (mode ${mode.toString(8)}), which holds private keys; run "chmod 600 ${path}"`,
    );
  }
  return true;
}
