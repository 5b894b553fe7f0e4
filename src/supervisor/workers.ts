// The workers of the process and their life: one for each slot, watched for signs of life and for what they hold,
// replaced when they crash, fall silent or are no longer trusted. Whatever becomes of one, those that serve go on; and
// what ends one worker after the other is not to keep the machine busy with beginning them.

import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { FromWorker, ToWorker } from '../model/message/sync.ts';
import type { WorkerStatus } from '../model/message/worker-status.ts';
import type { WorkerHandle, WorkerListener } from './worker-handle.ts';

const READY_TIMEOUT_MS = 60_000;
const PING_MS = 2_000;
/**
 * A worker that has left so many pings in a row unanswered, 20 s of them, serves nobody. Pings are counted and not
 * time: a machine that has too little for everybody, or was suspended, keeps this thread from asking as well.
 */
const MAX_UNANSWERED = 10;
const CRASH_WINDOW_MS = 60_000;
/** So many in the window are replaced at once; each further one after a pause. */
const MAX_CRASHES = 5;
/** Between attempts to begin a worker, where one crashes again and again or the machine has no room for it. */
const RESTART_PAUSES = { firstMs: 500, maxMs: 30_000 };

export interface WorkersOptions {
  readonly slots: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Begins a worker with what is in force now. Throws when the machine has no thread to give. */
  begin(slot: number, id: number, listener: WorkerListener): WorkerHandle;
  /** What workers say of something else than themselves. */
  said(worker: WorkerHandle, message: FromWorker): void;
  /** A worker is gone, whatever comes after it. */
  gone(worker: WorkerHandle, reason: string): void;
  /** A worker is gone and another takes its place. */
  replaced(worker: number, reason: string): void;
  /** As of WorkerListener; nothing can when left out. */
  freeThread?(thread: number): boolean;
  /** Calls back once after the time; a timer when left out. */
  after?(ms: number, callback: () => void): { close(): void };
}

