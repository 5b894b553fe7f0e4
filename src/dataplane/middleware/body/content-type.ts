// contentType: names the type of a response whose service did not.

import { optional } from '../../../schema/field.ts';
import { checked, object } from '../../../schema/object.ts';
import { boolean } from '../../../schema/scalar.ts';
import { BODY_LENGTH, BODY_NONE, type ChunkOwner } from '../../http/body.ts';
import type { Exchange, ResponseHook } from '../../http/exchange.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { ResponseFilter } from '../../http/response-filter.ts';
import { hasNoBody } from '../../http/message/status.ts';
import { defineMiddleware } from '../define.ts';
import { sniff, SNIFF_BYTES } from './sniff.ts';

/** Holds the head back until enough of the body is there to tell, or no more comes at once. */
class SniffingFilter extends ResponseFilter {
  private exchange: Exchange | null = null;
  private held: Buffer | null = null;
  private heldBytes = 0;

  override startResponse(exchange: Exchange): void {
    this.exchange = exchange;
  }

  override write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.exchange === null) return this.next!.write(chunk, start, end, owner);
    if (this.heldBytes + end - start >= SNIFF_BYTES) {
      if (this.held === null) this.begin(chunk.subarray(start, end));
      else {
        const copied = chunk.copy(this.held, this.heldBytes, start, end);
        this.begin(this.held.subarray(0, this.heldBytes + copied));
        this.next!.write(this.held, 0, this.heldBytes, null);
      }
      return this.next!.write(chunk, start, end, owner);
    }
    this.held ??= Buffer.allocUnsafe(SNIFF_BYTES);
    this.heldBytes += chunk.copy(this.held, this.heldBytes, start, end);
    return true;
  }

  override flush(): void {
    // The head alone tells nothing: what is flushed before the body waits for it.
    if (this.exchange !== null && this.heldBytes === 0) return;
    this.release();
    this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    this.release();
    this.next!.end(trailers);
  }

  private release(): void {
    if (this.exchange === null) return;
    if (this.held === null) this.begin(null);
    else {
      this.begin(this.held.subarray(0, this.heldBytes));
      this.next!.write(this.held, 0, this.heldBytes, null);
    }
  }

  private begin(head: Buffer | null): void {
    const exchange = this.exchange!;
    this.exchange = null;
    if (head !== null) {
      exchange.responseHeaders.setLine('content-type', `Content-Type: ${sniff(head, head.length)}\r\n`);
    }
    this.next!.startResponse(exchange);
  }
}

const addSniffing: ResponseHook = (exchange) => {
  const { status, responseHeaders: headers, responseFraming } = exchange;
  if (headers.has('content-type') || headers.has('content-encoding')) return;
  if (responseFraming === BODY_NONE || (responseFraming === BODY_LENGTH && exchange.responseLength === 0)) return;
  if (hasNoBody(exchange.method, status)) return;
  exchange.addFilter(new SniffingFilter());
};

export const contentType = defineMiddleware({
  kind: 'contentType',
  summary: 'Finds out the type of responses that name none.',
  description:
    'The first 512 bytes decide, by the rules browsers have. Without this middleware such responses are passed on as they are. Do not use it for what users upload: a file that looks like a page is then shown as one.',
  options: checked(
    object({
      autoDetect: optional(boolean(), 'Deprecated: `false` switches the middleware off.'),
    }),
    ({ autoDetect }, context) => {
      if (autoDetect === undefined) return;
      context.at('autoDetect', () =>
        context.report('warning', 'deprecated-option', '"autoDetect" is deprecated; leave the middleware out instead'),
      );
    },
  ),
  create: ({ autoDetect }) => {
    if (autoDetect === false) return (next) => next;
    return (next) =>
      function contentTypeStage(exchange) {
        exchange.onResponse(addSniffing);
        return next(exchange);
      };
  },
});
