// The life of an exchange as its client's side sees it, whatever the protocol: stamped when its head begins, handed to
// the stages, and over when it is answered or its client has left. Connections and streams call these and keep what is
// theirs: framing, windows, deadlines.

import { performance } from 'node:perf_hooks';
import type { BodySink } from '../http/body.ts';
import { Exchange, type Downstream } from '../http/exchange.ts';
import type { ClientInfo } from '../http/client-info.ts';
import type { TunnelEnd } from '../http/body.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';
import type { DownstreamContext } from './downstream-connection.ts';

/** An exchange whose head is about to be read. The context's wheel learns the time. */
export function beginExchange(downstream: Downstream, client: ClientInfo, context: DownstreamContext): Exchange {
  const exchange = new Exchange(downstream, client);
  exchange.startMs = performance.now();
  exchange.startWallMs = Date.now();
  const { spec, observer } = context.entryPoint.settings;
  exchange.entryPointName = spec.name;
  exchange.observer = observer;
  context.wheel.touch(exchange.startMs);
  return exchange;
}

/** Hands the request to the stages. */
export function runExchange(exchange: Exchange, context: DownstreamContext): void {
  try {
    const waiting = context.handler(exchange);
    if (waiting !== undefined) waiting.catch((error: unknown) => failExchange(exchange, context, error));
  } catch (error) {
    failExchange(exchange, context, error);
  }
}

/** A stage or a hook threw: reports it, stops the server's work and answers 500. */
export function failExchange(exchange: Exchange, context: DownstreamContext, error: unknown): void {
  context.handlerFailed(exchange, error);
  exchange.dropSource();
  respondFailure(exchange, FAILURES.internal);
}

/**
 * The client has left, or is given up: the exchange is recorded. What waits for it, `tunnel` and `sink`, is told only
 * then, and by the function returned, so that the connection can end before it.
 */
export function leaveExchange(
  exchange: Exchange,
  failure: Failure,
  tunnel: TunnelEnd | null,
  sink: BodySink | null,
): () => void {
  if (exchange.failure === null) exchange.failure = failure;
  if (!exchange.isResponseStarted) exchange.status = failure.status;
  const source = exchange.responseSource;
  exchange.finish();
  return () => {
    tunnel?.destroy();
    sink?.abort(failure);
    source?.cancel();
  };
}
