// Messages over one socket. What cannot be understood ends the connection, with the reason in the log: what follows it
// cannot be trusted.

import type { Socket } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { FrameReader } from '../../model/message/link/codec.ts';
import { MAX_MESSAGE_BYTES } from '../../model/message/link/messages.ts';

/** More than two messages of the greatest length: an end for which so much waits does not read. */
const MAX_UNSENT_BYTES = 2 * MAX_MESSAGE_BYTES;

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

  /**
   * What waits for an end that does not read is bounded: beyond that the connection ends, and who comes again gets what
   * is newest.
   */
  send(message: Out): void {
    if (!this.#isOpen) return;
    const { socket, log } = this.#options;
    if (socket.writableLength <= MAX_UNSENT_BYTES) socket.write(this.#options.encode(message));
    else {
      log.error('the other end of the link takes nothing, and is left', { unsentBytes: socket.writableLength });
      this.close();
    }
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
