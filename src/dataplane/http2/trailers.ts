// Fields behind a body, of requests and responses: the last header block of a stream.

import { HeaderList } from '../http/message/header-list.ts';
import { headerName } from '../http/message/header-names.ts';
import { isTrailer, MAX_TRAILERS } from '../http/message/trailer.ts';
import { type Field, FIELD_REGULAR } from './hpack/field.ts';
import type { FrameMark } from './frame-output.ts';
import type { HeaderBlockWriter } from './header-block-writer.ts';
import { beginBlock, writeLines } from './header-lines.ts';
import type { FieldReceiver } from './hpack/hpack-decoder.ts';

/** Gathers them (RFC 9113 §8.1). */
export class Http2TrailerReader implements FieldReceiver {
  trailers = new HeaderList();
  isMalformed = false;
  /** Holds a field that may not come behind a body. */
  isForbidden = false;

  field(field: Field): void {
    if (field.kind !== FIELD_REGULAR) this.isMalformed = true;
    else if (!isTrailer(headerName(field.name)!) || this.trailers.count >= MAX_TRAILERS) this.isForbidden = true;
    else this.trailers.appendLine(field.name, field.line);
  }
}

/** They end the stream. */
export function writeTrailers(
  writer: HeaderBlockWriter,
  trailers: HeaderList,
  streamId: number,
  mark: FrameMark,
): void {
  beginBlock(writer, trailers);
  writeLines(writer, trailers);
  writer.end(streamId, true, mark);
}
