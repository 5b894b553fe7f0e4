// Routers that the install configuration implies: entry point redirections, and ping and metrics on an entry point
// other than the internal one. They are ordinary routers of the provider `internal`, above those that people write.

import type { EntryPointSpec } from '../../../model/entry-point.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { parseAddress } from './entry-point-options.ts';
import type { InstallOptions } from './install-options.ts';
import { decodeRouting, type RoutingConfig, type RoutingObject } from '../routing/routing-config.ts';
import type { RouterOptions } from '../routing/routing-options.ts';

export const INTERNAL_PROVIDER = 'internal';
/** Name of the internal entry point, as `ping.entryPoint` and its kin name it by default. */
export const INTERNAL_ENTRY_POINT = 'traefik';
/** Above every priority that can be written; see routing-options.ts. */
const TOP_PRIORITY = Number.MAX_SAFE_INTEGER;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

interface Draft {
  readonly routers: Record<string, object>;
  readonly middlewares: Record<string, object>;
  readonly priorities: Map<string, number>;
}

/** Reports entry points that are named and do not exist. */
export function internalRouting(
  options: InstallOptions,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
  context: DecodeContext,
): RoutingConfig {
  const draft: Draft = { routers: {}, middlewares: {}, priorities: new Map() };
  for (const name of Object.keys(entryPoints)) addRedirection(name, options, entryPoints, context, draft);
  const endpoint = (service: string, path: string, entryPoint: string, option: readonly string[]): void => {
    if (entryPoint === INTERNAL_ENTRY_POINT) return;
    if (!(entryPoint in entryPoints)) {
      reportMissing(context, option, entryPoint, entryPoints, '; nothing is served there');
      return;
    }
    addRouter(draft, service, { rule: `PathPrefix(\`${path}\`)`, entryPoints: [entryPoint], service }, TOP_PRIORITY);
  };
  const { ping, metrics } = options;
  if (ping !== undefined && !ping.manualRouting) endpoint('ping', '/ping', ping.entryPoint, ['ping', 'entryPoint']);
  const prometheus = metrics?.prometheus;
  if (prometheus !== undefined && !prometheus.manualRouting) {
    endpoint('prometheus', '/metrics', prometheus.entryPoint, ['metrics', 'prometheus', 'entryPoint']);
  }
  const { routers, middlewares } = draft;
  const decoded = decodeRouting(INTERNAL_PROVIDER, {
    source: 'internal',
    text: '',
    value: { http: { routers, middlewares } },
    diagnostics: [],
    locate: () => null,
  });
  return { ...decoded, routers: withPriorities(decoded.routers, draft.priorities) };
}

function addRouter(draft: Draft, name: string, router: object, priority: number): void {
  draft.routers[name] = router;
  draft.priorities.set(name, priority);
}

function addRedirection(
  name: string,
  options: InstallOptions,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
  context: DecodeContext,
  draft: Draft,
): void {
  const redirection = options.entryPoints[name]!.http.redirections?.entryPoint;
  if (redirection === undefined) return;
  const { to, scheme, permanent, priority } = redirection;
  const port = to.startsWith(':') ? parseAddress(to)?.port : entryPoints[to]?.address.port;
  if (port === undefined) {
    // What should be encrypted must not pass as it is.
    const meaning = `; requests of "${name}" are answered 503 rather than served without the redirection`;
    reportMissing(context, ['entryPoints', name, 'http', 'redirections', 'entryPoint', 'to'], to, entryPoints, meaning);
  }
  const label = `${name}-to-${to.replace(/^:/, '')}`.replaceAll(/[^\w.-]/g, '-');
  draft.middlewares[`redirect-${label}`] =
    port === undefined
      ? { maintenance: { status: 503 } }
      : { redirectScheme: { scheme, permanent, ...(DEFAULT_PORTS[scheme] === port ? {} : { port: String(port) }) } };
  addRouter(
    draft,
    label,
    { rule: 'PathPrefix(`/`)', entryPoints: [name], service: 'noop', middlewares: [`redirect-${label}`] },
    priority ?? TOP_PRIORITY - 1,
  );
}

function reportMissing(
  context: DecodeContext,
  option: readonly string[],
  name: string,
  entryPoints: Readonly<Record<string, EntryPointSpec>>,
  meaning: string,
): void {
  const [first, ...rest] = option;
  if (first !== undefined) {
    context.at(first, () => reportMissing(context, rest, name, entryPoints, meaning));
    return;
  }
  const known = Object.keys(entryPoints).join(', ') || 'none';
  context.report('warning', 'dangling-reference', `there is no entry point "${name}"; known: ${known}${meaning}`);
}

/** The priorities are above what the schema of routers lets people write. */
function withPriorities(
  routers: ReadonlyMap<string, RoutingObject<RouterOptions>>,
  priorities: ReadonlyMap<string, number>,
): ReadonlyMap<string, RoutingObject<RouterOptions>> {
  return new Map(
    [...routers].map(([name, router]) => [
      name,
      router.value === null ? router : { ...router, value: { ...router.value, priority: priorities.get(name) ?? 0 } },
    ]),
  );
}
