// The revisions of a store in this process, and who watches them. The last events are kept for those who begin to watch
// from a revision that they have from a list.

import { CompactedError, type StoreEvent } from './define.ts';

const MAX_EVENTS = 1_000;

interface Watcher {
  readonly prefix: string;
  told(event: StoreEvent): void;
}

export class RevisionLog {
  readonly #maxEvents: number;
  readonly #events: StoreEvent[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Everything after it is among the events. */
  #compacted = 0;
  /** Of the last write that is told of. */
  #revision = 0;
  /** Of the last write that was begun. */
  #given = 0;
  /** Writes that were begun, in their order; those that have come to an end wait for those before them. */
  readonly #begun: { readonly revision: number; event: StoreEvent | 'failed' | null }[] = [];

  constructor(maxEvents = MAX_EVENTS) {
    this.#maxEvents = maxEvents;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Goes on from what an earlier process has counted; nothing of it is known here. */
  begin(revision: number): void {
    this.#revision = revision;
    this.#given = revision;
    this.#compacted = revision;
    this.#events.length = 0;
  }

  /** Of the last write that was begun. */
  get given(): number {
    return this.#given;
  }

  /** The revision of a write that begins; `happened` or `failed` follows. */
  next(): number {
    this.#begun.push({ revision: ++this.#given, event: null });
    return this.#given;
  }

  failed(revision: number): void {
    this.#settle(revision, 'failed');
  }

  /** The write is made. Watchers are told in the order of the revisions. */
  happened(event: StoreEvent): void {
    this.#settle(event.revision, event);
  }

  #settle(revision: number, outcome: StoreEvent | 'failed'): void {
    const own = this.#begun.find((one) => one.revision === revision);
    if (own !== undefined) own.event = outcome;
    for (let first = this.#begun[0]; first?.event != null; first = this.#begun[0]) {
      this.#begun.shift();
      this.#revision = first.revision;
      if (first.event !== 'failed') this.#tell(first.event);
    }
  }

  #tell(event: StoreEvent): void {
    this.#events.push(event);
    if (this.#events.length > this.#maxEvents) this.#compacted = this.#events.shift()!.revision;
    for (const watcher of this.#watchers) if (event.key.startsWith(watcher.prefix)) watcher.told(event);
  }

  watch(prefix: string, since: number, told: (event: StoreEvent) => void): () => void {
    if (since < this.#compacted) {
      throw new CompactedError(`what came after revision ${since} is not kept; list again, and watch from there`);
    }
    for (const event of this.#events) if (event.revision > since && event.key.startsWith(prefix)) told(event);
    const watcher = { prefix, told };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}
