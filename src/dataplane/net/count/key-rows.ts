// Rows of shared memory that are found by a text, within a bound: sets of sixteen rows, and a key has its row in the
// one set that its hash names. What a row holds beside its key is its owner's, KeyedCounts or KeyedBuckets.
//
// Cells: [seed, then per set: lock, 16 × hash, 16 × row (mark, key …)]

import { createHash, randomInt } from 'node:crypto';
import { murmur3 } from '../../../core/hash.ts';

export interface KeyTableShape {
  /** A power of two. */
  readonly sets: number;
  /** Longest key that stands in a row as it is: a multiple of four, and 32 at least. */
  readonly keyBytes: number;
}

export const ROWS_PER_SET = 16;
const SET_BITS = 4;

const SEED = 0;
const HEADER = 1;
const LOCK = 0;
const HASHES = 1;
const ROWS = HASHES + ROWS_PER_SET;
/** The mark of a digest; of a key as it is, its length and one. */
const DIGEST = -1;
/** Then the holder has lost its core in the midst of it, and might want ours. */
const MAX_SPINS = 1_000;

/**
 * Keys are compared whole, not by a hash of them: no two are taken for one, whoever chose them. A key stands in its
 * row as bytes, four to a cell; one that is too long, or not of Latin-1, is stood for by its SHA-256, with a mark that
 * no text has. Rows change their key under the lock of their set alone, which is held for a microsecond or so.
 */
export class KeyRows {
  private readonly cells: Int32Array<SharedArrayBuffer>;
  private readonly keyBytes: number;
  private readonly rowWidth: number;
  private readonly setWidth: number;
  private readonly setMask: number;
  private readonly slot: number;
  private readonly seed: number;
  /** The key that is being looked for: `load` puts it here. */
  private readonly key: Int32Array;
  private keyCells = 0;
  private mark = 0;
  private hash = 0;

  static cells({ sets, keyBytes }: KeyTableShape): number {
    return HEADER + sets * (ROWS + ROWS_PER_SET * (1 + keyBytes / 4));
  }

  /** The cells begin at a byte of the memory. */
  constructor(memory: SharedArrayBuffer, offset: number, shape: KeyTableShape, slot: number) {
    this.cells = new Int32Array(memory, offset, KeyRows.cells(shape));
    this.keyBytes = shape.keyBytes;
    this.rowWidth = 1 + shape.keyBytes / 4;
    this.setWidth = ROWS + ROWS_PER_SET * this.rowWidth;
    this.setMask = shape.sets - 1;
    this.slot = slot;
    this.key = new Int32Array(shape.keyBytes / 4);
    // Whoever comes first sows it. Clients that choose keys do not know which of them come to one set.
    Atomics.compareExchange(this.cells, SEED, 0, randomInt(1, 2 ** 31));
    this.seed = Atomics.load(this.cells, SEED);
  }

  /** Makes this the key that is looked for, and returns its set. */
  load(key: string): number {
    const { length } = key;
    const words = this.key;
    let all = 0;
    if (length <= this.keyBytes) {
      let at = 0;
      let index = 0;
      for (; index + 3 < length; index += 4) {
        const a = key.charCodeAt(index);
        const b = key.charCodeAt(index + 1);
        const c = key.charCodeAt(index + 2);
        const d = key.charCodeAt(index + 3);
        all |= a | b | c | d;
        words[at++] = a | (b << 8) | (c << 16) | (d << 24);
      }
      if (index < length) {
        let last = 0;
        for (let shift = 0; index < length; index++, shift += 8) {
          const code = key.charCodeAt(index);
          all |= code;
          last |= code << shift;
        }
        words[at++] = last;
      }
      this.keyCells = at;
      this.mark = length + 1;
    }
    if (length > this.keyBytes || all > 0xff) this.loadDigest(key);
    this.hash = murmur3(words, this.keyCells, this.seed);
    return this.hash & this.setMask;
  }

  private loadDigest(key: string): void {
    // As code units: of what is no Unicode, UTF-8 would make the same bytes.
    const digest = createHash('sha256').update(key, 'utf16le').digest();
    for (let at = 0; at < 8; at++) this.key[at] = digest.readInt32LE(4 * at);
    this.keyCells = 8;
    this.mark = DIGEST;
  }

  /**
   * The row of the set that has the loaded key; -1 when there is none. Without the lock a row may change its key
   * while it is looked at: the owner must notice.
   */
  find(set: number): number {
    const { cells } = this;
    const hashes = this.baseOf(set) + HASHES;
    for (let index = 0; index < ROWS_PER_SET; index++) {
      if (cells[hashes + index] === this.hash && this.hasKey(set, index)) return index;
    }
    return -1;
  }

  /** Whether the row has the loaded key. */
  hasKey(set: number, index: number): boolean {
    const { cells, key, keyCells } = this;
    const row = this.baseOf(set) + ROWS + index * this.rowWidth;
    if (Atomics.load(cells, row) !== this.mark) return false;
    for (let at = 0; at < keyCells; at++) if (cells[row + 1 + at] !== key[at]) return false;
    return true;
  }

  /** Gives the row the loaded key; under the lock of the set. */
  setKey(set: number, index: number): void {
    const { cells, key, keyCells } = this;
    const base = this.baseOf(set);
    const row = base + ROWS + index * this.rowWidth;
    cells[base + HASHES + index] = this.hash;
    for (let at = 0; at < keyCells; at++) cells[row + 1 + at] = key[at]!;
    Atomics.store(cells, row, this.mark);
  }

  lock(set: number): void {
    const { cells } = this;
    const lock = this.baseOf(set) + LOCK;
    let spins = 0;
    for (;;) {
      const holder = Atomics.compareExchange(cells, lock, 0, this.slot + 1);
      if (holder === 0) return;
      // The lock of a dead worker is freed by the supervisor.
      if (++spins % MAX_SPINS === 0) Atomics.wait(cells, lock, holder, 1);
    }
  }

  unlock(set: number): void {
    Atomics.store(this.cells, this.baseOf(set) + LOCK, 0);
  }

  /** Frees the locks that a dead worker held. */
  clearWorker(slot: number): void {
    const { cells } = this;
    for (let set = 0; set <= this.setMask; set++) {
      const lock = this.baseOf(set) + LOCK;
      // To look costs no page of memory, to write does.
      if (Atomics.load(cells, lock) === slot + 1) Atomics.store(cells, lock, 0);
    }
  }

  private baseOf(set: number): number {
    return HEADER + set * this.setWidth;
  }
}

/** Number of a row over all sets. */
export function rowNumber(set: number, index: number): number {
  return (set << SET_BITS) | index;
}
