// Writes response heads as HTTP/2 header blocks. Fields that only HTTP/1.1 has are left out by the encoder.

import type { FrameMark } from '../http2/frame-output.ts';
import type { HeaderBlockWriter } from '../http2/header-block-writer.ts';
import { ADDED_BYTES, beginBlock, writeLines } from '../http2/header-lines.ts';
import { BODY_LENGTH, BODY_NONE } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { currentDateLine } from '../http/message/date-line.ts';
import { hasNoBody } from '../http/message/status.ts';

const statusLines: string[] = Array.from({ length: 1000 }, (_, status) => `:status: ${status}\r\n`);

/** The head of a final response. */
export function writeResponseHead(
  writer: HeaderBlockWriter,
  exchange: Exchange,
  streamId: number,
  endStream: boolean,
  mark: FrameMark,
): void {
  const headers = exchange.responseHeaders;
  beginBlock(writer, headers);
  writer.field(':status', statusLines[exchange.status]!);
  writeLines(writer, headers);
  // RFC 9110 §6.6.1: a recipient with a clock adds the date an origin left out.
  if (!headers.names.includes('date')) writer.field('date', currentDateLine(exchange.startWallMs));
  if (exchange.responseFraming === BODY_LENGTH) {
    if (exchange.status !== 204) writer.field('content-length', `content-length: ${exchange.responseLength}\r\n`);
  } else if (
    exchange.responseFraming === BODY_NONE &&
    exchange.traffic !== 'grpc' &&
    !hasNoBody(exchange.method, exchange.status)
  ) {
    writer.field('content-length', 'content-length: 0\r\n');
  }
  writer.end(streamId, endStream, mark);
}

/** The head that opens a tunnel: 2xx takes the place of 101 (RFC 8441 §5), and nothing in it speaks of a length. */
export function writeTunnelHead(
  writer: HeaderBlockWriter,
  exchange: Exchange,
  streamId: number,
  mark: FrameMark,
): void {
  beginBlock(writer, exchange.responseHeaders);
  writer.field(':status', statusLines[exchange.status]!);
  writeLines(writer, exchange.responseHeaders);
  writer.end(streamId, false, mark);
}

/** A 1xx. */
export function writeInformational(
  writer: HeaderBlockWriter,
  status: number,
  headers: HeaderList | null,
  streamId: number,
  mark: FrameMark,
): void {
  if (headers === null) writer.begin(ADDED_BYTES);
  else beginBlock(writer, headers);
  writer.field(':status', statusLines[status]!);
  if (headers !== null) writeLines(writer, headers);
  writer.end(streamId, false, mark);
}
