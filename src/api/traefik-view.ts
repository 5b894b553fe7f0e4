// What is configured, in the shapes of Traefik's API: tools written for it read this one. Options are shown decoded, with
// defaults filled in and secrets hidden.

import { statusOf, shownOptions, type ObjectStatus } from '../controlplane/pipeline/diff.ts';
import type { Compiled } from '../controlplane/compile/compilation.ts';
import type { ObjectKind } from '../controlplane/compile/object-kind.ts';
import type { CompileResult } from '../controlplane/compile/compile.ts';
import type { EntryPointSpec } from '../model/entrypoint.ts';
import type { ServerHealth } from '../model/server-health.ts';
import { tcpServiceKey } from '../model/tcp.ts';
import { formatDuration } from '../schema/duration.ts';

export interface ShownObject {
  readonly name: string;
  readonly provider: string;
  readonly status: ObjectStatus;
  readonly error?: readonly string[];
  readonly usedBy?: readonly string[];
  readonly [option: string]: unknown;
}

const PLURALS = { router: 'routers', middleware: 'middlewares', service: 'services' } as const;

function common(kind: ObjectKind, compiled: Compiled<unknown>): ShownObject {
  const messages = [...compiled.errors, ...compiled.warnings];
  return {
    ...shownOptions(kind, compiled),
    name: compiled.name,
    provider: compiled.provider,
    status: statusOf(compiled),
    ...(messages.length > 0 ? { error: messages } : {}),
    ...(compiled.usedBy.size > 0 ? { usedBy: [...compiled.usedBy].toSorted() } : {}),
  };
}

/** Kind of a service or middleware as Traefik writes it: lower case. */
function typeOf(compiled: Compiled<unknown>): string {
  const kinds = Object.entries((compiled.object.value ?? {}) as object).find(([, value]) => value !== undefined);
  return (kinds?.[0] ?? 'unknown').toLowerCase();
}

export function routers(result: CompileResult): readonly ShownObject[] {
  return [...result.routers.values()].map((router) => {
    const spec = result.sections.routes[router.name];
    const shown = common('router', router);
    const using = spec?.entryPoints ?? [];
    const { parentRefs, ...rest } = shown;
    return {
      ...rest,
      ...(Array.isArray(parentRefs) && parentRefs.length > 0 ? { parentRefs } : {}),
      name: router.name,
      provider: router.provider,
      status: shown.status,
      entryPoints: shown['entryPoints'] ?? using,
      priority: spec?.priority ?? 0,
      priorityStr: String(spec?.priority ?? 0),
      using,
    };
  });
}

export function middlewares(result: CompileResult): readonly ShownObject[] {
  return [...result.middlewares.values()].map((middleware) => {
    const shown = common('middleware', middleware);
    return { ...shown, type: typeOf(middleware) };
  });
}

export function tcpRouters(result: CompileResult): readonly ShownObject[] {
  return [...result.tcp.routers.values()].map((router) => {
    const spec = result.sections.tcpRoutes[router.name];
    const shown = common('tcpRouter', router);
    const using = spec?.entryPoints ?? [];
    const priority = spec?.priority ?? 0;
    return { ...shown, entryPoints: shown['entryPoints'] ?? using, priority, priorityStr: String(priority), using };
  });
}

export function tcpMiddlewares(result: CompileResult): readonly ShownObject[] {
  return [...result.tcp.middlewares.values()].map((middleware) => ({
    ...common('tcpMiddleware', middleware),
    type: typeOf(middleware),
  }));
}

export function tcpServices(result: CompileResult, healthOf: HealthOf): readonly ShownObject[] {
  return [...result.tcp.services.values()].map((service) => {
    const shown = common('tcpService', service);
    const servers = service.errors.length > 0 ? null : healthOf(tcpServiceKey(service.name));
    return {
      ...shown,
      type: typeOf(service),
      ...(servers === null ? {} : { serverStatus: serverStatus(servers), serverHealth: servers.map(shownTcpServer) }),
    };
  });
}

export function udpRouters(result: CompileResult): readonly ShownObject[] {
  return [...result.udp.routers.values()].map((router) => {
    const shown = common('udpRouter', router);
    const using = result.sections.udpRoutes[router.name]?.entryPoints ?? [];
    return { ...shown, entryPoints: shown['entryPoints'] ?? using, using };
  });
}

export function udpServices(result: CompileResult): readonly ShownObject[] {
  return [...result.udp.services.values()].map((service) => ({
    ...common('udpService', service),
    type: typeOf(service),
  }));
}

