// Gives workers the answers they hand to clients with certificates, and those that start later all that there are.

import type { Staple } from '../model/message/staple.ts';
import type { ToWorker } from '../model/message/sync.ts';

export class StapleSender {
  readonly #staples = new Map<string, Staple>();

  /** What changed, to the workers that run. */
  send(changed: readonly Staple[], workers: Iterable<{ send(message: ToWorker): void }>): void {
    for (const staple of changed) {
      if (staple.response === null) this.#staples.delete(staple.certificate);
      else this.#staples.set(staple.certificate, staple);
    }
    for (const worker of workers) worker.send({ kind: 'staples', staples: changed });
  }

  /** A worker has started: it has missed what was sent before. */
  started(worker: { send(message: ToWorker): void }): void {
    if (this.#staples.size > 0) worker.send({ kind: 'staples', staples: [...this.#staples.values()] });
  }
}
