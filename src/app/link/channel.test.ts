import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { fromEdge, MAX_MESSAGE_BYTES } from '../../model/message/link/messages.ts';
import { Channel } from './channel.ts';

/** Takes what it is given, and says that so much of it waits. */
class StuckSocket extends EventEmitter {
  writableLength = 0;
  readonly written: Uint8Array[] = [];
  isDestroyed = false;

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

test('an end that reads nothing is left once more waits for it than it could be owed', () => {
  const socket = new StuckSocket();
  const said: string[] = [];
  const channel = new Channel<unknown, string>({
    socket: socket as unknown as Socket, // As much of one as is used.
    reader: fromEdge.reader(),
    encode: (text) => Buffer.from(text),
    log: { debug() {}, info() {}, warn() {}, error: (message) => said.push(message) },
    received: () => {},
    closed: () => said.push('closed'),
  });
  socket.writableLength = 2 * MAX_MESSAGE_BYTES;
  channel.send('a');
  expect([socket.written.length, channel.isOpen, said]).toEqual([1, true, []]);
  socket.writableLength++;
  channel.send('b');
  channel.send('c');
  expect([socket.written.length, channel.isOpen, socket.isDestroyed]).toEqual([1, false, true]);
  expect(said).toEqual(['the other end of the link takes nothing, and is left', 'closed']);
});
