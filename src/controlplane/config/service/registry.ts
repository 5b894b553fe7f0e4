// All kinds of services, by protocol. Adding one is a file, a line here, its specification in `model/`, what makes it
// live and a test; for how it is made live the type checker asks.

import { later, optional, replacedBy } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import type { Field, Fields, Schema } from '../../../schema/schema.ts';
import type { HttpServices, ServiceDefinition, ServiceProtocol, TcpServices, UdpServices } from './define.ts';
import { loadBalancerService } from './load-balancer.ts';
import { tcpLoadBalancerService } from './tcp-load-balancer.ts';
import { tcpWeightedService } from './tcp-weighted.ts';
import { udpLoadBalancerService, udpWeightedService } from './udp-services.ts';
import { highestRandomWeightService, weightedService } from './weighted.ts';

export const HTTP_SERVICES: readonly ServiceDefinition<HttpServices>[] = [
  loadBalancerService,
  weightedService,
  highestRandomWeightService,
];
export const TCP_SERVICES: readonly ServiceDefinition<TcpServices>[] = [tcpLoadBalancerService, tcpWeightedService];
export const UDP_SERVICES: readonly ServiceDefinition<UdpServices>[] = [udpLoadBalancerService, udpWeightedService];

/** The options of a service by the one kind that it is of. */
export type ServiceOptions = Readonly<Record<string, object | undefined>>;

export const serviceOptions = optionsOf(HTTP_SERVICES, {
  mirroring: replacedBy(
    later('Copies requests.', 'refused'),
    'until then name the first service where this one is named: requests reach it, without their copies',
  ),
  failover: replacedBy(
    later('Second service when the first is down.', 'refused'),
    'until then a loadBalancer with the servers of both and a healthCheck goes on with those that are well',
  ),
});
export const tcpServiceOptions = optionsOf(TCP_SERVICES);
export const udpServiceOptions = optionsOf(UDP_SERVICES);

function optionsOf<P extends ServiceProtocol>(
  definitions: readonly ServiceDefinition<P>[],
  more: Fields = {},
): Schema<ServiceOptions> {
  const fields: Record<string, Field<object | undefined>> = {};
  for (const { kind, doc, options } of definitions) fields[kind] = optional(options, doc);
  return object({ ...fields, ...more }) as Schema<ServiceOptions>; // Each of its fields is a kind.
}
