// Breaks a connection off with RST: the kernel forgets what the peer has not taken, which after an orderly close it
// would keep for minutes, and the peer cannot take the end for an orderly one.

import type net from 'node:net';

/** By sockets of TLS: those that carry them. */
const carriers = new WeakMap<net.Socket, net.Socket>();

/** `secure` is TLS over `carrier`. */
export function carriedBy(secure: net.Socket, carrier: net.Socket): void {
  carriers.set(secure, carrier);
}

export function resetSocket(socket: net.Socket): void {
  const carrier = carriers.get(socket);
  // An end on its way to the kernel cannot be taken back: libuv refuses the reset, and would not close at all.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else if (carrier === undefined) socket.resetAndDestroy();
  else {
    carrier.resetAndDestroy();
    socket.destroy();
  }
}
