// Snapshots that were in force, as they are kept.

import type { SnapshotSections } from './snapshot.ts';

/** Values that are shown as they were written, such as `${PASSWORD}`: by kind and name of the object, with their paths in it. */
export type WrittenPlaces = Readonly<
  Record<string, readonly { readonly path: readonly (string | number)[]; readonly written: string }[]>
>;

/** Certificates are never gone back to: those of then may have expired, and their keys are not kept. */
export interface HistoryEntry extends Omit<SnapshotSections, 'certificates'> {
  readonly version: number;
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Left out where there are none. */
  readonly written?: WrittenPlaces;
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
