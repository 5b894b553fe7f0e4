// State in one file: all documents together, for what people expect to find, copy and mount as a file, and keep secret. It
// is written beside and takes the old one's place, so that it is whole at any moment; a file that is mounted alone into a
// container cannot be replaced and is rewritten in place. Either way a write that fails leaves what was there.

import { createHash } from 'node:crypto';
import { access, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { isMap } from '../../schema/schema.ts';
import { checkKey, MAX_VALUE_BYTES, type StateStore } from './define.ts';
import {
  copiesIn,
  copyWhole,
  FILE_SYSTEM,
  rewriteInPlace,
  syncDirectory,
  writeNewFile,
  type FileSystem,
} from './durable-write.ts';

const SCHEMA_VERSION = 1;
const TEMPORARY = '.new';
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
}

export class SingleFileStore implements StateStore {
  readonly #options: SingleFileStoreOptions;
  readonly #files: FileSystem;
  /** Behind symbolic links: what is replaced is the file, not the link to it. */
  #path: string;
  #documents = new Map<string, unknown>();
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
        this.#documents = new Map(foreign);
        await this.#write();
        adopt!.adopted(backup);
      } else if (value !== null) {
        const documents = decode(value);
        if (typeof documents === 'string') throw new Error(documents);
        this.#documents = documents;
      } else await this.#write();
    } catch (error) {
      if (error instanceof SignalboxError) throw error;
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} cannot be used: ${reason}`, { cause: error });
    }
    this.#isStarted = true;
  }

  get(key: string): Promise<unknown> {
    this.#check(key);
    const document = this.#documents.get(key);
    return Promise.resolve(document === undefined ? null : structuredClone(document));
  }

  /** What could not be written stays here, and goes with the next write. */
  async put(key: string, value: unknown): Promise<void> {
    this.#check(key);
    this.#documents.set(key, structuredClone(value));
    await this.#inOrder();
  }

  async delete(key: string): Promise<void> {
    this.#check(key);
    if (this.#documents.delete(key)) await this.#inOrder();
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
    let mode: number;
    try {
      const info = await stat(path);
      if (!info.isFile()) throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} is no file`);
      if (info.size > MAX_VALUE_BYTES) {
        throw new SignalboxError('ERR_STATE_UNUSABLE', `${option}: ${path} is larger than ${MAX_VALUE_BYTES} bytes`);
      }
      mode = info.mode & 0o777;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
    if ((mode & OTHERS) !== 0 && process.platform !== 'win32') {
      throw new SignalboxError(
        'ERR_STATE_UNUSABLE',
        `${option}: others may read or write ${path} (mode ${mode.toString(8)}), which holds private keys; run "chmod 600 ${path}"`,
      );
    }
    return readFile(path, 'utf8');
  }

  async #write(): Promise<void> {
    const path = this.#path;
    const text = encode(this.#documents);
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
      const isKnown = typeof decode(value) !== 'string' || (this.#options.adopt?.read(value) ?? null) !== null;
      if (!isKnown) continue;
      this.#options.onRecovered?.();
      return value;
    }
    throw new Error('it is no JSON; restore it from a copy, or move it away to begin anew');
  }
}

function encode(documents: ReadonlyMap<string, unknown>): string {
  const content = Object.fromEntries([...documents].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const head = { signalbox: SCHEMA_VERSION, sha256: digest(content) };
  return `${JSON.stringify({ ...head, documents: content }, null, 2)}\n`;
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

/** The documents, or why there are none. */
function decode(value: unknown): Map<string, unknown> | string {
  if (!isMap(value) || !isMap(value['documents'])) {
    return 'it is no state of this program, nor of one it knows; move it away to begin anew';
  }
  if (value['signalbox'] !== SCHEMA_VERSION) {
    return `it has the version ${String(value['signalbox'])}; this program knows ${SCHEMA_VERSION}`;
  }
  if (value['sha256'] !== digest(value['documents'])) {
    return 'its content does not have the checksum it names; restore it from a copy, or move it away';
  }
  return new Map(Object.entries(value['documents']));
}
