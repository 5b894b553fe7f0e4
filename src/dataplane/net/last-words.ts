// What a peer has said before it broke the connection off. A server that refuses an upload answers and closes without
// reading the rest, and its reset meets the next write: Node destroys a socket as soon as a write fails, with the
// answer unread in the kernel (RFC 9112 §9.5). Here such a socket is read on until its end, and written to no more.

import type net from 'node:net';

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
}

/** How long the end may take to come: the kernel has it already. */
export const LAST_WORDS_MS = 2_000;

/**
 * Calls `broken` when a write fails because the peer has broken off, instead of destroying the socket: the owner reads
 * on, and destroys it at the end. `hasEnded` says that the peer had ended its side in order before: what is read is
 * then all of it.
 */
export function hearOut(socket: net.Socket, broken: (hasEnded: boolean) => void): void {
  let isBroken = false;
  const destroy = socket.destroy.bind(socket);
  // Streams destroy themselves through this method, which is the only place to stop them.
  socket.destroy = (error?: Error): net.Socket => {
    const { code, syscall } = (error ?? {}) as SystemError;
    if (syscall !== 'write' || (code !== 'EPIPE' && code !== 'ECONNRESET')) return destroy(error);
    // Of several writes on their way each fails.
    if (isBroken) return socket;
    isBroken = true;
    // Linux tells a reset behind an end as EPIPE, any other as ECONNRESET.
    broken(code === 'EPIPE');
    return socket;
  };
}
