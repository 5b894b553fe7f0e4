// Endpoints that a provider gives to its services beside the servers in their options: it knows of each what no option
// says, and changes one without saying anything of the others.

import { patchEndpoints, type EndpointFacts } from '../../../model/endpoint-set.ts';
import type { ObjectSection } from './object-kinds.ts';

/** Sections of services. */
export type ServiceSection = Extract<ObjectSection, 'services' | 'tcpServices' | 'udpServices'>;

/** Where something was said, as diagnostics tell it. */
export interface Place {
  readonly source: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** What is left out is as of a written server. Its `sourceId` says that it is none, and is never empty. */
export interface ProvidedEndpoint
  extends Pick<EndpointFacts, 'key' | 'sourceId'>, Partial<Omit<EndpointFacts, 'key' | 'sourceId'>> {
  /** As one of `servers` in the options of the service, and read as such. */
  readonly server: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

/** By service, see `providedKey`. */
export type ProvidedEndpoints = ReadonlyMap<string, ProvidedSet>;

/** So many changes are kept apart from the list that they are of: a copy of the list costs more than one of these. */
const MAX_CHANGES = 500;

/** The endpoints of one service. One that changes makes another set, at the cost of the change and not of the set. */
export class ProvidedSet {
  readonly #base: readonly ProvidedEndpoint[];
  /** What has become of some of them; null for one that is gone. */
  readonly #changes: ReadonlyMap<string, ProvidedEndpoint | null>;
  #all: readonly ProvidedEndpoint[] | null = null;

  /** Each key once. */
  constructor(base: readonly ProvidedEndpoint[], changes: ReadonlyMap<string, ProvidedEndpoint | null> = new Map()) {
    this.#base = base;
    this.#changes = changes;
  }

  get endpoints(): readonly ProvidedEndpoint[] {
    if (this.#changes.size === 0) return this.#base;
    const changes = [...this.#changes];
    this.#all ??= patchEndpoints(this.#base, {
      changed: changes.flatMap(([, endpoint]) => endpoint ?? []),
      removed: changes.flatMap(([key, endpoint]) => (endpoint === null ? key : [])),
    });
    return this.#all;
  }

  patched(changed: readonly ProvidedEndpoint[], removed: readonly string[]): ProvidedSet {
    const changes = new Map(this.#all === null ? this.#changes : []);
    for (const key of removed) changes.set(key, null);
    for (const endpoint of changed) changes.set(endpoint.key, endpoint);
    const set = new ProvidedSet(this.#all ?? this.#base, changes);
    return changes.size > MAX_CHANGES ? new ProvidedSet(set.endpoints) : set;
  }
}

/** `service` is the name without a provider. */
export function providedKey(section: ServiceSection, service: string): string {
  return `${section} ${service}`;
}
