// What an entry point and its client connections know of each other, whatever the protocol.

import type { TimerWheel } from '../../core/timer-wheel.ts';
import type { Exchange, Handler } from '../http/exchange.ts';
import type { EntryPointState } from './entry-point-state.ts';

/** A client whose connection ends may say nothing for this long before it is cut, */
export const LINGER_MS = 5_000;
/** and go on sending for this long. */
export const MAX_LINGER_MS = 30_000;

/** A client that has connected gets this long to ask before it counts as one that rests. */
export const NEWCOMER_MS = 1_000;

export interface DownstreamConnection {
  /** Claimed by the entry point's accounting. */
  readonly ticket: number;
  /**
   * Called when its entry point stops accepting: an idle connection goes after the context's patience, others after
   * their answers.
   */
  drain(): void;
  /** A request has come over it. */
  readonly hasAsked: boolean;
  /**
   * Ends it to make room for another if no request is in progress, nor about to come from a newcomer; false when it
   * stays.
   */
  closeIfResting(): boolean;
  destroy(): void;
}

/** What all connections of an entry point in one worker share. */
export interface DownstreamContext {
  readonly entryPoint: EntryPointState;
  readonly wheel: TimerWheel;
  readonly handler: Handler;
  /** The connection is gone. */
  closed(connection: DownstreamConnection): void;
  /** A handler threw: a defect of ours or of a plugin. */
  handlerFailed(exchange: Exchange, error: unknown): void;
}
