// The begin of a request's body, kept while it is short, so that the request can go to another server. It stands next
// to the server, behind whatever changes the body: what is sent again is what was sent. Most calls of gRPC are that
// short.

import { heldMemory } from '../../core/held-memory.ts';
import type { BodySink, ChunkOwner } from './body.ts';
import type { Failure } from './failure.ts';
import type { HeaderList } from './message/header-list.ts';

export class KeptBody implements BodySink {
  /** Of more than that nothing is kept. */
  private readonly maxBytes: number;
  /** Kept also when a response has begun. */
  private readonly isForResponse: boolean;
  /** Latin-1, a byte per character; null when it is too much, or nobody wants it any more. */
  private text: string | null = '';
  /** Of it, in the memory of all that is in progress. */
  private heldBytes = 0;
  private hasEnded = false;
  private trailers: HeaderList | null = null;
  /** Null between one server and the next. */
  private next: BodySink | null = null;

  constructor(maxBytes: number, isForResponse: boolean) {
    this.maxBytes = maxBytes;
    this.isForResponse = isForResponse;
  }

  /** All that was sent so far can be sent again. */
  get isWhole(): boolean {
    return this.text !== null;
  }

  /** Nothing more will come. */
  get isComplete(): boolean {
    return this.hasEnded;
  }

  /** The server of before is given up. Little more is taken until there is another one. */
  detach(): void {
    this.next = null;
  }

  /** From now on to this sink; first, what went to another one before. */
  into(sink: BodySink): BodySink {
    this.next = sink;
    const text = this.text ?? '';
    if (text !== '') {
      const bytes = Buffer.from(text, 'latin1');
      sink.write(bytes, 0, bytes.length, null);
      if (text.length > this.maxBytes) this.forget();
    }
    if (this.hasEnded) sink.end(this.trailers);
    return this;
  }

  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    const { next } = this;
    if (this.text !== null) this.keep(chunk, start, end, next === null);
    if (next !== null) return next.write(chunk, start, end, owner);
    return this.text !== null && this.text.length < this.maxBytes;
  }

  private keep(chunk: Buffer, start: number, end: number, isOnlyCopy: boolean): void {
    const size = end - start;
    const hasRoom = this.text!.length + size <= this.maxBytes && heldMemory.take(size);
    if (hasRoom) this.heldBytes += size;
    // What has come although it was asked to wait is little, and nowhere else.
    else if (!isOnlyCopy) {
      this.forget();
      return;
    }
    this.text += chunk.latin1Slice(start, end);
  }

  flush(): void {
    this.next?.flush();
  }

  end(trailers: HeaderList | null): void {
    this.hasEnded = true;
    this.trailers = trailers;
    this.next?.end(trailers);
  }

  abort(failure: Failure): void {
    this.forget();
    this.next?.abort(failure);
  }

  /** A response has come. */
  answered(): void {
    if (!this.isForResponse) this.forget();
  }

  /** It will not be sent again. */
  forget(): void {
    this.text = null;
    heldMemory.give(this.heldBytes);
    this.heldBytes = 0;
  }
}
