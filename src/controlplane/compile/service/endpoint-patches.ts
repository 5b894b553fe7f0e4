// Endpoints that providers change, compiled alone: of a configuration that is in force, nothing else is looked at.
// Where more follows from such a change than the endpoints themselves, such as something to say of a service,
// everything is compiled instead.

import type { EndpointPatch, EndpointSpec } from '../../../model/endpoint-set.ts';
import type { ServiceEndpointsPatch } from '../../config/routing/patch-routing.ts';
import type { ProvidedEndpoint, ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { WrittenServers, ServiceProtocol } from '../../config/service/define.ts';
import type { ServiceOptions } from '../../config/service/registry.ts';
import type { CompileResult } from '../compile.ts';
import type { Compiled } from '../compiled.ts';
import { readProvided } from './endpoint-sets.ts';
import { definitionOf, SERVICE_SECTIONS, type ServiceSectionRow } from './service-sections.ts';

/** In the order in which they came. */
export interface ProviderEndpoints extends ServiceEndpointsPatch {
  readonly provider: string;
}

/** What becomes of which set; null when everything has to be compiled. */
export function compileEndpointPatches(
  result: CompileResult,
  changes: readonly ProviderEndpoints[],
): Readonly<Record<string, EndpointPatch>> | null {
  const patches: Record<string, EndpointPatch> = {};
  for (const { section, name, endpoints } of bySet(changes)) {
    const set = compileOne(result, section, name, endpoints);
    if (set === null) return null;
    patches[set.name] = set.patch;
  }
  return patches;
}

interface ChangedSet {
  readonly section: ServiceSection;
  /** Of the service, qualified. */
  readonly name: string;
  /** What came last of each; null for one that is gone. */
  readonly endpoints: Map<string, ProvidedEndpoint | null>;
}

function bySet(changes: readonly ProviderEndpoints[]): Iterable<ChangedSet> {
  const sets = new Map<string, ChangedSet>();
  for (const { provider, section, service, changed, removed } of changes) {
    const name = `${service}@${provider}`;
    const key = `${section} ${name}`;
    const set = sets.get(key) ?? { section, name, endpoints: new Map() };
    sets.set(key, set);
    for (const one of removed) set.endpoints.set(one, null);
    for (const endpoint of changed) set.endpoints.set(endpoint.key, endpoint);
  }
  return sets.values();
}

function compileOne(
  result: CompileResult,
  section: ServiceSection,
  name: string,
  endpoints: ChangedSet['endpoints'],
): { readonly name: string; readonly patch: EndpointPatch } | null {
  const row = SERVICE_SECTIONS[section] as ServiceSectionRow<ServiceProtocol>; // Definitions of one protocol, whichever.
  const set = result.sections.endpointSets[row.setOf(name)];
  const written = serversOf(result[section].get(name), row);
  if (set === undefined || written === null) return null;
  const changed: EndpointSpec[] = [];
  const removed: string[] = [];
  for (const [key, endpoint] of endpoints) {
    if (endpoint === null) {
      removed.push(key);
      continue;
    }
    let hasSaid = false;
    const spec = readProvided(endpoint, written, () => (hasSaid = true));
    if (spec === null || hasSaid) return null;
    changed.push(spec as unknown as EndpointSpec); // Of the protocol of its set.
  }
  // Somebody has to be told of a service that loses its last endpoint.
  const gone = new Set(removed);
  const isAnyLeft = changed.length > 0 || set.endpoints.some(({ key }) => !gone.has(key));
  return isAnyLeft ? { name: set.name, patch: { changed, removed } } : null;
}

/** Null for a service of which more is to be said than its endpoints, or that has servers in its options. */
function serversOf(
  service: Compiled<ServiceOptions> | undefined,
  { definitions }: ServiceSectionRow<ServiceProtocol>,
): WrittenServers<ServiceProtocol, object, unknown> | null {
  const options = service?.object.value ?? null;
  const definition = definitionOf(definitions, options);
  if (service === undefined || options === null || definition?.servers === undefined) return null;
  if (service.errors.length > 0 || service.warnings.length > 0) return null;
  return definition.servers.of(options[definition.kind]!).length > 0 ? null : definition.servers;
}
