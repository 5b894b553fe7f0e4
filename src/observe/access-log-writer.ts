// The one writer of the access log: chunks of whole lines from all workers, in order of arrival, to a file or standard
// output. Its queue is bounded; what does not fit is dropped and counted, so that a full disk or a stuck pipe never
// costs a request.

import { open, type FileHandle } from 'node:fs/promises';
import type { Log } from '../core/log.ts';

const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/** Where lines go; fulfilled when they have been taken. */
export interface LineSink {
  write(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export class FileSink implements LineSink {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(path: string): Promise<FileSink> {
    return new FileSink(await open(path, 'a', 0o640));
  }

  async write(lines: Uint8Array): Promise<void> {
    let written = 0;
    while (written < lines.length) {
      written += (await this.#handle.write(lines, written, lines.length - written)).bytesWritten;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export class StreamSink implements LineSink {
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  write(lines: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(lines, (error) => (error == null ? resolve() : reject(error)));
    });
  }

  async close(): Promise<void> {}
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

  /** Writes what is queued and closes. */
  async stop(): Promise<void> {
    await this.#running;
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
            error: error instanceof Error ? error.message : String(error),
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
