// Whether a request that came to nothing may be sent again, and to whom: the one place that says so. Connections and
// endpoints report how an attempt ended (http/attempt.ts); what happens by itself is decided by `repeatsByItself`. A
// stage that wants more takes the failure, or the response, in a hook of the exchange, and calls `sendAgain`. What goes
// to another server by itself is decided by `goesElsewhere`.

import { BODY_NONE } from '../http/body.ts';
import type { AttemptSender, Exchange } from '../http/exchange.ts';
import { FAILURES, type Failure } from '../http/failure.ts';
import { respondFailure } from '../http/respond.ts';

/** Methods whose repetition has no further effect (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** How often a server may refuse a request that it has not acted on. */
const MAX_REFUSALS = 3;

/** How often a request goes on to another server. */
const MAX_ELSEWHERE = 3;

/** The same where connections are refused, which costs a way there and back: many may go at one moment. */
const MAX_REFUSED_ELSEWHERE = 12;

/** Of a body, what is kept for a server that refuses the request. Most calls of gRPC are that short. */
export const KEPT_FOR_REFUSAL_BYTES = 8 * 1024;

/** The endpoint that an attempt was sent to. */
export interface AttemptOwner {
  /** The attempt counts against the server. `reason` is what the system said, '' for nothing. */
  brokeOff(failure: Failure, reason: string): void;
  /** Sends the request to the same server, on another connection. */
  repeat(exchange: Exchange): void;
}

/** The first attempt. */
export function sendFirst(exchange: Exchange, sender: AttemptSender): void {
  exchange.sender = sender;
  exchange.noteStages();
  send(exchange, sender);
}

function send(exchange: Exchange, sender: AttemptSender): void {
  exchange.attempt.begin();
  if (exchange.runAttemptHooks()) sender.sendAttempt(exchange);
}

/** Nothing of a response has reached the client, and all of the request is at hand. */
export function canSendAgain(exchange: Exchange): boolean {
  return exchange.sender !== null && !exchange.isFinished && !exchange.isResponseStarted && exchange.hasWholeRequest;
}

/**
 * For hooks: gives up the present attempt, or its response, and sends the request anew, to a server that the attempt
 * does not exclude. The hook returns 'taken' then. Call it only if `canSendAgain`; a hook that has waited asks anew.
 */
export function sendAgain(exchange: Exchange): void {
  exchange.forgetAttempt();
  exchange.forgetServer();
  send(exchange, exchange.sender!); // By canSendAgain.
}

/** The attempt has failed; the exchange's Attempt says how. */
export function attemptFailed(exchange: Exchange, owner: AttemptOwner, reason = ''): void {
  const { attempt } = exchange;
  const failure = attempt.failure!; // Its reporter has set it.
  exchange.responseSource = null;
  if (repeatsByItself(exchange)) {
    const { target } = attempt;
    exchange.forgetAttempt();
    attempt.begin();
    attempt.target = target;
    if (exchange.runAttemptHooks()) owner.repeat(exchange);
    return;
  }
  owner.brokeOff(failure, reason);
  if (goesElsewhere(exchange)) {
    attempt.exclude();
    sendAgain(exchange);
    return;
  }
  respondFailure(exchange, failure);
}

/**
 * A server that some source has told of can be gone before the source says so, or be told of before it listens. What
 * has not reached it goes to another one; so does an idempotent request without a body that got no byte of an answer
 * (RFC 9110 §9.2.2).
 */
function goesElsewhere(exchange: Exchange): boolean {
  const { attempt, sender } = exchange;
  const failure = attempt.failure!; // Its reporter has set it.
  const isRefused = failure === FAILURES.connectRefused;
  if (attempt.number > (isRefused ? MAX_REFUSED_ELSEWHERE : MAX_ELSEWHERE) || !canSendAgain(exchange)) return false;
  const isUnreached = isRefused || failure === FAILURES.connectFailed;
  if (!isUnreached && !(attempt.isUntouched && failure.isEndOfConnection && isRepeatable(exchange))) return false;
  return sender?.hasAnother?.(exchange) === true;
}

/**
 * A request that the server has surely not acted on goes to another connection, up to three times. An idempotent
 * request without a body goes once to a fresh connection when a kept one turned out to be dead; everything else is the
 * client's to know. Once also where the second connection is a kept one after all, because the request had to wait for
 * it.
 */
function repeatsByItself(exchange: Exchange): boolean {
  const { attempt } = exchange;
  if (!canSendAgain(exchange)) return false;
  if (attempt.isUnseen) return attempt.number <= MAX_REFUSALS;
  const wasDead = attempt.isUntouched && attempt.wasReused && attempt.failure!.isEndOfConnection;
  return wasDead && attempt.number === 1 && isRepeatable(exchange);
}

/** Sending it twice does what sending it once does, and all of it is at hand. */
export function isRepeatable(exchange: Exchange): boolean {
  return IDEMPOTENT.has(exchange.method) && exchange.requestFraming === BODY_NONE && exchange.upgrade === '';
}
