// The history of snapshots in a state store: a document per snapshot, which holds what was written, and one for what is
// pinned. Writing goes on behind the control plane's back; what fails is reported and tried again with the next
// snapshot.

import type { HistoryEntry, HistoryStore, SavedHistory, WrittenSnapshot } from '../../model/history.ts';
import type { StateStore } from './define.ts';
import { inFormat, readDocument, refuseNewer, type DocumentFormat } from './documents.ts';

const SNAPSHOTS = 'snapshots/';
const PIN = 'pin';
const PIN_FORMAT: DocumentFormat = { format: 1 };
/** Counts up when a snapshot of before can no longer be read as one of now: such ones are left out. */
const FORMAT = 6;
/**
 * Compiled, with what substitutions stood for. The pinned one still runs; of the others, those with secrets in them go
 * at once.
 */
const COMPILED_FORMAT = 5;
/** Keys sort as their numbers do. */
const DIGITS = 12;

type SavedSnapshot =
  | ({ readonly format: typeof FORMAT } & WrittenSnapshot)
  | ({ readonly format: typeof COMPILED_FORMAT } & Omit<HistoryEntry, 'counts'>);

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
    const pin = (await readDocument(this.#store, PIN, PIN_FORMAT)) as { version: number | null } | null; // Written by `pin`.
    const entries: (Omit<HistoryEntry, 'counts'> | WrittenSnapshot)[] = [];
    for (const key of await this.#store.list(SNAPSHOTS)) {
      const saved = (await this.#store.get(key)) as SavedSnapshot | null; // Written by `append`, and its checksum holds.
      if (saved !== null) refuseNewer(key, saved.format, FORMAT);
      if (saved?.format === FORMAT) entries.push(saved);
      else if (saved?.format === COMPILED_FORMAT) {
        if (saved.written === undefined || saved.version === pin?.version) entries.push(saved);
        else await this.#store.delete(key);
      }
    }
    const pinned = pin?.version ?? null;
    return { entries, pinned: entries.some(({ version }) => version === pinned) ? pinned : null };
  }

  append(snapshot: WrittenSnapshot): void {
    this.#later(() => this.#store.put(keyOf(snapshot.version), { ...snapshot, format: FORMAT }));
  }

  remove(version: number): void {
    this.#later(() => this.#store.delete(keyOf(version)));
  }

  pin(version: number | null): void {
    this.#later(() => this.#store.put(PIN, inFormat(PIN_FORMAT, { version })));
  }

  /** Settles when everything so far is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #later(work: () => Promise<unknown>): void {
    this.#writing = this.#writing.then(async () => void (await work())).catch(this.#failed);
  }
}

function keyOf(version: number): string {
  return SNAPSHOTS + String(version).padStart(DIGITS, '0');
}
