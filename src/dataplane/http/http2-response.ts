// Writes response heads as HTTP/2 header blocks. Fields that only HTTP/1.1 has are left out by the encoder.

import type { FrameMark } from '../http2/frame-output.ts';
import type { HeaderBlockWriter } from '../http2/header-block-writer.ts';
import { maxEncodedBytes } from '../http2/hpack-encoder.ts';
import { BODY_LENGTH, BODY_NONE } from './body.ts';
import type { Exchange } from './exchange.ts';
import type { HeaderList } from './header-list.ts';
import { currentDateLine } from './response-head.ts';
import { hasNoBody } from './status.ts';

const statusLines: string[] = Array.from({ length: 1000 }, (_, status) => `:status: ${status}\r\n`);
/** For the fields this file adds to those of the list. */
const ADDED_BYTES = 160;

function begin(writer: HeaderBlockWriter, headers: HeaderList): void {
  let most = ADDED_BYTES;
  const { lines } = headers;
  for (let index = 0; index < lines.length; index++) most += maxEncodedBytes(lines[index]!);
  writer.begin(most);
}

function writeFields(writer: HeaderBlockWriter, headers: HeaderList): void {
  const { names, lines } = headers;
  for (let index = 0; index < lines.length; index++) writer.field(names[index]!, lines[index]!);
}

/** The head of a final response. */
export function writeResponseHead(
  writer: HeaderBlockWriter,
  exchange: Exchange,
  streamId: number,
  endStream: boolean,
  mark: FrameMark,
): void {
  const headers = exchange.responseHeaders;
  begin(writer, headers);
  writer.field(':status', statusLines[exchange.status]!);
  writeFields(writer, headers);
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
  begin(writer, exchange.responseHeaders);
  writer.field(':status', statusLines[exchange.status]!);
  writeFields(writer, exchange.responseHeaders);
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
  else begin(writer, headers);
  writer.field(':status', statusLines[status]!);
  if (headers !== null) writeFields(writer, headers);
  writer.end(streamId, false, mark);
}

/** Fields behind the body, which end the stream. */
export function writeTrailers(
  writer: HeaderBlockWriter,
  trailers: HeaderList,
  streamId: number,
  mark: FrameMark,
): void {
  begin(writer, trailers);
  writeFields(writer, trailers);
  writer.end(streamId, true, mark);
}
