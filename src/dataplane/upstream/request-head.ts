// Renders the request line and fields for a server. Everything connection-specific is written here from parsed values;
// nothing of the client's framing is copied.

import { BODY_CHUNKED, BODY_LENGTH } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { forwardedForLine } from '../http/forwarded-headers.ts';
import { withQuery } from '../http/request-target.ts';
import type { ServerSpec } from '../../model/service.ts';

/** Methods that give a body a meaning: without one they say so, which some servers insist on (RFC 9110 §8.6). */
export const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/** Path and query for the server. */
export function requestTarget(exchange: Exchange, server: ServerSpec): string {
  const path =
    server.preservePath && exchange.path !== '*' ? joinPath(server.path, exchange.forwardPath) : exchange.forwardPath;
  return withQuery(path, exchange);
}

export function renderRequestHead(exchange: Exchange, server: ServerSpec): string {
  const target = requestTarget(exchange, server);
  const headers = exchange.requestHeaders;
  const names = headers.names;
  const lines = headers.lines;
  let head = `${exchange.method} ${target} HTTP/1.1\r\nHost: ${exchange.upstreamHost}\r\n`;
  const { hopNames } = exchange;
  const hasList = exchange.hasForwarded && headers.has('x-forwarded-for');
  for (let index = 0; index < lines.length; index++) {
    if (hasList && names[index] === 'x-forwarded-for') continue;
    if (hopNames !== null && hopNames.has(names[index]!)) continue;
    head += lines[index];
  }
  head += exchange.appendForwardedFor || hasList ? forwardedForLine(exchange, exchange.appendForwardedFor) : '';
  if (exchange.requestFraming === BODY_LENGTH) head += `Content-Length: ${exchange.requestLength}\r\n`;
  else if (exchange.requestFraming === BODY_CHUNKED) {
    head += 'Transfer-Encoding: chunked\r\n';
    if (exchange.trailerNames !== '') head += `Trailer: ${exchange.trailerNames}\r\n`;
  } else if (BODY_METHODS.has(exchange.method)) head += 'Content-Length: 0\r\n';
  if (exchange.upgrade !== '') head += `Connection: Upgrade\r\nUpgrade: ${exchange.upgrade}\r\n`;
  else if (exchange.acceptsTrailers) head += 'TE: trailers\r\nConnection: TE\r\n';
  return `${head}\r\n`;
}

function joinPath(base: string, path: string): string {
  return base.endsWith('/') ? base.slice(0, -1) + path : base + path;
}
