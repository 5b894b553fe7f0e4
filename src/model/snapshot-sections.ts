// The table of the sections of a snapshot: whoever goes through all of them iterates it. A section that is added to
// SnapshotSections and has no row here does not compile. The order is that of the digest, and must not change.

import type { SnapshotSections } from './snapshot.ts';

export type SectionName = keyof SnapshotSections;

/** What people count, one of them. */
export const COUNTED = {
  routers: 'router',
  services: 'service',
  middlewares: 'middleware',
  tlsOptions: 'TLS option',
} as const;

export type Counted = keyof typeof COUNTED;
export const COUNTED_NAMES = Object.keys(COUNTED) as readonly Counted[]; // Those of the object above.

interface SectionRow {
  /** As what its objects are counted; null for those that are not. */
  readonly counted: Counted | null;
  /**
   * While a snapshot is pinned, its objects are that snapshot's; otherwise they are of the newest configuration in any
   * case.
   */
  readonly fromPinned: boolean;
}

export const SNAPSHOT_SECTIONS = {
  entryPoints: { counted: null, fromPinned: false },
  routes: { counted: 'routers', fromPinned: true },
  middlewares: { counted: 'middlewares', fromPinned: true },
  services: { counted: 'services', fromPinned: true },
  certificates: { counted: null, fromPinned: false },
  tlsOptions: { counted: 'tlsOptions', fromPinned: true },
  tlsHosts: { counted: 'tlsOptions', fromPinned: true },
  tcpRoutes: { counted: 'routers', fromPinned: true },
  tcpMiddlewares: { counted: 'middlewares', fromPinned: true },
  tcpServices: { counted: 'services', fromPinned: true },
  udpRoutes: { counted: 'routers', fromPinned: true },
  udpServices: { counted: 'services', fromPinned: true },
  // Endpoints are part of the services that name them.
  endpointSets: { counted: null, fromPinned: true },
} as const satisfies Readonly<Record<SectionName, SectionRow>>;

type Rows = typeof SNAPSHOT_SECTIONS;
type PinnedName = { [S in SectionName]: Rows[S]['fromPinned'] extends true ? S : never }[SectionName];

/** What a snapshot is gone back to with. */
export type PinnedSections = Pick<SnapshotSections, PinnedName>;

/** In the order in which they are told. */
export const SECTION_NAMES = Object.keys(SNAPSHOT_SECTIONS) as readonly SectionName[]; // Those of the table above.
export const PINNED_NAMES = SECTION_NAMES.filter((name): name is PinnedName => SNAPSHOT_SECTIONS[name].fromPinned);

export function pinnedPart(sections: PinnedSections): PinnedSections {
  const part: Partial<Record<SectionName, object>> = {};
  for (const name of PINNED_NAMES) part[name] = sections[name];
  return part as PinnedSections; // Every one of them, under its own name.
}

/** Qualified names of all objects that are counted as this. */
export function namesOf(sections: Partial<SnapshotSections>, counted: Counted): readonly string[] {
  return SECTION_NAMES.filter((name) => SNAPSHOT_SECTIONS[name].counted === counted).flatMap((name) =>
    Object.keys(sections[name] ?? {}),
  );
}
