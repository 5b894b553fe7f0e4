// A file system with little room left, in the way of real ones: a write that does not fit takes what does and says how
// much, and only the next one fails. It can also be a mount that takes no rename, and lose its power after so many
// steps.

import { open, rename, rm, stat } from 'node:fs/promises';
import type { FileSystem, OpenFile } from '../../src/controlplane/store/durable-write.ts';

export class SmallDisk implements FileSystem {
  /** Bytes by which files may still grow. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** Renaming over a file fails with this, as over a file that is a mount of its own. */
  renameError: string | null = null;
  /** Changes until the power is lost: the last one is done by half, and nothing works after it. */
  stepsLeft = Number.POSITIVE_INFINITY;
  /** Of each kind, in order. */
  readonly done: string[] = [];

  async open(path: string, flags: 'r' | 'r+' | 'w' | 'wx', mode?: number): Promise<OpenFile> {
    if (flags !== 'r' && flags !== 'r+') this.#step();
    const file = await open(path, flags, mode);
    return {
      write: async (bytes, offset, length, position) => {
        const isLast = this.stepsLeft === 1;
        this.#step();
        const { size } = await file.stat();
        const grows = Math.max(0, position + length - size);
        const fits = Math.min(length, length - grows + this.freeBytes, isLast ? length >> 1 : length);
        if (fits <= 0 && !isLast) throw coded('ENOSPC');
        await file.write(bytes, offset, fits, position);
        this.freeBytes -= Math.max(0, position + fits - size);
        this.done.push('write');
        if (isLast) throw coded('EIO');
        return { bytesWritten: fits };
      },
      stat: () => file.stat(),
      truncate: async (length) => {
        this.#step();
        this.freeBytes += Math.max(0, (await file.stat()).size - length);
        await file.truncate(length);
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.renameError !== null) throw coded(this.renameError);
    this.#step();
    this.freeBytes += (await stat(to).catch(() => null))?.size ?? 0;
    await rename(from, to);
  }

  async rm(path: string, options: { force: true }): Promise<void> {
    this.#step();
    this.freeBytes += (await stat(path).catch(() => null))?.size ?? 0;
    await rm(path, options);
  }

  #step(): void {
    if (this.stepsLeft <= 0) throw coded('EIO');
    this.stepsLeft--;
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
