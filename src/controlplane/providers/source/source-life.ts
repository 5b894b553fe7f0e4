// The life of a source: follow it, list everything, look at what events name, list everything again now and then. What
// fails is tried again, and begins with a list: whatever was missed meanwhile is in it.
//
//            ┌───────────────────────── back-off ◀─────────────────────────┐
//            ▼                                                             │ failed (away), or has ended the stream
//   follow: begun ──▶ list: reached ──▶ wait ──▶ events ──▶ look ──▶ wait ─┤
//                          ▲              │                                │
//                          └── interval ──┴───────── signal aborted ──▶ end
//
// There is one list or look at a time: events that come meanwhile are gathered, each thing once.

import { setMaxListeners } from 'node:events';
import { backoffMs, type BackoffOptions } from '../../../core/backoff.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Log } from '../../../core/log.ts';
import type { SourceReport } from '../define.ts';
import { CannotFollow, type Source } from './source.ts';

/** Nobody waits long for a source that has come back, and one that stays away is left in peace. */
const BACKOFF: BackoffOptions = { firstMs: 250, maxMs: 10_000 };

export interface SourceLifeOptions {
  readonly report: SourceReport;
  readonly log: Log;
  /** Name of the provider, for the log. */
  readonly provider: string;
  /** Between two lists of everything; 0 for never again after the first one. */
  readonly resyncIntervalMs: number;
  readonly random?: () => number;
}

export class SourceLife {
  readonly #source: Source;
  readonly #options: SourceLifeOptions;
  /** Attempts in a row that came to no list. */
  #failures = 0;
  /** Attempts in a row that came to a list, and were over before the next one was due. */
  #shortLives = 0;
  /** Why it cannot be followed, as the log has it; '' while it can. */
  #unfollowed = '';
  /** How the present attempt's stream of events has ended; null while it has not. */
  #streamEnd: { readonly error: unknown } | null = null;
  /** Settles with it; never rejects. */
  #stream: Promise<void> = Promise.resolve();
  /** What is asked for: names, or everything. */
  #touched = new Set<string>();
  #isListDue = false;
  #resync: NodeJS.Timeout | undefined;
  #lists = 0;
  #wake: () => void = () => {};
  #readers: (() => void)[] = [];

  constructor(source: Source, options: SourceLifeOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Settles when the signal is aborted and nothing of it is under way; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { report, random = Math.random } = this.#options;
    while (!signal.aborted) {
      this.#lists = 0;
      const failure = await this.#attempt(signal);
      if (signal.aborted) break;
      if (failure !== null) report.away(messageOf(failure));
      if (this.#lists === 0) this.#failures++;
      else this.#failures = 0;
      if (this.#lists === 1) this.#shortLives++;
      else this.#shortLives = 0;
      this.#answerReaders();
      const waitMs = backoffMs(Math.max(this.#failures, this.#shortLives, 1), BACKOFF, random);
      const timer = setTimeout(() => this.#wake(), waitMs);
      // Whoever wants it read again does not wait for that.
      await this.#sleep(signal);
      clearTimeout(timer);
    }
    this.#answerReaders();
  }

  /** Settles when everything has been listed anew, or could not be. */
  readAgain(): Promise<void> {
    return new Promise((resolve) => {
      this.#readers.push(resolve);
      this.#isListDue = true;
      this.#wake();
    });
  }

  /** Until it fails, which is answered, or ends in order. */
  async #attempt(signal: AbortSignal): Promise<Error | null> {
    const attempt = new AbortController();
    // Every request of a list listens to it, and there may be many side by side.
    setMaxListeners(0, attempt.signal);
    const abort = (): void => {
      attempt.abort();
      this.#wake();
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#touched.clear();
    this.#isListDue = true;
    try {
      await this.#keepUp(attempt.signal);
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      attempt.abort();
      clearTimeout(this.#resync);
      signal.removeEventListener('abort', abort);
      await this.#stream;
    }
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    await this.#follow(signal);
    while (!signal.aborted) {
      if (this.#isListDue) {
        if (this.#unfollowed !== '' && this.#lists > 0) await this.#follow(signal);
        await this.#list(signal);
      } else if (this.#touched.size > 0) await this.#look(signal);
      else if (this.#streamEnd !== null) {
        if (this.#streamEnd.error === null) return;
        throw this.#streamEnd.error as Error; // Whatever it is, somebody says it.
      } else await this.#sleep(signal);
    }
  }

  /** Returns when the events have begun, or nobody may have them. */
  async #follow(signal: AbortSignal): Promise<void> {
    this.#streamEnd = null;
    const { follow } = this.#source;
    if (follow === undefined || signal.aborted) return;
    const ended = (error: unknown): void => {
      this.#streamEnd = { error };
      this.#wake();
    };
    const begun = new Promise<void>((resolve, reject) => {
      const stream = follow.call(this.#source, signal, {
        begun: () => resolve(),
        changed: (touched) => this.#changed(touched),
      });
      this.#stream = stream.then(
        () => {
          ended(null);
          resolve();
        },
        (error: unknown) => {
          ended(error);
          reject(error as Error); // As above.
        },
      );
    });
    try {
      await begun;
      this.#followed();
    } catch (error) {
      if (!(error instanceof CannotFollow)) throw error;
      this.#streamEnd = null;
      this.#notFollowed(error.message);
    }
  }

  #followed(): void {
    if (this.#unfollowed === '') return;
    this.#unfollowed = '';
    this.#options.log.info('the source of a provider can be followed again', { provider: this.#options.provider });
  }

  #notFollowed(reason: string): void {
    if (this.#unfollowed === reason) return;
    this.#unfollowed = reason;
    const { log, provider, resyncIntervalMs } = this.#options;
    const consequence =
      resyncIntervalMs === 0 ? 'changes are not seen' : `changes are seen every ${resyncIntervalMs / 1000} s alone`;
    log.warn(`the source of a provider does not let itself be followed: ${consequence}`, { provider, reason });
  }

  #changed(touched: string | null): void {
    if (touched === null || this.#source.look === undefined) this.#isListDue = true;
    else this.#touched.add(touched);
    this.#wake();
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { report, resyncIntervalMs } = this.#options;
    // What was named before is looked at all the same: a list may be made of what the source has put down a moment ago.
    this.#isListDue = false;
    clearTimeout(this.#resync);
    const readers = this.#readers;
    this.#readers = [];
    try {
      await this.#source.list(signal);
      if (signal.aborted) return;
      this.#lists++;
      report.reached();
    } finally {
      for (const answer of readers) answer();
    }
    if (resyncIntervalMs === 0) return;
    this.#resync = setTimeout(() => {
      this.#isListDue = true;
      this.#wake();
    }, resyncIntervalMs);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const touched = this.#touched;
    this.#touched = new Set();
    await this.#source.look?.(touched, signal);
  }

  #answerReaders(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const answer of readers) answer();
  }

  /** Until something is to be done. Nothing can come between a look at what is due and this. */
  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = () => {};
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      if (signal.aborted) wake();
      else signal.addEventListener('abort', wake, { once: true });
    });
  }
}
