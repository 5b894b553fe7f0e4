// Renders the head of a response for an HTTP/1.1 client. Framing is decided here and nowhere else: what an upstream or
// a middleware said about length reaches the client only as the framing the exchange carries.

import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type BodyFraming } from '../http/body.ts';
import { currentDateLine } from '../http/message/date-line.ts';
import type { Exchange } from '../http/exchange.ts';
import { hasNoBody, statusLine } from '../http/message/status.ts';

/** How the body will be delimited on the wire. BODY_NONE: no byte may follow the head. */
export function downstreamFraming(exchange: Exchange): BodyFraming {
  if (hasNoBody(exchange.method, exchange.status) || exchange.responseFraming === BODY_NONE) return BODY_NONE;
  if (exchange.responseFraming === BODY_LENGTH) return BODY_LENGTH;
  return exchange.minorVersion === 1 ? BODY_CHUNKED : BODY_CLOSE;
}

/** The whole head with its blank line. `wallMs` is any time of the present request. */
export function renderResponseHead(
  exchange: Exchange,
  framing: BodyFraming,
  keepAlive: boolean,
  wallMs: number,
): string {
  const headers = exchange.responseHeaders;
  let head = statusLine(exchange.status, exchange.reason) + headers.render();
  // RFC 9110 §6.6.1: a recipient with a clock adds the date an origin left out.
  if (!headers.names.includes('date')) head += currentDateLine(wallMs);
  if (framing === BODY_CHUNKED) head += 'Transfer-Encoding: chunked\r\n';
  else if (exchange.responseFraming === BODY_LENGTH) {
    if (exchange.status !== 204) head += `Content-Length: ${exchange.responseLength}\r\n`;
  } else if (exchange.responseFraming === BODY_NONE && !hasNoBody(exchange.method, exchange.status)) {
    head += 'Content-Length: 0\r\n';
  }
  if (exchange.status === 426 && headers.has('upgrade')) head += 'Connection: Upgrade\r\n';
  if (!keepAlive) head += 'Connection: close\r\n';
  else if (exchange.minorVersion === 0) head += 'Connection: keep-alive\r\n';
  return `${head}\r\n`;
}

/** Head of a 1xx that is passed on. */
export function renderInformational(status: number, reason: string, headerLines: string): string {
  return `${statusLine(status, reason)}${headerLines}\r\n`;
}

/** Answer to an upgrade that was agreed to: the upstream's fields plus the two that are hop-by-hop. */
export function renderSwitchingHead(exchange: Exchange): string {
  return `${statusLine(101, exchange.reason)}${exchange.responseHeaders.render()}Connection: Upgrade\r\nUpgrade: ${exchange.upgrade}\r\n\r\n`;
}
