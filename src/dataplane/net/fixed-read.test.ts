import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { copyToSlab, readPlainly, Reading, refit, releaseSlab, type ReadTarget } from './fixed-read.ts';
import { hasReadEnd } from './read-end.ts';
import { turns } from './turns.ts';

test('a slab is handed over once, so that it comes back to the pool once', () => {
  const reading = new Reading();
  reading.useSlabs();
  const slab = reading.nextChunk()!;
  // Two pieces of a body in one read, each written by its own call.
  const claims = [reading.claim(), reading.claim()];
  const next = reading.nextChunk()!;
  for (const isClaimed of claims) if (isClaimed) releaseSlab(slab);
  const one = copyToSlab(Buffer.from('one'), 0, 3);
  const other = copyToSlab(Buffer.from('other'), 0, 5);
  expect([one === other, one === next, other === next]).toEqual([false, false, false]);
  expect(one.latin1Slice(0, 3)).toBe('one');
});

test('a socket whose end has been read already is left as it is', async () => {
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const { port } = server.address() as AddressInfo; // A TCP server.
  const client = net.connect({ port, host: '127.0.0.1' });
  const [socket] = await accepted;
  // Bytes and end come while nobody reads: both wait in the socket.
  client.end('all of it');
  const reading = new Reading();
  let text = '';
  let isRefitted = false;
  const ended = new Promise<void>((resolve) => {
    const target: ReadTarget = {
      onRead(chunk, length) {
        text += chunk.latin1Slice(0, length);
        isRefitted = refit(socket, target, reading) !== null;
      },
      onEnd: resolve,
      onDrain: () => {},
      onClose: () => {},
    };
    socket.pause();
    readPlainly(socket, target, reading);
  });
  await once(client, 'finish');
  while (!hasReadEnd(socket)) await new Promise((resolve) => setImmediate(resolve));
  socket.resume();
  await ended;
  expect([text, isRefitted]).toEqual(['all of it', false]);
  socket.destroy();
  client.destroy();
  server.close();
});

test.each(['data events', 'fixed memory'])(
  'in a crowd, what was read waits for its turn, and the end behind it: %s',
  async (form) => {
    const server = net.createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const { port } = server.address() as AddressInfo; // A TCP server.
    const client = net.connect({ port, host: '127.0.0.1' });
    const [socket] = await accepted;
    const reading = new Reading();
    const seen: string[] = [];
    let told: (() => void) | null = null;
    const target: ReadTarget = {
      onRead(chunk, length) {
        seen.push(chunk.latin1Slice(0, length));
        told?.();
      },
      onEnd: () => seen.push('end'),
      onDrain: () => {},
      onClose: () => {},
    };
    readPlainly(socket, target, reading);
    client.write('first');
    await new Promise<void>((resolve) => {
      told = resolve;
    });
    const owned = form === 'data events' ? socket : refit(socket, target, reading)!;
    turns.isCrowded = true;
    try {
      // More than one connection may hold: it is read no further until its turn has come.
      const parts = Array.from({ length: 40 }, (_, index) => `${index},`.padEnd(1_000, '-'));
      for (const part of parts) client.write(part);
      client.end();
      const all = parts.join('');
      while (!hasReadEnd(owned)) {
        // Nobody has been accepted: nothing turns by itself.
        turns.accepted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      while (!seen.includes('end')) await new Promise((resolve) => setImmediate(resolve));
      expect(seen.slice(1, -1).join('')).toBe(all);
      expect(seen.at(-1)).toBe('end');
    } finally {
      turns.isCrowded = false;
      owned.destroy();
      client.destroy();
      server.close();
    }
  },
);
