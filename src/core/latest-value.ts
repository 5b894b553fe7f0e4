// A value of which only the newest counts, and which everyone who follows it must have, those who come late too: a
// snapshot, keys, answers to challenges. It has a version, and knows which version each follower has. A follower that
// has an earlier one gets the changes since then as long as they are kept, and the whole value otherwise.
//
//   set ──▶ take (change or whole) ──▶ acknowledge, or refuse ──▶ delivered settles
//
// Followers are called in the order of the versions, from within `set` and `follow`.

/** What a follower is given. Its changes lead from what it was given before; null is the whole value. */
export interface Update<T, C> {
  readonly version: number;
  readonly value: T;
  readonly change: C | null;
}

export interface Follower<T, C> {
  take(update: Update<T, C>): void;
}

/** What became of a version: how many have it, and why others do not. One follower may answer for many. */
export interface Receipt {
  readonly acked: number;
  readonly nacks: readonly string[];
}

export interface Following {
  /** What the follower has acknowledged; 0 for nothing yet. */
  readonly version: number;
  /** It has this version; earlier ones with it. */
  acknowledge(version: number, receipt?: Receipt): void;
  /** It has not, and will not by itself. */
  refuse(version: number, nacks: readonly string[]): void;
  /** It is gone, and nobody waits for it; `nacks` say why, to those who do now. */
  end(nacks?: readonly string[]): void;
}

const ONE: Receipt = { acked: 1, nacks: [] };

/** Calls back once after the time; close() calls it off. */
export type After = (ms: number, callback: () => void) => { close(): void };

export const afterTimer: After = (ms, callback) => {
  const timeout = setTimeout(callback, ms);
  return { close: () => clearTimeout(timeout) };
};

export class LatestValue<T, C = never> {
  readonly #after: After;
  readonly #maxChanges: number;
  readonly #followers = new Set<Followed<T, C>>();
  /** The last of them leads to the present version. */
  readonly #changes: Update<T, C>[] = [];
  #value: T;
  #version: number;

  /** So many `changes` are kept for those that come back. */
  constructor(
    initial: T,
    options: { readonly version?: number; readonly changes?: number; readonly after?: After } = {},
  ) {
    this.#value = initial;
    this.#version = options.version ?? 0;
    this.#maxChanges = options.changes ?? 0;
    this.#after = options.after ?? afterTimer;
  }

  get value(): T {
    return this.#value;
  }

  get version(): number {
    return this.#version;
  }

  /**
   * `change` is what leads from the value before to this one; without it everyone gets it whole. A version that is not
   * later than the one before begins a new count: what was acknowledged before says nothing then.
   */
  set(value: T, change: C | null = null, version = this.#version + 1): void {
    const update = { version, value, change };
    if (version <= this.#version) for (const followed of this.#followers) followed.restart();
    this.#value = value;
    this.#version = version;
    if (change === null) this.#changes.length = 0;
    else {
      this.#changes.push(update);
      if (this.#changes.length > this.#maxChanges) this.#changes.shift();
    }
    for (const followed of this.#followers) followed.given(update);
  }

  /** `has` is what the follower has already: null for nothing, and then it gets the whole value at once. */
  follow(follower: Follower<T, C>, has: number | null = null): Following {
    const followed = new Followed(follower, has ?? 0, {
      present: () => this.#version,
      ended: () => this.#followers.delete(followed),
    });
    this.#followers.add(followed);
    if (has !== this.#version) for (const update of this.#since(has)) followed.given(update);
    return followed;
  }

  /**
   * Settles when each of those that follow now has the present version, has refused it, or is gone. The silent are told
   * of.
   */
  async delivered(timeoutMs: number | null = null): Promise<Receipt> {
    const version = this.#version;
    const receipts = await Promise.all(
      [...this.#followers].map((followed) => followed.settled(version, timeoutMs, this.#after)),
    );
    return {
      acked: receipts.reduce((sum, { acked }) => sum + acked, 0),
      nacks: receipts.flatMap(({ nacks }) => nacks),
    };
  }

  #since(has: number | null): readonly Update<T, C>[] {
    const known = has === null ? -1 : this.#changes.findIndex(({ version }) => version === has + 1);
    if (known >= 0) return this.#changes.slice(known);
    return [{ version: this.#version, value: this.#value, change: null }];
  }
}

interface FollowedCell {
  /** Its version. */
  present(): number;
  /** The follower is gone. */
  ended(): void;
}

class Followed<T, C> implements Following {
  version: number;
  readonly #follower: Follower<T, C>;
  readonly #cell: FollowedCell;
  readonly #receipts = new Map<number, Receipt>();
  readonly #waiting = new Map<number, ((receipt: Receipt) => void)[]>();

  constructor(follower: Follower<T, C>, has: number, cell: FollowedCell) {
    this.#follower = follower;
    this.version = has;
    this.#cell = cell;
  }

  given(update: Update<T, C>): void {
    this.#follower.take(update);
  }

  restart(): void {
    this.version = 0;
    for (const version of this.#waiting.keys()) this.#answered(version, { acked: 0, nacks: ['it was replaced'] });
    this.#receipts.clear();
  }

  acknowledge(version: number, receipt = ONE): void {
    // Answers may cross with what is newer, or with the beginning of a new count.
    if (version < this.version || version > this.#cell.present()) return;
    this.version = version;
    this.#answered(version, receipt);
  }

  refuse(version: number, nacks: readonly string[]): void {
    this.#answered(version, { acked: 0, nacks });
  }

  end(nacks: readonly string[] = []): void {
    this.#cell.ended();
    for (const version of this.#waiting.keys()) this.#answered(version, { acked: 0, nacks });
  }

  /** Nobody asks for an earlier version than one that was answered. */
  #answered(version: number, receipt: Receipt): void {
    this.#receipts.clear();
    this.#receipts.set(version, receipt);
    for (const [waited, callbacks] of this.#waiting) {
      if (waited > version) continue;
      this.#waiting.delete(waited);
      for (const callback of callbacks) callback(receipt);
    }
  }

  settled(version: number, timeoutMs: number | null, after: After): Promise<Receipt> {
    const known = this.#receipts.get(version);
    if (known !== undefined) return Promise.resolve(known);
    if (this.version === version) return Promise.resolve(ONE);
    return new Promise((resolve) => {
      const callbacks = this.#waiting.get(version) ?? [];
      this.#waiting.set(version, callbacks);
      if (timeoutMs === null) {
        callbacks.push(resolve);
        return;
      }
      const late = after(timeoutMs, () => resolve({ acked: 0, nacks: [`no answer within ${timeoutMs} ms`] }));
      callbacks.push((receipt) => {
        late.close();
        resolve(receipt);
      });
    });
  }
}
