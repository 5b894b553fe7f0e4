// Compression on the event loop: what goes in comes out before the call returns, as nginx does it. A trip to Node's
// thread pool and back costs more than compressing a small body, and on a machine whose cores all have a worker nobody
// else could do the work meanwhile. A call takes as long as one read's bytes need, at most about a millisecond.
//
// Node's own streams hold a native handle that can do this (`gzipSync` uses it) and be used again, which saves 25 of 40
// µs for a body of 2 KB: bench/load, compress-2k. Reaching it touches `_handle` and `_writeState`; every coding proves
// itself with a known text before it is offered, and is left out where that fails.

import * as zlib from 'node:zlib';
import { heldMemory } from '../../../core/held-memory.ts';

export type Coding = 'gzip' | 'br' | 'zstd';

/** Where compressed bytes go; the chunk is overwritten afterwards. */
export type Output = (chunk: Buffer, length: number) => void;

/** The next level takes twice as long for a few percent. */
const BROTLI_QUALITY = 4;
const BROTLI_WINDOW_BITS = 19;
const OUTPUT_BYTES = 64 * 1024;
/** What one holds while it is used, at rest as well. */
export const COMPRESSOR_BYTES = 300 * 1024;
const MAX_RESTING = 8;

interface CodingFacts {
  readonly create: () => zlib.Gzip | zlib.BrotliCompress;
  readonly decode: (bytes: Buffer) => Buffer;
  readonly process: number;
  readonly flush: number;
  readonly finish: number;
  /** Brotli and Zstandard lose their parameters. */
  readonly canReset: boolean;
}

/** Newer releases of Node have it. */
interface Zstd {
  readonly createZstdCompress?: () => zlib.Gzip;
  readonly zstdDecompressSync?: (bytes: Buffer) => Buffer;
}

const { createZstdCompress, zstdDecompressSync } = zlib as Zstd; // Typed where it exists only.
const { constants } = zlib;

const CODINGS: Readonly<Record<Coding, CodingFacts | null>> = {
  gzip: {
    create: () => zlib.createGzip(),
    decode: zlib.gunzipSync,
    process: constants.Z_NO_FLUSH,
    flush: constants.Z_SYNC_FLUSH,
    finish: constants.Z_FINISH,
    canReset: true,
  },
  br: {
    create: () =>
      zlib.createBrotliCompress({
        params: {
          [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
          [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
        },
      }),
    decode: zlib.brotliDecompressSync,
    process: constants.BROTLI_OPERATION_PROCESS,
    flush: constants.BROTLI_OPERATION_FLUSH,
    finish: constants.BROTLI_OPERATION_FINISH,
    canReset: false,
  },
  zstd:
    createZstdCompress === undefined || zstdDecompressSync === undefined
      ? null
      : {
          create: createZstdCompress,
          decode: zstdDecompressSync,
          // ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end.
          process: 0,
          flush: 1,
          finish: 2,
          canReset: false,
        },
};

/** What of Node's stream is used. */
interface NativeStream {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Buffer,
      inputStart: number,
      inputLength: number,
      output: Buffer,
      outputStart: number,
      outputLength: number,
    ): void;
  } | null;
  /** [free in the output, left of the input] after a call. */
  readonly _writeState: Uint32Array;
}

const output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
const NOTHING = Buffer.alloc(0);
const resting = new Map<Coding, SyncCompressor[]>();

/** One body at a time. */
export class SyncCompressor {
  private readonly coding: Coding;
  private readonly facts: CodingFacts;
  private readonly stream: zlib.Gzip | zlib.BrotliCompress;
  private hasFailed = false;
  /** Counts its bodies: what comes out may end the body it belongs to, in the midst of a call. */
  private uses = 0;

  private constructor(coding: Coding, facts: CodingFacts) {
    this.coding = coding;
    this.facts = facts;
    this.stream = facts.create();
    this.stream.on('error', () => (this.hasFailed = true));
  }

  /** One at rest, or a new one; `release` it in any case. */
  static take(coding: Coding): SyncCompressor {
    heldMemory.add(COMPRESSOR_BYTES);
    return resting.get(coding)?.pop() ?? new SyncCompressor(coding, CODINGS[coding]!);
  }

  /** False when the compressor has failed. Calls `to` for what comes out, which may be nothing. */
  write(chunk: Buffer, start: number, end: number, to: Output): boolean {
    return this.run(this.facts.process, chunk, start, end, to);
  }

  /** Everything written so far comes out. */
  flush(to: Output): boolean {
    return this.run(this.facts.flush, NOTHING, 0, 0, to);
  }

  finish(to: Output): boolean {
    return this.run(this.facts.finish, NOTHING, 0, 0, to);
  }

  /** No more calls follow. */
  release(): void {
    this.uses++;
    heldMemory.give(COMPRESSOR_BYTES);
    const same = resting.get(this.coding) ?? [];
    if (this.hasFailed || !this.facts.canReset || same.length >= MAX_RESTING) {
      this.stream.destroy();
      return;
    }
    (this.stream as unknown as zlib.Deflate).reset(); // Gzip has it; its type does not.
    same.push(this);
    resting.set(this.coding, same);
  }

  private run(operation: number, chunk: Buffer, start: number, end: number, to: Output): boolean {
    const { _handle: handle, _writeState: state } = this.stream as unknown as NativeStream; // Proven below.
    const { uses } = this;
    let at = start;
    let left = end - start;
    for (;;) {
      if (handle === null || this.hasFailed || this.stream.destroyed) return false;
      handle.writeSync(operation, chunk, at, left, output, 0, OUTPUT_BYTES);
      const produced = OUTPUT_BYTES - state[0]!;
      at += left - state[1]!;
      left = state[1]!;
      const isFull = state[0] === 0;
      if (produced > 0) to(output, produced);
      if (!isFull || this.uses !== uses) return !this.hasFailed;
    }
  }
}

/** Codings that this release of Node can do, tried once. */
export const AVAILABLE: readonly Coding[] = (Object.keys(CODINGS) as Coding[]).filter(provesItself);

function provesItself(coding: Coding): boolean {
  const facts = CODINGS[coding];
  if (facts === null) return false;
  try {
    const text = Buffer.from('to prove that what goes in comes out, and comes out, and comes out');
    for (let turn = 0; turn < 2; turn++) {
      const parts: Buffer[] = [];
      const keep: Output = (chunk, length) => parts.push(Buffer.from(chunk.subarray(0, length)));
      const compressor = SyncCompressor.take(coding);
      const isDone =
        compressor.write(text, 0, 10, keep) && compressor.write(text, 10, text.length, keep) && compressor.finish(keep);
      compressor.release();
      if (!isDone || !facts.decode(Buffer.concat(parts)).equals(text)) return false;
    }
    return true;
  } catch {
    return false;
  }
}
