// A socket with nobody at the other end: what is written is kept, what is asked of it is noted, and what comes is what
// a test says.

import { EventEmitter } from 'node:events';
import type net from 'node:net';

export class FakeSocket extends EventEmitter {
  destroyed = false;
  connecting = false;
  writableEnded = false;
  writableFinished = false;
  writableLength = 0;
  readableLength = 0;
  errored: Error | null = null;
  bytes = Buffer.alloc(0);
  /** `pause`, `resume`, `end`, `destroySoon`, `destroy` and `reset`, in their order. */
  readonly calls: string[] = [];
  /** The kernel takes nothing by itself; see `take`. */
  isStuck = false;
  #waiting: (() => void)[] = [];

  /** For code that wants all of a socket; the part that is used is here. */
  get asSocket(): net.Socket {
    return this as unknown as net.Socket;
  }

  write(chunk: Buffer | string, encoding?: BufferEncoding | (() => void), done?: () => void): boolean {
    const bytes = Buffer.from(chunk as string, 'latin1');
    const written = typeof encoding === 'function' ? encoding : done;
    this.bytes = Buffer.concat([this.bytes, bytes]);
    if (this.isStuck) {
      this.writableLength += bytes.length;
      if (written !== undefined) this.#waiting.push(written);
    } else if (written !== undefined) queueMicrotask(written);
    return !this.isStuck;
  }

  /** The kernel takes what waits now. */
  take(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.writableLength = 0;
    for (const written of waiting) written();
  }

  /** What has been written since this was asked last, as text. */
  said(): string {
    const text = this.bytes.toString('latin1');
    this.bytes = Buffer.alloc(0);
    return text;
  }

  cork(): void {}
  uncork(): void {}
  setNoDelay(): void {}
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  end(): void {
    // A second one changes nothing.
    if (!this.writableEnded) this.calls.push('end');
    this.writableEnded = this.writableFinished = true;
  }
  destroySoon(): void {
    this.calls.push('destroySoon');
  }
  destroy(): void {
    this.calls.push('destroy');
    this.destroyed = true;
  }
  resetAndDestroy(): void {
    this.calls.push('reset');
    this.destroyed = true;
  }
}
