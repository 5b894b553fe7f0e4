// A lease as a document, for stores that have none of their own: whoever puts it first, over nothing or over one whose
// time is over, has it. Its fencing number is the revision of that write, which is greater than that of any before.

import { isMap } from '../../schema/input.ts';
import type { Lease, StateStore } from './define.ts';

const PREFIX = 'leases/';

export async function documentLease(
  store: StateStore,
  { name, owner, forMs }: { readonly name: string; readonly owner: string; readonly forMs: number },
  now: () => number,
): Promise<Lease | null> {
  const key = PREFIX + name;
  const present = await store.read(key);
  if (present !== null && isMap(present.value)) {
    const { owner: holder, until } = present.value;
    // Its own of before is another's, too: whoever had it then may act on it still.
    if (holder !== '' && typeof until === 'number' && until > now()) return null;
  }
  const taken = await store.putIf(key, { format: 1, owner, until: now() + forMs }, present?.revision ?? 0);
  return taken === null ? null : new DocumentLease(store, { key, owner, forMs }, taken, now);
}

interface LeaseOptions {
  readonly key: string;
  readonly owner: string;
  readonly forMs: number;
}

class DocumentLease implements Lease {
  readonly fence: number;
  readonly #store: StateStore;
  readonly #options: LeaseOptions;
  readonly #now: () => number;
  /** Of the document as this one has last put it; 0 when it is another's. */
  #revision: number;

  constructor(store: StateStore, options: LeaseOptions, revision: number, now: () => number) {
    this.#store = store;
    this.#options = options;
    this.fence = revision;
    this.#revision = revision;
    this.#now = now;
  }

  renew(): Promise<boolean> {
    const { owner, forMs } = this.#options;
    return this.#put({ format: 1, owner, until: this.#now() + forMs });
  }

  /** The document stays, so that nobody's number is given twice. */
  async release(): Promise<void> {
    await this.#put({ format: 1, owner: '', until: 0 });
    this.#revision = 0;
  }

  async #put(value: object): Promise<boolean> {
    if (this.#revision === 0) return false;
    this.#revision = (await this.#store.putIf(this.#options.key, value, this.#revision)) ?? 0;
    return this.#revision > 0;
  }
}
