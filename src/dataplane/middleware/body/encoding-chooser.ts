// Chooses a content coding by what the client accepts (RFC 9110 §12.5.3).

import { BoundedCache } from '../../../core/bounded-cache.ts';

const CACHED = 256;
const MAX_CACHED_LENGTH = 256;

export class EncodingChooser {
  readonly #offered: readonly string[];
  /** Browsers send a handful of values. */
  readonly #answers = new BoundedCache<string, string>(CACHED);

  /** `offered` in order of preference: that of the client decides first. */
  constructor(offered: readonly string[]) {
    this.#offered = offered;
  }

  /** The coding for an Accept-Encoding field; '' to leave the body as it is. */
  choose(field: string): string {
    const known = this.#answers.get(field);
    if (known !== undefined) return known;
    const answer = this.#find(weights(field));
    // Through a Buffer: a slice would keep its whole request head alive in the cache.
    if (field.length <= MAX_CACHED_LENGTH) this.#answers.set(Buffer.from(field, 'latin1').latin1Slice(), answer);
    return answer;
  }

  #find(accepted: ReadonlyMap<string, number>): string {
    const any = accepted.get('*') ?? 0;
    let best = '';
    // A client that names identity prefers it over what it likes less.
    let bestWeight = accepted.get('identity') ?? 0;
    for (const coding of this.#offered) {
      const weight = accepted.get(coding) ?? any;
      if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === '')) {
        best = coding;
        bestWeight = weight;
      }
    }
    return best;
  }
}

function weights(field: string): Map<string, number> {
  const accepted = new Map<string, number>();
  for (const part of field.split(',')) {
    const match = /^[\t ]*([^\t ;]+)[\t ]*(?:;[\t ]*q=([01](?:\.[0-9]{0,3})?)[\t ]*)?$/i.exec(part);
    if (match === null) continue;
    const coding = match[1]!.toLowerCase();
    accepted.set(coding === 'x-gzip' ? 'gzip' : coding, Math.min(1, Number(match[2] ?? 1)));
  }
  return accepted;
}
