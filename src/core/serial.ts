// Asynchronous work of one part, one piece after the other in the order it was asked for. What fails is logged, and the
// next piece runs all the same: a chain of promises alone would end with the first rejection, for good and in silence.

import { describeError } from './errors.ts';
import type { Log } from './log.ts';

export class SerialRunner {
  readonly #log: Log;
  readonly #failure: string;
  #last: Promise<void> = Promise.resolve();
  #pending = 0;

  /** `failure` is what the log says when a piece of work fails. */
  constructor(log: Log, failure: string) {
    this.#log = log;
    this.#failure = failure;
  }

  /** Settles when the work is done, or has failed; never rejects. */
  run(work: () => Promise<void>): Promise<void> {
    this.#pending++;
    this.#last = this.#last.then(async () => {
      try {
        await work();
      } catch (error) {
        this.#log.error(this.#failure, { error: describeError(error) });
      } finally {
        this.#pending--;
      }
    });
    return this.#last;
  }

  /** Settles when everything that has been asked for so far is done. */
  get settled(): Promise<void> {
    return this.#last;
  }

  get isIdle(): boolean {
    return this.#pending === 0;
  }
}
