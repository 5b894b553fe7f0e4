// http-01: what an authority asks for on port 80 (RFC 8555 §8.3). The answers of all resolvers stand on one board,
// which is sent whole to the workers; they answer before any router is asked.

import { sleep } from '../../../core/sleep.ts';
import type { HttpChallenges } from '../../../model/certificate.ts';
import type { Challenge, ChallengePresenter } from './challenge.ts';

/** Settles when every worker has these answers and no others. */
export type PublishHttpChallenges = (challenges: HttpChallenges) => Promise<void>;

export class HttpChallengeBoard {
  readonly #publish: PublishHttpChallenges;
  readonly #answers = new Map<string, string>();

  constructor(publish: PublishHttpChallenges) {
    this.#publish = publish;
  }

  async put({ token, keyAuthorization }: Challenge): Promise<void> {
    this.#answers.set(token, keyAuthorization);
    await this.#publish(Object.fromEntries(this.#answers));
  }

  async remove({ token }: Challenge): Promise<void> {
    if (this.#answers.delete(token)) await this.#publish(Object.fromEntries(this.#answers));
  }
}

export class HttpChallengePresenter implements ChallengePresenter {
  readonly type = 'http-01';
  readonly #board: HttpChallengeBoard;
  readonly #delayMs: number;

  constructor(board: HttpChallengeBoard, delayMs: number) {
    this.#board = board;
    this.#delayMs = delayMs;
  }

  present(challenge: Challenge): Promise<void> {
    return this.#board.put(challenge);
  }

  async settle(_: readonly Challenge[], signal: AbortSignal): Promise<void> {
    if (this.#delayMs > 0) await sleep(this.#delayMs, signal);
  }

  cleanUp(challenge: Challenge): Promise<void> {
    return this.#board.remove(challenge);
  }
}
