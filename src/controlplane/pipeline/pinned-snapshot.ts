// The snapshot that is pinned, if one is: what is put into force in place of the newest configuration, and what is said
// of the changes that wait behind it. The history keeps which one it is.

import type { Log } from '../../core/log.ts';
import type { HistoryEntry } from '../../model/history.ts';
import type { MiddlewareSpec } from '../../model/route.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { pinnedPart } from '../../model/snapshot-sections.ts';
import type { CompileResult } from '../compile/compile.ts';
import type { InternalServices } from '../compile/internal-services.ts';
import { differencesBetween, isSame, pinStatus, type PinStatus } from './pin.ts';
import { withEndpointsOfNow } from './provided-sets.ts';
import type { SnapshotHistory } from './snapshot-history.ts';

export interface PinnedSnapshotOptions {
  readonly history: SnapshotHistory;
  readonly internalServices: InternalServices;
  readonly log: Log;
}

export class PinnedSnapshot {
  readonly #options: PinnedSnapshotOptions;
  /** Counting differences takes a look at every object. */
  #known: { readonly entry: HistoryEntry; readonly result: CompileResult; readonly status: PinStatus } | null = null;

  constructor(options: PinnedSnapshotOptions) {
    this.#options = options;
  }

  /** Null while the newest configuration is in force. */
  get entry(): HistoryEntry | null {
    const { history } = this.#options;
    return history.pinned === null ? null : history.get(history.pinned);
  }

  /** What it hides. */
  get secrets(): Secrets {
    const { history } = this.#options;
    return history.pinned === null ? {} : history.secretsOf(history.pinned);
  }

  /** Compared with the newest result. */
  status(result: CompileResult): PinStatus | null {
    const { entry } = this;
    if (entry === null) return null;
    if (this.#known?.entry === entry && this.#known.result === result) return this.#known.status;
    const status = pinStatus(entry, result.sections);
    this.#known = { entry, result, status };
    return status;
  }

  tellHeldBack(before: CompileResult | null, after: CompileResult): void {
    const status = this.status(after);
    if (status === null || before === null) return;
    if (isSame(differencesBetween(before.sections, after.sections))) return;
    this.#options.log.warn(`a change is held back: ${status.text}`);
  }

  /**
   * The newest sections, or the snapshot that is pinned on the entry points, certificates and internal services of
   * today, and with its services where they run today.
   */
  over(newest: SnapshotSections): SnapshotSections {
    const { internalServices } = this.#options;
    const { entry } = this;
    if (entry === null) return newest;
    const middlewares: Record<string, MiddlewareSpec> = { ...entry.middlewares };
    // What entry points of today put before routers of then.
    for (const name of Object.values(newest.entryPoints).flatMap((spec) => spec.middlewares)) {
      const spec = newest.middlewares[name];
      if (spec !== undefined) middlewares[name] ??= spec;
    }
    const services = { ...entry.services, ...internalServices.services };
    const endpointSets = {
      ...withEndpointsOfNow(entry.endpointSets, newest.endpointSets),
      ...internalServices.endpointSets,
    };
    return { ...newest, ...pinnedPart(entry), middlewares, services, endpointSets };
  }
}
