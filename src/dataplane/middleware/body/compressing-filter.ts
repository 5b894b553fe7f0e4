// Compresses the body of one response on its way to the client: bytes in, bytes out, in the same call.

import type { Exchange } from '../../http/exchange.ts';
import { FAILURES, type Failure } from '../../http/failure.ts';
import type { HeaderList } from '../../http/message/header-list.ts';
import { ResponseFilter } from '../../http/response-filter.ts';
import { SyncCompressor, type Coding, type Output } from './sync-compressor.ts';

/** Who counts the compressors in use. */
export interface CompressorCount {
  active: number;
}

export class CompressingFilter extends ResponseFilter {
  private readonly coding: Coding;
  private readonly count: CompressorCount;
  /** The body comes in pieces that clients wait for. */
  private readonly flushes: boolean;
  private compressor: SyncCompressor | null = null;
  private exchange: Exchange | null = null;
  private hasUnflushed = false;
  private hasRoom = true;
  private isOver = false;

  constructor(coding: Coding, count: CompressorCount, flushes: boolean) {
    super();
    this.coding = coding;
    this.count = count;
    this.flushes = flushes;
  }

  private readonly pass: Output = (chunk, length) => {
    if (!this.isOver && !this.next!.write(chunk, 0, length, null)) this.hasRoom = false;
  };

  override startResponse(exchange: Exchange): void {
    this.exchange = exchange;
    // The client may leave before the end.
    exchange.onFinish(() => this.over());
    // Not before: a filter whose response never begins is dropped without a word.
    this.compressor = SyncCompressor.take(this.coding);
    this.count.active++;
    this.next!.startResponse(exchange);
  }

  override write(chunk: Buffer, start: number, end: number): boolean {
    if (this.isOver || start === end) return true;
    this.hasUnflushed = true;
    this.hasRoom = true;
    if (!this.compressor!.write(chunk, start, end, this.pass)) this.fail();
    return this.hasRoom;
  }

  override flush(): void {
    if (this.isOver) return;
    if (this.flushes && this.hasUnflushed) {
      this.hasUnflushed = false;
      if (!this.compressor!.flush(this.pass)) {
        this.fail();
        return;
      }
    }
    this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    if (this.isOver) return;
    const isDone = this.compressor!.finish(this.pass);
    if (this.isOver) return;
    if (!isDone) {
      this.fail();
      return;
    }
    this.over();
    this.next!.end(trailers);
  }

  override abort(failure: Failure): void {
    // Also when it was cancelled before: the client's side has to hear of it.
    this.over();
    this.next!.abort(failure);
  }

  /** The compressor broke: what the client has is not the whole. */
  private fail(): void {
    const source = this.exchange?.responseSource;
    this.over();
    source?.cancel();
    this.next!.abort(FAILURES.internal);
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.exchange = null;
    const { compressor } = this;
    this.compressor = null;
    if (compressor === null) return;
    this.count.active--;
    compressor.release();
  }
}
