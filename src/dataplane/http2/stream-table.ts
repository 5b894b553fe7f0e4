// The streams of one connection that the peer opens, and what may still come for those that are gone (RFC 9113 §5.1).
// The session holds the open ones; of the others only the way the latest of them ended is kept, for it decides whether
// a late frame is normal or an error.

/** Frames in flight when this side reset the stream are dropped. */
export const CLOSED_BY_RESET = 0;
/** Both sides had ended it, or the peer has reset it: it has no reason to send anything more. */
export const CLOSED_BY_PEER = 1;
/** Longer ago than is remembered, or skipped. */
export const CLOSED_LONG_AGO = 2;
export const IDLE = 3;
export type ClosedState = 0 | 1 | 2 | 3;

/** Resets that are in flight at once are far fewer. */
const REMEMBERED = 64;

export class StreamTable<Stream> {
  /** Highest id the peer has used. */
  lastId = 0;
  private readonly open: Map<number, Stream>;
  /** Ring of ids, negative for those that were reset. */
  private readonly closed: number[] = [];
  private next = 0;

  /** Over the open ones, which it keeps up to date. */
  constructor(open: Map<number, Stream>) {
    this.open = open;
  }

  add(id: number, stream: Stream): void {
    this.lastId = id;
    this.open.set(id, stream);
  }

  /** The id is used up although no stream comes of it. */
  refuse(id: number): void {
    this.lastId = id;
    this.remember(id, CLOSED_BY_RESET);
  }

  close(id: number, how: typeof CLOSED_BY_RESET | typeof CLOSED_BY_PEER): void {
    this.open.delete(id);
    this.remember(id, how);
  }

  /** Of an id that is not open. */
  stateOf(id: number): ClosedState {
    if (id > this.lastId) return IDLE;
    const { closed } = this;
    for (let index = 0; index < closed.length; index++) {
      if (closed[index] === id) return CLOSED_BY_PEER;
      if (closed[index] === -id) return CLOSED_BY_RESET;
    }
    return CLOSED_LONG_AGO;
  }

  private remember(id: number, how: ClosedState): void {
    this.closed[this.next] = how === CLOSED_BY_RESET ? -id : id;
    this.next = (this.next + 1) % REMEMBERED;
  }
}
