// Looks at the first bytes of an accepted connection before anyone owns it. Nothing is taken away: whoever gets the
// socket afterwards reads them again.

import type net from 'node:net';
import { heldMemory } from '../../core/held-memory.ts';
import { Deadline, type TimerWheel } from '../../core/timer-wheel.ts';

/** Who decides about a connection by its first bytes. */
export interface FirstBytesReader {
  /** Everything received so far is enough to decide. */
  isEnough(bytes: Buffer): boolean;
  /** Takes the socket, which is paused and has the bytes to read. */
  take(bytes: Buffer, socket: net.Socket): void;
  /** The connection ended before there was enough. */
  gone(): void;
}

export class FirstBytes {
  private readonly socket: net.Socket;
  private readonly wheel: TimerWheel;
  private readonly reader: FirstBytesReader;
  private readonly deadline: Deadline;
  private received: Buffer | null = null;
  private heldBytes = 0;

  /** Closes the socket when there is not enough after `timeoutMs`. */
  constructor(socket: net.Socket, wheel: TimerWheel, timeoutMs: number, reader: FirstBytesReader) {
    this.socket = socket;
    this.wheel = wheel;
    this.reader = reader;
    this.deadline = new Deadline(() => socket.destroy());
    wheel.arm(this.deadline, timeoutMs);
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('error', ignore);
    socket.on('close', this.onClose);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private readonly onData = (chunk: Buffer): void => {
    const bytes = this.received === null ? chunk : Buffer.concat([this.received, chunk]);
    this.received = bytes;
    if (!this.reader.isEnough(bytes)) {
      if (heldMemory.take(chunk.length)) this.heldBytes += chunk.length;
      else this.socket.resetAndDestroy();
      return;
    }
    this.giveMemory();
    const { socket } = this;
    this.wheel.remove(this.deadline);
    socket.pause();
    socket.removeListener('data', this.onData);
    socket.removeListener('end', this.onEnd);
    socket.removeListener('error', ignore);
    socket.removeListener('close', this.onClose);
    socket.unshift(bytes);
    this.reader.take(bytes, socket);
  };

  private giveMemory(): void {
    heldMemory.give(this.heldBytes);
    this.heldBytes = 0;
  }

  private readonly onEnd = (): void => {
    this.socket.destroy();
  };

  private readonly onClose = (): void => {
    this.wheel.remove(this.deadline);
    this.giveMemory();
    this.reader.gone();
  };
}

function ignore(): void {}
