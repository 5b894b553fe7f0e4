// Frames of HTTP/2 as lines that a test can compare.

import { HpackDecoder } from '../../src/dataplane/http2/hpack/hpack-decoder.ts';
import type { Field } from '../../src/dataplane/http2/hpack/field.ts';

const NAMES = ['DATA', 'HEADERS', 'PRIORITY', 'RESET', 'SETTINGS', 'PUSH', 'PING', 'GOAWAY', 'WINDOW'];

/** Reads whole frames of one connection, in their order: `HEADERS 1 end :status=200`, `RESET 1 8`, `GOAWAY 3 0`. */
export class FrameLines {
  readonly #decoder = new HpackDecoder();
  readonly #hidden: RegExp;

  /** Fields that the pattern matches are left out: the date is another one each time. */
  constructor(hidden = /^date=/) {
    this.#hidden = hidden;
  }

  read(bytes: Buffer): readonly string[] {
    const lines: string[] = [];
    for (let at = 0; at + 9 <= bytes.length;) {
      const length = bytes.readUIntBE(at, 3);
      const [type, flags, streamId] = [bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5)];
      const payload = bytes.subarray(at + 9, at + 9 + length);
      at += 9 + length;
      const isMarked = (flags & 1) !== 0;
      const mark = isMarked ? [type === 4 || type === 6 ? 'ack' : 'end'] : [];
      lines.push([NAMES[type], streamId, ...mark, ...this.#content(type, payload)].join(' '));
    }
    return lines;
  }

  #content(type: number, payload: Buffer): readonly (string | number)[] {
    if (type === 0) return payload.length > 100 ? [`(${payload.length})`] : [payload.toString('latin1')];
    if (type === 1) {
      const fields: string[] = [];
      const receiver = { field: ({ name, value }: Field) => void fields.push(`${name}=${value}`) };
      this.#decoder.decode(payload, 0, payload.length, receiver, 1e6, 1e4);
      return fields.filter((field) => !this.#hidden.test(field));
    }
    if (type === 4) {
      return Array.from(
        { length: payload.length / 6 },
        (_, index) => `${payload.readUInt16BE(index * 6)}=${payload.readUInt32BE(index * 6 + 2)}`,
      );
    }
    if (type === 6) return [payload.toString('latin1')];
    return Array.from({ length: payload.length / 4 }, (_, index) => payload.readUInt32BE(index * 4));
  }
}
