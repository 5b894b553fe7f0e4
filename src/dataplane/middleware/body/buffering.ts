// buffering: limits the size of requests and responses. Bodies are passed on as they arrive; only the begin of a
// response whose length is not announced is held back, so that one beyond the limit can still be answered with an
// error.

import { later, optional, withDefault } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { integer } from '../../../schema/scalar.ts';
import { BODY_LENGTH, BODY_NONE, type ChunkOwner } from '../../http/body.ts';
import type { Exchange, ResponseHook } from '../../http/exchange.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { respondFailure } from '../../http/respond.ts';
import { ResponseFilter } from '../../http/response-filter.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { limitRequestBody } from './body-limit.ts';
import { defineMiddleware } from '../define.ts';

const MEBIBYTE = 1024 * 1024;

/** Counts a body; the head waits until `holdBytes` are there or the body has ended. */
class LimitingFilter extends ResponseFilter {
  private readonly maxBytes: number;
  private readonly holdBytes: number;
  private exchange: Exchange | null = null;
  private held: Buffer[] | null = [];
  private bytes = 0;

  constructor(maxBytes: number, holdBytes: number) {
    super();
    this.maxBytes = maxBytes;
    this.holdBytes = holdBytes;
  }

  override startResponse(exchange: Exchange): void {
    this.exchange = exchange;
    if (exchange.responseFraming === BODY_LENGTH) this.refuse();
  }

  override write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.exchange === null) return true;
    this.bytes += end - start;
    if (this.bytes > this.maxBytes) {
      this.refuse();
      return true;
    }
    if (this.held === null) return this.next!.write(chunk, start, end, owner);
    if (this.bytes <= this.holdBytes) {
      this.held.push(Buffer.from(chunk.subarray(start, end)));
      return true;
    }
    const hasRoom = this.release();
    return this.next!.write(chunk, start, end, owner) && hasRoom;
  }

  override flush(): void {
    if (this.exchange !== null && this.held === null) this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    if (this.exchange === null) return;
    if (this.held !== null) this.release();
    this.next!.end(trailers);
  }

  private release(): boolean {
    const exchange = this.exchange!;
    const held = this.held!;
    this.held = null;
    this.next!.startResponse(exchange);
    let hasRoom = true;
    for (const piece of held) hasRoom = this.next!.write(piece, 0, piece.length, null);
    return hasRoom;
  }

  /** Answers when nothing has been sent; breaks off visibly otherwise. */
  private refuse(): void {
    const exchange = this.exchange!;
    this.exchange = null;
    this.held = null;
    exchange.dropSource();
    respondFailure(exchange, FAILURES.responseTooLarge);
  }

  override abort(failure: Failure): void {
    this.exchange = null;
    this.next!.abort(failure);
  }
}

export const buffering = defineMiddleware({
  kind: 'buffering',
  summary: 'Limits the size of requests and responses.',
  description:
    'A request above the limit is answered 413. A response above it is answered 500 - or broken off when it has begun, which happens to one whose length is not announced once `memResponseBodyBytes` of it have come. Bodies are not gathered otherwise: they are passed on as they arrive, and nothing is written to disk.',
  options: checked(
    object({
      maxRequestBodyBytes: withDefault(integer({ min: 0 }), 0, 'Largest request body in bytes; 0 is unlimited.'),
      memRequestBodyBytes: optional(integer({ min: 0 }), 'No effect: request bodies are not gathered.'),
      maxResponseBodyBytes: withDefault(integer({ min: 0 }), 0, 'Largest response body in bytes; 0 is unlimited.'),
      memResponseBodyBytes: withDefault(
        integer({ min: 0, max: 64 * MEBIBYTE }),
        MEBIBYTE,
        'Begin of a response to hold back when there is a limit and its length is not announced.',
      ),
      retryExpression: later('Use the middleware retry.'),
    }),
    ({ maxRequestBodyBytes, memRequestBodyBytes, maxResponseBodyBytes }, context) => {
      if (memRequestBodyBytes !== undefined) {
        const reason = '"memRequestBodyBytes" has no effect: request bodies are passed on as they arrive';
        context.at('memRequestBodyBytes', () => context.report('warning', 'option-without-effect', reason));
      }
      if (maxRequestBodyBytes === 0 && maxResponseBodyBytes === 0) {
        const reason = 'nothing is limited: give maxRequestBodyBytes or maxResponseBodyBytes';
        context.report('warning', 'option-without-effect', reason);
      }
    },
  ),
  create: ({ maxRequestBodyBytes, maxResponseBodyBytes, memResponseBodyBytes }) => {
    const limitResponse: ResponseHook = (exchange) => {
      const { responseFraming, responseLength, status } = exchange;
      // The answer to a failure is ours, and may be larger than the limit.
      if (exchange.failure !== null || responseFraming === BODY_NONE || hasNoBody(exchange.method, status)) return;
      if (responseFraming === BODY_LENGTH && responseLength <= maxResponseBodyBytes) return;
      exchange.addFilter(new LimitingFilter(maxResponseBodyBytes, memResponseBodyBytes));
    };
    return (next) =>
      function bufferingStage(exchange) {
        if (maxRequestBodyBytes > 0 && !limitRequestBody(exchange, maxRequestBodyBytes)) return;
        if (maxResponseBodyBytes > 0) exchange.onResponse(limitResponse);
        return next(exchange);
      };
  },
});
