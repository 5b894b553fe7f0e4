// The install configuration: what the process is, read at start and again when it changes. Its sections and defaults are here; what the rest of the
// program gets is the decoded form with units in the names.

import { dirname } from 'node:path';
import type { LogOptions } from '../../../core/log.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import type { EntryPointSpec, ListenAddress } from '../../../model/entry-point.ts';
import type { UpstreamTransportSpec } from '../../../model/service.ts';
import type { AccessLogInit, ObserveInit } from '../../../model/message/sync.ts';
import type { TcpTransportSpec } from '../../../model/tcp.ts';
import { DecodeContext, type Locate } from '../../../schema/decode-context.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { isMap } from '../../../schema/input.ts';
import { parseConfig, type ConfigDocument } from '../document/document.ts';
import { isExtension, refuseVersion1, ROUTING_SECTIONS } from '../document/document-kind.ts';
import { readInstallFile } from './install-file.ts';
import { mergeInstallSources, type OptionFlag } from './install-sources.ts';
import { optionsOf, type ConfiguredProvider } from '../../providers/define.ts';
import { INSTALL_PROVIDER, type OwnRouting } from '../../providers/install/install-provider.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { restProvider } from '../../providers/rest/rest-provider.ts';
import { INTERNAL_ENTRY_POINT, internalRouting } from './internal-routing.ts';
import { operatorSubstitutions, type OperatorSubstitutions } from './operator-substitutions.ts';
import {
  certificatesResolvers,
  missingResolver,
  type AcmeResolverConfig,
  type CertificatesResolvers,
} from './certificates-resolver-options.ts';
import { entryPointSpec, parseAddress } from './entry-point-options.ts';
import { installOptions, type InstallOptions } from './install-options.ts';
import { loadInstalledPlugins, NO_INSTALLED_PLUGINS, type InstalledPlugins } from './plugins.ts';
import { decodeRouting, type RoutingConfig } from '../routing/routing-config.ts';
import { tcpTransportSpec } from '../routing/tcp-options.ts';
import { transportSpec } from '../routing/transport-options.ts';

/** Loopback: what is served there is for the operator alone. */
const INTERNAL_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 8080, protocol: 'tcp' };

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

/** What operators and monitoring may ask, and where. */
export interface AdminConfig {
  /** Of the internal entry point; null when nothing is served there. */
  readonly address: ListenAddress | null;
  /** False when the configuration does not name the internal entry point: nobody has asked for its address. */
  readonly isDeclared?: boolean;
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
  readonly ping: { readonly terminatingStatusCode: number; readonly isOnAddress: boolean } | null;
  readonly metrics: { readonly isOnAddress: boolean } | null;
  readonly rest: { readonly isOnAddress: boolean } | null;
}

