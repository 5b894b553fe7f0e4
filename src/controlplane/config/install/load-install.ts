// Reads an install configuration: from a file, variables and flags to the decoded form with units in the names.

import { dirname } from 'node:path';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { DecodeContext, type Locate } from '../../../schema/decode-context.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { isMap } from '../../../schema/input.ts';
import { parseConfig } from '../document/document.ts';
import { isExtension, isMeantAsRouting, refuseForeign, refuseVersion1 } from '../document/document-kind.ts';
import { readInstallFile } from './install-file.ts';
import { mergeInstallSources, type InstallDocument, type OptionFlag } from './install-sources.ts';
import { INSTALL_PROVIDER, type OwnRouting } from '../../providers/install/install-provider.ts';
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
import { adminConfig, type AdminConfig } from './admin-config.ts';
import { configuredProviders } from './configured-providers.ts';
import type { CertificateDefaults, InstallConfig, Loaded } from './install-config.ts';

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
  readonly document: InstallDocument | null;
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
  document: InstallDocument,
  substitutions: OperatorSubstitutions,
  plugins: InstalledPlugins = NO_INSTALLED_PLUGINS,
): Loaded<InstallConfig> {
  const given = document.value ?? {};
  const context = new DecodeContext(document.source, document.locate, substitutions);
  if (refuseForeign(given, context) || refuseVersion1(given, context))
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
  const admin = options === INVALID ? null : adminConfig(options, context, document.isInternalAssumed);
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
    if (!isExtension(key)) (isMeantAsRouting(key) ? routing : install)[key] = value;
  }
  return { install, routing: Object.keys(routing).length > 0 ? routing : null };
}

function decodeEntryPoints(options: InstallOptions, context: DecodeContext): Record<string, EntryPointSpec> {
  const specs: Record<string, EntryPointSpec> = {};
  for (const [name, given] of Object.entries(options.entryPoints)) {
    const address = parseAddress(given.address)!; // Its schema has looked at it.
    if (name !== INTERNAL_ENTRY_POINT) {
      specs[name] = entryPointSpec(name, address, given, httpChallengesOf(name, options));
    } else if (address.protocol === 'udp') {
      const message = 'what is served there is HTTP; write ":8080"';
      context.at('entryPoints', () =>
        context.at(name, () =>
          context.at('address', () => context.invalid(message, 'an address for TCP', given.address)),
        ),
      );
    }
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
