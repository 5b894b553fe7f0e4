// How documents reach the disk: whole, or not at all and with an error. A full disk takes part of a write without a
// word (`write` returns less than it was given), so nothing counts as written before all of it is and the disk has said
// so.

import { copyFile, open, rename, rm } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname } from 'node:path';

/** The part of a file handle that writing needs. */
export interface OpenFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  stat(): Promise<{ readonly size: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of a file system that writing needs; tests pass one that is full. */
export interface FileSystem {
  open(path: string, flags: 'r' | 'r+' | 'w' | 'wx', mode?: number): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
}

export const FILE_SYSTEM: FileSystem = { open, rename, rm };

/** Makes a file of these bytes. What was written of one that could not be finished is removed: it fills the disk. */
export async function writeNewFile(
  files: FileSystem,
  path: string,
  bytes: Uint8Array,
  flags: 'w' | 'wx',
): Promise<void> {
  const file = await files.open(path, flags, 0o600);
  try {
    try {
      await writeAll(file, bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await files.rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Gives a file that cannot be replaced another content. The new one is first put behind the old one: when the disk has
 * no room for both, the old one is as it was. Then it takes the old one's place, in room that the file already has.
 * Whatever moment it ends at, one of the two can be read (`copiesIn`).
 */
export async function rewriteInPlace(files: FileSystem, path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const file = await files.open(path, 'r+');
  try {
    const { size } = await file.stat();
    // The copy must lie behind what the last step writes over.
    const filling = Buffer.alloc(Math.max(1, bytes.length - size), '\n');
    try {
      await writeAll(file, Buffer.concat([filling, bytes]), size);
      await file.sync();
    } catch (error) {
      await file.truncate(size).catch(() => {});
      throw error;
    }
    await writeAll(file, bytes, 0);
    await file.sync();
    await file.truncate(bytes.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * What a file may hold that `rewriteInPlace` did not finish, the newest first. Documents begin with `{` and end with
 * `}` at the beginning of a line, and have neither there in between.
 */
export function copiesIn(text: string): readonly string[] {
  const copies: string[] = [];
  for (let end = text.lastIndexOf('\n}'); end > 0; end = text.lastIndexOf('\n}', end - 1)) {
    const before = text.lastIndexOf('\n{', end);
    const start = before === -1 ? 0 : before + 1;
    copies.push(text.slice(start, end + 2));
    if (before <= 0) break;
  }
  return copies;
}

/** A copy that is there whole or not at all; one that is there already stays. */
export async function copyWhole(from: string, to: string, staged: string): Promise<void> {
  await rm(staged, { force: true });
  try {
    await copyFile(from, staged, constants.COPYFILE_EXCL);
    const copy = await open(staged, 'r');
    try {
      await copy.sync();
    } finally {
      await copy.close();
    }
    await rename(staged, to);
  } catch (error) {
    await rm(staged, { force: true }).catch(() => {});
    throw error;
  }
}

export async function syncDirectory(files: FileSystem, path: string): Promise<void> {
  const directory = await files.open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    if (bytesWritten === 0) throw Object.assign(new Error('the disk takes no more'), { code: 'ENOSPC' });
    written += bytesWritten;
  }
}
