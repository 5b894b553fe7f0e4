// A stage between the service and the client that changes the body of a response, or has to see its begin before the
// head may leave. Response hooks add filters; they run from the service outwards, and so do the filters. While a filter
// holds the head back, nothing has been sent: a failure can still become an answer, which then takes the filter's
// place.

import type { ChunkOwner } from './body.ts';
import type { ChainedSink, Exchange, ResponseSink } from './exchange.ts';
import type { Failure } from './failure.ts';
import type { HeaderList } from './message/header-list.ts';

/** Passes everything on; subclasses say what they do otherwise. */
export abstract class ResponseFilter implements ChainedSink {
  /** Set when the filter is added. Bytes of a chunk may be passed on only during the call that brought them. */
  protected next: ResponseSink | null = null;

  attach(next: ResponseSink): void {
    this.next = next;
  }

  startResponse(exchange: Exchange): void {
    this.next!.startResponse(exchange);
  }

  write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    return this.next!.write(chunk, start, end, owner);
  }

  flush(): void {
    this.next!.flush();
  }

  end(trailers: HeaderList | null): void {
    this.next!.end(trailers);
  }

  abort(failure: Failure): void {
    this.next!.abort(failure);
  }
}