export interface Loaded<T> {
  readonly value: T | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Where an install configuration is read from; see install-sources.ts. */
export interface InstallRequest {
  /** Null when everything comes from the environment and flags. */
  readonly path: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: readonly OptionFlag[];
  /** For programs that only ask where the router is: no plugin is loaded, and routing that names one has errors. */
  readonly withoutPlugins?: boolean;
  /** Those that are loaded already, whatever the configuration says. */
  readonly plugins?: InstalledPlugins;
}

export interface LoadedInstall extends Loaded<InstallConfig> {
  /** Everything as it was given, with the origin of each value; null when the file does not parse. */
  readonly document: ConfigDocument | null;
}

/**
 * Reads and decodes all sources; `value` is null when there are errors outside of the routing sections. Rejects with
 * ERR_PLUGIN_LOAD: without its plugins the rest cannot be judged.
 */
export async function loadInstallConfig(request: InstallRequest): Promise<LoadedInstall> {
  const { path, environment, flags, withoutPlugins = false } = request;
  const file = path === null ? null : await readInstallFile(path);
  if (file !== null && file.value === undefined) return { value: null, diagnostics: file.diagnostics, document: null };
  const document = mergeInstallSources({ file, environment, flags }, installOptions);
  const substitutions = operatorSubstitutions(environment);
  const directory = path === null ? '.' : dirname(path);
  const plugins =
    request.plugins ??
    (withoutPlugins ? NO_INSTALLED_PLUGINS : await loadInstalledPlugins(document, directory, substitutions));
  return { ...decodeInstallDocument(document, substitutions, plugins), document };
}

/** For tests and routing files that are checked alone: one text, no substitutions, no plugin but those given. */
export function decodeInstall(source: string, text: string, plugins?: InstalledPlugins): Loaded<InstallConfig> {
  const document = parseConfig(source, text);
  if (document.value === undefined) return { value: null, diagnostics: document.diagnostics };
  return decodeInstallDocument(document, operatorSubstitutions({}), plugins);
}

/** A document that has been parsed; never throws. */
export function decodeInstallDocument(
  document: ConfigDocument,
  substitutions: OperatorSubstitutions,
  plugins: InstalledPlugins = NO_INSTALLED_PLUGINS,
): Loaded<InstallConfig> {
  const given = document.value ?? {};
  const context = new DecodeContext(document.source, document.locate, substitutions);
  if (refuseVersion1(given, context))
    return { value: null, diagnostics: [...document.diagnostics, ...context.diagnostics] };
  const { install, routing: routingPart } = split(given);
  const options = isMap(given)
    ? installOptions.decode(install, context)
    : context.wrongType('a section with options', given);
  const entryPoints = options === INVALID ? null : decodeEntryPoints(options, context);
  const readRouting = (previous?: RoutingConfig): RoutingConfig =>
    decodeRouting(
      INSTALL_PROVIDER,
      { ...document, value: routingPart, diagnostics: [] },
      { previous, substitutions, plugins: plugins.known },
    );
  const routing = routingPart === null ? null : readRouting();
  const implied = options === INVALID || entryPoints === null ? null : internalRouting(options, entryPoints, context);
  const admin = options === INVALID ? null : adminConfig(options, context);
  const resolvers =
    options === INVALID || entryPoints === null
      ? { usable: [], off: new Set<string>() }
      : certificatesResolvers(options.certificatesResolvers, Object.keys(entryPoints), context);
  const entryPointCertificates = options === INVALID ? {} : certificateDefaults(options, resolvers, context);
  const diagnostics = [...document.diagnostics, ...context.diagnostics, ...(routing?.diagnostics ?? [])];
  if (options === INVALID || entryPoints === null || implied === null || admin === null || context.errorCount > 0) {
    return { value: null, diagnostics };
  }
  const parts = {
    source: document.source,
    entryPoints,
    admin,
    routing,
    readRoutingAgain: readRouting,
    internalRouting: implied,
    certificatesResolvers: resolvers.usable,
    unusableResolvers: resolvers.off,
    entryPointCertificates,
    plugins,
    substitutions,
    locate: document.locate,
  };
  return { value: assemble(options, parts), diagnostics };
}

/** The install file may carry routing sections as well. */
function split(given: unknown): { install: unknown; routing: Record<string, unknown> | null } {
  if (!isMap(given)) return { install: given, routing: null };
  const install: Record<string, unknown> = {};
  const routing: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (!isExtension(key)) (ROUTING_SECTIONS.includes(key.toLowerCase()) ? routing : install)[key] = value;
  }
  return { install, routing: Object.keys(routing).length > 0 ? routing : null };
}

function decodeEntryPoints(options: InstallOptions, context: DecodeContext): Record<string, EntryPointSpec> {
  const specs: Record<string, EntryPointSpec> = {};
  for (const [name, given] of Object.entries(options.entryPoints)) {
    context.at('entryPoints', () =>
      context.at(name, () =>
        context.at('address', () => {
          const address = parseAddress(given.address);
          if (address === null) {
            context.invalid(
              `"${given.address}" is no address; write ":80", "127.0.0.1:8080" or "[::1]:8080"`,
              '[host]:port',
              given.address,
            );
          } else if (name !== INTERNAL_ENTRY_POINT) {
            specs[name] = entryPointSpec(name, address, given, httpChallengesOf(name, options));
          } else if (address.protocol === 'udp') {
            context.invalid('what is served there is HTTP; write ":8080"', 'an address for TCP', given.address);
          }
        }),
      ),
    );
  }
  return specs;
}

/** Reports resolvers that are named and do not exist; the entry point is served without them. */
function certificateDefaults(
  options: InstallOptions,
  { usable, off }: CertificatesResolvers,
  context: DecodeContext,
): Record<string, CertificateDefaults> {
  const names = usable.map(({ name }) => name);
  const defaults: Record<string, CertificateDefaults> = {};
  for (const [name, { http }] of Object.entries(options.entryPoints)) {
    const { tls } = http;
    if (tls === undefined || tls === false || tls.certResolver === undefined) continue;
    const { certResolver, domains } = tls;
    const problem = missingResolver(certResolver, names, off);
    if (problem === null) defaults[name] = { certResolver, domains };
    else {
      const inner = (path: readonly string[]): void => {
        const [first, ...rest] = path;
        if (first === undefined) context.report('warning', 'dangling-reference', problem);
        else context.at(first, () => inner(rest));
      };
      inner(['entryPoints', name, 'http', 'tls', 'certResolver']);
    }
  }
  return defaults;
}

/** Whether certificates resolvers answer on this entry point. */
function httpChallengesOf(name: string, options: InstallOptions): 'none' | 'all' | 'own' {
  const resolvers = Object.values(options.certificatesResolvers);
  if (!resolvers.some(({ acme }) => acme?.httpChallenge?.entryPoint === name)) return 'none';
  return options.entryPoints[name]!.allowACMEByPass ? 'own' : 'all';
}