function shownTcpServer(server: ServerHealth): object {
  const { url: address, inFlight: connections, check } = server;
  const shown = check === null ? {} : { check: shownCheck(check) };
  return { address, status: server.isUp ? 'UP' : 'DOWN', connections, ...shown };
}

/** Servers of a service; null for one that has none of its own. */
export type HealthOf = (service: string) => readonly ServerHealth[] | null;

export function services(result: CompileResult, healthOf: HealthOf): readonly ShownObject[] {
  const declared = [...result.services.values()].map((service) => {
    const shown = common('service', service);
    const servers = service.errors.length > 0 ? null : healthOf(service.name);
    return {
      ...shown,
      type: typeOf(service),
      ...(servers === null ? {} : { serverStatus: serverStatus(servers), serverHealth: servers.map(shownServer) }),
    };
  });
  return [...declared, ...internalServices(result)];
}

/** Traefik's form. */
function serverStatus(servers: readonly ServerHealth[]): Record<string, 'UP' | 'DOWN'> {
  return Object.fromEntries(servers.map(({ url, isUp }) => [url, isUp ? 'UP' : 'DOWN']));
}

const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function shownCheck({ isUp, lastAt, lastError }: NonNullable<ServerHealth['check']>): object {
  return { status: isUp ? 'UP' : 'DOWN', lastAt: time(lastAt), lastError };
}

function shownServer({ url, isUp, inFlight, connections, responseMs, ejectedUntil, check }: ServerHealth): object {
  return {
    url,
    status: isUp ? 'UP' : 'DOWN',
    inFlight,
    connections,
    responseMs: Math.round(responseMs * 1000) / 1000,
    ...(ejectedUntil === null ? {} : { ejectedUntil: time(ejectedUntil) }),
    ...(check === null ? {} : { check: shownCheck(check) }),
  };
}

function internalServices(result: CompileResult): readonly ShownObject[] {
  const routes = Object.values(result.sections.routes);
  return Object.keys(result.sections.services)
    .filter((name) => name.endsWith('@internal'))
    .map((name) => {
      const usedBy = routes.filter((route) => route.service === name).map((route) => route.name);
      return { name, provider: 'internal', status: 'enabled', ...(usedBy.length > 0 ? { usedBy } : {}) };
    });
}

export function rawData(result: CompileResult, healthOf: HealthOf): Record<string, Record<string, object>> {
  const byName = (list: readonly ShownObject[]): Record<string, object> =>
    Object.fromEntries(
      list.map((shown) => {
        const rest = Object.entries(shown).filter(([field]) => !['name', 'provider', 'type'].includes(field));
        return [shown.name, Object.fromEntries(rest)];
      }),
    );
  const others = {
    tcpRouters: byName(tcpRouters(result)),
    tcpMiddlewares: byName(tcpMiddlewares(result)),
    tcpServices: byName(tcpServices(result, healthOf)),
    udpRouters: byName(udpRouters(result)),
    udpServices: byName(udpServices(result)),
  };
  return {
    [PLURALS.router]: byName(routers(result)),
    [PLURALS.middleware]: byName(middlewares(result)),
    [PLURALS.service]: byName(services(result, healthOf)),
    // As in Traefik, sections without an object are left out.
    ...Object.fromEntries(Object.entries(others).filter(([, objects]) => Object.keys(objects).length > 0)),
  };
}

export function entryPoint(spec: EntryPointSpec, port: number): object {
  const { requestAcceptGraceMs, graceMs } = spec.lifeCycle;
  const host = spec.address.host.includes(':') ? `[${spec.address.host}]` : spec.address.host;
  const { timeouts, forwardedHeaders, limits } = spec;
  return {
    name: spec.name,
    address: `${host}:${port}${spec.address.protocol === 'udp' ? '/udp' : ''}`,
    transport: {
      lifeCycle: {
        requestAcceptGraceTimeout: formatDuration(requestAcceptGraceMs),
        graceTimeOut: formatDuration(graceMs),
      },
      respondingTimeouts: {
        readTimeout: formatDuration(timeouts.readIdleMs),
        writeTimeout: formatDuration(timeouts.writeTotalMs),
        idleTimeout: formatDuration(timeouts.idleMs),
      },
    },
    forwardedHeaders: { insecure: forwardedHeaders.insecure, trustedIPs: forwardedHeaders.trustedIps },
    http: { middlewares: spec.middlewares, sanitizePath: spec.path.sanitize, maxHeaderBytes: limits.maxHeaderBytes },
    observability: spec.observability,
    reusePort: spec.reusePort,
  };
}
