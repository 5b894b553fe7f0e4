// Octets that have to wait, in order. They are gathered in few pieces whatever the size of what comes: a peer that
// sends its body octet by octet must not cost an object for each.

import { giveSlab, takeMemory, takeSlab } from './slab-pool.ts';

/** First piece; most bodies that wait are small, and calls of gRPC smaller still. bench/load, grpc. */
const SMALL_PIECE_BYTES = 2 * 1024;
const TINY_PIECE_BYTES = 256;

export interface HeldPiece {
  readonly memory: Buffer;
  /** What is left of the piece is `memory[start, end)`. */
  start: number;
  end: number;
}

export class HeldBytes {
  length = 0;
  private readonly pieces: HeldPiece[] = [];

  append(chunk: Buffer, start: number, end: number): void {
    this.length += end - start;
    let at = start;
    while (at < end) {
      let last = this.pieces.at(-1);
      if (last === undefined || last.end === last.memory.length) {
        last = { memory: last === undefined ? firstPiece(end - at) : takeSlab(), start: 0, end: 0 };
        this.pieces.push(last);
      }
      const size = Math.min(end - at, last.memory.length - last.end);
      chunk.copy(last.memory, last.end, at, at + size);
      last.end += size;
      at += size;
    }
  }

  /** The oldest piece; undefined when nothing is held. */
  get first(): HeldPiece | undefined {
    return this.pieces[0];
  }

  /** Drops that many octets of the first piece, which must have them. */
  consume(bytes: number): void {
    const piece = this.pieces[0]!;
    piece.start += bytes;
    this.length -= bytes;
    if (piece.start < piece.end) return;
    this.pieces.shift();
    giveSlab(piece.memory);
  }

  clear(): void {
    for (const { memory } of this.pieces) giveSlab(memory);
    this.pieces.length = 0;
    this.length = 0;
  }
}

function firstPiece(bytes: number): Buffer {
  if (bytes > SMALL_PIECE_BYTES) return takeSlab();
  return takeMemory(bytes <= TINY_PIECE_BYTES ? TINY_PIECE_BYTES : SMALL_PIECE_BYTES);
}