export class Workers implements WorkerListener {
  readonly #options: WorkersOptions;
  readonly #bySlot = new Map<number, WorkerHandle>();
  #nextId = 1;
  #crashes: number[] = [];
  /** Workers that did not come to serve, since the last one that did. */
  #failedStarts = 0;
  /** Slots whose next worker waits for its time. */
  readonly #pauses = new Map<number, { close(): void }>();
  #pinger: NodeJS.Timeout | null = null;
  #isStopping = false;
  restarts = 0;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  get all(): readonly WorkerHandle[] {
    return [...this.#bySlot.values()];
  }

  /** No worker is begun any more. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What each worker runs, by slot. */
  statuses(): readonly WorkerStatus[] {
    return this.all
      .map(({ id, slot, version, isReady }) => ({ id, slot, version, isReady }))
      .toSorted((a, b) => a.slot - b.slot);
  }

  send(message: ToWorker): void {
    for (const worker of this.#bySlot.values()) worker.send(message);
  }

  /** Settles when all of them listen; rejects when one does not. */
  async start(): Promise<void> {
    const started: Promise<void>[] = [];
    for (let slot = 0; slot < this.#options.slots; slot++) started.push(this.#begin(slot).ready(READY_TIMEOUT_MS));
    await Promise.all(started);
  }

  /** All of them have started: from now on, one that falls silent or does not begin is replaced. */
  watch(): void {
    this.#pinger = setInterval(() => this.#ping(), PING_MS);
    this.#pinger.unref();
  }

  /** The first part of a stop: who ends now is not replaced. */
  replaceNoMore(): void {
    this.#isStopping = true;
    if (this.#pinger !== null) clearInterval(this.#pinger);
    for (const pause of this.#pauses.values()) pause.close();
    this.#pauses.clear();
  }

  /** See WorkerHandle.drain. A thread that cannot be ended is told of and left. */
  async drain(deadlineMs: number, patienceMs: number, isShared: boolean): Promise<void> {
    await Promise.all(
      this.all.map(async (worker) => {
        if (!(await worker.drain(deadlineMs, patienceMs, isShared))) this.#tellStuck(worker);
      }),
    );
  }

  /** Ends all of them at once, but for those that cannot be ended. */
  kill(): void {
    this.replaceNoMore();
    for (const worker of this.all) void worker.terminate();
  }

  /** Ends a worker that is no longer trusted; its exit starts another with the present snapshot. */
  replace(worker: WorkerHandle, reason: string): void {
    if (worker.isEnding) return;
    this.#options.log.error('a worker is replaced', { worker: worker.id, reason });
    void worker.terminate().then((isGone) => {
      if (!isGone) this.#tellStuck(worker);
    });
  }

  message(worker: WorkerHandle, message: FromWorker): void {
    const { log } = this.#options;
    switch (message.kind) {
      case 'pong':
        worker.unanswered = 0;
        this.#noteMemory(worker, message.externalBytes);
        return;
      case 'log':
        log[message.level](message.message, { worker: worker.id, ...message.fields });
        return;
      case 'memory':
        log.info('worker memory', {
          worker: worker.id,
          isCollected: message.isCollected,
          heapUsedBytes: message.heapUsedBytes,
          externalBytes: message.externalBytes,
          bytesInProgress: message.bytesInProgress,
        });
        return;
      case 'ack':
        log.debug('worker applied a configuration', {
          worker: worker.id,
          version: message.version,
          buildMs: Math.round(message.buildMs * 10) / 10,
        });
        return;
      default:
        this.#options.said(worker, message);
    }
  }

  free(thread: number): boolean {
    return this.#options.freeThread?.(thread) ?? false;
  }

  exited(worker: WorkerHandle, reason: string): void {
    if (this.#bySlot.get(worker.slot) === worker) this.#bySlot.delete(worker.slot);
    this.#options.gone(worker, reason);
    if (this.#isStopping) return;
    if (!worker.isEnding) {
      if (!worker.isReady && this.#pinger === null) return; // start() reports it.
      if (worker.isReady) this.#options.log.error('a worker crashed and is replaced', { worker: worker.id, reason });
    }
    this.restarts++;
    this.#options.replaced(worker.id, reason);
    if (worker.isReady || worker.isEnding) this.#restart(worker.slot, this.#pauseAfterCrash(worker));
    else this.#startFailed(worker.slot, reason);
  }

  #begin(slot: number): WorkerHandle {
    const worker = this.#options.begin(slot, this.#nextId++, this);
    this.#bySlot.set(slot, worker);
    return worker;
  }

  /** The workers that serve go on, whatever becomes of this one. */
  #restart(slot: number, pauseMs: number): void {
    if (pauseMs > 0) {
      this.#pauses.get(slot)?.close();
      this.#pauses.set(
        slot,
        this.#after(pauseMs, () => this.#restart(slot, 0)),
      );
      return;
    }
    this.#pauses.delete(slot);
    if (this.#isStopping || this.#bySlot.has(slot)) return;
    let fresh: WorkerHandle;
    try {
      fresh = this.#begin(slot);
    } catch (error) {
      // The machine has no thread to give.
      this.#startFailed(slot, messageOf(error));
      return;
    }
    fresh.ready(READY_TIMEOUT_MS).then(
      () => {
        if (this.#failedStarts > 0) this.#options.log.info('a worker could be started again', { worker: fresh.id });
        this.#failedStarts = 0;
      },
      (error: unknown) => {
        if (fresh.isGone || this.#isStopping) return;
        this.replace(fresh, messageOf(error));
      },
    );
  }

  #startFailed(slot: number, reason: string): void {
    this.#failedStarts++;
    const pauseMs = backoffMs(this.#failedStarts, RESTART_PAUSES, Math.random);
    const serving = this.all.filter(({ isReady }) => isReady).length;
    this.#options.log.error('a worker cannot be started; those that serve go on, and it is tried again', {
      reason,
      serving,
      inMs: pauseMs,
    });
    this.#restart(slot, pauseMs);
  }

  /** Milliseconds until the next worker may begin. What kills one worker a second is not to keep the machine busy. */
  #pauseAfterCrash(worker: WorkerHandle): number {
    if (worker.isEnding) return 0;
    const now = this.#options.clock.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    const extra = this.#crashes.length - MAX_CRASHES;
    if (extra < 0) return 0;
    const pauseMs = backoffMs(extra + 1, RESTART_PAUSES, Math.random);
    this.#options.log.error('workers crash again and again; the next one begins after a pause', {
      crashes: this.#crashes.length,
      withinMs: CRASH_WINDOW_MS,
      inMs: pauseMs,
    });
    return pauseMs;
  }

  #after(ms: number, callback: () => void): { close(): void } {
    if (this.#options.after !== undefined) return this.#options.after(ms, callback);
    const timer = setTimeout(callback, ms);
    return { close: () => clearTimeout(timer) };
  }

  #noteMemory(worker: WorkerHandle, bytes: number): void {
    const mebibytes = Math.round(bytes / 1024 / 1024);
    switch (worker.memory.note(bytes)) {
      case 'fine':
        return;
      case 'warn':
        this.#options.log.warn('a worker holds much memory outside of its heap, as buffers of a plugin are', {
          worker: worker.id,
          mebibytes,
        });
        return;
      case 'over':
        this.replace(worker, `it holds ${mebibytes} MiB outside of its heap`);
    }
  }

  #tellStuck(worker: WorkerHandle): void {
    this.#options.log.error('a worker cannot be ended: its thread waits inside a call of the system', {
      worker: worker.id,
    });
  }

  #ping(): void {
    const id = this.#options.clock.now();
    for (const worker of this.#bySlot.values()) {
      if (!worker.isReady || worker.isEnding) continue;
      if (worker.unanswered >= MAX_UNANSWERED) {
        this.replace(worker, `its event loop has not turned for ${(MAX_UNANSWERED * PING_MS) / 1000} s`);
        continue;
      }
      worker.unanswered++;
      worker.send({ kind: 'ping', id });
    }
  }
}
