// What is configured, in the shapes of Traefik's API: tools written for it read this one. Options are shown decoded,
// with defaults filled in and secrets hidden.

import { statusOf, shownOptions } from '../controlplane/pipeline/diff.ts';
import { qualify, type Compiled } from '../controlplane/compile/compiled.ts';
import type { CompileResult } from '../controlplane/compile/compile.ts';
import { OBJECT_KINDS, type ListedSection } from '../controlplane/config/routing/object-kinds.ts';
import type { EntryPointSpec } from '../model/entry-point.ts';
import type { ServerHealth } from '../model/server-health.ts';
import { tcpServiceKey } from '../model/tcp.ts';
import { defaultPriority } from '../dataplane/match/rule/rule.ts';
import { isMap } from '../schema/input.ts';
import { formatDuration } from '../schema/duration.ts';
import type { ShownEntryPoint, ShownObject } from './answers.ts';

/** Where an object names others of its provider; Traefik shows these with the provider's name. */
const REFERENCES: Partial<Record<ListedSection, readonly (readonly string[])[]>> = {
  routers: [['middlewares'], ['parentRefs']],
  middlewares: [['chain', 'middlewares']],
  services: [['loadBalancer', 'middlewares']],
  tcpRouters: [['middlewares']],
};

function common(section: ListedSection, compiled: Compiled<unknown>): ShownObject {
  const messages = [...compiled.errors, ...compiled.warnings];
  let options = shownOptions(section, compiled);
  for (const path of REFERENCES[section] ?? []) options = qualifyAt(options, path, compiled.provider);
  return {
    ...options,
    name: compiled.name,
    provider: compiled.provider,
    status: statusOf(compiled),
    ...(messages.length > 0 ? { error: messages } : {}),
    ...(compiled.usedBy.size > 0 ? { usedBy: [...compiled.usedBy].toSorted() } : {}),
  };
}

function qualifyAt(
  options: Record<string, unknown>,
  [first, ...rest]: readonly string[],
  provider: string,
): Record<string, unknown> {
  const part = options[first!];
  if (rest.length > 0) return isMap(part) ? { ...options, [first!]: qualifyAt({ ...part }, rest, provider) } : options;
  if (!Array.isArray(part)) return options;
  return { ...options, [first!]: part.map((name: unknown) => qualifiedName(name, provider)) };
}

export function qualifiedName(name: unknown, provider: string): unknown {
  return typeof name === 'string' && name !== '' ? qualify(name, provider) : name;
}

/** With its kind as Traefik writes it: lower case. */
function withType(section: ListedSection, shown: ShownObject): ShownObject {
  const kinds = Object.keys(OBJECT_KINDS[section].options.fields ?? {});
  return { ...shown, type: kinds.find((name) => shown[name] !== undefined)?.toLowerCase() ?? 'unknown' };
}

/** What a router asks for, also while it gets nothing. */
function placeOf(
  shown: ShownObject,
  spec: { readonly entryPoints: readonly string[]; readonly priority: number } | undefined,
  defaults: readonly string[],
): { readonly priority: number; readonly using: readonly string[] } {
  if (spec !== undefined) return { priority: spec.priority, using: spec.entryPoints };
  const { entryPoints, priority, rule } = shown;
  const length = typeof rule === 'string' ? defaultPriority(rule) : 0;
  return {
    priority: typeof priority === 'number' && priority !== 0 ? priority : length,
    using: Array.isArray(entryPoints) && entryPoints.every((name) => typeof name === 'string') ? entryPoints : defaults,
  };
}

/** What the objects are shown by beside their options. */
export interface Facts {
  readonly result: CompileResult;
  readonly defaultEntryPoints: readonly string[];
  readonly healthOf: HealthOf;
}

export function shownObjects(section: ListedSection, facts: Facts): readonly ShownObject[] {
  const { result } = facts;
  return [...result[section].values()].map((compiled) => SHOWN[section](common(section, compiled), facts));
}

