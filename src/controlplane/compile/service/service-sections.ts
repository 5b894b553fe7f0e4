// The sections of services: of which protocol they are, which kinds they have, and under which name a service's
// endpoints stand.

import type { EndpointProtocol } from '../../../model/endpoint-set.ts';
import { tcpServiceKey } from '../../../model/tcp.ts';
import { udpServiceKey } from '../../../model/udp.ts';
import type { ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { ServiceDefinition, ServiceProtocol } from '../../config/service/define.ts';
import { HTTP_SERVICES, TCP_SERVICES, UDP_SERVICES, type ServiceOptions } from '../../config/service/registry.ts';

export interface ServiceSectionRow<P extends ServiceProtocol> {
  readonly section: ServiceSection;
  readonly protocol: EndpointProtocol;
  readonly definitions: readonly ServiceDefinition<P>[];
  /** The name of the set of a service's endpoints. */
  readonly setOf: (service: string) => string;
}

export const SERVICE_SECTIONS = {
  services: { section: 'services', protocol: 'http', definitions: HTTP_SERVICES, setOf: (service: string) => service },
  tcpServices: { section: 'tcpServices', protocol: 'tcp', definitions: TCP_SERVICES, setOf: tcpServiceKey },
  udpServices: { section: 'udpServices', protocol: 'udp', definitions: UDP_SERVICES, setOf: udpServiceKey },
} as const satisfies Readonly<Record<ServiceSection, object>>;

/** The definition of the one kind that the service is of; undefined when it could not be read. */
export function definitionOf<P extends ServiceProtocol>(
  definitions: readonly ServiceDefinition<P>[],
  options: ServiceOptions | null,
): ServiceDefinition<P> | undefined {
  return definitions.find(({ kind }) => options?.[kind] !== undefined);
}
