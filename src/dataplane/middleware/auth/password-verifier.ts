// Verifies passwords without holding up the event loop: hashes that cost milliseconds go to a thread, which starts with
// the first of them. The queue is bounded - a flood of guesses costs its senders a 503, not everybody their latency -
// and equal checks under way are one. What was right is remembered under a keyed hash, so that no password stays in
// memory.

import { createHmac } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { BoundedCache } from '../../../core/bounded-cache.ts';
import { isCheapHash, verifyPassword } from './password-hash.ts';

export type Verdict = 'right' | 'wrong' | 'busy';

export interface PasswordJob {
  readonly id: number;
  readonly hash: string;
  readonly password: Uint8Array;
}

export interface PasswordAnswer {
  readonly id: number;
  readonly isRight: boolean;
}

export interface PasswordThread {
  post(job: PasswordJob): void;
  stop(): void;
}

/** `ended` is called when the thread dies by itself. */
export type StartPasswordThread = (answered: (answer: PasswordAnswer) => void, ended: () => void) => PasswordThread;

/** A check takes about 10 ms with the usual hashes: the last of so many waits less than a second. */
const MAX_QUEUE = 64;
const REMEMBERED = 4096;
/** The cost of a check grows with the password. */
const MAX_PASSWORD_BYTES = 512;

interface Waiting {
  readonly key: string;
  readonly verdict: Promise<Verdict>;
  readonly settle: (verdict: Verdict) => void;
}

export class PasswordVerifier {
  readonly #key: Uint8Array;
  readonly #start: StartPasswordThread;
  /** Keys of checks that turned out right; the others are not worth the memory, which guesses would fill. */
  readonly #right = new BoundedCache<string, true>(REMEMBERED);
  readonly #waiting = new Map<number, Waiting>();
  readonly #byKey = new Map<string, Waiting>();
  #thread: PasswordThread | null = null;
  #nextId = 0;

  constructor(secret: Uint8Array, start: StartPasswordThread) {
    this.#key = secret;
    this.#start = start;
  }

  /** At once when the answer is known or cheap. The hash has passed `hashError`. */
  check(hash: string, password: Buffer): Verdict | Promise<Verdict> {
    if (password.length > MAX_PASSWORD_BYTES) return 'wrong';
    if (isCheapHash(hash)) return verifyPassword(hash, password) ? 'right' : 'wrong';
    const key = createHmac('sha256', this.#key).update(`${hash}\0`).update(password).digest('base64');
    if (this.#right.get(key) === true) return 'right';
    const underWay = this.#byKey.get(key);
    if (underWay !== undefined) return underWay.verdict;
    if (this.#waiting.size >= MAX_QUEUE) return 'busy';
    return this.#enqueue(key, hash, password);
  }

  /** Checks under way end as busy. */
  stop(): void {
    this.#thread?.stop();
    this.#giveUp();
  }

  #enqueue(key: string, hash: string, password: Buffer): Promise<Verdict> {
    const id = this.#nextId++;
    let settle: (verdict: Verdict) => void = () => {};
    const verdict = new Promise<Verdict>((resolve) => {
      settle = resolve;
    });
    const waiting: Waiting = { key, verdict, settle };
    this.#waiting.set(id, waiting);
    this.#byKey.set(key, waiting);
    try {
      this.#thread ??= this.#start(
        (answer) => this.#answered(answer),
        () => this.#giveUp(),
      );
      // A copy: posting a piece of Node's buffer pool would post the pool.
      this.#thread.post({ id, hash, password: new Uint8Array(password) });
    } catch {
      // The machine has no thread to give at the moment; the next check asks again.
      this.#giveUp();
    }
    return verdict;
  }

  #answered({ id, isRight }: PasswordAnswer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#byKey.delete(waiting.key);
    if (isRight) this.#right.set(waiting.key, true);
    waiting.settle(isRight ? 'right' : 'wrong');
  }

  /** The thread is gone: the next check starts another one. */
  #giveUp(): void {
    this.#thread = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#byKey.clear();
    for (const { settle } of waiting) settle('busy');
  }
}

export const startPasswordThread: StartPasswordThread = (answered, ended) => {
  const worker = new Worker(new URL('./password-thread.js', import.meta.url), {
    name: 'passwords',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  let isStopped = false;
  const end = (): void => {
    if (!isStopped) ended();
    isStopped = true;
  };
  worker.on('message', answered);
  worker.on('error', end);
  worker.on('exit', end);
  worker.unref();
  return {
    post: (job) => worker.postMessage(job),
    stop: () => {
      isStopped = true;
      void worker.terminate();
    },
  };
};
