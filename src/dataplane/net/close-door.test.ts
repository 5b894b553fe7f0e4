import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { closeDoor } from './close-door.ts';

/** What becomes of a connection: what it was answered, or the code of its error. */
async function outcome(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  try {
    await once(socket, 'close');
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}

test.each(['127.0.0.1', '::1', '0.0.0.0', '::'])('%s: whoever waits is accepted, whoever comes later is refused', async (host) => {
  let accepted = 0;
  let answered = 0;
  const server = net.createServer((socket) => {
    accepted++;
    // The door's own connection says nothing.
    socket.on('error', () => {});
    socket.on('data', () => {
      answered++;
      socket.end('answer');
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const own = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const clients = Array.from({ length: 100 }, () => {
    const socket = net.connect(port, own);
    socket.write('question');
    return outcome(socket);
  });
  // The kernel has taken them, and nobody has accepted them: no turn of the event loop has passed.
  await new Promise((resolve) => process.nextTick(resolve));
  const closed = closeDoor({ server, accepted: () => accepted, isShared: false });
  await closed;
  expect(await outcome(net.connect(port, own))).toBe('ECONNREFUSED');
  expect(await Promise.all(clients)).toEqual(Array.from({ length: 100 }, () => 'answer'));
  expect(answered).toBe(100);
}); // prettier-ignore

test('of a socket that another has, only our descriptor closes', async () => {
  const server = net.createServer((socket) => socket.end('answer'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let accepted = 0;
  server.on('connection', () => accepted++);
  const { port } = server.address() as AddressInfo;
  const client = outcome(net.connect(port, '127.0.0.1'));
  await new Promise((resolve) => process.nextTick(resolve));
  await closeDoor({ server, accepted: () => accepted, isShared: true });
  expect(await client).toBe('answer');
  expect(accepted).toBe(1);
});
