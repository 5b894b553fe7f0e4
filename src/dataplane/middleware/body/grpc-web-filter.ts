// The response of a gRPC service as gRPC-Web has it (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md):
// trailers become a last frame of the body, and everything may be Base64.

import { BODY_CHUNKED, type ChunkOwner } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { ResponseFilter } from '../../http/response-filter.ts';
import { Base64Encoder } from './base64-body.ts';

const TRAILERS_FLAG = 0x80;
/** In the head of a response that has nothing else. */
const STATUS_FIELDS = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];

export class GrpcWebFilter extends ResponseFilter {
  private readonly encoder: Base64Encoder | null;
  /** Status that came with the head. */
  private status: readonly string[] = [];

  constructor(isText: boolean) {
    super();
    this.encoder = isText ? new Base64Encoder() : null;
  }

  override startResponse(exchange: Exchange): void {
    exchange.responseFraming = BODY_CHUNKED;
    exchange.responseLength = 0;
    const { responseHeaders: headers } = exchange;
    this.status = STATUS_FIELDS.flatMap((name) => {
      const value = headers.get(name);
      return value === undefined ? [] : [`${name}: ${value}\r\n`];
    });
    this.next!.startResponse(exchange);
  }

  override write(chunk: Buffer, start: number, end: number, owner: ChunkOwner | null): boolean {
    if (this.encoder === null) return this.next!.write(chunk, start, end, owner);
    return this.pass(this.encoder.encode(chunk, start, end));
  }

  private pass(bytes: Buffer): boolean {
    return bytes.length === 0 || this.next!.write(bytes, 0, bytes.length, null);
  }

  override flush(): void {
    // A message is worth nothing without its end.
    if (this.encoder !== null) this.pass(this.encoder.finish());
    this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    const lines =
      trailers === null
        ? this.status
        : trailers.lines.map((line, index) => trailers.names[index]! + line.slice(trailers.names[index]!.length));
    const text = lines.join('');
    const frame = Buffer.alloc(5 + text.length);
    frame[0] = TRAILERS_FLAG;
    frame.writeUInt32BE(text.length, 1);
    frame.latin1Write(text, 5);
    this.write(frame, 0, frame.length, null);
    if (this.encoder !== null) this.pass(this.encoder.finish());
    this.next!.end(null);
  }
}
