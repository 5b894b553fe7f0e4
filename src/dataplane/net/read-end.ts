// Whether a socket has read its peer's FIN although nobody has heard of it yet: bytes before it still wait to be read.
// Whoever takes over the handle in that moment would wait for an end that the kernel does not report twice.

import type net from 'node:net';

/** Node says so in a field of the stream alone: should it be gone, such a connection ends by its timeout. */
export function hasReadEnd(socket: net.Socket): boolean {
  return (socket as net.Socket & { _readableState?: { ended?: boolean } })._readableState?.ended === true;
}
