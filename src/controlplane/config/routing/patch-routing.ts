// What a provider says of single objects and endpoints, put into the configuration that it has published before.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import { formatPath } from '../../../schema/decode-context.ts';
import { bySection, type ObjectSection } from './object-kinds.ts';
import { isSaidAt } from './label-source.ts';
import { providedKey, ProvidedSet, type ProvidedEndpoint, type ServiceSection } from './provided-endpoints.ts';
import type { RoutingConfig, RoutingObject, RoutingSections } from './routing-config.ts';

/** Of one service; keys that are removed need not be there. */
export interface ServiceEndpointsPatch {
  readonly section: ServiceSection;
  /** Without a provider. */
  readonly service: string;
  /** New ones, and those that say something else. */
  readonly changed: readonly ProvidedEndpoint[];
  readonly removed: readonly string[];
}

/** What it says nothing of stays as it is. */
export interface RoutingPatch {
  /** New objects, and those that say something else, decoded as any document: each has its place. */
  readonly objects?: RoutingConfig;
  readonly removed?: readonly { readonly section: ObjectSection; readonly name: string }[];
  readonly endpoints?: readonly ServiceEndpointsPatch[];
  /** All there are, in place of those before. */
  readonly notes?: readonly Diagnostic[];
}

/** Everything that a provider has: it replaces what was there. */
export function isWhole(change: RoutingConfig | RoutingPatch): change is RoutingConfig {
  return 'provider' in change;
}

/** Costs what the patch has, and a copy of each map that it touches. */
export function patchRouting(config: RoutingConfig, patch: RoutingPatch): RoutingConfig {
  const { objects, removed = [], endpoints = [], notes } = patch;
  const changed = objects === undefined && removed.length === 0 ? config : patchObjects(config, objects, removed);
  const patched = notes === undefined ? changed : { ...changed, notes };
  if (endpoints.length === 0) return patched;
  const provided = new Map(patched.endpoints);
  for (const { section, service, changed, removed: gone } of endpoints) {
    const key = providedKey(section, service);
    provided.set(key, (provided.get(key) ?? new ProvidedSet([])).patched(changed, gone));
  }
  // Names come and go for as long as the process runs: nothing may be left of one.
  for (const { section, name } of removed) {
    const key = `${section} ${name}`;
    if (provided.get(key)?.endpoints.length === 0) provided.delete(key);
  }
  return { ...patched, endpoints: provided };
}

function patchObjects(
  config: RoutingConfig,
  objects: RoutingConfig | undefined,
  removed: NonNullable<RoutingPatch['removed']>,
): RoutingConfig {
  const stale: RoutingObject<unknown>[] = [];
  const patchSection = (section: ObjectSection): ReadonlyMap<string, RoutingObject<unknown>> => {
    const before: ReadonlyMap<string, RoutingObject<unknown>> = config[section];
    const fresh: ReadonlyMap<string, RoutingObject<unknown>> = objects?.[section] ?? new Map();
    const gone = removed.filter((one) => one.section === section && !fresh.has(one.name)).map(({ name }) => name);
    if (fresh.size === 0 && gone.length === 0) return before;
    const after = new Map(before);
    for (const name of [...gone, ...fresh.keys()]) {
      const known = before.get(name);
      if (known !== undefined) stale.push(known);
    }
    for (const name of gone) after.delete(name);
    for (const [name, object] of fresh) after.set(name, object);
    return after;
  };
  const sections = bySection(patchSection) as RoutingSections; // Of each section, its own objects.
  return {
    ...config,
    ...sections,
    diagnostics: [...withoutThose(config.diagnostics, stale), ...(objects?.diagnostics ?? [])],
    filesRead: new Set([...config.filesRead, ...(objects?.filesRead ?? [])]),
    unreadableSections: [...config.unreadableSections, ...(objects?.unreadableSections ?? [])],
  };
}

/** What was said of these objects is said no more. */
function withoutThose(
  diagnostics: readonly Diagnostic[],
  objects: readonly RoutingObject<unknown>[],
): readonly Diagnostic[] {
  if (diagnostics.length === 0) return diagnostics;
  const places = objects.map(({ document: { source }, path }) => ({ source, path: formatPath(path) }));
  const isOf = (one: Diagnostic): boolean =>
    places.some(
      ({ source, path }) =>
        isSaidAt(one.source, source) &&
        one.path.startsWith(path) &&
        (one.path.length === path.length || '.['.includes(one.path[path.length]!)),
    );
  return diagnostics.filter((one) => !isOf(one));
}
