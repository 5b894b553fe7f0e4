// Compresses the body of one response on its way to the client. The work is done in Node's thread pool; this filter moves
// bytes in and out and carries back-pressure both ways.
//
//   service ──write──▶ [ copy ] ──▶ compressor ──data──▶ next ──▶ client
//   service ◀─resume──   drain   ◀──           ◀─pause──      ◀── full

import { constants, type BrotliCompress, type Gzip } from 'node:zlib';
import type { BodySource } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import type { HeaderList } from '../http/header-list.ts';
import { ResponseFilter } from '../http/response-filter.ts';

export type Compressor = Gzip | BrotliCompress;

/** Where compressors come from; every one taken is given back. */
export interface CompressorSupply {
  take(): Compressor;
  giveBack(compressor: Compressor): void;
}

export class CompressingFilter extends ResponseFilter implements BodySource {
  private readonly supply: CompressorSupply;
  private readonly flushKind: number;
  /** The body comes in pieces that clients wait for. */
  private readonly flushes: boolean;
  private compressor: Compressor | null = null;
  private exchange: Exchange | null = null;
  /** The service's side, as long as it has something to send. */
  private source: BodySource | null = null;
  private trailers: HeaderList | null = null;
  private hasUnflushed = false;
  private isOver = false;

  constructor(supply: CompressorSupply, isBrotli: boolean, flushes: boolean) {
    super();
    this.supply = supply;
    this.flushKind = isBrotli ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
    this.flushes = flushes;
  }

  override startResponse(exchange: Exchange): void {
    this.exchange = exchange;
    this.source = exchange.responseSource;
    // The client's side asks us for more; and what we write is never the memory the service's side may hand over.
    exchange.responseSource = this;
    // Not before: a filter whose response never begins is dropped without a word.
    const compressor = this.supply.take();
    this.compressor = compressor;
    compressor.on('data', (chunk: Buffer) => {
      if (this.isOver) return;
      if (!this.next!.write(chunk, 0, chunk.length)) compressor.pause();
      if (this.flushes) this.next!.flush();
    });
    compressor.on('drain', () => this.source?.resume());
    compressor.on('end', () => {
      if (this.isOver) return;
      this.over();
      this.next!.end(this.trailers);
    });
    compressor.on('error', () => {
      const { source } = this;
      if (this.isOver) return;
      this.over();
      source?.cancel(FAILURES.internal);
      this.next!.abort(FAILURES.internal);
    });
    this.next!.startResponse(exchange);
  }

  override write(chunk: Buffer, start: number, end: number): boolean {
    if (this.isOver || start === end) return true;
    this.hasUnflushed = true;
    return this.compressor!.write(Buffer.from(chunk.subarray(start, end)));
  }

  override flush(): void {
    if (this.isOver) return;
    if (this.flushes && this.hasUnflushed) {
      this.hasUnflushed = false;
      this.compressor!.flush(this.flushKind);
    } else if (!this.hasUnflushed) this.next!.flush();
  }

  override end(trailers: HeaderList | null): void {
    if (this.isOver) return;
    this.trailers = trailers;
    // The service's connection may serve another request by now.
    this.source = null;
    if (this.exchange !== null) this.exchange.responseSource = this;
    this.compressor!.end();
  }

  override abort(failure: Failure): void {
    // Also when it was cancelled before: the client's side has to hear of it.
    this.over();
    this.next!.abort(failure);
  }

  // ── asked by the client's side ─────────────────────────────────────────────────────────────────────────────────

  resume(): void {
    this.compressor?.resume();
  }

  cancel(failure: Failure): void {
    const { source } = this;
    this.over();
    source?.cancel(failure);
  }

  claim(): boolean {
    return false;
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.source = null;
    this.exchange = null;
    const { compressor } = this;
    this.compressor = null;
    if (compressor !== null) this.supply.giveBack(compressor);
  }
}
