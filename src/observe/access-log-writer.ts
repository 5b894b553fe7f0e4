// The one writer of the access log: chunks of whole lines from all workers, in order of arrival, to a file or standard
// output. Its queue is bounded; what does not fit is dropped and counted, so that a full disk or a stuck pipe never
// costs a request.

import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { WholeLines } from '../core/line-output.ts';
import type { Log } from '../core/log.ts';
import { messageOf } from '../core/errors.ts';

const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
/** What a reader that takes nothing can hold up the end of the process. */
const MAX_STOP_MS = 2_000;

/** A named pipe without a reader is an error rather than a wait. */
const APPENDING = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);

/** Where lines go; fulfilled when they have been taken. */
export interface LineSink {
  write(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export class FileSink implements LineSink {
  readonly #handle: Pick<FileHandle, 'write' | 'close'>;
  readonly #lines: WholeLines;

  constructor(handle: Pick<FileHandle, 'write' | 'close'>) {
    this.#handle = handle;
    this.#lines = new WholeLines(async (bytes) => (await handle.write(bytes, 0, bytes.length)).bytesWritten);
  }

  static async open(path: string): Promise<FileSink> {
    return new FileSink(await open(path, APPENDING, 0o640));
  }

  write(lines: Uint8Array): Promise<void> {
    return this.#lines.write(lines);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Pause before a full pipe is tried again. */
const FULL_PIPE_MS = 20;

/**
 * Standard output, written from the thread pool: a stream of Node's would block the main thread while the reader of a
 * pipe is slow, and end the process when it is gone.
 */
export class StandardOutputSink implements LineSink {
  readonly #fd: number;
  readonly #isOwn: boolean;
  readonly #lines = new WholeLines((bytes) => this.#writeSome(bytes));

  constructor() {
    // A description of its own can be non-blocking without changing what other processes share. Sockets have none.
    let fd = 1;
    try {
      if (fstatSync(1).isFIFO()) fd = openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      // Other systems, or a reader that is gone: the descriptor as it is; writing tells.
    }
    this.#fd = fd;
    this.#isOwn = fd !== 1;
  }

  write(lines: Uint8Array): Promise<void> {
    return this.#lines.write(lines);
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    for (;;) {
      const written = await this.#writeOnce(bytes);
      if (written !== null) return written;
      await new Promise((resolve) => setTimeout(resolve, FULL_PIPE_MS));
    }
  }

  close(): Promise<void> {
    if (this.#isOwn) closeSync(this.#fd);
    return Promise.resolve();
  }

  /** Null when the pipe is full. */
  #writeOnce(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, (error, written) => {
        if (error === null) resolve(written);
        else if (error.code === 'EAGAIN') resolve(null);
        else reject(error);
      });
    });
  }
}

export class AccessLogWriter {
  readonly #openSink: () => Promise<LineSink>;
  readonly #log: Log;
  #sink: LineSink | null = null;
  #queue: { lines: Uint8Array; count: number; written: () => void }[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | null = null;
  #reopen = false;
  #failed = false;
  /** Lines lost, here or in workers. */
  dropped = 0;

  constructor(openSink: () => Promise<LineSink>, log: Log) {
    this.#openSink = openSink;
    this.#log = log;
  }

  /** Opens the file, so that a wrong path is known at start. */
  async start(): Promise<void> {
    this.#sink = await this.#openSink();
  }

  /** Takes whole lines; `written` is called when they have left or been dropped. */
  append(lines: Uint8Array, count: number, written: () => void): void {
    if (this.#queuedBytes + lines.length > MAX_QUEUED_BYTES) {
      this.dropped += count;
      written();
      return;
    }
    this.#queuedBytes += lines.length;
    this.#queue.push({ lines, count, written });
    this.#running ??= this.#run();
  }

  /** The next line goes to a newly opened file: for log rotation. */
  reopen(): void {
    this.#reopen = true;
    this.#running ??= this.#run();
  }

  /** Writes what is queued and closes; gives up on a reader that takes nothing. */
  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<'stuck'>((resolve) => {
      timer = setTimeout(() => resolve('stuck'), MAX_STOP_MS);
    });
    const outcome = await Promise.race([this.#running, tooLong]);
    clearTimeout(timer);
    if (outcome === 'stuck') {
      const lost = this.#queue.reduce((sum, chunk) => sum + chunk.count, 0);
      this.#log.warn('access log lines are lost: their reader takes none', { lines: lost });
      return;
    }
    await this.#sink?.close();
    this.#sink = null;
  }

  async #run(): Promise<void> {
    // Lets `#running` be assigned before the first early return.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#reopen) {
      const chunk = this.#reopen ? undefined : this.#queue.shift();
      try {
        if (this.#reopen) {
          this.#reopen = false;
          const fresh = await this.#openSink();
          await this.#sink?.close();
          this.#sink = fresh;
        } else if (chunk !== undefined && this.#sink !== null) await this.#sink.write(chunk.lines);
        if (this.#failed) this.#log.info('the access log is written again');
        this.#failed = false;
      } catch (error) {
        this.dropped += chunk?.count ?? 0;
        if (!this.#failed) {
          this.#log.error('the access log cannot be written; lines are dropped until it can', {
            error: messageOf(error),
          });
        }
        this.#failed = true;
      }
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.lines.length;
        chunk.written();
      }
    }
    this.#running = null;
  }
}
