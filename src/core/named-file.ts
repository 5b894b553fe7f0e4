// Reading what a configuration names. Whatever lies there, the reader neither waits nor takes more than it was told: a
// pipe would wait for somebody to write, a device has no end, and a file system of another machine may not answer.

import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { decodeText } from './decode-text.ts';

/** No terminal becomes this process's, and nothing is waited for. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
const CHUNK_BYTES = 64 * 1024;
const DEADLINE_MS = 10_000;

/** What was found instead of a file that can be read. */
export class NamedFileError extends Error {
  readonly code: 'NOT_A_FILE' | 'TOO_LARGE' | 'TOO_SLOW';

  constructor(code: NamedFileError['code'], message: string) {
    super(message);
    this.name = 'NamedFileError';
    this.code = code;
  }
}

/** For people: a code of the system, or a sentence about what was found. */
export function unreadableReason(error: unknown): string {
  if (error instanceof NamedFileError) return error.message;
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** Throws a NamedFileError, or what the system says. */
export function readNamedFileSync(path: string, maxBytes: number): string {
  // Before it is opened: to open a device or a pipe may mean something to somebody.
  check(statSync(path), maxBytes);
  const fd = openSync(path, FLAGS);
  try {
    check(fstatSync(fd), maxBytes);
    const chunks: Buffer[] = [];
    for (let total = 0; ;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = readSync(fd, chunk);
      if (count === 0) return decodeText(Buffer.concat(chunks));
      total += count;
      if (total > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

export interface NamedFile {
  readonly text: string;
  /** Of the moment before it was read. */
  readonly modifiedMs: number;
  readonly size: number;
}

/** Rejects with a NamedFileError, or what the system says. */
export function readNamedFile(path: string, maxBytes: number, deadlineMs = DEADLINE_MS): Promise<NamedFile> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new NamedFileError('TOO_SLOW', `it could not be read within ${deadlineMs / 1000} s`));
    }, deadlineMs);
    read(path, maxBytes)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

async function read(path: string, maxBytes: number): Promise<NamedFile> {
  check(await stat(path), maxBytes);
  const file = await open(path, FLAGS);
  try {
    const info = await file.stat();
    check(info, maxBytes);
    return { text: await readAll(file, info.size, maxBytes), modifiedMs: info.mtimeMs, size: info.size };
  } finally {
    await file.close();
  }
}

/** `size` is what it is said to be, which files of the kernel do not know. */
async function readAll(file: FileHandle, size: number, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  // One more than there is, so that the end is read into the same memory.
  let chunk = Buffer.allocUnsafe(Math.min(size + 1, CHUNK_BYTES));
  let filled = 0;
  for (let total = 0; ;) {
    if (filled === chunk.length) {
      chunks.push(chunk);
      chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      filled = 0;
    }
    const { bytesRead } = await file.read(chunk, filled, chunk.length - filled, null);
    filled += bytesRead;
    if (bytesRead === 0) return decodeText(Buffer.concat([...chunks, chunk.subarray(0, filled)]));
    total += bytesRead;
    if (total > maxBytes) throw tooLarge(maxBytes);
  }
}

/** Throws unless it is a file of that size. */
function check(info: Stats, maxBytes: number): void {
  if (!info.isFile()) throw new NamedFileError('NOT_A_FILE', `it is ${kindOf(info)}; expected a regular file`);
  if (info.size > maxBytes) throw tooLarge(maxBytes);
}

function tooLarge(maxBytes: number): NamedFileError {
  const limit = maxBytes >= 1024 * 1024 ? `${maxBytes / 1024 / 1024} MiB` : `${maxBytes / 1024} KiB`;
  return new NamedFileError('TOO_LARGE', `it is larger than ${limit}`);
}

function kindOf(info: Stats): string {
  if (info.isDirectory()) return 'a directory';
  if (info.isFIFO()) return 'a named pipe';
  return info.isSocket() ? 'a socket' : 'a device';
}