/** API, ping and metrics: on the internal entry point, a socket, or both. */
function adminConfig(options: InstallOptions, context: DecodeContext): AdminConfig {
  const { api, ping, metrics } = options;
  const internal = options.entryPoints[INTERNAL_ENTRY_POINT];
  const address = internal === undefined ? INTERNAL_ADDRESS : (parseAddress(internal.address) ?? INTERNAL_ADDRESS);
  const isGuarded = isLoopback(address.host) || api?.token !== undefined || api?.insecure === true;
  if (api !== undefined && !isGuarded) {
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
    isDeclared: internal !== undefined,
    socket: api?.socket ?? null,
    token: api?.token ?? null,
    allowedHosts: (api?.allowedHosts ?? []).map((name) => name.toLowerCase()),
    api: api === undefined ? null : { basePath: api.basePath, hasDashboard: api.dashboard, isOnAddress: isGuarded },
    ping: ping === undefined ? null : { terminatingStatusCode: ping.terminatingStatusCode, isOnAddress: isHere(ping) },
    metrics: prometheus === undefined ? null : { isOnAddress: isHere(prometheus) },
    rest: rest === null ? null : { isOnAddress: rest.insecure && isGuarded },
  };
  const isUsed = [config.api, config.ping, config.metrics, config.rest].some((one) => one?.isOnAddress === true);
  return { address: isUsed ? address : null, ...config };
}

function configuredProviders(options: InstallOptions): readonly ConfiguredProvider[] {
  const given: Readonly<Record<string, unknown>> = options.providers;
  return PROVIDERS.flatMap((definition) => {
    const own = given[definition.kind];
    return own === undefined ? [] : [{ definition, options: own as object }]; // Its own schema has decoded them.
  });
}

export function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|localhost$)/.test(host);
}

interface Parts extends OwnRouting {
  readonly source: string;
  readonly entryPoints: Record<string, EntryPointSpec>;
  readonly admin: AdminConfig;
  readonly internalRouting: RoutingConfig;
  readonly certificatesResolvers: readonly AcmeResolverConfig[];
  readonly unusableResolvers: ReadonlySet<string>;
  readonly entryPointCertificates: Readonly<Record<string, CertificateDefaults>>;
  readonly plugins: InstalledPlugins;
  readonly substitutions: OperatorSubstitutions;
  readonly locate: Locate;
}

function assemble(options: InstallOptions, parts: Parts): InstallConfig {
  const declared = parts.entryPoints;
  const names = Object.keys(declared);
  // HTTP needs TCP; a router of datagrams has defaults of its own.
  const forStreams = names.filter((name) => declared[name]!.address.protocol === 'tcp');
  const asDefault = forStreams.filter((name) => options.entryPoints[name]!.asDefault);
  const lifeCycles = names.map((name) => declared[name]!.lifeCycle);
  const prometheus = options.metrics?.prometheus;
  return {
    ...parts,
    unboundEntryPoints: new Set(),
    defaultEntryPoints: asDefault.length > 0 ? asDefault : forStreams,
    providers: configuredProviders(options),
    providersThrottleMs: options.providers.providersThrottleDuration,
    keepLastGood: options.providers.keepLastGood,
    precedence: options.providers.precedence.map((name) => name.toLowerCase()),
    log: {
      level: options.log.level === 'panic' ? 'fatal' : options.log.level,
      format: options.log.format,
      filePath: options.log.filePath,
    },
    accessLog:
      options.accessLog === undefined
        ? null
        : {
            filePath: options.accessLog.filePath,
            init: {
              format: options.accessLog.format,
              filters: {
                statusCodes: options.accessLog.filters.statusCodes,
                retryAttempts: options.accessLog.filters.retryAttempts,
                minDurationMs: options.accessLog.filters.minDuration,
              },
              fields: options.accessLog.fields,
              responseFlag: options.accessLog.responseFlag,
            },
          },
    metrics: {
      enabled: prometheus !== undefined,
      prefix: prometheus?.prefix ?? 'signalbox',
      buckets: [...(prometheus?.buckets ?? [])].toSorted((a, b) => a - b),
      addEntryPointsLabels: prometheus?.addEntryPointsLabels ?? false,
      addRoutersLabels: prometheus?.addRoutersLabels ?? false,
      addServicesLabels: prometheus?.addServicesLabels ?? false,
      headerLabels: prometheus?.headerLabels ?? {},
    },
    internals: {
      accessLogs: options.accessLog?.addInternals ?? false,
      metrics: options.metrics?.addInternals ?? false,
    },
    defaultRuleSyntax: options.core.defaultRuleSyntax,
    ticketKeyLifeMs: options.core.ticketKeyLifetime,
    maxBytesInProgress: options.core.maxBytesInProgress,
    ocsp: options.ocsp ?? null,
    state: options.state ?? null,
    requestAcceptGraceMs: Math.max(0, ...lifeCycles.map((cycle) => cycle.requestAcceptGraceMs)),
    graceMs: lifeCycles.length === 0 ? 10_000 : Math.max(...lifeCycles.map((cycle) => cycle.graceMs)),
    serversTransport: transportSpec(INSTALL_PROVIDER, options.serversTransport),
    tcpServersTransport: tcpTransportSpec(INSTALL_PROVIDER, options.tcpServersTransport),
  };
}
