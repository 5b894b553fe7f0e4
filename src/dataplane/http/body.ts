// How body bytes move between the two sides of an exchange. Push with back-pressure: the side that reads is the source
// and calls the sink; a sink that is full says so and calls the source back. Chunks are borrowed: the buffer is the
// worker's read buffer and is overwritten as soon as the call returns, unless the sink claims it from its owner.

import type { Failure } from './failure.ts';
import type { HeaderList } from './message/header-list.ts';

/** Whose memory a chunk is in. */
export interface ChunkOwner {
  /**
   * Hands the current chunk's memory to the sink, which gives it back with `releaseSlab`. False when the memory is
   * shared and has to be copied.
   */
  claim(): boolean;
}

export interface BodySink {
  /**
   * Takes `chunk[start, end)`. False asks the source to stop until the sink calls `resume`; the chunk has been taken
   * all the same. Who passes a chunk on passes its owner with it; null for memory that cannot be claimed.
   */
  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean;
  /** No more bytes follow at once: send what was kept back to join it. */
  flush(): void;
  /** The body is complete. */
  end(trailers: HeaderList | null): void;
  /** The body will never be complete: whatever was passed on must not look complete either. */
  abort(failure: Failure): void;
}

export interface BodySource {
  /** The sink has room again. */
  resume(): void;
  /** The sink is gone or wants no more: stop reading for it. */
  cancel(): void;
}

/** How the length of a message's body is known, RFC 9112 §6.3. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
/** Responses only: the body ends with the connection. */
export const BODY_CLOSE = 3;
export type BodyFraming = 0 | 1 | 2 | 3;

/** Changes the body of a request on its way to the server, or looks at it. */
export interface RequestFilter {
  /**
   * The sink that the client's bytes go to; what comes of them goes to `sink`. Called again when another server takes
   * over.
   */
  into(sink: BodySink): BodySink;
}

/** The upstream half of a tunnel. */
export interface TunnelEnd {
  /** False asks for a pause, until the client has room again. */
  write(chunk: Buffer, start: number, end: number, owner: null): boolean;
  /** The other side sent FIN: pass it on. */
  finish(): void;
  destroy(): void;
  resume(): void;
}
