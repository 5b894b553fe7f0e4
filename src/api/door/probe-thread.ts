// The main thread's side of the thread that answers /ping (probe-listener.ts): what it is told, and what it says.

import { Worker } from 'node:worker_threads';

export interface ProbeInit {
  /** Int32 cells: `TERMINATING` and `HEARTBEAT`. */
  readonly state: SharedArrayBuffer;
  readonly terminatingStatusCode: number;
  /** Of the main thread, before it counts as dead. */
  readonly maxSilentSeconds: number;
  /** Where the main thread takes everything else. */
  readonly mainSocket: string;
  readonly isOnLoopback: boolean;
  readonly allowedHosts: readonly string[];
  readonly token: string | null;
}

export type ToProbe =
  | { readonly id: number; readonly kind: 'address'; readonly fd: number }
  | { readonly id: number; readonly kind: 'service'; readonly path: string }
  | { readonly id: number; readonly kind: 'leave' };

export interface FromProbe {
  readonly id: number;
  readonly error: string | null;
}

/** Not 0 while the process ends. */
export const TERMINATING = 0;
/** Seconds since the epoch, of the monotonic clock, when the main thread last had time for others. */
export const HEARTBEAT = 1;
/** Who asks, from this thread to the main one; both are this process. */
export const PEER_FIELD = 'x-signalbox-peer';

/** Longer than any configuration takes: who is silent for so long does not come back. */
const MAX_SILENT_SECONDS = 120;
const BEAT_MS = 1_000;
/** Little is kept in it. */
const HEAP_MB = 64;

export class ProbeThread {
  readonly #worker: Worker;
  readonly #state: Int32Array;
  readonly #beat: NodeJS.Timeout;
  readonly #waiting = new Map<number, (error: string | null) => void>();
  #nextId = 1;
  #isStopping = false;
  /** Why it is no more; null while it is there. */
  #ended: string | null = null;

  /** `died` is called once, when the thread has ended without being asked to. */
  constructor(url: URL, init: Omit<ProbeInit, 'state' | 'maxSilentSeconds'>, died: (reason: string) => void) {
    const state = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#state = new Int32Array(state);
    const beat = (): void => {
      Atomics.store(this.#state, HEARTBEAT, Math.floor((performance.timeOrigin + performance.now()) / 1000));
    };
    beat();
    this.#beat = setInterval(beat, BEAT_MS);
    this.#beat.unref();
    const all: ProbeInit = { ...init, state, maxSilentSeconds: MAX_SILENT_SECONDS };
    this.#worker = new Worker(url, {
      workerData: all,
      name: 'probe',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    let reason = '';
    this.#worker.on('error', (error) => (reason = error.message));
    this.#worker.on('message', ({ id, error }: FromProbe) => {
      this.#waiting.get(id)?.(error);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    this.#worker.on('exit', (code) => {
      clearInterval(this.#beat);
      const why = reason === '' ? `exit code ${code}` : reason;
      this.#ended = why;
      for (const settle of this.#waiting.values()) settle(why);
      this.#waiting.clear();
      if (!this.#isStopping) died(why);
    });
    // The process ends without waiting for it.
    this.#worker.unref();
  }

  set isTerminating(value: boolean) {
    Atomics.store(this.#state, TERMINATING, value ? 1 : 0);
  }

  /** Accepts on a duplicate of the descriptor. Settles with the code of an error, or null. */
  listenAt(fd: number): Promise<string | null> {
    return this.#send({ id: this.#nextId++, kind: 'address', fd });
  }

  /** The socket behind `ping@internal`. */
  serveAt(path: string): Promise<string | null> {
    return this.#send({ id: this.#nextId++, kind: 'service', path });
  }

  /** Accepts nothing more; what is being answered goes on. */
  leave(): void {
    void this.#send({ id: this.#nextId++, kind: 'leave' });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#worker.terminate();
  }

  /** A thread that has ended would never answer. */
  #send(message: ToProbe): Promise<string | null> {
    if (this.#ended !== null) return Promise.resolve(this.#ended);
    return new Promise((resolve) => {
      this.#waiting.set(message.id, resolve);
      // Whoever waits for an answer is all that goes on while the router starts.
      this.#worker.ref();
      this.#worker.postMessage(message);
    });
  }
}
