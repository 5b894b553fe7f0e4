// One try at having a request answered by a server. The exchange has one of these for its whole life; what it says is
// of the present try, or of the last one when none is under way.

import type { Failure } from './failure.ts';

export class Attempt {
  /** 1 for the first; 0 while no server has been asked for. */
  number = 0;
  /** What it went to, as its sender knows it; null while nobody has been picked. */
  target: object | null = null;
  /** Targets that are not to be picked again. */
  excluded: Set<object> | null = null;
  /** Why it came to nothing; null while it has not. */
  failure: Failure | null = null;
  /** Then: no byte of a response had come, interim ones included. */
  isUntouched = false;
  /**
   * Then: its connection had served another request before, which makes one that the server had closed already the
   * likely cause.
   */
  wasReused = false;
  /** Then: the server has surely not acted on the request (RFC 9113 §8.7). */
  isUnseen = false;

  /** The next try, of the same request. */
  begin(): void {
    this.number++;
    this.target = null;
    this.failure = null;
    this.isUntouched = false;
    this.wasReused = false;
    this.isUnseen = false;
  }

  /** The connection's last word about it. */
  failed(failure: Failure, isUntouched: boolean, wasReused: boolean, isUnseen: boolean): void {
    this.failure = failure;
    this.isUntouched = isUntouched;
    this.wasReused = wasReused;
    this.isUnseen = isUnseen;
  }

  /** The present target is not asked again. */
  exclude(): void {
    if (this.target !== null) (this.excluded ??= new Set()).add(this.target);
  }
}
