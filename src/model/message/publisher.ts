// The border between control plane and data plane, whether the data plane runs in worker threads or on edges.

import type { Snapshot, SnapshotDelta } from '../snapshot.ts';
import type { Secrets } from '../secrets.ts';

export interface PublishResult {
  readonly version: number;
  readonly acked: number;
  /** Reasons of the receivers that refused; each of them has been replaced or keeps the version before. */
  readonly nacks: readonly string[];
}

export interface Publisher {
  /**
   * These are all that there are from now on; null when that is what there was. Settles when each receiver has them:
   * those of a snapshot go before it, and what it names no more goes after it.
   */
  publishSecrets(secrets: Secrets): Promise<PublishResult | null>;
  /**
   * Sends the delta to every receiver (and keeps the snapshot for later ones). Settles when each has acked, nacked or
   * been replaced.
   */
  publish(snapshot: Snapshot, delta: SnapshotDelta): Promise<PublishResult>;
}
