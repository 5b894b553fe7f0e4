// A pinned snapshot in the shapes of traefik-view.ts. Of what was written only what the data plane runs is left, which
// is shown as the options it came from; substituted values stand as they were written then.

import type { HistoryEntry } from '../model/history.ts';
import { endpointsOf } from '../model/endpoint-set.ts';
import { childrenOf, type LoadBalancerSpec, type ServiceSpec, type StickyCookieSpec } from '../model/service.ts';
import type { TcpServiceSpec } from '../model/tcp.ts';
import type { UdpServiceSpec } from '../model/udp.ts';
import { OBJECT_KINDS, type ListedSection } from '../controlplane/config/routing/object-kinds.ts';
import { redact } from '../controlplane/config/redact.ts';
import { isMap } from '../schema/input.ts';
import type { ShownObject } from './answers.ts';

const DISABLED = 'it could not be served when this snapshot was made';

function shown(
  entry: HistoryEntry,
  section: ListedSection,
  name: string,
  options: object,
  isDisabled = false,
): ShownObject {
  const row = OBJECT_KINDS[section];
  const visible = redact(options, row.options, entry.written?.[`${row.kind} ${name}`]);
  return {
    ...(isMap(visible) ? visible : {}),
    name,
    provider: name.slice(name.lastIndexOf('@') + 1),
    status: isDisabled ? 'disabled' : 'enabled',
    ...(isDisabled ? { error: [DISABLED] } : {}),
  };
}

export function pinnedRouters(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.routes).map((route) => {
    const { name, entryPoints, rule, priority, middlewares, service, parents, tls, observability } = route;
    const options = {
      entryPoints,
      rule,
      middlewares,
      service,
      ...(parents.length > 0 ? { parentRefs: parents } : {}),
      ...(tls === true ? { tls: {} } : {}),
      observability,
    };
    const common = shown(entry, 'routers', name, options, route.disabledStatus !== 0);
    return { ...common, priority, priorityStr: String(priority), using: entryPoints };
  });
}

export function pinnedMiddlewares(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.middlewares).map(({ name, kind, options }) => ({
    ...shown(entry, 'middlewares', name, { [kind]: options }),
    type: kind.toLowerCase(),
  }));
}

export function pinnedServices(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.services)
    .filter(({ name }) => !name.endsWith('@internal'))
    .map((spec) => ({
      ...shown(entry, 'services', spec.name, serviceOptionsOf(spec, entry)),
      type: spec.kind.toLowerCase(),
    }));
}

function serviceOptionsOf(spec: ServiceSpec, entry: HistoryEntry): object {
  switch (spec.kind) {
    case 'loadBalancer':
      return { loadBalancer: loadBalancerOf(spec, entry) };
    case 'weighted':
      return { weighted: { services: children(spec), ...stickyOf(spec.sticky) } };
    case 'highestRandomWeight':
      return { highestRandomWeight: { services: children(spec) } };
    case 'fixed':
      return {};
  }
}

function loadBalancerOf(spec: LoadBalancerSpec, { endpointSets }: HistoryEntry): object {
  const servers = endpointsOf(endpointSets[spec.endpointSet], 'http');
  const { strategy, passHostHeader, sticky, healthCheck, passiveHealthCheck, slowStartMs, middlewares } = spec;
  return {
    servers: servers.map(({ url, weight, preservePath }) => ({ url, weight, preservePath })),
    strategy,
    passHostHeader,
    ...stickyOf(sticky),
    ...(healthCheck === null
      ? {}
      : {
          healthCheck: {
            mode: healthCheck.mode,
            path: healthCheck.path,
            method: healthCheck.method,
            headers: healthCheck.headers,
            interval: healthCheck.intervalMs,
            timeout: healthCheck.timeoutMs,
          },
        }),
    ...(passiveHealthCheck === null
      ? {}
      : {
          passiveHealthCheck: {
            failureWindow: passiveHealthCheck.failureWindowMs,
            maxFailedAttempts: passiveHealthCheck.maxFailedAttempts,
          },
        }),
    ...(slowStartMs > 0 ? { slowStart: slowStartMs } : {}),
    ...(middlewares.length > 0 ? { middlewares } : {}),
  };
}

function stickyOf(cookie: StickyCookieSpec | null): object {
  if (cookie === null) return {};
  const { maxAgeSeconds: maxAge, ...rest } = cookie;
  return { sticky: { cookie: { ...rest, maxAge } } };
}

function children(spec: ServiceSpec): readonly object[] {
  return childrenOf(spec).map(({ service, weight }) => ({ name: service, weight }));
}

export function pinnedTcpRouters(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.tcpRoutes).map((route) => {
    const { name, entryPoints, rule, priority, middlewares, service, tls, isDisabled } = route;
    const options = { entryPoints, rule, middlewares, service, ...(tls === null ? {} : { tls }) };
    return {
      ...shown(entry, 'tcpRouters', name, options, isDisabled),
      priority,
      priorityStr: String(priority),
      using: entryPoints,
    };
  });
}

export function pinnedTcpMiddlewares(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.tcpMiddlewares).map(({ name, kind, ...options }) => ({
    ...shown(entry, 'tcpMiddlewares', name, { [kind]: options }),
    type: kind.toLowerCase(),
  }));
}

export function pinnedTcpServices(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.tcpServices).map((spec) => ({
    ...shown(entry, 'tcpServices', spec.name, plainOptionsOf(spec, entry)),
    type: spec.kind === 'tcpWeighted' ? 'weighted' : 'loadbalancer',
  }));
}

export function pinnedUdpRouters(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.udpRoutes).map(({ name, entryPoints, service, isDisabled }) => ({
    ...shown(entry, 'udpRouters', name, { entryPoints, service }, isDisabled),
    using: entryPoints,
  }));
}

export function pinnedUdpServices(entry: HistoryEntry): readonly ShownObject[] {
  return Object.values(entry.udpServices).map((spec) => ({
    ...shown(entry, 'udpServices', spec.name, plainOptionsOf(spec, entry)),
    type: spec.kind === 'udpWeighted' ? 'weighted' : 'loadbalancer',
  }));
}

function plainOptionsOf(spec: TcpServiceSpec | UdpServiceSpec, { endpointSets }: HistoryEntry): object {
  if ('children' in spec) {
    return { weighted: { services: spec.children.map(({ service, weight }) => ({ name: service, weight })) } };
  }
  const endpoints = endpointSets[spec.endpointSet]?.endpoints ?? [];
  const servers = endpoints.map((server) => ({
    address: server.url,
    ...('isSecure' in server && server.isSecure ? { tls: true } : {}),
  }));
  return { loadBalancer: { servers } };
}
