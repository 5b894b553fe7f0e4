// Base64 on the way through, for bodies of gRPC-Web text: decodes requests, encodes responses. Pieces may be cut
// anywhere; the encoded text may consist of parts that are padded each.

import type { BodySink } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { RequestFilter } from '../../http/body.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { respondFailure } from '../../http/respond.ts';

const GROUPS = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)*$/;

/** Whole groups of four, parts padded each; null when it is none. */
function decodeGroups(text: string): Buffer | null {
  if (!GROUPS.test(text)) return null;
  if (text.indexOf('=') < 0 || text.indexOf('=') >= text.length - 2) return Buffer.from(text, 'base64');
  return Buffer.concat(text.split(/(?<==)(?=[^=])/).map((part) => Buffer.from(part, 'base64')));
}

/** Takes the Base64 of one request, and passes on what it stands for. */
export class Base64Decoder implements BodySink, RequestFilter {
  private next: BodySink | null = null;
  private readonly exchange: Exchange;
  private rest = '';
  private isBroken = false;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  into(sink: BodySink): BodySink {
    this.next = sink;
    return this;
  }

  write(chunk: Buffer, start: number, end: number): boolean {
    if (this.isBroken) return true;
    const text = this.rest + chunk.latin1Slice(start, end);
    const whole = text.length - (text.length % 4);
    const bytes = decodeGroups(text.slice(0, whole));
    this.rest = text.slice(whole);
    if (bytes === null) {
      this.refuse();
      return true;
    }
    return bytes.length === 0 || this.next!.write(bytes, 0, bytes.length, null);
  }

  flush(): void {
    this.next!.flush();
  }

  end(trailers: HeaderList | null): void {
    if (this.isBroken) return;
    if (this.rest === '') this.next!.end(trailers);
    else this.refuse();
  }

  abort(failure: Failure): void {
    if (!this.isBroken) this.next!.abort(failure);
  }

  private refuse(): void {
    this.isBroken = true;
    this.next!.abort(FAILURES.badEncoding);
    respondFailure(this.exchange, FAILURES.badEncoding);
  }
}

/** Gathers bytes and gives them back as Base64. */
export class Base64Encoder {
  private rest = Buffer.alloc(0);

  /** Base64 of what makes whole groups. */
  encode(chunk: Buffer, start: number, end: number): Buffer {
    const given = chunk.subarray(start, end);
    const all = this.rest.length === 0 ? given : Buffer.concat([this.rest, given]);
    const whole = all.length - (all.length % 3);
    this.rest = Buffer.from(all.subarray(whole));
    return Buffer.from(all.toString('base64', 0, whole), 'latin1');
  }

  /** What is left, padded. */
  finish(): Buffer {
    const text = this.rest.toString('base64');
    this.rest = Buffer.alloc(0);
    return Buffer.from(text, 'latin1');
  }
}
