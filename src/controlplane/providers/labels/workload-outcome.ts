// What has become of a workload, for people: which objects it is part of, and why it is not what they expect.

import { OBJECT_KINDS } from '../../config/routing/object-kinds.ts';
import type { ClaimedName } from './claims.ts';
import { objectKey, type Reading } from './workload-reading.ts';
import type { Workload, WorkloadState } from './workload.ts';

export interface WorkloadOutcome {
  readonly id: string;
  readonly place: string;
  readonly state: WorkloadState;
  /** Kind and name of each object that its labels, or what they imply, are in force for: `router shop`. */
  readonly objects: readonly string[];
  /** Why it is left out, wholly or in part; empty where it is not. */
  readonly leftOut: readonly string[];
}

export function outcomeOf(
  { id, place, state }: Workload,
  { objects, reasons }: Reading,
  names: ReadonlyMap<string, ClaimedName>,
): WorkloadOutcome {
  const inForce: string[] = [];
  const leftOut = [...reasons];
  for (const { section, name } of objects) {
    const what = `${OBJECT_KINDS[section].kind} ${name}`;
    const winner = names.get(objectKey(section, name))?.winnerOver(id) ?? null;
    if (winner === null) inForce.push(what);
    else leftOut.push(`${what} is taken by ${winner}`);
  }
  return { id, place, state, objects: inForce, leftOut };
}
