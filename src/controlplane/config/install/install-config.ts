// The install configuration as the rest of the program gets it: what the process is, read at start and again when it
// changes.

import type { LogOptions } from '../../../core/log.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import type { UpstreamTransportSpec } from '../../../model/service.ts';
import type { AccessLogInit, ObserveInit } from '../../../model/message/sync.ts';
import type { TcpTransportSpec } from '../../../model/tcp.ts';
import type { Locate } from '../../../schema/decode-context.ts';
import type { ConfiguredProvider } from '../../providers/define.ts';
import type { OwnRouting } from '../../providers/install/install-provider.ts';
import type { OperatorSubstitutions } from './operator-substitutions.ts';
import type { AcmeResolverConfig } from './certificates-resolver-options.ts';
import type { InstalledPlugins } from './plugins.ts';
import type { RoutingConfig } from '../routing/routing-config.ts';
import type { AdminConfig } from './admin-config.ts';

export interface InstallConfig extends OwnRouting {
  readonly source: string;
  readonly entryPoints: Readonly<Record<string, EntryPointSpec>>;
  /** Of those, the ones whose address cannot be had: routers may name them, and nothing is served there. */
  readonly unboundEntryPoints: ReadonlySet<string>;
  /** Entry points that routers without `entryPoints` use. */
  readonly defaultEntryPoints: readonly string[];
  readonly admin: AdminConfig;
  /** Those that are switched on. */
  readonly providers: readonly ConfiguredProvider[];
  readonly providersThrottleMs: number;
  readonly precedence: readonly string[];
  /** Objects that turn unreadable go on in their last good form. */
  readonly keepLastGood: boolean;
  readonly log: LogOptions;
  readonly accessLog: { readonly init: AccessLogInit; readonly filePath: string } | null;
  readonly metrics: ObserveInit['metrics'] & { readonly prefix: string };
  /** Requests of internal services in access log and metrics. */
  readonly internals: { readonly accessLogs: boolean; readonly metrics: boolean };
  readonly defaultRuleSyntax: 'v2' | 'v3';
  readonly ticketKeyLifeMs: number;
  /** See core/held-memory.ts. */
  readonly maxBytesInProgress: number;
  /** Null when nothing is stapled. */
  readonly ocsp: { readonly responderOverrides: Readonly<Record<string, string>> } | null;
  readonly state: { readonly directory: string; readonly maxSnapshots: number } | null;
  /** Longest over all entry points. */
  readonly requestAcceptGraceMs: number;
  readonly graceMs: number;
  readonly serversTransport: UpstreamTransportSpec;
  readonly tcpServersTransport: TcpTransportSpec;
  /** Routers that other options imply. */
  readonly internalRouting: RoutingConfig;
  readonly certificatesResolvers: readonly AcmeResolverConfig[];
  /** Names of resolvers that are configured and cannot be used. */
  readonly unusableResolvers: ReadonlySet<string>;
  /** What routers that say nothing of TLS ask for, by entry point. */
  readonly entryPointCertificates: Readonly<Record<string, CertificateDefaults>>;
  readonly plugins: InstalledPlugins;
  /** For sources that the operator writes. */
  readonly substitutions: OperatorSubstitutions;
  /** Place of an option in the source. */
  readonly locate: Locate;
}

/** `certResolver` is one that exists. */
export interface CertificateDefaults {
  readonly certResolver: string;
  readonly domains: readonly { readonly main: string; readonly sans: readonly string[] }[];
}

export interface Loaded<T> {
  readonly value: T | null;
  readonly diagnostics: readonly Diagnostic[];
}
