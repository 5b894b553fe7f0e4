// TCP services in the data plane's terms.

import type {
  TcpHealthCheckSpec,
  TcpLoadBalancerSpec,
  TcpServerSpec,
  TcpServiceSpec,
  TcpTransportSpec,
} from '../../../model/tcp.ts';
import {
  tcpTransportSpec,
  terminationDelays,
  type TcpLoadBalancerOptions,
  type TcpServiceOptions,
  type TcpTransportOptions,
} from '../../config/routing/tcp-options.ts';
import { indexInSource } from '../../../schema/forgiving.ts';
import { scheduleSpec } from '../../config/check-options.ts';
import type { Compiled, Findings } from '../compilation.ts';
import { LastMade } from '../last-made.ts';
import {
  compileChildren,
  parseHostPort,
  reportServers,
  resolveChildren,
  type ServerProblem,
} from './plain-services.ts';
import { resolveTransport } from '../transport-reference.ts';

export interface TcpServiceInputs {
  readonly services: ReadonlyMap<string, Compiled<TcpServiceOptions>>;
  readonly transports: ReadonlyMap<string, Compiled<TcpTransportOptions>>;
  /** Of services that name none. */
  readonly defaultTransport: TcpTransportSpec;
}

/** Services that can be used. */
export function compileTcpServices(inputs: TcpServiceInputs, findings: Findings): ReadonlyMap<string, TcpServiceSpec> {
  const specs = new Map<string, TcpServiceSpec>();
  for (const service of inputs.services.values()) {
    const options = service.object.value;
    if (options === null) continue;
    const spec = compileService(service, options, inputs, findings);
    if (spec !== null && service.errors.length === 0) specs.set(service.name, made.keep(options, spec));
  }
  resolveChildren(specs, inputs.services, findings);
  return specs;
}

const made = new LastMade<TcpServiceOptions, TcpServiceSpec>();

function compileService(
  service: Compiled<TcpServiceOptions>,
  { loadBalancer, weighted }: TcpServiceOptions,
  inputs: TcpServiceInputs,
  findings: Findings,
): TcpServiceSpec | null {
  if (loadBalancer !== undefined) return compileLoadBalancer(service, loadBalancer, inputs, findings);
  if (weighted === undefined) return null;
  return {
    kind: 'tcpWeighted',
    name: service.name,
    children: compileChildren(service, weighted, 'connections are closed', findings),
    followsHealth: weighted.healthCheck !== undefined,
  };
}

function compileLoadBalancer(
  service: Compiled<TcpServiceOptions>,
  options: TcpLoadBalancerOptions,
  inputs: TcpServiceInputs,
  findings: Findings,
): TcpLoadBalancerSpec {
  if (options.servers.length === 0) {
    const message = 'the service has no servers: connections are closed';
    findings.report(service, 'warning', 'no-servers', message, ['loadBalancer']);
  }
  const servers: TcpServerSpec[] = [];
  const unusable: ServerProblem[] = [];
  for (const [index, { address, tls: isSecure }] of options.servers.entries()) {
    const parsed = parseHostPort(address);
    if (typeof parsed !== 'string') servers.push({ url: address, ...parsed, isSecure });
    else {
      const option = ['loadBalancer', 'servers', indexInSource(options.servers, index), 'address'];
      unusable.push({ message: parsed, option });
    }
  }
  reportServers(service, unusable, servers.length > 0, findings);
  const own = resolveTransport(service, options.serversTransport, inputs.transports, findings);
  const transport = own === null ? inputs.defaultTransport : tcpTransportSpec(own.name, own.options);
  const { proxyProtocol, terminationDelay } = options;
  return {
    kind: 'tcpLoadBalancer',
    name: service.name,
    servers,
    transport: {
      ...transport,
      ...(proxyProtocol === undefined ? {} : { proxyProtocol: proxyProtocol.version === 1 ? 1 : 2 }),
      ...(terminationDelay === undefined ? {} : terminationDelays(terminationDelay)),
    },
    healthCheck: options.healthCheck === undefined ? null : healthCheckSpec(options.healthCheck),
    passiveHealthCheck: null,
  };
}

function healthCheckSpec(options: NonNullable<TcpLoadBalancerOptions['healthCheck']>): TcpHealthCheckSpec {
  return {
    port: options.port ?? 0,
    send: options.send,
    expect: options.expect,
    ...scheduleSpec(options),
  };
}
