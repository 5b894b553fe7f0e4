// The order in which the parts of a process begin and end: started one after the other, stopped in reverse. Each has a
// name and, if it wants one, a deadline. One that takes longer to start is told of and waited for, since what comes
// after needs it; one that takes longer to stop is told of and left, so that those it stands on end in order all the
// same.

import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

export interface Part {
  readonly name: string;
  readonly start?: () => Promise<void> | void;
  /** Called as well when the part's own start has failed: it may have begun. */
  readonly stop?: () => Promise<void> | void;
  /** For its start; none when left out. */
  readonly startMs?: number;
  /** For its stop; none when left out. */
  readonly stopMs?: () => number;
}

export interface LifeOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly parts: readonly Part[];
  /** Calls back once after the time; a timer when left out. */
  after?(ms: number, callback: () => void): { close(): void };
}

export class Life {
  readonly #options: LifeOptions;
  /** Those that have begun, in their order. */
  readonly #begun: Part[] = [];
  #starting: Promise<void> | null = null;
  #ending: Promise<void> | null = null;
  #isEnding = false;

  constructor(options: LifeOptions) {
    this.#options = options;
    const { parts } = options;
    const firstToStart = parts.findIndex(({ start }) => start !== undefined);
    // Those that nothing has to start are there already, and end even if nothing ever starts.
    this.#begun.push(...parts.slice(0, firstToStart === -1 ? parts.length : firstToStart));
  }

  /**
   * Settles when all parts have started. Rejects with what the first of them failed with, after those before it were
   * stopped.
   */
  async start(): Promise<void> {
    this.#starting = this.#startAll();
    try {
      await this.#starting;
    } catch (error) {
      // What went wrong first is what is told; a stop that is under way tidies up by itself.
      if (!this.#isEnding) await this.#stopAll().catch(() => {});
      throw error;
    }
  }

  /** A start that is under way ends at its next part. Rejects with the first failure, after all parts were stopped. */
  stop(): Promise<void> {
    this.#isEnding = true;
    this.#ending ??= this.#stopAfterStart();
    return this.#ending;
  }

  async #stopAfterStart(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#stopAll();
  }

  async #startAll(): Promise<void> {
    for (const part of this.#options.parts.slice(this.#begun.length)) {
      if (this.#isEnding) throw new Error('the router was stopped while it started');
      this.#begun.push(part);
      await this.#start(part);
    }
    if (this.#isEnding) throw new Error('the router was stopped while it started');
  }

  async #start({ name, start, startMs }: Part): Promise<void> {
    if (start === undefined) return;
    const { log, clock } = this.#options;
    const begin = clock.now();
    const timer =
      startMs === undefined
        ? null
        : this.#after(startMs, () => log.warn('a part takes longer to start than it should', { part: name, startMs }));
    try {
      await start();
    } finally {
      timer?.close();
    }
    log.debug('a part has started', { part: name, ms: Math.round(clock.now() - begin) });
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#begun.pop(); part !== undefined; part = this.#begun.pop()) {
      try {
        await this.#stop(part);
      } catch (error) {
        failures.push(error);
        this.#options.log.error('a part could not be stopped', { part: part.name, error: describeError(error) });
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #stop({ name, stop, stopMs }: Part): Promise<void> {
    if (stop === undefined) return;
    const { log, clock } = this.#options;
    const begin = clock.now();
    let isLeft = false;
    const stopped = (async () => stop())();
    const told = stopped.then(() =>
      log.debug('a part has stopped', { part: name, ms: Math.round(clock.now() - begin) }),
    );
    if (stopMs === undefined) return told;
    const ms = stopMs();
    let timer: { close(): void } | null = null;
    const late = new Promise<void>((resolve) => {
      timer = this.#after(ms, () => {
        isLeft = true;
        log.warn('a part takes longer to stop than it should, and is left', { part: name, stopMs: ms });
        resolve();
      });
    });
    // Nobody waits any more for one that is left.
    const outcome = told.catch((error: unknown) => {
      if (!isLeft) throw error;
      log.error('a part could not be stopped', { part: name, error: describeError(error) });
    });
    try {
      await Promise.race([outcome, late]);
    } finally {
      (timer as { close(): void } | null)?.close();
    }
  }

  #after(ms: number, callback: () => void): { close(): void } {
    if (this.#options.after !== undefined) return this.#options.after(ms, callback);
    const timer = setTimeout(callback, ms);
    return { close: () => clearTimeout(timer) };
  }
}
