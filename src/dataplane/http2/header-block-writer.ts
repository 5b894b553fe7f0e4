// Writes the header block of one message after another: encoded straight into the output where it surely fits one
// frame, else into memory of its own that is then cut into HEADERS and CONTINUATION (RFC 9113 §4.3).

import { type FrameMark, type FrameOutput, writeFrameHeader } from './frame-output.ts';
import { type HpackEncoder, MAX_UPDATE_BYTES } from './hpack/hpack-encoder.ts';
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_CONTINUATION,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  MAX_FRAME_BYTES,
} from './protocol.ts';

export class HeaderBlockWriter {
  private readonly output: FrameOutput;
  private readonly encoder: HpackEncoder;
  private out: Buffer;
  private at = 0;
  /** Whether the block is being written where it will be sent from. */
  private isInPlace = true;

  constructor(output: FrameOutput, encoder: HpackEncoder) {
    this.output = output;
    this.encoder = encoder;
    this.out = EMPTY;
  }

  /** Fields of at most `maxBytes` (see `maxEncodedBytes`) follow; nothing else may be written in between. */
  begin(maxBytes: number): void {
    const most = maxBytes + MAX_UPDATE_BYTES;
    this.isInPlace = most <= MAX_FRAME_BYTES;
    if (this.isInPlace) {
      this.out = this.output.reserve(FRAME_HEADER_BYTES + most);
      this.at = this.output.at + FRAME_HEADER_BYTES;
    } else {
      this.out = Buffer.allocUnsafe(most);
      this.at = 0;
    }
    this.at = this.encoder.begin(this.out, this.at);
  }

  /** `line` is `Name: value\r\n`, `name` its name in lower case. */
  field(name: string, line: string): void {
    this.at = this.encoder.encode(this.out, this.at, name, line);
  }

  /** A field whose value is spelled out each time. */
  literal(name: string, value: string): void {
    this.at = this.encoder.encodeLiteral(this.out, this.at, name, value);
  }

  end(streamId: number, endStream: boolean, mark: FrameMark): void {
    const { output, out } = this;
    const flags = endStream ? FLAG_END_STREAM : 0;
    this.out = EMPTY;
    if (this.isInPlace) {
      const length = this.at - output.at - FRAME_HEADER_BYTES;
      writeFrameHeader(out, output.at, length, FRAME_HEADERS, flags | FLAG_END_HEADERS, streamId);
      output.mark(mark, out, output.at);
      output.commit(this.at);
      return;
    }
    let type = FRAME_HEADERS;
    for (let start = 0; start < this.at || type === FRAME_HEADERS; type = FRAME_CONTINUATION) {
      const end = Math.min(this.at, start + MAX_FRAME_BYTES);
      const frame = output.reserve(FRAME_HEADER_BYTES + end - start);
      const isLast = end === this.at ? FLAG_END_HEADERS : 0;
      const own = type === FRAME_HEADERS ? flags : 0;
      const at = writeFrameHeader(frame, output.at, end - start, type, own | isLast, streamId);
      out.copy(frame, at, start, end);
      if (type === FRAME_HEADERS) output.mark(mark, frame, output.at);
      output.commit(at + end - start);
      start = end;
    }
  }
}

const EMPTY = Buffer.alloc(0);
