// Services in the data plane's terms: servers taken apart, names qualified, defaults that depend on other values filled
// in. References to other objects are followed afterwards; see references.ts.

import { createHash } from 'node:crypto';
import type {
  HealthCheckSpec,
  LoadBalancerSpec,
  ServerSpec,
  ServiceSpec,
  StickyCookieSpec,
  UpstreamTransportSpec,
} from '../../model/service.ts';
import type { LoadBalancerOptions, ServiceOptions, StickyOptions } from '../config/routing/service-options.ts';
import { indexInSource } from '../../schema/forgiving.ts';
import { scheduleSpec } from '../config/check-options.ts';
import { transportSpec, type TransportOptions } from '../config/routing/transport-options.ts';
import { qualify, type Compiled, type Findings } from './compilation.ts';
import { LastMade } from './last-made.ts';
import { childrenOnce, reportServers, type ServerProblem } from './layer4/plain-services.ts';
import { parseServer } from './service/server-url.ts';
import { resolveTransport } from './transport-reference.ts';

export interface ServiceInputs {
  readonly services: ReadonlyMap<string, Compiled<ServiceOptions>>;
  readonly transports: ReadonlyMap<string, Compiled<TransportOptions>>;
  /** Of services that name none. */
  readonly defaultTransport: UpstreamTransportSpec;
}

/** Services without errors of their own; `middlewares` and `children` are qualified and not yet looked up. */
export function compileServices(inputs: ServiceInputs, findings: Findings): Map<string, ServiceSpec> {
  const specs = new Map<string, ServiceSpec>();
  for (const service of inputs.services.values()) {
    const options = service.object.value;
    if (options === null) continue;
    const spec = compileService(service, options, inputs, findings);
    if (spec !== null && service.errors.length === 0) specs.set(service.name, made.keep(options, spec));
  }
  return specs;
}

const made = new LastMade<ServiceOptions, ServiceSpec>();

function compileService(
  service: Compiled<ServiceOptions>,
  options: ServiceOptions,
  inputs: ServiceInputs,
  findings: Findings,
): ServiceSpec | null {
  const { name } = service;
  if (options.loadBalancer !== undefined) return compileLoadBalancer(service, options.loadBalancer, inputs, findings);
  const { weighted, highestRandomWeight } = options;
  const tree = weighted ?? highestRandomWeight;
  if (tree === undefined) return null;
  const kind = weighted === undefined ? 'highestRandomWeight' : 'weighted';
  const children = childrenOnce(service, kind, tree.services, findings);
  if (children.every((child) => child.weight === 0)) {
    const message = `${children.length === 0 ? 'there are no services' : 'every weight is 0'}: requests are answered 503`;
    findings.report(service, 'warning', 'option-without-effect', message, [kind, 'services']);
  }
  const followsHealth = tree.healthCheck !== undefined;
  return weighted === undefined
    ? { kind: 'highestRandomWeight', name, children, followsHealth }
    : { kind: 'weighted', name, children, sticky: stickyCookie(name, weighted.sticky), followsHealth };
}

function compileLoadBalancer(
  service: Compiled<ServiceOptions>,
  options: LoadBalancerOptions,
  inputs: ServiceInputs,
  findings: Findings,
): LoadBalancerSpec {
  const { name, provider } = service;
  if (options.servers.length === 0) {
    findings.report(service, 'warning', 'no-servers', 'the service has no servers: requests are answered 503', [
      'loadBalancer',
    ]);
  }
  const servers: ServerSpec[] = [];
  const unusable: ServerProblem[] = [];
  for (const [index, given] of options.servers.entries()) {
    const option = ['loadBalancer', 'servers', indexInSource(options.servers, index), 'url'];
    const server = parseServer(given, (severity, code, message) => {
      if (severity === 'error') unusable.push({ message, option });
      else findings.report(service, severity, code, message, option);
    });
    if (server !== null) servers.push(server);
  }
  reportServers(service, unusable, servers.length > 0, findings);
  const own = resolveTransport(service, options.serversTransport, inputs.transports, findings);
  return {
    kind: 'loadBalancer',
    name,
    strategy: options.strategy,
    servers,
    passHostHeader: options.passHostHeader,
    transport: own === null ? inputs.defaultTransport : transportSpec(own.name, own.options),
    sticky: stickyCookie(name, options.sticky),
    healthCheck: options.healthCheck === undefined ? null : healthCheckSpec(options.healthCheck),
    passiveHealthCheck:
      options.passiveHealthCheck === undefined
        ? null
        : {
            failureWindowMs: options.passiveHealthCheck.failureWindow,
            maxFailedAttempts: options.passiveHealthCheck.maxFailedAttempts,
          },
    slowStartMs: options.slowStart,
    middlewares: options.middlewares.map((reference) => qualify(reference, provider)),
  };
}

function stickyCookie(service: string, sticky: StickyOptions | undefined): StickyCookieSpec | null {
  const cookie = sticky?.cookie;
  if (cookie === undefined) return null;
  return {
    // RFC 6265 §4.1.1: a name is a token.
    name: cookie.name?.replaceAll(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/g, '_') ?? defaultCookieName(service),
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
    sameSite: cookie.sameSite ?? null,
    maxAgeSeconds: cookie.maxAge,
    path: cookie.path,
    domain: cookie.domain ?? '',
    secret: cookie.secret ?? '',
  };
}

/** Traefik's: an underscore and the first five digits of a hash of the service's name. */
function defaultCookieName(service: string): string {
  return `_${createHash('sha1').update(`_TRAEFIK_BACKEND_${service}`).digest('hex').slice(0, 5)}`;
}

function healthCheckSpec(options: NonNullable<LoadBalancerOptions['healthCheck']>): HealthCheckSpec {
  return {
    mode: options.mode,
    scheme: options.scheme ?? null,
    path: options.path ?? '/',
    method: options.method.toUpperCase(),
    hostname: options.hostname ?? '',
    port: options.port ?? 0,
    headers: options.headers,
    followRedirects: options.followRedirects,
    status: [options.status ?? [200, 399]],
    ...scheduleSpec(options),
  };
}
