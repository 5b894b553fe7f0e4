// Who may say what an object is. Workloads that say the same of one share it, and their endpoints with it; where they
// say different things, the oldest keeps the name, and the others' definition is left out until it has gone.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import { OBJECT_KINDS, type ObjectSection } from '../../config/routing/object-kinds.ts';
import type { ProvidedEndpoint } from '../../config/routing/provided-endpoints.ts';
import { pathOf, type LabelObject } from './label-objects.ts';
import { labelPlace } from './label-place.ts';
import type { Workload } from './workload.ts';

export interface Claim {
  readonly workload: Workload;
  readonly object: LabelObject;
  /** Of a service that the workload is a server of. */
  readonly endpoint: ProvidedEndpoint | null;
}

export interface Published {
  readonly object: LabelObject;
  /** Of the workload whose definition it is. */
  readonly place: string;
  /** Nothing was said of it. */
  isClean: boolean;
}

/** A name that workloads claim. */
export interface ClaimedName {
  readonly section: ObjectSection;
  readonly name: string;
  /** By the workload's id. */
  readonly claims: Map<string, Claim>;
  /** Of those whose definition is in force. */
  endpoints: ReadonlyMap<string, ProvidedEndpoint>;
  /** Ids of workloads whose definition is not in force, and the place of the one whose is. */
  losers: ReadonlyMap<string, string>;
  published: Published | null;
}

export interface Settled {
  readonly owner: Claim;
  readonly endpoints: ReadonlyMap<string, ProvidedEndpoint>;
  readonly losers: ReadonlyMap<string, string>;
  readonly notes: readonly Diagnostic[];
}

export const NOBODY: ReadonlyMap<string, string> = new Map();
export const NO_ENDPOINTS: ReadonlyMap<string, ProvidedEndpoint> = new Map();

/** Null when nobody claims it. `isSame` says of two definitions with different texts whether they say the same. */
export function settle(
  { section, name, claims }: ClaimedName,
  isSame: (a: LabelObject, b: LabelObject) => boolean,
): Settled | null {
  let owner: Claim | null = null;
  for (const claim of claims.values()) if (owner === null || isOlder(claim.workload, owner.workload)) owner = claim;
  if (owner === null) return null;
  let endpoints: Map<string, ProvidedEndpoint> | null = null;
  let losers: Map<string, string> | null = null;
  const notes: Diagnostic[] = [];
  for (const [id, { workload, object, endpoint }] of claims) {
    if (object.text !== owner.object.text && !isSame(object, owner.object)) {
      losers ??= new Map();
      losers.set(id, owner.workload.place);
      notes.push(leftOut(section, name, workload, object, owner.workload));
    } else if (endpoint !== null) {
      endpoints ??= new Map();
      endpoints.set(endpoint.key, endpoint);
    }
  }
  return { owner, endpoints: endpoints ?? NO_ENDPOINTS, losers: losers ?? NOBODY, notes };
}

function isOlder(a: Workload, b: Workload): boolean {
  return a.createdMs < b.createdMs || (a.createdMs === b.createdMs && a.id < b.id);
}

function leftOut(
  section: ObjectSection,
  name: string,
  { place }: Workload,
  { labels }: LabelObject,
  owner: Workload,
): Diagnostic {
  const { kind } = OBJECT_KINDS[section];
  const label = labels[0]?.label;
  return {
    severity: 'warning',
    code: 'duplicate-object',
    message: `the ${kind} "${name}" of ${owner.place} says something else, is older and counts; what ${place} says of it is left out: give one of them another name, or let both say the same`,
    path: pathOf(section, name),
    ...(label === undefined ? { source: place, line: 0, column: 0 } : labelPlace(place, label)),
  };
}