const SHOWN: Readonly<Record<ListedSection, (shown: ShownObject, facts: Facts) => ShownObject>> = {
  routers: shownRouter,
  middlewares: (shown) => withType('middlewares', shown),
  services: (shown, { healthOf }) =>
    withHealth(withType('services', shown), isDisabled(shown) ? null : healthOf(shown.name), shownServer),
  tcpRouters: (shown, { result, defaultEntryPoints }) => {
    const { priority, using } = placeOf(shown, result.sections.tcpRoutes[shown.name], defaultEntryPoints);
    return { ...shown, entryPoints: shown['entryPoints'] ?? using, priority, priorityStr: String(priority), using };
  },
  tcpMiddlewares: (shown) => withType('tcpMiddlewares', shown),
  tcpServices: (shown, { healthOf }) => {
    const servers = isDisabled(shown) ? null : healthOf(tcpServiceKey(shown.name));
    return withHealth(withType('tcpServices', shown), servers, shownTcpServer);
  },
  udpRouters: (shown, { result }) => {
    const using = result.sections.udpRoutes[shown.name]?.entryPoints ?? shown['entryPoints'] ?? [];
    return { ...shown, entryPoints: shown['entryPoints'] ?? using, using: using as readonly string[] }; // Of the schema of routers.
  },
  udpServices: (shown) => withType('udpServices', shown),
};

function isDisabled({ status }: ShownObject): boolean {
  return status === 'disabled';
}

function shownRouter(shown: ShownObject, { result, defaultEntryPoints }: Facts): ShownObject {
  const { priority, using } = placeOf(shown, result.sections.routes[shown.name], defaultEntryPoints);
  const { parentRefs, ...rest } = shown;
  const isChild = Array.isArray(parentRefs) && parentRefs.length > 0;
  return {
    ...rest,
    ...(isChild ? { parentRefs } : {}),
    name: shown.name,
    provider: shown.provider,
    status: shown.status,
    entryPoints: shown['entryPoints'] ?? (isChild ? [] : using),
    priority,
    priorityStr: String(priority),
    using: isChild ? [] : using,
  };
}

export function shownTcpServer(server: ServerHealth): object {
  const { url: address, inFlight: connections, check } = server;
  const shown = check === null ? {} : { check: shownCheck(check) };
  return { address, status: server.isUp ? 'UP' : 'DOWN', connections, ...shown };
}

/** Servers of a service; null for one that has none of its own. */
export type HealthOf = (service: string) => readonly ServerHealth[] | null;

/** The service with what is known of its servers, if it has any. */
export function withHealth(
  service: ShownObject,
  servers: readonly ServerHealth[] | null,
  show: (server: ServerHealth) => object,
): ShownObject {
  if (servers === null) return service;
  return { ...service, serverStatus: serverStatus(servers), serverHealth: servers.map(show) };
}

/** Traefik's form. */
function serverStatus(servers: readonly ServerHealth[]): Record<string, 'UP' | 'DOWN'> {
  return Object.fromEntries(servers.map(({ url, isUp }) => [url, isUp ? 'UP' : 'DOWN']));
}

const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function shownCheck({ isUp, lastAt, lastError }: NonNullable<ServerHealth['check']>): object {
  return { status: isUp ? 'UP' : 'DOWN', lastAt: time(lastAt), lastError };
}

export function shownServer({
  url,
  isUp,
  inFlight,
  connections,
  responseMs,
  ejectedUntil,
  check,
}: ServerHealth): object {
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

export function entryPoint(spec: EntryPointSpec, port: number): ShownEntryPoint {
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
    ...(spec.proxyProtocol === null
      ? {}
      : { proxyProtocol: { insecure: spec.proxyProtocol.insecure, trustedIPs: spec.proxyProtocol.trustedIps } }),
    http: {
      middlewares: spec.middlewares,
      ...(spec.tls === null ? {} : { tls: { options: spec.tls.options } }),
      sanitizePath: spec.path.sanitize,
      maxHeaderBytes: limits.maxHeaderBytes,
      underscoreHeadersStrategy: spec.underscoreHeaders,
    },
    http2: spec.http2,
    udp: { timeout: formatDuration(spec.udp.idleMs) },
    observability: spec.observability,
    reusePort: spec.reusePort,
  };
}
