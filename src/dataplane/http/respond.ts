// The only place where the proxy writes an answer of its own, and where a failure becomes a status.

import { BODY_LENGTH, BODY_NONE } from './body.ts';
import type { Exchange } from './exchange.ts';
import { FAILURES, type Failure } from './failure.ts';
import { isGrpc, setGrpcFailure } from './grpc-failure.ts';
import { hasNoBody } from './message/status.ts';

/**
 * Answers with a text, or with bytes that stay as they are; the content type is text/plain unless the exchange's
 * response headers name one. Does nothing when a response has begun. A request body not yet read is drained or the
 * connection closed.
 */
export function respond(exchange: Exchange, status: number, body: string | Buffer): void {
  if (exchange.isResponseStarted || exchange.isFinished) return;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  exchange.dropSource();
  exchange.dropFilters();
  exchange.status = status;
  exchange.reason = '';
  exchange.responseFraming = bytes.length > 0 ? BODY_LENGTH : BODY_NONE;
  exchange.responseLength = bytes.length;
  const headers = exchange.responseHeaders;
  if (bytes.length > 0 && !headers.has('content-type')) {
    headers.appendLine('content-type', 'Content-Type: text/plain; charset=utf-8\r\n');
    headers.appendLine('x-content-type-options', 'X-Content-Type-Options: nosniff\r\n');
  }
  if (!exchange.runResponseHooks()) return;
  const sink = exchange.responseSink;
  sink.startResponse(exchange);
  if (bytes.length > 0 && !hasNoBody(exchange.method, status)) sink.write(bytes, 0, bytes.length, null);
  sink.end(null);
}

/** Answers for a failure, or breaks the connection off visibly when the response has begun. */
export function respondFailure(exchange: Exchange, failure: Failure): void {
  if (exchange.isFinished) return;
  const mayBeTaken = failure.side !== 'downstream' && !exchange.isResponseStarted;
  if (mayBeTaken && exchange.runFailureHooks(failure) === 'taken') return;
  if (exchange.failure === null) exchange.failure = failure;
  if (exchange.isResponseStarted) {
    exchange.responseSink.abort(failure);
    return;
  }
  if (failure.status === 499) {
    exchange.status = 499;
    exchange.downstream.abort(failure);
    return;
  }
  if (failure === FAILURES.methodNotAllowed) {
    exchange.responseHeaders.append('Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  }
  // What an origin had begun to say belongs to an answer that is not given.
  else exchange.responseHeaders.clear();
  if (isGrpc(exchange)) respondGrpcFailure(exchange, failure);
  else respond(exchange, failure.status, `${failure.message}\n`);
}

function respondGrpcFailure(exchange: Exchange, failure: Failure): void {
  setGrpcFailure(exchange, failure);
  exchange.dropSource();
  exchange.dropFilters();
  exchange.status = 200;
  exchange.reason = '';
  exchange.responseFraming = BODY_NONE;
  exchange.responseLength = 0;
  if (!exchange.runResponseHooks()) return;
  const sink = exchange.responseSink;
  sink.startResponse(exchange);
  // For log and metrics; the head is on its way.
  exchange.status = failure.status;
  sink.end(null);
}
