// Sends what certificate authorities are answered with to every worker, and says when all of them have it: an authority
// that is told too early may come to the one worker that has not.

import type { AlpnCertificate, HttpChallenges } from '../model/certificate.ts';
import type { ToWorker } from '../model/message/sync.ts';

/** A worker as far as challenges are concerned. */
export interface ChallengedWorker {
  readonly id: number;
  send(message: ToWorker): void;
}

/** A worker that is silent for this long is no reason to wait any longer: others may answer in its place. */
const CONFIRM_TIMEOUT_MS = 5_000;

interface Waiting {
  readonly workers: Set<number>;
  done(): void;
}

export class ChallengeSender {
  #http: HttpChallenges = {};
  #alpn: readonly AlpnCertificate[] = [];
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();

  setHttp(http: HttpChallenges, workers: readonly ChallengedWorker[]): Promise<void> {
    this.#http = http;
    return this.#send(workers);
  }

  setAlpn(alpn: readonly AlpnCertificate[], workers: readonly ChallengedWorker[]): Promise<void> {
    this.#alpn = alpn;
    return this.#send(workers);
  }

  /** A worker has started: it has missed what was sent before. */
  started(worker: ChallengedWorker): void {
    if (Object.keys(this.#http).length === 0 && this.#alpn.length === 0) return;
    worker.send({ kind: 'challenges', id: 0, http: this.#http, alpn: this.#alpn });
  }

  confirmed(worker: number, id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.workers.delete(worker) === true && waiting.workers.size === 0) waiting.done();
  }

  /** It will not confirm any more. */
  gone(worker: number): void {
    for (const id of this.#waiting.keys()) this.confirmed(worker, id);
  }

  #send(workers: readonly ChallengedWorker[]): Promise<void> {
    const id = this.#nextId++;
    if (workers.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, CONFIRM_TIMEOUT_MS);
      this.#waiting.set(id, { workers: new Set(workers.map((worker) => worker.id)), done });
      for (const worker of workers) worker.send({ kind: 'challenges', id, http: this.#http, alpn: this.#alpn });
    });
  }
}
