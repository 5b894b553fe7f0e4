// The history of snapshots in a state store: a document per snapshot, and one for what is pinned. Writing goes on behind
// the control plane's back; what fails is reported and tried again with the next snapshot.

import type { HistoryEntry, HistoryStore, SavedHistory } from '../../model/history.ts';
import type { StateStore } from './define.ts';

const SNAPSHOTS = 'snapshots/';
const PIN = 'pin';
/** Counts up when a snapshot of before can no longer be run: such ones are left out. */
const FORMAT = 5;
/** Keys sort as their numbers do. */
const DIGITS = 12;

export class StoredHistory implements HistoryStore {
  readonly #store: StateStore;
  readonly #failed: (error: unknown) => void;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: StateStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** What an earlier process has left, oldest first. */
  async load(): Promise<SavedHistory> {
    const entries: HistoryEntry[] = [];
    for (const key of await this.#store.list(SNAPSHOTS)) {
      const entry = (await this.#store.get(key)) as (HistoryEntry & { format?: number }) | null; // Written by `append`, and its checksum holds.
      if (entry?.format === FORMAT) entries.push(entry);
    }
    const pin = (await this.#store.get(PIN)) as { version: number | null } | null; // Written by `pin`.
    const pinned = pin?.version ?? null;
    return { entries, pinned: entries.some(({ version }) => version === pinned) ? pinned : null };
  }

  append(entry: HistoryEntry): void {
    this.#later(() => this.#store.put(keyOf(entry.version), { ...entry, format: FORMAT }));
  }

  remove(version: number): void {
    this.#later(() => this.#store.delete(keyOf(version)));
  }

  pin(version: number | null): void {
    this.#later(() => this.#store.put(PIN, { version }));
  }

  /** Settles when everything so far is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #later(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch(this.#failed);
  }
}

function keyOf(version: number): string {
  return SNAPSHOTS + String(version).padStart(DIGITS, '0');
}
