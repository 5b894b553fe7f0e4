// One data plane thread as the supervisor sees it: started, ready, asked, drained, ended. What it acknowledges settles
// promises; everything else it says goes to the listener.

import { Worker } from 'node:worker_threads';
import { SignalboxError } from '../core/errors.ts';
import { MEMORY_BOUNDS, MemoryWatch } from './memory-watch.ts';
import type { FromWorker, ToWorker, WorkerInit } from '../model/message/sync.ts';

export interface WorkerListener {
  message(worker: WorkerHandle, message: FromWorker): void;
  /** The thread is gone, asked or not. Called once. */
  exited(worker: WorkerHandle, reason: string): void;
  /** Tries to set a thread free that waits inside a call of the system; false when there is no way. */
  free(thread: number): boolean;
}

/** A worker keeps its deadlines itself; after so much more it no longer can. */
const LATE_MS = 250;
/** A thread that runs JavaScript ends at once. */
const TERMINATE_MS = 500;

export class WorkerHandle {
  readonly id: number;
  readonly slot: number;
  /** Version the worker has acknowledged. */
  version = 0;
  isReady = false;
  /** Its end is wanted. */
  isEnding = false;
  /** Pings since its event loop last answered one, counted by the supervisor. */
  unanswered = 0;
  readonly memory: MemoryWatch;
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  #ready: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #drained: (() => void) | null = null;
  #isGone = false;
  #lastError = '';
  #thread = 0;

  constructor(
    url: URL,
    init: WorkerInit,
    listener: WorkerListener,
    execArgv: readonly string[],
    memoryBounds = MEMORY_BOUNDS,
  ) {
    this.id = init.workerId;
    this.slot = init.slot;
    this.memory = new MemoryWatch(memoryBounds);
    this.#listener = listener;
    this.#worker = new Worker(url, {
      workerData: init,
      name: `worker-${init.workerId}`,
      execArgv: [...execArgv],
      resourceLimits: { maxOldGenerationSizeMb: memoryBounds.heapMb },
    });
    this.#worker.on('message', (message: FromWorker) => this.#received(message, listener));
    this.#worker.on('error', (error) => {
      this.#lastError = error.stack ?? error.message;
    });
    this.#worker.on('exit', (code) => {
      this.#isGone = true;
      const reason = this.#lastError === '' ? `exit code ${code}` : this.#lastError;
      const error = new SignalboxError('ERR_WORKER_START', `worker ${this.id} ended: ${reason}`);
      this.#ready?.reject(error);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      this.#drained?.();
      listener.exited(this, reason);
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Settles when the worker listens; rejects when it ends or takes longer than `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.isReady) {
        resolve();
        return;
      }
      const timer = setTimeout(
        () => reject(new SignalboxError('ERR_WORKER_START', `worker ${this.id} was not ready within ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#ready = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  /** Settles with the worker's ack; rejects on a nack, its end, or silence. */
  apply(change: Omit<Extract<ToWorker, { kind: 'delta' }>, 'kind'>, timeoutMs: number): Promise<void> {
    const { version } = change.delta;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(version);
        reject(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(version, {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.send({ kind: 'delta', ...change });
    });
  }

  send(message: ToWorker): void {
    if (!this.#isGone) this.#worker.postMessage(message);
  }

  /** Stops accepting, waits for requests until the deadline, then ends the thread; false when it cannot be ended. */
  async drain(deadlineMs: number, patienceMs: number, isShared: boolean): Promise<boolean> {
    this.isEnding = true;
    // One that is not ready yet has nothing to finish.
    if (!this.#isGone && this.isReady) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        timer = setTimeout(resolve, deadlineMs + LATE_MS);
        this.send({ kind: 'drain', deadlineMs, patienceMs, isShared });
      });
      clearTimeout(timer);
    }
    return this.terminate();
  }

  /** False when the thread cannot be ended: it is in a call of the system that waits for something. */
  async terminate(): Promise<boolean> {
    this.isEnding = true;
    const gone = this.#worker.terminate().then(() => true);
    if (await within(TERMINATE_MS, gone)) return true;
    if (this.#thread === 0 || !this.#listener.free(this.#thread)) return false;
    return within(TERMINATE_MS, gone);
  }

  #received(message: FromWorker, listener: WorkerListener): void {
    switch (message.kind) {
      case 'ready':
        this.isReady = true;
        this.#thread = message.thread;
        this.version = message.version;
        this.#ready?.resolve();
        break;
      case 'ack':
        this.version = message.version;
        this.#waiting.get(message.version)?.resolve();
        this.#waiting.delete(message.version);
        break;
      case 'nack':
        this.#waiting.get(message.version)?.reject(new Error(message.reason));
        this.#waiting.delete(message.version);
        break;
      case 'drained':
        this.#drained?.();
        break;
      default:
    }
    listener.message(this, message);
  }
}

/** False when it takes longer. */
async function within(ms: number, done: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const outcome = await Promise.race([done, late]);
  clearTimeout(timer);
  return outcome;
}
