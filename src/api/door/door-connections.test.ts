import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { expect, test } from 'vitest';
import { DoorConnections } from './door-connections.ts';

function client(address?: string): net.Socket & { isGone: boolean } {
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress: address,
    isGone: false,
    destroy: (): void => {},
  });
  socket.destroy = (): void => {
    socket.isGone = true;
    socket.emit('close');
  };
  return socket as unknown as net.Socket & { isGone: boolean }; // What the class looks at.
}

test('the one that has been idle longest makes room, of the same address first', () => {
  const connections = new DoorConnections(4, 2);
  const [a1, a2, b1, c1] = [client('a'), client('a'), client('b'), client('c')];
  for (const one of [a1, a2, b1, c1]) connections.add(one);
  connections.begin(a1);
  connections.end(a1);
  const a3 = client('a');
  connections.add(a3);
  expect([a1.isGone, a2.isGone, b1.isGone]).toEqual([false, true, false]);
  connections.begin(b1);
  connections.add(client('d'));
  expect([a1.isGone, b1.isGone, c1.isGone, connections.size]).toEqual([false, false, true, 4]);
});

test('where nobody is idle, the oldest goes: the newest is served in any case', () => {
  const connections = new DoorConnections(2, 2);
  const [first, second, third] = [client(), client(), client()];
  for (const one of [first, second]) {
    connections.add(one);
    connections.begin(one);
  }
  connections.add(third);
  expect([first.isGone, second.isGone, third.isGone]).toEqual([true, false, false]);
});
