// A listening socket that somebody else has bound: a service manager, or the process before this one.

import net from 'node:net';
import { openDatagrams } from './datagram-handle.ts';
import type { BoundSocket, SocketHandle } from './listening-socket.ts';

type OpenServerHandle = (address: null, port: 0, addressType: 4, fd: number) => SocketHandle | number;

interface SocketName {
  address?: string;
  port?: number;
}

/** A text says why the descriptor cannot be used; it is left open then. Neither accepts nor reads. */
export function adoptSocket(fd: number): BoundSocket | string {
  // Internal but long-lived: node:cluster is built on it. A number is the code of an error.
  const open = (net as unknown as { _createServerHandle: OpenServerHandle })._createServerHandle;
  const handle = open(null, 0, 4, fd);
  if (typeof handle === 'number') return adoptDatagramSocket(fd);
  if (typeof (handle as Partial<SocketHandle>).getsockname !== 'function') {
    return 'it is a Unix socket; entry points listen on TCP and UDP';
  }
  const peer = (handle as SocketHandle & { getpeername(out: SocketName): number }).getpeername({});
  if (peer === 0) return 'it is a connection rather than a listening socket; the socket unit must not say Accept=yes';
  return describe(handle, 'tcp');
}

function adoptDatagramSocket(fd: number): BoundSocket | string {
  try {
    return describe(openDatagrams(fd), 'udp');
  } catch {
    return 'it is no socket for TCP or UDP';
  }
}

function describe(handle: SocketHandle, protocol: 'tcp' | 'udp'): BoundSocket | string {
  const name: SocketName = {};
  const code = handle.getsockname(name);
  if (code !== 0 || name.address === undefined || (name.port ?? 0) === 0) return 'it is not bound to an address';
  return { handle, address: { host: name.address, port: name.port!, protocol } };
}
