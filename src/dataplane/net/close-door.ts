// Closes a listening socket without losing anybody. What the kernel has taken for us and nobody has accepted is reset
// when the last descriptor of the socket closes, and between the last look at its queue and the close there is always
// room for one more. So the queue is made to take one connection only, and that one is ours: whoever comes then is not
// answered, tries again, and is refused by a closed port as it should be.
//
// libuv accepts one connection in a turn of the event loop: a turn without one has seen an empty queue.

import net from 'node:net';
import { ACCEPT_QUEUE } from './accept-queue.ts';

/** The part of Node's TCP handles that is used; the same in Node 20, 24 and 26. */
interface TcpHandle {
  listen(backlog: number): number;
  getpeername(out: object): number;
}

type Internal<T> = T & { _handle: TcpHandle | null };

/** As many as can have been waiting, and some in which others closed their doors. */
const MAX_TURNS = ACCEPT_QUEUE + 1024;
/** So often our own connection does not get in before nobody is waited for any more. */
const MAX_TRIES = 256;

export interface Door {
  readonly server: net.Server;
  /** Connections ever accepted. */
  accepted: () => number;
  /** Another process has the socket too: its queue is served, and none of our business. */
  readonly isShared: boolean;
}

/** Settles when the socket is closed; what waited before has been accepted. */
export function closeDoor({ server, accepted, isShared }: Door): Promise<void> {
  return new Promise((resolve) => {
    let before = -1;
    let turnsLeft = MAX_TURNS;
    let triesLeft = isShared ? 0 : MAX_TRIES;
    const close = (): void => {
      server.close();
      resolve();
    };
    const look = (): void => {
      const isQuiet = before === accepted();
      before = accepted();
      if (--turnsLeft === 0 || (isQuiet && triesLeft-- <= 0)) close();
      else if (isQuiet) plug(server, close, () => setImmediate(look));
      else setImmediate(look);
    };
    setImmediate(look);
  });
}

/**
 * Calls `closed` in the very turn in which ours is the only connection in the queue, `missed` when somebody else is
 * there.
 */
function plug(server: net.Server, closed: () => void, missed: () => void): void {
  const listening = (server as Internal<net.Server>)._handle;
  const address = server.address();
  if (listening === null || address === null || typeof address === 'string') return closed();
  // Node connects in the next tick, and over the loopback that is a connection at once: nothing is accepted in between,
  // and others are turned away for as short as can be.
  process.nextTick(() => listening.listen(0));
  const { port } = address;
  const own = net.connect({ port, host: reachable(address.address) }) as Internal<net.Socket>;
  own.on('error', () => {});
  process.nextTick(() => {
    const isIn = own._handle !== null && own._handle.getpeername({}) === 0;
    if (isIn) closed();
    else listening.listen(ACCEPT_QUEUE);
    own.destroy();
    if (!isIn) missed();
  });
}

function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}
