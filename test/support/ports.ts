// Ports that a test must know before something listens on them. They are held for as long as the test file runs: a
// socket that is bound and does not listen lets servers bind beside it, which all set SO_REUSEADDR, refuses connections
// while nobody does, and keeps the kernel from giving the number to a connection, or to a server that asks for any
// port.

import { createSocket, type Socket } from 'node:dgram';
import net from 'node:net';

interface BoundHandle {
  getsockname(out: { port?: number }): number;
}

type CreateServerHandle = (host: string, port: number, family: 4 | 6) => BoundHandle | number;

const held: unknown[] = [];

/** So many ports for TCP, of all addresses. */
export function holdPorts(count: number): readonly number[] {
  // Internal but long-lived: node:cluster is built on it.
  const create = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;
  return Array.from({ length: count }, () => {
    let handle = create('::', 0, 6);
    // A machine without IPv6.
    if (typeof handle === 'number') handle = create('0.0.0.0', 0, 4);
    if (typeof handle === 'number') throw new Error(`no port can be bound (${handle})`);
    held.push(handle);
    const name: { port?: number } = {};
    handle.getsockname(name);
    return name.port!;
  });
}

/** One of them; a server that is given it may close and come back, and until then connections are refused. */
export function holdPort(): number {
  return holdPorts(1)[0]!;
}

/**
 * One for TCP and for UDP, on 127.0.0.1, for a server that sets SO_REUSEADDR on both. Datagrams are the server's from
 * when it has bound; closing the socket then leaves them to it.
 */
export async function holdForDatagrams(): Promise<{ readonly port: number; readonly socket: Socket }> {
  for (;;) {
    const port = holdPort();
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    const isBound = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (isBound) return { port, socket };
    // Somebody has it for UDP.
    socket.close();
  }
}

/**
 * Holds a port of 127.0.0.1 for UDP, the given one or any, so that datagrams to it are refused: a socket that is
 * connected takes them from its peer alone. Null when somebody has the port.
 */
export async function refuseDatagrams(port = 0): Promise<number | null> {
  const socket = createSocket('udp4').unref();
  held.push(socket);
  const isBound = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => resolve(true));
  });
  if (!isBound) return null;
  await new Promise<void>((resolve) => socket.connect(9, '127.0.0.1', () => resolve()));
  return socket.address().port;
}

/** An address of loopback that no other process that runs the tests has: its ports are free, also those for UDP. */
export function ownAddress(): string {
  // Process ids have 22 bits at most; 127.0 and 127.1 are everybody's.
  return `127.${2 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
}

/** Ports of the own address that the kernel gives to nobody, being below those it chooses from. */
let next = 20_000;

export function ownPort(): number {
  return next++;
}
