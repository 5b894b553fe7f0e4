// Lines of a header list as the fields of an HTTP/2 header block.

import type { HeaderList } from '../http/message/header-list.ts';
import type { HeaderBlockWriter } from './header-block-writer.ts';
import { maxEncodedBytes } from './hpack/hpack-encoder.ts';

/** For fields that are written beside those of a list: status, date, length. */
export const ADDED_BYTES = 160;

/** Begins a block with room for the list, and for fields beside it. */
export function beginBlock(writer: HeaderBlockWriter, { lines }: HeaderList): void {
  let most = ADDED_BYTES;
  for (let index = 0; index < lines.length; index++) most += maxEncodedBytes(lines[index]!);
  writer.begin(most);
}

export function writeLines(writer: HeaderBlockWriter, { names, lines }: HeaderList): void {
  for (let index = 0; index < lines.length; index++) writer.field(names[index]!, lines[index]!);
}
