// Two sides of a connection without a network: what one reads the other writes, and how much may wait on the way.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeSocket } from '../../../test/support/fake-socket.ts';
import { heldMemory } from '../../core/held-memory.ts';
import { Reading } from '../net/fixed-read.ts';
import { TcpLeg, type LegOwner } from './tcp-leg.ts';

const HIGH_WATER_BYTES = 256 * 1024;

let told: string[];
let sockets: { client: FakeSocket; server: FakeSocket };
let client: TcpLeg;
let server: TcpLeg;
let heldBefore: number;

beforeEach(() => {
  told = [];
  heldBefore = heldMemory.bytes;
  const name = (leg: TcpLeg): string => (leg === client ? 'client' : 'server');
  const owner: LegOwner = {
    carried: (leg, bytes) => void told.push(`${name(leg)} ${bytes}`),
    early: (chunk) => void told.push(`early ${chunk.toString()}`),
    ended: (leg) => void told.push(`${name(leg)} ended`),
    overfull: () => void told.push('overfull'),
    closed: (leg, error) => void told.push(`${name(leg)} closed${error === null ? '' : ` ${error.message}`}`),
  };
  sockets = { client: new FakeSocket(), server: new FakeSocket() };
  // Of TLS, so that neither changes to fixed memory.
  client = new TcpLeg(owner, sockets.client.asSocket, new Reading(), true, false);
  server = new TcpLeg(owner, sockets.server.asSocket, new Reading(), true, false);
  sockets.client.calls.length = sockets.server.calls.length = 0;
  client.peer = server;
  server.peer = client;
});

afterEach(() => {
  client.onClose(null);
  server.onClose(null);
  expect(heldMemory.bytes).toBe(heldBefore);
});

/** The client sends so much. */
function send(bytes: number): void {
  client.onRead(Buffer.alloc(bytes, 'x'), bytes);
}

test('what one side reads the other one writes; no byte of the chunk is used beyond its length', () => {
  client.onRead(Buffer.from('hello there'), 5);
  server.onRead(Buffer.from('welcome'), 7);
  expect([sockets.server.said(), sockets.client.said()]).toEqual(['hello', 'welcome']);
  const large = Buffer.alloc(9_000, 'y');
  client.onRead(large, 8_500);
  expect(sockets.server.said()).toBe('y'.repeat(8_500));
  expect([told, client.bytesRead, server.bytesRead]).toEqual([['client 5', 'server 7', 'client 8500'], 8_505, 7]);
});

test('bytes that come before there is another side are handed over, copied, and no more is read', () => {
  client.peer = null;
  const chunk = Buffer.from('earlyrest');
  client.onRead(chunk, 5);
  chunk.fill('z');
  expect([told, sockets.client.calls]).toEqual([['early early'], ['pause']]);
  client.peer = server;
  client.resume();
  expect(sockets.client.calls).toEqual(['pause', 'resume']);
});

test('a side that takes nothing stops the other one at the mark, and lets it go on when it has taken all', () => {
  sockets.server.isStuck = true;
  send(HIGH_WATER_BYTES - 1);
  expect([sockets.client.calls, heldMemory.bytes - heldBefore]).toEqual([[], 0]);
  send(1);
  expect([sockets.client.calls, heldMemory.bytes - heldBefore]).toEqual([['pause'], HIGH_WATER_BYTES]);
  sockets.server.take();
  server.onDrain();
  expect([sockets.client.calls, heldMemory.bytes - heldBefore]).toEqual([['pause', 'resume'], 0]);
  server.onDrain();
  expect(sockets.client.calls).toEqual(['pause', 'resume']);
});

test('what comes after the stop, as the last bytes of a read do, is passed on and not counted as waiting twice', () => {
  sockets.server.isStuck = true;
  send(HIGH_WATER_BYTES);
  send(10_000);
  expect([heldMemory.bytes - heldBefore, sockets.client.calls]).toEqual([HIGH_WATER_BYTES, ['pause']]);
  expect(sockets.server.bytes.length).toBe(HIGH_WATER_BYTES + 10_000);
  sockets.server.take();
  server.onDrain();
  expect(heldMemory.bytes).toBe(heldBefore);
});

test('where there is no room for what waits, the owner is told', () => {
  const { maxBytes } = heldMemory;
  heldMemory.maxBytes = heldBefore + HIGH_WATER_BYTES - 1;
  try {
    sockets.server.isStuck = true;
    send(HIGH_WATER_BYTES);
    expect([told.at(-1), heldMemory.bytes]).toEqual(['overfull', heldBefore]);
  } finally {
    heldMemory.maxBytes = maxBytes;
  }
});

test('a side that closes while it waits gives back what it held, and says why', () => {
  sockets.server.isStuck = true;
  send(HIGH_WATER_BYTES);
  client.onClose(new Error('reset'));
  expect([told.at(-1), heldMemory.bytes, client.isClosed]).toEqual(['client closed reset', heldBefore, true]);
});

test('an end over TLS, or with bytes on their way, is one at once', () => {
  client.onEnd();
  expect([told, client.hasEnded]).toEqual([['client ended'], true]);
});

test('a reset is one where it can be, and a plain end where it cannot', () => {
  client.reset();
  expect(sockets.client.calls).toEqual(['destroy']);
  const plain = new FakeSocket();
  const leg = new TcpLeg({ closed: () => {} } as unknown as LegOwner, plain.asSocket, new Reading(), false, false); // As far as it is asked.
  plain.calls.length = 0;
  leg.reset();
  expect(plain.calls).toEqual(['reset']);
  plain.writableEnded = true;
  leg.reset();
  expect(plain.calls).toEqual(['reset', 'destroy']);
  leg.close();
  expect(plain.calls.at(-1)).toBe('destroySoon');
});

test('over TLS an end always has to be said, without it one that everything was written to is an end as well', () => {
  const plain = new FakeSocket();
  const leg = new TcpLeg({ closed: () => {} } as unknown as LegOwner, plain.asSocket, new Reading(), false, false); // As far as it is asked.
  expect([client.isFlushed, leg.isFlushed]).toEqual([false, true]);
  plain.writableLength = 1;
  expect(leg.isFlushed).toBe(false);
});
