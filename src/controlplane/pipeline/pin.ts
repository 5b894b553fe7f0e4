// What a pinned snapshot holds back: by how much the newest configuration differs from it, in words and as a
// diagnostic. The log, the API, the page and the commands all say it with these words.

import type { Diagnostic } from '../../model/diagnostic.ts';
import { isProvided } from '../../model/endpoint-set.ts';
import type { HistoryEntry, WrittenPlaces } from '../../model/history.ts';
import {
  COUNTED,
  COUNTED_NAMES,
  PINNED_NAMES,
  SNAPSHOT_SECTIONS,
  type Counted,
  type PinnedSections,
} from '../../model/snapshot-sections.ts';
import { INTERNAL_PROVIDER } from '../config/install/internal-routing.ts';
import { LISTED_SECTIONS, OBJECT_KINDS } from '../config/routing/object-kinds.ts';
import type { CompileResult } from '../compile/compile.ts';

export type Differences = Readonly<Record<Counted, number>>;

export interface PinStatus {
  readonly version: number;
  readonly differences: Differences;
  /** `pinned to 2; the newest configuration, which is held back, differs in 1 router`. */
  readonly text: string;
}

/** Objects that are in one of them alone, or say something else there. */
export function differencesBetween(before: PinnedSections, after: PinnedSections): Differences {
  const differences = { routers: 0, services: 0, middlewares: 0, tlsOptions: 0 };
  for (const section of PINNED_NAMES) {
    const { counted } = SNAPSHOT_SECTIONS[section];
    if (counted !== null) differences[counted] += differing(section, before, after);
  }
  return differences;
}

export function isSame(differences: Differences): boolean {
  return COUNTED_NAMES.every((counted) => differences[counted] === 0);
}

type Section = Readonly<Record<string, object>>;

function differing(section: keyof PinnedSections, all: PinnedSections, others: PinnedSections): number {
  const before: Section = all[section];
  const after: Section = others[section];
  let count = 0;
  for (const [name, object] of Object.entries(before)) {
    const isSame = isSameObject(section, name, object, after[name]) && hasSameEndpoints(object, all, others);
    if (!isSame) count++;
  }
  for (const name of Object.keys(after)) if (!(name in before) && !isOfToday(section, name)) count++;
  return count;
}

/** Endpoints are part of the service that names their set, but for those of providers, which are of today. */
function hasSameEndpoints(object: object, before: PinnedSections, after: PinnedSections): boolean {
  if (!('endpointSet' in object) || typeof object.endpointSet !== 'string') return true;
  const { endpointSet: name } = object;
  const set = before.endpointSets[name];
  const now = after.endpointSets[name];
  return set === undefined || isProvided(set) || isProvided(now) || isSameObject('endpointSets', name, set, now);
}

function isSameObject(section: string, name: string, object: object, now: object | undefined): boolean {
  if (object === now || isOfToday(section, name)) return true;
  // Of an earlier process, a snapshot has no object in common with what was compiled in this one.
  return now !== undefined && JSON.stringify(object) === JSON.stringify(now);
}

/** Services that the program brings along are of today in any case. */
function isOfToday(section: string, name: string): boolean {
  return section === 'services' && name.endsWith(`@${INTERNAL_PROVIDER}`);
}

/** Whether this content is what runs. Entry points of today may put middlewares of today before it. */
export function isRunning(entry: PinnedSections, current: PinnedSections): boolean {
  if (!isSame({ ...differencesBetween(entry, current), middlewares: 0 })) return false;
  return PINNED_NAMES.filter((section) => SNAPSHOT_SECTIONS[section].counted === 'middlewares').every((section) => {
    const now: Section = current[section];
    return Object.entries(entry[section]).every(([name, object]) => isSameObject(section, name, object, now[name]));
  });
}

export function pinStatus(entry: HistoryEntry, newest: PinnedSections): PinStatus {
  const differences = differencesBetween(entry, newest);
  const what = describe(differences);
  const text =
    what === ''
      ? `pinned to ${entry.version}; the newest configuration is the same`
      : `pinned to ${entry.version}; the newest configuration, which is held back, differs in ${what}`;
  return { version: entry.version, differences, text };
}

function describe(differences: Differences): string {
  const parts = COUNTED_NAMES.filter((counted) => differences[counted] > 0).map((counted) =>
    amount(differences[counted], COUNTED[counted]),
  );
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function pinDiagnostic({ text }: PinStatus): Diagnostic {
  const message = `${text}; "signalbox rollback --release" puts the newest configuration into force`;
  return { severity: 'warning', code: 'pinned', message, source: 'snapshots', path: '', line: 0, column: 0 };
}

/** Where objects of a result have values that are shown as they were written: by kind and name. */
export function writtenPlaces(result: CompileResult): WrittenPlaces {
  const places: Record<string, WrittenPlaces[string]> = {};
  for (const section of LISTED_SECTIONS) {
    for (const { name, object } of result[section].values()) {
      if (object.substituted.length > 0) places[`${OBJECT_KINDS[section].kind} ${name}`] = object.substituted;
    }
  }
  return places;
}
