// Writes header blocks, RFC 7541. A field comes as its finished HTTP/1.1 line; one map look-up from the line to its
// place in the table is all that a field costs which the peer has seen before (bench/load, h2 with 12 varied response
// fields). Names whose values do not repeat stop being put into the table, where they would only push others out.

import { encodeHuffman, huffmanLength } from './huffman.ts';
import { DEFAULT_HEADER_TABLE_BYTES } from '../protocol.ts';
import { STATIC_ENTRIES, STATIC_FIELDS, STATIC_NAMES } from './static-table.ts';
import { FIELD_OVERHEAD } from './field.ts';

const POLICY_INDEX = 0;
const POLICY_LITERAL = 1;
const POLICY_NEVER = 2;
/** Dates repeat for a second on a busy connection, whatever a quiet one shows. */
const POLICY_ALWAYS = 3;
/** Connection-specific: there is no such field in HTTP/2 (RFC 9113 §8.2.2), so it is left out. */
const POLICY_DROP = 5;
/** Indexed when long: a short secret in a table can be guessed through the size of what follows (RFC 7541 §7.1.3). */
const POLICY_SECRET = 4;

const POLICIES: Readonly<Record<string, number>> = {
  connection: POLICY_DROP,
  'keep-alive': POLICY_DROP,
  'proxy-connection': POLICY_DROP,
  'transfer-encoding': POLICY_DROP,
  upgrade: POLICY_DROP,
  authorization: POLICY_NEVER,
  'proxy-authorization': POLICY_NEVER,
  'set-cookie': POLICY_NEVER,
  cookie: POLICY_SECRET,
  date: POLICY_ALWAYS,
  ':path': POLICY_LITERAL,
  age: POLICY_LITERAL,
  'content-length': POLICY_LITERAL,
  'content-range': POLICY_LITERAL,
  etag: POLICY_LITERAL,
  expires: POLICY_LITERAL,
  'if-modified-since': POLICY_LITERAL,
  'if-none-match': POLICY_LITERAL,
  'last-modified': POLICY_LITERAL,
  location: POLICY_LITERAL,
};
const MIN_SECRET = 20;

/** Entries of one name in a row that were pushed out unused, before the name is no longer indexed. */
const MAX_WASTED = 8;
/** It is tried again after this many fields. */
const RETRY_AFTER = 1000;
const MAX_NAMES = 1024;
/** Beyond what any static index, length and prefix can add to a line. */
const LITERAL_OVERHEAD = 16;

/** What is known about a field name, over all connections of the worker. */
class NameInfo {
  readonly staticIndex: number;
  readonly policy: number;
  readonly hasStaticValues: boolean;
  wasted = 0;
  skipped = 0;

  constructor(name: string) {
    this.staticIndex = STATIC_NAMES.get(name) ?? 0;
    this.policy = POLICIES[name] ?? POLICY_INDEX;
    this.hasStaticValues = NAMES_WITH_VALUES.has(name);
  }
}

const NAMES_WITH_VALUES = new Set([...STATIC_FIELDS.keys()].map((field) => field.slice(0, field.indexOf(': '))));
/** As they are rendered: no text has to be made to find them. */
const STATIC_LINES = new Map([...STATIC_FIELDS].map(([field, index]) => [`${field}\r\n`, index]));
let names = new Map<string, NameInfo>();

function nameInfo(name: string): NameInfo {
  let info = names.get(name);
  if (info === undefined) {
    if (names.size >= MAX_NAMES) names = new Map();
    info = new NameInfo(name);
    names.set(name, info);
  }
  return info;
}

class Entry {
  readonly line: string;
  readonly size: number;
  readonly info: NameInfo;
  /** Count of insertions when it was put in. */
  readonly number: number;
  isUsed = false;
  /** The entry put in after it. */
  next: Entry | null = null;

  constructor(line: string, size: number, info: NameInfo, number: number) {
    this.line = line;
    this.size = size;
    this.info = info;
    this.number = number;
  }
}

/** Bytes `encode` can write at most for a line. */
export function maxEncodedBytes(line: string): number {
  return line.length + LITERAL_OVERHEAD;
}

/** What `begin` writes at most. */
export const MAX_UPDATE_BYTES = 12;

export class HpackEncoder {
  private readonly entries = new Map<string, Entry>();
  private oldest: Entry | null = null;
  private newest: Entry | null = null;
  private inserted = 0;
  private bytes = 0;
  private capacity: number;
  private readonly maxCapacity: number;
  /** Sizes to announce when the next block begins; -1 for none. */
  private smallest = -1;
  private announced = DEFAULT_HEADER_TABLE_BYTES;

