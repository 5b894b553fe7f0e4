// The snapshots that were in force, newest last, to go back to. Objects are shared from one snapshot to the next, so a
// long history of small changes is cheap.

import type { HistoryEntry, HistoryStore, SavedHistory, WrittenPlaces } from '../../model/history.ts';
import type { Snapshot } from '../../model/snapshot.ts';

export class SnapshotHistory {
  readonly #entries: HistoryEntry[];
  readonly #max: number;
  readonly #store: HistoryStore | null;
  #pinned: number | null;

  constructor(max: number, saved: SavedHistory = { entries: [], pinned: null }, store: HistoryStore | null = null) {
    this.#max = max;
    this.#entries = [...saved.entries];
    this.#pinned = saved.pinned;
    this.#store = store;
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  /** Version that was gone back to and stays until it is released; null when the newest configuration is in force. */
  get pinned(): number | null {
    return this.#pinned;
  }

  get lastVersion(): number {
    return this.#entries.at(-1)?.version ?? 0;
  }

  get(version: number): HistoryEntry | null {
    return this.#entries.find((entry) => entry.version === version) ?? null;
  }

  append(snapshot: Snapshot, createdAt: number, written: WrittenPlaces = {}): void {
    const { certificates: _, ...kept } = snapshot;
    const entry: HistoryEntry = { ...kept, createdAt, ...(Object.keys(written).length === 0 ? {} : { written }) };
    this.#entries.push(entry);
    this.#store?.append(entry);
    while (this.#entries.length > this.#max) {
      // What is pinned must stay to be found after a restart.
      const index = this.#entries.findIndex(({ version }) => version !== this.#pinned);
      const [gone] = this.#entries.splice(index, 1);
      this.#store?.remove(gone!.version);
    }
  }

  pin(version: number | null): void {
    this.#pinned = version;
    this.#store?.pin(version);
  }
}
