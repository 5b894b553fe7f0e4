// Where lines of text go that nobody may be made to wait for: a pipe whose reader has stopped reading, a disk that is
// full or does not answer. The queue is bounded; what does not fit is dropped and counted, and told when there is room
// again.

import { closeSync, constants, openSync, write } from 'node:fs';
import type { Writable } from 'node:stream';

const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** Lines that wait leave together. */
const MAX_WRITE_BYTES = 256 * 1024;

export interface LineOutput {
  /** Takes whole lines; false when they were dropped. Never waits. */
  write(lines: string): boolean;
  /** Settles when everything has left, or after so long. */
  flush(ms: number): Promise<void>;
}

/** One system call: takes a part or all of the bytes. Rejects with a coded error. */
export type WriteOnce = (bytes: Uint8Array) => Promise<number>;

/**
 * Writes all of the bytes, which are whole lines, and begins a new line after one that could be written in part only.
 */
export class WholeLines {
  readonly #writeOnce: WriteOnce;
  #isTorn = false;

  constructor(writeOnce: WriteOnce) {
    this.#writeOnce = writeOnce;
  }

  async write(lines: Uint8Array): Promise<void> {
    if (this.#isTorn) {
      await this.#writeOnce(NEW_LINE);
      this.#isTorn = false;
    }
    let written = 0;
    try {
      while (written < lines.length) written += await this.#writeOnce(lines.subarray(written));
    } catch (error) {
      this.#isTorn = written > 0 && lines[written - 1] !== NEW_LINE[0];
      throw error;
    }
  }
}

const NEW_LINE = Buffer.from('\n');

/** Pipes, sockets and terminals: the stream queues what the kernel does not take. */
export class StreamOutput implements LineOutput {
  readonly #stream: Writable;
  readonly #maxQueuedBytes: number;

  constructor(stream: Writable, maxQueuedBytes = MAX_QUEUED_BYTES) {
    this.#stream = stream;
    this.#maxQueuedBytes = maxQueuedBytes;
    // A reader that is gone: nowhere left to say so.
    stream.on('error', () => {});
  }

  write(lines: string): boolean {
    if (this.#stream.destroyed || this.#stream.writableLength + lines.length > this.#maxQueuedBytes) return false;
    this.#stream.write(lines);
    return true;
  }

  flush(ms: number): Promise<void> {
    if (this.#stream.destroyed || this.#stream.writableLength === 0) return Promise.resolve();
    return within(ms, (done) => this.#stream.write('', () => done()));
  }
}

/** Files, also those that the process was started with: written from the thread pool, one write at a time. */
export class FileOutput implements LineOutput {
  #fd: number;
  #isOwn = false;
  #lines: WholeLines;
  #queue: string[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | null = null;
  /** Opened in place of the present one, which takes what is queued. */
  #next: number | null = null;

  /** A descriptor stays its owner's; a path is opened here, and throws when it cannot be. */
  constructor(target: number | string) {
    this.#isOwn = typeof target === 'string';
    this.#fd = typeof target === 'string' ? openForAppending(target) : target;
    this.#lines = new WholeLines((bytes) => writeTo(this.#fd, bytes));
  }

  write(lines: string): boolean {
    if (this.#queuedBytes + lines.length > MAX_QUEUED_BYTES) return false;
    this.#queuedBytes += lines.length;
    this.#queue.push(lines);
    this.#running ??= this.#run();
    return true;
  }

  /**
   * For log rotation: what comes from now on goes to the file that has the path then. Throws when it cannot be opened.
   */
  reopen(path: string): void {
    const fresh = openForAppending(path);
    if (this.#next !== null) closeSync(this.#next);
    this.#next = fresh;
    this.#running ??= this.#run();
  }

  flush(ms: number): Promise<void> {
    const running = this.#running;
    return running === null ? Promise.resolve() : within(ms, (done) => void running.then(done));
  }

  async #run(): Promise<void> {
    // Lets `#running` be assigned before the first early return.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#next !== null) {
      if (this.#next !== null) this.#change(this.#next);
      const lines = this.#take();
      // A full disk loses them: nowhere left to say so before there is room.
      if (lines !== '') await this.#lines.write(Buffer.from(lines)).catch(() => {});
      this.#queuedBytes -= lines.length;
    }
    this.#running = null;
  }

  #take(): string {
    let count = 0;
    for (let bytes = 0; count < this.#queue.length && bytes < MAX_WRITE_BYTES; count++) {
      bytes += this.#queue[count]!.length;
    }
    return this.#queue.splice(0, count).join('');
  }

  #change(fresh: number): void {
    if (this.#isOwn) closeSync(this.#fd);
    this.#fd = fresh;
    this.#isOwn = true;
    this.#next = null;
    this.#lines = new WholeLines((bytes) => writeTo(this.#fd, bytes));
  }
}

/** A named pipe without a reader is an error rather than a wait. */
const APPENDING = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

function openForAppending(path: string): number {
  return openSync(path, APPENDING, 0o640);
}

function writeTo(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

function within(ms: number, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    start(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
