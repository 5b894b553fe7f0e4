// Reads header blocks, RFC 7541. The dynamic table is shared state with the peer: every block must be decoded whole,
// even of a request that is refused, and after any error the connection is lost. What a hostile block can cost is
// bounded by its length: references make no new strings, and fields beyond the limit are counted but not delivered.

import { Field, FIELD_OVERHEAD } from './field.ts';
import { decodeHuffman } from './huffman.ts';
import { COMPRESSION_ERROR, DEFAULT_HEADER_TABLE_BYTES, NO_ERROR } from '../protocol.ts';
import { STATIC_ENTRIES } from './static-table.ts';

const STATIC = STATIC_ENTRIES.map(([name, value]) => new Field(name, value));
const FIRST_DYNAMIC = STATIC.length + 1;
/** Integers of more than this many continuation octets are none that a field could need (RFC 7541 §5.1). */
const MAX_SHIFT = 21;
const FIRST_CAPACITY = 16;

export interface FieldReceiver {
  field(field: Field): void;
}

/** For blocks that belong to nothing any more: only their effect on the table counts. */
export const IGNORED_FIELDS: FieldReceiver = { field() {} };

export class HpackDecoder {
  /** Size of the list decoded last, as SETTINGS_MAX_HEADER_LIST_SIZE counts. */
  listBytes = 0;
  listCount = 0;
  /** The list decoded last was over a limit; the receiver has not seen all of it. */
  isOverLimit = false;
  /** Ring: the newest entry is at `inserted - 1`. The capacity is a power of two. */
  private ring: (Field | null)[] = [];
  private inserted = 0;
  private count = 0;
  private bytes = 0;
  /** As the peer has set it; never above `allowed`. */
  private capacity = DEFAULT_HEADER_TABLE_BYTES;
  private allowed = DEFAULT_HEADER_TABLE_BYTES;
  /** The peer has to acknowledge a smaller limit at the begin of its next block (RFC 7541 §4.2). */
  private mustShrink = false;
  private at = 0;
  private failed = false;

  /** The limit of SETTINGS_HEADER_TABLE_SIZE that the peer has acknowledged, or a larger one it may know by now. */
  allow(maxBytes: number): void {
    this.allowed = maxBytes;
    this.mustShrink = maxBytes < this.capacity;
  }

  /** Bytes the table holds; for tests. */
  get tableBytes(): number {
    return this.bytes;
  }

  /**
   * Decodes a whole block and hands fields to the receiver until the list is larger than `maxBytes` or longer than
   * `maxCount`. Returns COMPRESSION_ERROR when the connection cannot go on.
   */
  decode(
    block: Buffer,
    start: number,
    end: number,
    receiver: FieldReceiver,
    maxBytes: number,
    maxCount: number,
  ): number {
    this.at = start;
    this.failed = false;
    this.listBytes = 0;
    this.listCount = 0;
    this.isOverLimit = false;
    let hasFields = false;
    while (this.at < end) {
      const first = block[this.at]!;
      let field: Field | null;
      if (first >= 0x80) field = this.indexed(this.integer(block, 0x7f, end));
      else if (first >= 0x40) {
        field = this.literal(block, 0x3f, end);
        if (field !== null) this.insert(field);
      } else if (first >= 0x20) {
        // RFC 7541 §4.2: only where a block begins.
        if (hasFields || !this.resize(this.integer(block, 0x1f, end))) return COMPRESSION_ERROR;
        continue;
      } else field = this.literal(block, 0x0f, end);
      if (field === null || this.failed || this.mustShrink) return COMPRESSION_ERROR;
      hasFields = true;
      this.listBytes += field.name.length + field.value.length + FIELD_OVERHEAD;
      this.listCount++;
      if (this.listBytes > maxBytes || this.listCount > maxCount) this.isOverLimit = true;
      else receiver.field(field);
    }
    return this.failed ? COMPRESSION_ERROR : NO_ERROR;
  }

  private integer(block: Buffer, mask: number, end: number): number {
    let value = block[this.at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= end || shift > MAX_SHIFT) {
        this.failed = true;
        return 0;
      }
      const octet = block[this.at++]!;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
  }

  private indexed(index: number): Field | null {
    if (this.failed || index === 0) return null;
    if (index < FIRST_DYNAMIC) return STATIC[index - 1]!;
    const back = index - FIRST_DYNAMIC;
    return back < this.count ? this.ring[(this.inserted - 1 - back) & (this.ring.length - 1)]! : null;
  }

  private literal(block: Buffer, mask: number, end: number): Field | null {
    const index = this.integer(block, mask, end);
    let name: string | null;
    if (index === 0) name = this.string(block, end);
    else name = this.indexed(index)?.name ?? null;
    if (name === null || this.failed) return null;
    const value = this.string(block, end);
    return value === null ? null : new Field(name, value);
  }

  private string(block: Buffer, end: number): string | null {
    if (this.at >= end) return null;
    const isHuffman = block[this.at]! >= 0x80;
    const length = this.integer(block, 0x7f, end);
    const start = this.at;
    if (this.failed || length > end - start) return null;
    this.at = start + length;
    return isHuffman ? decodeHuffman(block, start, this.at) : block.latin1Slice(start, this.at);
  }

  private resize(maxBytes: number): boolean {
    if (this.failed || maxBytes > this.allowed) return false;
    this.capacity = maxBytes;
    this.mustShrink = false;
    this.evictTo(maxBytes);
    return true;
  }

  private insert(field: Field): void {
    const size = field.size;
    // An entry larger than the table empties it, and is no error (RFC 7541 §4.4).
    if (size > this.capacity) {
      this.evictTo(0);
      return;
    }
    this.evictTo(this.capacity - size);
    if (this.count === this.ring.length) this.grow();
    this.ring[this.inserted & (this.ring.length - 1)] = field;
    this.inserted = (this.inserted + 1) | 0;
    this.count++;
    this.bytes += size;
  }

  private evictTo(maxBytes: number): void {
    const mask = this.ring.length - 1;
    while (this.bytes > maxBytes) {
      const oldest = (this.inserted - this.count) & mask;
      this.bytes -= this.ring[oldest]!.size;
      this.ring[oldest] = null;
      this.count--;
    }
  }

  private grow(): void {
    const old = this.ring;
    const ring = Array.from<Field | null>({ length: Math.max(FIRST_CAPACITY, old.length * 2) }).fill(null);
    for (let back = 1; back <= this.count; back++) {
      const index = (this.inserted - back) | 0;
      ring[index & (ring.length - 1)] = old[index & (old.length - 1)]!;
    }
    this.ring = ring;
  }
}
