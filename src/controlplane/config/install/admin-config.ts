// What operators and monitoring may ask, and at which doors.

import type { ListenAddress } from '../../../model/entry-point.ts';
import { DecodeContext } from '../../../schema/decode-context.ts';
import { optionsOf } from '../../providers/define.ts';
import { restProvider } from '../../providers/rest/rest-provider.ts';
import { INTERNAL_ENTRY_POINT } from './internal-routing.ts';
import { parseAddress } from './entry-point-options.ts';
import type { InstallOptions } from './install-options.ts';
import { configuredProviders } from './configured-providers.ts';

/** Loopback: what is served there is for the operator alone. */
const INTERNAL_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 8080, protocol: 'tcp' };

/** What operators and monitoring may ask, and where. */
export interface AdminConfig {
  /** Of the internal entry point; null when nothing is served there. */
  readonly address: ListenAddress | null;
  /** False when the configuration does not name the internal entry point: nobody has asked for its address. */
  readonly isDeclared?: boolean;
  /** Other processes may listen there too. */
  readonly reusePort?: boolean;
  readonly socket: string | null;
  readonly token: string | null;
  /** Names in lower case that the internal entry point may be asked by without the token. */
  readonly allowedHosts: readonly string[];
  /** Null when the API is off. */
  readonly api: {
    readonly basePath: string;
    readonly hasDashboard: boolean;
    /** On the internal entry point; elsewhere only through `api@internal` and the socket. */
    readonly isOnAddress: boolean;
  } | null;
  readonly ping: {
    readonly terminatingStatusCode: number;
    readonly isOnAddress: boolean;
    /** Where it is asked; null when only a router says so. */
    readonly entryPoint: string | null;
  } | null;
  readonly metrics: { readonly isOnAddress: boolean } | null;
  readonly rest: { readonly isOnAddress: boolean } | null;
}

/**
 * API, ping and metrics: on the internal entry point, a socket, or both. `isAssumed` where the surroundings, and nobody
 * who configures, say its address.
 */
export function adminConfig(options: InstallOptions, context: DecodeContext, isAssumed = false): AdminConfig {
  const { api, ping, metrics } = options;
  const internal = options.entryPoints[INTERNAL_ENTRY_POINT];
  const address = internal === undefined ? INTERNAL_ADDRESS : (parseAddress(internal.address) ?? INTERNAL_ADDRESS);
  const isGuarded = isLoopback(address.host) || api?.token !== undefined || api?.insecure === true;
  // Whoever has said nothing of the address may mean the API for a router alone.
  if (api !== undefined && !isGuarded && !isAssumed) {
    const message =
      'the API is not served on this entry point, which others can reach: set api.token, bind it to 127.0.0.1, or say api.insecure: true';
    context.at('entryPoints', () =>
      context.at(INTERNAL_ENTRY_POINT, () =>
        context.at('address', () => context.report('warning', 'unguarded-api', message)),
      ),
    );
  }
  if (api?.insecure === true && api.token === undefined && !isLoopback(address.host)) {
    const message =
      'everybody who can reach the internal entry point can read the API: set api.token, or bind entryPoints.traefik.address to 127.0.0.1; changes need the token or the Unix socket in any case';
    context.at('api', () => context.at('insecure', () => context.report('warning', 'unguarded-api', message)));
  }
  const rest = optionsOf(restProvider, configuredProviders(options));
  if (rest?.insecure === true && api?.token === undefined) {
    const message =
      'PUT /api/providers/rest changes what is served, and is taken with the token of api.token or through the Unix socket alone; set api.token';
    context.at('providers', () =>
      context.at('rest', () => context.at('insecure', () => context.report('warning', 'unguarded-api', message))),
    );
  }
  const isHere = (section: { entryPoint: string; manualRouting: boolean }): boolean =>
    section.entryPoint === INTERNAL_ENTRY_POINT && !section.manualRouting;
  const prometheus = metrics?.prometheus;
  const config: Omit<AdminConfig, 'address'> = {
    isDeclared: internal !== undefined && !isAssumed,
    reusePort: internal?.reusePort === true,
    socket: api?.socket ?? null,
    token: api?.token ?? null,
    allowedHosts: (api?.allowedHosts ?? []).map((name) => name.toLowerCase()),
    api: api === undefined ? null : { basePath: api.basePath, hasDashboard: api.dashboard, isOnAddress: isGuarded },
    ping:
      ping === undefined
        ? null
        : {
            terminatingStatusCode: ping.terminatingStatusCode,
            isOnAddress: isHere(ping),
            entryPoint: ping.manualRouting ? null : ping.entryPoint,
          },
    metrics: prometheus === undefined ? null : { isOnAddress: isHere(prometheus) },
    rest: rest === null ? null : { isOnAddress: rest.insecure && isGuarded },
  };
  const isUsed = [config.api, config.ping, config.metrics, config.rest].some((one) => one?.isOnAddress === true);
  return { address: isUsed ? address : null, ...config };
}

export function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|localhost$)/.test(host);
}
