// Messages over one socket. What cannot be understood ends the connection, with the reason in the log: what follows it
// cannot be trusted.

import { messageOf } from '../../core/errors.ts';
import type { Socket } from 'node:net';
import type { Log } from '../../core/log.ts';
import type { FrameReader } from '../../model/message/link/codec.ts';

export interface ChannelOptions<In, Out> {
  readonly socket: Socket;
  readonly reader: FrameReader<In>;
  encode(message: Out): Uint8Array;
  readonly log: Log;
  received(message: In): void;
  /** Called once; nothing is received any more. */
  closed(): void;
}

export class Channel<In, Out> {
  readonly #options: ChannelOptions<In, Out>;
  #isOpen = true;

  constructor(options: ChannelOptions<In, Out>) {
    const { socket } = options;
    this.#options = options;
    socket.on('data', (chunk) => this.#read(chunk));
    // 'close' follows.
    socket.on('error', (error) => options.log.debug('the link was broken off', { error: error.message }));
    socket.on('close', () => this.#closed());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: Out): void {
    if (this.#isOpen) this.#options.socket.write(this.#options.encode(message));
  }

  close(): void {
    this.#options.socket.destroy();
    this.#closed();
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const message of this.#options.reader.read(chunk)) {
        if (!this.#isOpen) return;
        this.#options.received(message);
      }
    } catch (error) {
      this.#options.log.error('the link says what cannot be understood, and is closed', {
        error: messageOf(error),
      });
      this.close();
    }
  }

  #closed(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.closed();
  }
}
