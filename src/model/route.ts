// A router and a middleware as the data plane runs them.

import type { EntryPointSpec } from './entry-point.ts';

export interface RouteSpec {
  /** Qualified name, `shop@file`. */
  readonly name: string;
  readonly entryPoints: readonly string[];
  /** Rule text; already proven to parse. Workers compile it themselves, so that a snapshot stays plain. */
  readonly rule: string;
  /** The router's own priority, or the rule's length in bytes. */
  readonly priority: number;
  /** Position of the provider in `providers.precedence`: breaks ties of equal priority, lower first. */
  readonly providerRank: number;
  /** Qualified names in order, without the entry point's own. */
  readonly middlewares: readonly string[];
  /** Qualified name; '' for a router that leaves its requests to routers below it. */
  readonly service: string;
  /** Routers it stands below, whose requests it is offered; empty for one that stands on entry points. */
  readonly parents: readonly string[];
  /** Takes requests over TLS, or plain ones; null for what its entry point says. */
  readonly tls: boolean | null;
  /** Qualified name of its TLS options; '' when they cannot be used. */
  readonly tlsOptions: string;
  readonly observability: { readonly accessLogs: boolean; readonly metrics: boolean };
  /**
   * 0 while it can be served. Otherwise the status that answers its requests: it keeps its place, so that nothing falls
   * through to a wider router.
   */
  readonly disabledStatus: number;
}

/** Whether a router takes requests over TLS on this entry point, or plain ones: it takes no others. */
export function isOverTls(route: Pick<RouteSpec, 'tls'>, entryPoint: Pick<EntryPointSpec, 'tls'>): boolean {
  return route.tls ?? entryPoint.tls !== null;
}

/** Of routers and of shares of services that cannot be served. */
export const DISABLED_STATUS = 503;

/** `options` have passed the schema of `kind`, defaults filled in, references qualified. */
export interface MiddlewareSpec {
  readonly name: string;
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** See secrets.ts. */
  readonly secret?: string;
}
