// Renders the request line and fields for a server. Everything connection-specific is written here from parsed values;
// nothing of the client's framing is copied.

import { BODY_CHUNKED, BODY_LENGTH } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { forwardedForLine } from '../http/forwarded-headers.ts';
import { BODY_METHODS } from '../http/message/request-method.ts';
import { serverTarget } from '../http/server-target.ts';
import type { ServerSpec } from '../../model/service.ts';

export function renderRequestHead(exchange: Exchange, server: ServerSpec): string {
  const target = serverTarget(exchange, server);
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
