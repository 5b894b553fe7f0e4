// The labels of the scheme among all that a workload has: those that begin with `signalbox.` or `traefik.`, whatever
// their case. Of one that both prefixes say, ours counts.

import { partsOf } from '../../../schema/set-at.ts';

/** In the order in which they count. */
const PREFIXES = ['signalbox.', 'traefik.'] as const;
const FIRST_OF_OURS = 's'.charCodeAt(0);
const FIRST_OF_TRAEFIK = 't'.charCodeAt(0);
/** A workload with more is not looked at: each costs time, and a tenant writes them. */
export const MAX_SCHEME_LABELS = 1_000;
/** No option is deeper. */
const MAX_PARTS = 64;

export interface SchemeLabel {
  /** As it is written. */
  readonly label: string;
  /** Without its prefix. */
  readonly parts: readonly string[];
  readonly value: string;
}

export interface Contradiction {
  readonly inForce: SchemeLabel;
  readonly leftOut: SchemeLabel;
}

export interface SchemeLabels {
  /** By their names without prefix, in lower case, and in the order of these. */
  readonly byName: ReadonlyMap<string, SchemeLabel>;
  readonly contradictions: readonly Contradiction[];
  /** `signalbox.` or `traefik.`: what a hint that names a label begins with. */
  readonly prefix: string;
}

/** Labels of the scheme alone, as they are written. */
export function ownLabels(labels: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(labels).filter(([label]) => prefixOf(label) !== null));
}

/** They have these labels of the scheme, and no others of it. */
export function hasOwnLabels(labels: Readonly<Record<string, string>>, known: ReadonlyMap<string, string>): boolean {
  let count = 0;
  for (const label of Object.keys(labels)) {
    if (prefixOf(label) === null) continue;
    if (known.get(label) !== labels[label]) return false;
    count++;
  }
  return count === known.size;
}

/** Of what `ownLabels` gives; null where there are too many. */
export function schemeLabels(own: ReadonlyMap<string, string>): SchemeLabels | null {
  const found: { readonly name: string; readonly rank: number; readonly one: SchemeLabel }[] = [];
  for (const [label, value] of own) {
    const prefix = prefixOf(label)!;
    const parts = partsOf(label.slice(prefix.length)).slice(0, MAX_PARTS);
    const name = parts.join('.').toLowerCase();
    found.push({ name, rank: PREFIXES.indexOf(prefix), one: { label, parts, value } });
  }
  if (found.length > MAX_SCHEME_LABELS) return null;
  // A section that is switched on comes before the options in it: `tls` before `tls.options`.
  found.sort((a, b) => compare(a.name, b.name) || a.rank - b.rank || compare(a.one.label, b.one.label));
  const byName = new Map<string, SchemeLabel>();
  const contradictions: Contradiction[] = [];
  for (const { name, one } of found) {
    const inForce = byName.get(name);
    if (inForce === undefined) byName.set(name, one);
    else if (inForce.value !== one.value) contradictions.push({ inForce, leftOut: one });
  }
  const ranks = found.map(({ rank }) => rank);
  return { byName, contradictions, prefix: PREFIXES[ranks.length === 0 ? 0 : Math.min(...ranks)]! };
}

function prefixOf(label: string): (typeof PREFIXES)[number] | null {
  // Of many workloads, most labels are of somebody else.
  const first = label.charCodeAt(0) | 0x20;
  if (first !== FIRST_OF_OURS && first !== FIRST_OF_TRAEFIK) return null;
  return (
    PREFIXES.find((prefix) => label.length > prefix.length && isSame(label.slice(0, prefix.length), prefix)) ?? null
  );
}

function isSame(text: string, prefix: string): boolean {
  return text === prefix || text.toLowerCase() === prefix;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As Go reads it; null for anything else. */
export function readSwitch(value: string): boolean | null {
  const text = value.trim();
  return /^(?:true|t|1)$/i.test(text) ? true : /^(?:false|f|0)$/i.test(text) ? false : null;
}
