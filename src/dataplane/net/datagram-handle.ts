// UDP sockets that are bound or inherited and never read: carriers of a descriptor, as listening-socket.ts keeps them.
// Node begins to read with the bind; both ways here stop it in the same turn, so that no datagram is taken.

import { createSocket, type Socket } from 'node:dgram';

/** The part of Node's UDP handle that is used; the same in Node 20, 24 and 26. */
export interface DatagramHandle {
  readonly fd: number;
  close(): void;
  getsockname(out: { address?: string; port?: number; family?: string }): number;
  recvStop(): number;
}

/** Node has no public name for the handle; the property `_handle` warns. */
function handleOf(socket: Socket): DatagramHandle {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const state = (socket as unknown as Record<symbol, { handle: DatagramHandle } | undefined>)[key!];
  if (state === undefined) throw new Error(`Node.js ${process.versions.node} keeps its UDP handles elsewhere`);
  return state.handle;
}

/** Resolves with the handle, or the code of the error. */
export function bindDatagrams(
  address: string,
  port: number,
  family: 4 | 6,
  reusePort: boolean,
): Promise<DatagramHandle | string> {
  const options = { type: family === 6 ? ('udp6' as const) : ('udp4' as const), ...(reusePort ? { reusePort } : {}) };
  const socket = createSocket(options);
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ address, port, exclusive: true }, () => resolve(stopReading(socket)));
  });
}

/** Takes over a descriptor of a bound UDP socket. Throws when it is none. */
export function openDatagrams(fd: number): DatagramHandle {
  const socket = createSocket('udp4');
  socket.bind({ fd, exclusive: true });
  return stopReading(socket);
}

/** Takes no more datagrams; they wait in the kernel. Sending goes on. */
export function stopDatagrams(socket: Socket): void {
  handleOf(socket).recvStop();
}

function stopReading(socket: Socket): DatagramHandle {
  const handle = handleOf(socket);
  handle.recvStop();
  return handle;
}

/** For sockets that know addresses alone: a look-up would cost each datagram a turn of the event loop. */
export function sameAddress(
  address: string,
  _family: unknown,
  done: (error: Error | null, address: string, family: number) => void,
): void {
  done(null, address, address.includes(':') ? 6 : 4);
}

/** A socket that reads from a handle of its own; nothing was read before. */
export function adoptDatagrams(handle: object): Socket {
  const name: { family?: string } = {};
  (handle as DatagramHandle).getsockname(name);
  // Answers go to addresses, which need no look-up.
  const socket = createSocket({ type: name.family === 'IPv6' ? 'udp6' : 'udp4', lookup: sameAddress });
  // Undocumented but long-lived: how a socket of another process arrives over IPC.
  (socket.bind as unknown as (this: Socket, handle: object) => void).call(socket, handle);
  return socket;
}
