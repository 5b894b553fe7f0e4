// What the program itself serves on the internal entry point, in the shapes that Traefik gives its own: the entry
// point, and the routers and middlewares that stand for its doors. They are shown, and routed by nobody: see
// admin-server.ts.

import type { AdminConfig } from '../controlplane/config/install/admin-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';
import type { ShownEntryPoint, ShownObject } from './answers.ts';

/** Traefik's are the highest there are, too. */
const TOP = Number.MAX_SAFE_INTEGER;

export function internalRouters({ api, ping, metrics, rest }: AdminConfig): readonly ShownObject[] {
  const base = (api?.basePath ?? '/').replace(/\/$/, '');
  const all: ShownObject[] = [];
  const add = (name: string, path: string, priority: number, middlewares: readonly string[] = []): void => {
    all.push({
      entryPoints: [INTERNAL_ENTRY_POINT],
      ...(middlewares.length > 0 ? { middlewares } : {}),
      service: `${name}@internal`,
      rule: `PathPrefix(\`${path}\`)`,
      priority,
      priorityStr: String(priority),
      using: [INTERNAL_ENTRY_POINT],
      status: 'enabled',
      name: `${name}@internal`,
      provider: 'internal',
    });
  };
  if (api?.isOnAddress === true) {
    add('api', `${base}/api`, TOP - 1);
    if (api.hasDashboard)
      add(
        'dashboard',
        base === '' ? '/' : base,
        TOP - 2,
        DASHBOARD.map(({ name }) => name),
      );
  }
  if (ping?.isOnAddress === true) add('ping', '/ping', TOP);
  if (metrics?.isOnAddress === true) add('prometheus', '/metrics', TOP);
  if (rest?.isOnAddress === true) add('rest', '/api/providers', TOP);
  return all;
}

const DASHBOARD = [
  { name: 'dashboard_redirect@internal', type: 'redirectregex' },
  { name: 'dashboard_stripprefix@internal', type: 'stripprefix' },
] as const;

export function internalMiddlewares({ api }: AdminConfig): readonly ShownObject[] {
  if (api?.isOnAddress !== true || !api.hasDashboard) return [];
  const base = api.basePath.replace(/\/$/, '');
  const common = { status: 'enabled', provider: 'internal', usedBy: ['dashboard@internal'] } as const;
  const [redirect, strip] = DASHBOARD;
  return [
    { ...common, ...redirect, redirectRegex: { regex: `^${base}/?$`, replacement: `${base}/dashboard/` } },
    { ...common, ...strip, stripPrefix: { prefixes: [`${base}/dashboard/`, `${base}/dashboard`] } },
  ];
}

/** Null when nothing listens. */
export function internalEntryPoint(
  { address, reusePort = false }: AdminConfig,
  port: number | null,
): ShownEntryPoint | null {
  if (address === null || port === null) return null;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    name: INTERNAL_ENTRY_POINT,
    address: `${host}:${port}`,
    transport: {
      lifeCycle: { requestAcceptGraceTimeout: '0s', graceTimeOut: '0s' },
      respondingTimeouts: { readTimeout: '30s', writeTimeout: '0s', idleTimeout: '5s' },
    },
    forwardedHeaders: { insecure: false, trustedIPs: [] },
    http: { middlewares: [], sanitizePath: true, maxHeaderBytes: 16_384, underscoreHeadersStrategy: 'keep' },
    reusePort,
  };
}