  /** `maxCapacity` bounds the memory of the table, whatever the peer offers. */
  constructor(maxCapacity: number) {
    this.maxCapacity = maxCapacity;
    this.capacity = Math.min(DEFAULT_HEADER_TABLE_BYTES, maxCapacity);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerLimit(maxBytes: number): void {
    this.capacity = Math.min(maxBytes, this.maxCapacity);
    this.evictTo(this.capacity);
    if (this.smallest < 0 || this.capacity < this.smallest) this.smallest = this.capacity;
  }

  /** Begins a block; returns the index behind what it wrote: table size updates, if any (RFC 7541 §4.2). */
  begin(out: Buffer, at: number): number {
    if (this.capacity === this.announced && this.smallest < 0) return at;
    let next = at;
    // A size between two blocks that was smaller than the present one has emptied the peer's table as well.
    if (this.smallest >= 0 && this.smallest < this.capacity && this.smallest < this.announced) {
      next = writeInteger(out, next, 0x20, 0x1f, this.smallest);
      this.announced = this.smallest;
    }
    if (this.capacity !== this.announced) next = writeInteger(out, next, 0x20, 0x1f, this.capacity);
    this.announced = this.capacity;
    this.smallest = -1;
    return next;
  }

  /**
   * Writes the field of the line `Name: value\r\n`, whatever its case, and returns the index behind it. The caller has
   * `maxEncodedBytes` free there.
   */
  encode(out: Buffer, at: number, name: string, line: string): number {
    const known = this.entries.get(line);
    if (known !== undefined) {
      known.isUsed = true;
      return writeInteger(out, at, 0x80, 0x7f, STATIC_ENTRIES.length + this.inserted - known.number);
    }
    const info = nameInfo(name);
    if (info.policy === POLICY_DROP) return at;
    if (info.hasStaticValues) {
      const index = STATIC_LINES.get(line);
      if (index !== undefined) return writeInteger(out, at, 0x80, 0x7f, index);
    }
    const value = line.slice(name.length + 2, -2);
    // Its name may have come in other letters.
    if (info.hasStaticValues && !name.startsWith(':')) {
      const index = STATIC_FIELDS.get(`${name}: ${value}`);
      if (index !== undefined) return writeInteger(out, at, 0x80, 0x7f, index);
    }
    const size = name.length + value.length + FIELD_OVERHEAD;
    if (this.mayIndex(info, value, size)) {
      const next = writeLiteral(out, at, 0x40, 0x3f, info, name, value, true);
      // Through a Buffer: a slice would keep the whole head it was cut from alive in the table.
      this.insert(new Entry(Buffer.from(line, 'latin1').latin1Slice(), size, info, this.inserted));
      return next;
    }
    const isSecret = info.policy === POLICY_NEVER || info.policy === POLICY_SECRET;
    return writeLiteral(out, at, isSecret ? 0x10 : 0, 0x0f, info, name, value, false);
  }

  /**
   * Writes a field of the static table's names whose value does not repeat: without a look for it. `maxEncodedBytes`
   * holds.
   */
  encodeLiteral(out: Buffer, at: number, name: string, value: string): number {
    return writeLiteral(out, at, 0, 0x0f, nameInfo(name), name, value, false);
  }

  private mayIndex(info: NameInfo, value: string, size: number): boolean {
    // An entry that takes most of the table would push out everything else for one field.
    if (size > this.capacity >> 1) return false;
    switch (info.policy) {
      case POLICY_INDEX:
        if (info.wasted < MAX_WASTED) return true;
        if (++info.skipped < RETRY_AFTER) return false;
        info.skipped = 0;
        info.wasted = MAX_WASTED - 1;
        return true;
      case POLICY_ALWAYS:
        return true;
      case POLICY_SECRET:
        return value.length >= MIN_SECRET;
      default:
        return false;
    }
  }

  private insert(entry: Entry): void {
    this.evictTo(this.capacity - entry.size);
    this.entries.set(entry.line, entry);
    if (this.newest === null) this.oldest = entry;
    else this.newest.next = entry;
    this.newest = entry;
    this.inserted++;
    this.bytes += entry.size;
  }

  private evictTo(maxBytes: number): void {
    while (this.bytes > maxBytes) {
      const entry = this.oldest!;
      this.oldest = entry.next;
      if (this.oldest === null) this.newest = null;
      this.bytes -= entry.size;
      this.entries.delete(entry.line);
      if (entry.isUsed) entry.info.wasted = 0;
      else entry.info.wasted++;
    }
  }
}

function writeInteger(out: Buffer, at: number, first: number, mask: number, value: number): number {
  if (value < mask) {
    out[at] = first | value;
    return at + 1;
  }
  let next = at;
  let left = value - mask;
  out[next++] = first | mask;
  while (left >= 0x80) {
    out[next++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  out[next++] = left;
  return next;
}

function writeLiteral(
  out: Buffer,
  at: number,
  first: number,
  mask: number,
  info: NameInfo,
  name: string,
  value: string,
  isCompressed: boolean,
): number {
  let next: number;
  if (info.staticIndex > 0) next = writeInteger(out, at, first, mask, info.staticIndex);
  else {
    out[at] = first;
    next = writeString(out, at + 1, name, isCompressed);
  }
  return writeString(out, next, value, isCompressed);
}

/**
 * Huffman coding pays where the text is sent once for many uses; a field that is spelled out every time goes as it is.
 */
function writeString(out: Buffer, at: number, text: string, isCompressed: boolean): number {
  const length = text.length;
  if (isCompressed) {
    const compressed = huffmanLength(text);
    if (compressed < length) return encodeHuffman(text, out, writeInteger(out, at, 0x80, 0x7f, compressed));
  }
  const next = writeInteger(out, at, 0, 0x7f, length);
  if (length >= SHORT_TEXT) return next + out.latin1Write(text, next, length);
  // A call into C++ costs more than a few characters: bench/load, h2.
  for (let index = 0; index < length; index++) out[next + index] = text.charCodeAt(index);
  return next + length;
}

const SHORT_TEXT = 24;
