// Nonces of digest authentication. They carry their own proof, so that every worker believes those of every other one
// and nothing is kept for clients that never come back; only the use counts of nonces that were used are remembered.
//
//   nonce = time "." random "." mac(time "." random)

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { BoundedCache } from '../../../core/bounded-cache.ts';

export type NonceState = 'good' | 'stale' | 'forged';

/** Browsers ask for another one unnoticed by the user. */
const LIFE_MS = 5 * 60_000;
const REMEMBERED = 4096;
const WINDOW = 32;

/** Counts of one nonce that were seen: the highest, and a bit for each of those right below it. */
interface Uses {
  highest: number;
  seen: number;
}

export class DigestNonces {
  readonly #key: Uint8Array;
  readonly #uses = new BoundedCache<string, Uses>(REMEMBERED);

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  create(nowMs: number): string {
    const content = `${Math.floor(nowMs).toString(36)}.${randomBytes(9).toString('base64url')}`;
    return `${content}.${this.#sign(content)}`;
  }

  /** Says nothing about use; see `use`. */
  inspect(nonce: string, nowMs: number): NonceState {
    const match = /^(([0-9a-z]{1,11})\.[\w-]{12})\.([\w-]{22})$/.exec(nonce);
    if (match === null) return 'forged';
    const proof = Buffer.from(this.#sign(match[1]!), 'latin1');
    if (!timingSafeEqual(proof, Buffer.from(match[3]!, 'latin1'))) return 'forged';
    return nowMs - Number.parseInt(match[2]!, 36) > LIFE_MS ? 'stale' : 'good';
  }

  /**
   * False when the count was used before, or is too far behind to tell: somebody repeats a request they have seen.
   * Browsers with several connections use counts out of order.
   */
  use(nonce: string, count: number): boolean {
    const uses = this.#uses.get(nonce);
    if (uses === undefined) {
      this.#uses.set(nonce, { highest: count, seen: 1 });
      return true;
    }
    const behind = uses.highest - count;
    if (behind < 0) {
      uses.seen = (behind <= -WINDOW ? 0 : uses.seen << -behind) | 1;
      uses.highest = count;
      return true;
    }
    if (behind >= WINDOW || (uses.seen & (1 << behind)) !== 0) return false;
    uses.seen |= 1 << behind;
    return true;
  }

  #sign(content: string): string {
    return createHmac('sha256', this.#key).update('digest nonce ').update(content).digest('base64url').slice(0, 22);
  }
}
