// The snapshots that were in force, newest last, to go back to. Objects are shared from one snapshot to the next, so a
// long history of small changes is cheap. Those of an earlier process are there as what was written, and compiled when
// they are asked for.

import type {
  HistoryEntry,
  HistorySections,
  HistoryStore,
  SavedHistory,
  SnapshotCounts,
  SnapshotSummary,
  WrittenPlaces,
  WrittenSnapshot,
} from '../../model/history.ts';
import { isOfCertificate, type Secrets } from '../../model/secrets.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { namesOf } from '../../model/snapshot-sections.ts';
import type { StoredForm } from '../../model/stored-form.ts';

/**
 * What becomes of written forms with the substitutions, plugins and entry points of today; null when that cannot be
 * said.
 */
export type CompileForms = (
  snapshot: WrittenSnapshot,
) => { readonly content: HistorySections & { readonly written: WrittenPlaces }; readonly secrets: Secrets } | null;

interface Kept {
  summary: SnapshotSummary;
  /** Null until it is asked for. */
  entry: HistoryEntry | null;
  /** What it hides; in memory alone. */
  secrets: Secrets;
  /** Null where nothing outlives the process. */
  readonly forms: readonly StoredForm[] | null;
}

export class SnapshotHistory {
  readonly #kept: Kept[];
  readonly #max: number;
  readonly #store: HistoryStore | null;
  #pinned: number | null;
  /** Set by whoever can. */
  compileForms: CompileForms | null = null;

  constructor(max: number, saved: SavedHistory = { entries: [], pinned: null }, store: HistoryStore | null = null) {
    this.#max = max;
    this.#kept = saved.entries.map((one) => {
      if ('forms' in one) return { summary: one, entry: null, secrets: {}, forms: one.forms };
      const entry = { ...one, counts: countsOf(one) };
      return { summary: entry, entry, secrets: saved.secrets ?? {}, forms: null };
    });
    this.#pinned = saved.pinned;
    this.#store = store;
  }

  get entries(): readonly SnapshotSummary[] {
    return this.#kept.map(({ summary }) => summary);
  }

  /** Version that was gone back to and stays until it is released; null when the newest configuration is in force. */
  get pinned(): number | null {
    return this.#pinned;
  }

  get lastVersion(): number {
    const { version = 0, through = version } = this.#kept.at(-1)?.summary ?? {};
    return through;
  }

  /** Null also for one that this version of the program cannot compile. */
  get(version: number): HistoryEntry | null {
    const kept = this.#find(version);
    if (kept === undefined) return null;
    kept.entry ??= this.#compiled(kept);
    return kept.entry;
  }

  /** What a snapshot hides, of its objects; certificates are those of today. */
  secretsOf(version: number): Secrets {
    return this.get(version) === null ? {} : this.#find(version)!.secrets;
  }

  /** What a snapshot was written as; null where it is not known, or not kept. */
  formsOf(version: number): readonly StoredForm[] | null {
    return this.#find(version)?.forms ?? null;
  }

  /** `forms` is asked only where they are kept. */
  append(
    snapshot: Snapshot,
    secrets: Secrets,
    createdAt: number,
    written: WrittenPlaces,
    forms: () => readonly StoredForm[],
  ): void {
    const { certificates: _, ...content } = snapshot;
    const { version, digest } = snapshot;
    const summary = { version, digest, createdAt, counts: countsOf(snapshot) };
    const hasWritten = Object.keys(written).length > 0;
    const entry: HistoryEntry = { ...content, ...summary, ...(hasWritten ? { written } : {}) };
    const hidden = Object.fromEntries(Object.entries(secrets).filter(([, secret]) => !isOfCertificate(secret)));
    const kept: Kept = { summary, entry, secrets: hidden, forms: this.#store === null ? null : forms() };
    this.#kept.push(kept);
    this.#store?.append({ ...summary, forms: kept.forms ?? [] });
    while (this.#kept.length > this.#max) {
      // What is pinned must stay to be found after a restart.
      const index = this.#kept.findIndex((one) => one.summary.version !== this.#pinned);
      const [gone] = this.#kept.splice(index, 1);
      this.#store?.remove(gone!.summary.version);
    }
  }

  /** Where things run has changed, and nothing else: what is the newest goes on as this version. */
  follow({ version, endpointSets }: Snapshot): void {
    const newest = this.#kept.at(-1);
    if (newest === undefined) return;
    newest.summary = { ...newest.summary, through: version };
    if (newest.entry !== null) newest.entry = { ...newest.entry, through: version, endpointSets };
  }

  pin(version: number | null): void {
    this.#pinned = version;
    this.#store?.pin(version);
  }

  #find(version: number): Kept | undefined {
    return this.#kept.find(
      ({ summary: { version: first, through = first } }) => first <= version && version <= through,
    );
  }

  #compiled(kept: Kept): HistoryEntry | null {
    const { summary, forms } = kept;
    if (this.compileForms === null || forms === null) return null;
    const compiled = this.compileForms({ ...summary, forms });
    if (compiled === null) return null;
    kept.secrets = compiled.secrets;
    return { ...compiled.content, ...summary };
  }
}

/** Services that the program brings along count as well. */
function countsOf(sections: HistorySections): SnapshotCounts {
  return {
    routers: namesOf(sections, 'routers').length,
    middlewares: namesOf(sections, 'middlewares').length,
    services: namesOf(sections, 'services').length,
  };
}
