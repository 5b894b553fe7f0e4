// The kernel's queue of connections that nobody has accepted yet. One that is full drops them, and their clients try
// again after a second: it has to hold whatever comes at once.

import type net from 'node:net';

/** The kernel takes the lower of this and net.core.somaxconn, which is 4,096 since Linux 5.4. */
export const ACCEPT_QUEUE = 4096;

/** With a handle, Node takes the length of the queue as the second argument alone: as an option it is not looked at. */
type Listen = (where: object, backlog: number, listening: () => void) => void;

/** Listens on a handle that is bound, or at a path. */
export function listenOn(
  server: net.Server,
  where: { readonly _handle: object } | { readonly path: string },
  listening: () => void,
): void {
  const listen = server.listen.bind(server) as unknown as Listen; // Declared without this form.
  listen(where, ACCEPT_QUEUE, listening);
}
