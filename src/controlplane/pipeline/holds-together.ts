// Whether a snapshot may be put into force: every name in it leads somewhere.

import type { Log } from '../../core/log.ts';
import type { Secrets } from '../../model/secrets.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { danglingNames } from '../compile/consistent.ts';

/** Of names that lead nowhere, so many are told. */
const MAX_DANGLING = 10;

/** Tells of one that does not. */
export function holdsTogether(sections: SnapshotSections, secrets: Secrets, pinned: number | null, log: Log): boolean {
  const dangling = danglingNames(sections, secrets);
  if (dangling.length === 0) return true;
  log.error('a snapshot does not hold together, and is not put into force', {
    pinned,
    dangling: dangling.slice(0, MAX_DANGLING),
    count: dangling.length,
  });
  return false;
}
