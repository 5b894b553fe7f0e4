// Endpoints that a provider gives to its services beside the servers in their options: it knows of each what no option says, and
// changes one without saying anything of the others.

import type { EndpointFacts } from '../../../model/endpoint-set.ts';
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

/** What is left out is as of a written server. */
export interface ProvidedEndpoint extends Pick<EndpointFacts, 'key'>, Partial<Omit<EndpointFacts, 'key'>> {
  /** As one of `servers` in the options of the service, and read as such. */
  readonly server: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

/** Endpoints by service, see `providedKey`; each list has a key once. */
export type ProvidedEndpoints = ReadonlyMap<string, readonly ProvidedEndpoint[]>;

/** `service` is the name without a provider. */
export function providedKey(section: ServiceSection, service: string): string {
  return `${section} ${service}`;
}
