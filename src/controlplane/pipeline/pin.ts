// What a pinned snapshot holds back: by how much the newest configuration differs from it, in words and as a diagnostic. The
// log, the API, the page and the commands all say it with these words.

import type { Diagnostic } from '../../model/diagnostic.ts';
import type { HistoryEntry, WrittenPlaces } from '../../model/history.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { INTERNAL_PROVIDER } from '../config/internal-routing.ts';
import type { Compiled } from '../compile/compilation.ts';
import type { CompileResult } from '../compile/compile.ts';

/** What a snapshot is gone back to with: entry points and certificates are always those of today. */
export type RoutingSectionsOf = Omit<SnapshotSections, 'entryPoints' | 'certificates'>;

export interface Differences {
  readonly routers: number;
  readonly services: number;
  readonly middlewares: number;
  readonly tlsOptions: number;
}

export interface PinStatus {
  readonly version: number;
  readonly differences: Differences;
  /** `pinned to 2; the newest configuration, which is held back, differs in 1 router`. */
  readonly text: string;
}

const COUNTED = {
  routers: ['routes', 'tcpRoutes', 'udpRoutes'],
  services: ['services', 'tcpServices', 'udpServices'],
  middlewares: ['middlewares', 'tcpMiddlewares'],
  tlsOptions: ['tlsOptions', 'tlsHosts'],
} as const;

/** Objects that are in one of them alone, or say something else there. */
export function differencesBetween(before: RoutingSectionsOf, after: RoutingSectionsOf): Differences {
  const count = (sections: readonly (keyof RoutingSectionsOf)[]): number =>
    sections.reduce((sum, section) => sum + differing(section, before, after), 0);
  return {
    routers: count(COUNTED.routers),
    services: count(COUNTED.services),
    middlewares: count(COUNTED.middlewares),
    tlsOptions: count(COUNTED.tlsOptions),
  };
}

export function isSame({ routers, services, middlewares, tlsOptions }: Differences): boolean {
  return routers + services + middlewares + tlsOptions === 0;
}

type Section = Readonly<Record<string, object>>;

function differing(section: keyof RoutingSectionsOf, all: RoutingSectionsOf, others: RoutingSectionsOf): number {
  const before: Section = all[section];
  const after: Section = others[section];
  let count = 0;
  for (const [name, object] of Object.entries(before)) if (!isSameObject(section, name, object, after[name])) count++;
  for (const name of Object.keys(after)) if (!(name in before) && !isOfToday(section, name)) count++;
  return count;
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
export function isRunning(entry: RoutingSectionsOf, current: RoutingSectionsOf): boolean {
  const { routers, services, tlsOptions } = differencesBetween(entry, current);
  if (routers + services + tlsOptions > 0) return false;
  return COUNTED.middlewares.every((section) =>
    Object.entries(entry[section]).every(([name, object]) =>
      isSameObject(section, name, object, current[section][name]),
    ),
  );
}

export function pinStatus(entry: HistoryEntry, newest: RoutingSectionsOf): PinStatus {
  const differences = differencesBetween(entry, newest);
  const what = describe(differences);
  const text =
    what === ''
      ? `pinned to ${entry.version}; the newest configuration is the same`
      : `pinned to ${entry.version}; the newest configuration, which is held back, differs in ${what}`;
  return { version: entry.version, differences, text };
}

function describe({ routers, services, middlewares, tlsOptions }: Differences): string {
  const parts = [
    amount(routers, 'router'),
    amount(services, 'service'),
    amount(middlewares, 'middleware'),
    amount(tlsOptions, 'TLS option'),
  ].filter((part) => part !== '');
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

function amount(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function pinDiagnostic({ text }: PinStatus): Diagnostic {
  const message = `${text}; "signalbox rollback --release" puts the newest configuration into force`;
  return { severity: 'warning', code: 'pinned', message, source: 'snapshots', path: '', line: 0, column: 0 };
}

/** Where objects of a result have values that are shown as they were written: by kind and name. */
export function writtenPlaces({ routers, middlewares, services, tcp, udp }: CompileResult): WrittenPlaces {
  const places: Record<string, WrittenPlaces[string]> = {};
  const note = (kind: string, objects: ReadonlyMap<string, Compiled<unknown>>): void => {
    for (const { name, object } of objects.values()) {
      if (object.substituted.length > 0) places[`${kind} ${name}`] = object.substituted;
    }
  };
  note('router', routers);
  note('middleware', middlewares);
  note('service', services);
  note('tcpRouter', tcp.routers);
  note('tcpMiddleware', tcp.middlewares);
  note('tcpService', tcp.services);
  note('udpRouter', udp.routers);
  note('udpService', udp.services);
  return places;
}
