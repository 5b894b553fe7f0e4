// What a control plane has for a data plane, wherever that is: the newest value of each kind, with versions and
// acknowledgements. In one process workers follow these very objects; elsewhere a link keeps others like them.

import { LatestValue } from '../../core/latest-value.ts';
import type { AlpnCertificate, HttpChallenges } from '../certificate.ts';
import type { Snapshot, SnapshotDelta } from '../snapshot.ts';
import type { Secrets, SecretsChange } from '../secrets.ts';
import type { Staple } from './staple.ts';

/** What certificate authorities are answered with; an authority may come to any worker. */
export interface Challenges {
  readonly http: HttpChallenges;
  readonly alpn: readonly AlpnCertificate[];
}

/** Answers of authorities, by the name of the certificate; none of them is empty. */
export type Staples = ReadonlyMap<string, Staple>;

export interface Cells {
  /** Null before the first. Its version is the snapshot's own. */
  readonly snapshot: LatestValue<Snapshot | null, SnapshotDelta>;
  /** What the snapshot names and does not hold: see secrets.ts. */
  readonly secrets: LatestValue<Secrets, SecretsChange>;
  readonly challenges: LatestValue<Challenges>;
  readonly staples: LatestValue<Staples, readonly Staple[]>;
  /** 48 bytes: name, HMAC key and cipher key, as OpenSSL wants them. Tickets of one worker are good in another one. */
  readonly ticketKeys: LatestValue<Uint8Array>;
  /** See SharedState.secret: a data plane keeps the one it has begun with. */
  readonly sharedSecret: LatestValue<Uint8Array>;
}

/**
 * Deltas that are kept for a data plane that was away for a moment; one that was away for longer gets the whole
 * snapshot.
 */
const KEPT_DELTAS = 64;

export function createCells(ticketKeys: Uint8Array, sharedSecret: Uint8Array): Cells {
  return {
    snapshot: new LatestValue<Snapshot | null, SnapshotDelta>(null, { changes: KEPT_DELTAS }),
    secrets: new LatestValue<Secrets, SecretsChange>({}),
    challenges: new LatestValue<Challenges>({ http: {}, alpn: [] }),
    staples: new LatestValue<Staples, readonly Staple[]>(new Map()),
    ticketKeys: new LatestValue(ticketKeys, { version: 1 }),
    sharedSecret: new LatestValue(sharedSecret, { version: 1 }),
  };
}

/** The staples after a change. */
export function changedStaples(before: Staples, changed: readonly Staple[]): Staples {
  const after = new Map(before);
  for (const staple of changed) {
    if (staple.response === null) after.delete(staple.certificate);
    else after.set(staple.certificate, staple);
  }
  return after;
}

/** What one worker is told of a cell. Those that name `isWhole` are changes unless it holds. */
export type CellUpdate =
  | ({ readonly cell: 'secrets'; readonly version: number; readonly isWhole: boolean } & SecretsChange)
  | { readonly cell: 'challenges'; readonly version: number; readonly value: Challenges }
  | {
      readonly cell: 'staples';
      readonly version: number;
      readonly isWhole: boolean;
      readonly staples: readonly Staple[];
    }
  | { readonly cell: 'ticketKeys'; readonly version: number; readonly keys: Uint8Array }
  /** The state itself is in the endpoint table: these services are to look there. */
  | { readonly cell: 'health'; readonly version: number; readonly services: readonly string[] };

export type CellName = CellUpdate['cell'];
