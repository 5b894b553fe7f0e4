// State in one file: all documents together, for what people expect to find, copy and mount as a file, and keep secret. It
// is written beside and takes the old one's place, so that it is whole at any moment; a file that is mounted alone into a
// container cannot be replaced and is written in place.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { isMap } from '../../schema/schema.ts';
import { checkKey, MAX_VALUE_BYTES, type StateStore } from './define.ts';

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
}

export class SingleFileStore implements StateStore {
  readonly #options: SingleFileStoreOptions;
  #documents = new Map<string, unknown>();
  #isStarted = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SingleFileStoreOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { path, option, adopt } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const text = await this.#readGuarded();
      const value = text.trim() === '' ? null : parse(text);
      const foreign = value !== null && adopt !== undefined ? adopt.read(value) : null;
      if (foreign !== null) {
        const backup = path + adopt!.ending;
        await copyFile(path, backup, constants.COPYFILE_EXCL).catch(ignoreExisting);
        this.#documents = new Map(foreign);
        await this.#write();
        adopt!.adopted(backup);
      } else if (value !== null) this.#documents = decode(value);
      else await this.#write();
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
    const { path } = this.#options;
    const text = encode(this.#documents);
    const temporary = path + TEMPORARY;
    try {
      // Not one that somebody else has put there.
      await rm(temporary, { force: true });
      await writeWhole(temporary, text, 'wx');
      await rename(temporary, path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!IN_PLACE.has(code)) throw error;
      await writeWhole(path, text, 'r+').catch((problem: unknown) => {
        if (problem instanceof Error && 'code' in problem && problem.code === 'ENOENT') throw error;
        throw problem;
      });
      await rm(temporary, { force: true }).catch(() => {});
      return;
    }
    await syncDirectory(dirname(path));
  }
}

function ignoreExisting(error: unknown): void {
  // A copy from before is the original: what is there now has been read as well.
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}

async function writeWhole(path: string, text: string, flags: 'wx' | 'r+'): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    const bytes = Buffer.from(text);
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error('it is no JSON; restore it from a copy, or move it away to begin anew');
  }
}

function decode(value: unknown): Map<string, unknown> {
  if (!isMap(value) || !isMap(value['documents'])) {
    throw new Error('it is no state of this program, nor of one it knows; move it away to begin anew');
  }
  if (value['signalbox'] !== SCHEMA_VERSION) {
    throw new Error(`it has the version ${String(value['signalbox'])}; this program knows ${SCHEMA_VERSION}`);
  }
  if (value['sha256'] !== digest(value['documents'])) {
    throw new Error('its content does not have the checksum it names; restore it from a copy, or move it away');
  }
  return new Map(Object.entries(value['documents']));
}
