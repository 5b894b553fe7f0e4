// Writes the header block of a request for a server, RFC 9113 §8.3.1: the same request that request-head.ts renders for
// HTTP/1.1. A WebSocket handshake becomes an extended CONNECT (RFC 8441).

import { BODY_CHUNKED, BODY_LENGTH } from '../../http/body.ts';
import type { Exchange } from '../../http/exchange.ts';
import { forwardedForLine } from '../../http/forwarded-headers.ts';
import { BODY_METHODS } from '../../http/message/request-method.ts';
import { serverTarget } from '../../http/server-target.ts';
import type { FrameMark } from '../../http2/frame-output.ts';
import type { HeaderBlockWriter } from '../../http2/header-block-writer.ts';
import { maxEncodedBytes } from '../../http2/hpack/hpack-encoder.ts';
import type { ServerSpec } from '../../../model/service.ts';

/** For the fields of fixed size that are added to those of the list. */
const ADDED_BYTES = 256;
/** Part of a handshake that HTTP/2 does not need (RFC 8441 §5). */
const WEBSOCKET_KEY = 'sec-websocket-key';

/** Clients may make up methods; those that are used come first. */
const MAX_METHOD_LINES = 64;
const methodLines = new Map<string, string>();

function methodLine(method: string): string {
  let line = methodLines.get(method);
  if (line === undefined) {
    line = `:method: ${method}\r\n`;
    if (methodLines.size < MAX_METHOD_LINES) methodLines.set(method, line);
  }
  return line;
}

/** The line of the last request; most have the same one. */
let lastHost = '';
let lastAuthorityLine = '';

function authorityLineOf(host: string): string {
  if (host !== lastHost) {
    lastHost = host;
    lastAuthorityLine = `:authority: ${host}\r\n`;
  }
  return lastAuthorityLine;
}

/** The block of a request's head; its body, if any, follows. */
export function writeRequestHead(
  writer: HeaderBlockWriter,
  exchange: Exchange,
  server: ServerSpec,
  streamId: number,
  endStream: boolean,
  mark: FrameMark,
): void {
  const { names, lines } = exchange.requestHeaders;
  const isTunnel = exchange.upgrade !== '';
  const target = serverTarget(exchange, server);
  const authorityLine = authorityLineOf(exchange.upstreamHost);
  const hasList = exchange.hasForwarded && exchange.requestHeaders.has('x-forwarded-for');
  const forwardedLine =
    exchange.appendForwardedFor || hasList ? forwardedForLine(exchange, exchange.appendForwardedFor) : '';
  let most = ADDED_BYTES + maxEncodedBytes(target) + maxEncodedBytes(authorityLine) + maxEncodedBytes(forwardedLine);
  if (exchange.trailerNames !== '') most += maxEncodedBytes(exchange.trailerNames);
  for (let index = 0; index < lines.length; index++) most += maxEncodedBytes(lines[index]!);
  writer.begin(most);
  writer.field(':method', methodLine(isTunnel ? 'CONNECT' : exchange.method));
  if (isTunnel) writer.field(':protocol', `:protocol: ${exchange.upgrade}\r\n`);
  writer.field(':scheme', server.scheme === 'https' ? ':scheme: https\r\n' : ':scheme: http\r\n');
  writer.field(':authority', authorityLine);
  writer.literal(':path', target);
  for (let index = 0; index < lines.length; index++) {
    const name = names[index]!;
    if (hasList && name === 'x-forwarded-for') continue;
    if (exchange.hopNames !== null && exchange.hopNames.has(name)) continue;
    if (isTunnel && name === WEBSOCKET_KEY) continue;
    writer.field(name, lines[index]!);
  }
  if (forwardedLine !== '') writer.field('x-forwarded-for', forwardedLine);
  if (exchange.requestFraming === BODY_LENGTH) {
    writer.field('content-length', `content-length: ${exchange.requestLength}\r\n`);
  } else if (exchange.requestFraming === BODY_CHUNKED) {
    if (exchange.trailerNames !== '') writer.field('trailer', `trailer: ${exchange.trailerNames}\r\n`);
  } else if (!isTunnel && BODY_METHODS.has(exchange.method)) writer.field('content-length', 'content-length: 0\r\n');
  if (exchange.acceptsTrailers && !isTunnel) writer.field('te', 'te: trailers\r\n');
  writer.end(streamId, endStream, mark);
}
