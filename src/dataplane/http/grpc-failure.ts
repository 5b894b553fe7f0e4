// How a gRPC client learns that its call could not be served. What gRPC libraries understand is not the status of HTTP
// but `grpc-status`, in an answer of nothing but a head (a "trailers-only" response). Status and message tell the same
// as the answer to any other client; log and metrics show the status that one would have got.

import type { Exchange } from './exchange.ts';
import type { Failure } from './failure.ts';

const INTERNAL = 13;
const UNKNOWN = 2;

/** The published mapping of HTTP statuses, and RESOURCE_EXHAUSTED for what is too large. */
const STATUS: Readonly<Record<number, number>> = {
  400: INTERNAL,
  401: 16,
  403: 7,
  404: 12,
  413: 8,
  429: 14,
  431: 8,
  500: INTERNAL,
  502: 14,
  503: 14,
  504: 14,
};

/** A field value may hold what is printable; the rest, and `%`, is percent-encoded. */
function encodeMessage(text: string): string {
  return text.replaceAll(/[^\x20-\x24\x26-\x7e]/g, (one) => encodeURIComponent(one));
}

export function isGrpc(exchange: Exchange): boolean {
  return exchange.traffic === 'grpc' && exchange.majorVersion === 2;
}

/** Adds what the client is told to the response's fields. */
export function setGrpcFailure(exchange: Exchange, failure: Failure): void {
  const headers = exchange.responseHeaders;
  headers.set('Content-Type', 'application/grpc');
  headers.set('grpc-status', String(STATUS[failure.status] ?? UNKNOWN));
  headers.set('grpc-message', encodeMessage(`${failure.message} (${failure.flag})`));
}
