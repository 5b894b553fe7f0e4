// Snapshots that were in force, as they are kept.

import type { Secrets } from './secrets.ts';
import type { SnapshotSections } from './snapshot.ts';
import type { StoredForm } from './stored-form.ts';

/**
 * Values that are shown as they were written, such as `${PASSWORD}`: by kind and name of the object, with their paths
 * in it.
 */
export type WrittenPlaces = Readonly<
  Record<string, readonly { readonly path: readonly (string | number)[]; readonly written: string }[]>
>;

/** What is said of a snapshot in a list. */
export interface SnapshotSummary {
  readonly version: number;
  /** The last version that differs from it in nothing but endpoints of providers; left out where there is none. */
  readonly through?: number;
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly counts: SnapshotCounts;
}

export interface SnapshotCounts {
  readonly routers: number;
  readonly middlewares: number;
  readonly services: number;
}

/** Certificates are never gone back to: those of then may have expired, and their keys are not kept. */
export type HistorySections = Omit<SnapshotSections, 'certificates'>;

export interface HistoryEntry extends SnapshotSummary, HistorySections {
  /** Left out where there are none. */
  readonly written?: WrittenPlaces;
}

/** A snapshot as it outlives the process: what was written, with nothing that a substitution stands for. */
export interface WrittenSnapshot extends SnapshotSummary {
  readonly forms: readonly StoredForm[];
}

/** Keeps snapshots beyond the life of the process. */
export interface HistoryStore {
  append(snapshot: WrittenSnapshot): void;
  remove(version: number): void;
  pin(version: number | null): void;
}

export interface SavedHistory {
  /** Oldest first. */
  readonly entries: readonly (Omit<HistoryEntry, 'counts'> | WrittenSnapshot)[];
  readonly pinned: number | null;
  /** What those of the entries hide that are compiled; to a successor alone. */
  readonly secrets?: Secrets;
}
