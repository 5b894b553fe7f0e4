// Snapshots that were in force, as they are kept.

import type { SnapshotSections } from './snapshot.ts';

export interface HistoryEntry extends SnapshotSections {
  readonly version: number;
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Keeps entries beyond the life of the process. */
export interface HistoryStore {
  append(entry: HistoryEntry): void;
  remove(version: number): void;
  pin(version: number | null): void;
}

export interface SavedHistory {
  /** Oldest first. */
  readonly entries: readonly HistoryEntry[];
  readonly pinned: number | null;
}
