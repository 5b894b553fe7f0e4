// The install configuration: what is read once at start. Its sections and defaults are here; what the rest of the
// program gets is the decoded form with units in the names.

import { readFile } from 'node:fs/promises';
import type { LogOptions } from '../../core/log.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { EntryPointSpec, ListenAddress } from '../../model/entrypoint.ts';
import type { UpstreamTransportSpec } from '../../model/service.ts';
import type { AccessLogInit, ObserveInit } from '../../model/sync.ts';
import { DecodeContext } from '../../schema/decode-context.ts';
import { INVALID } from '../../schema/invalid.ts';
import { isMap } from '../../schema/schema.ts';
import { parseConfig } from './document.ts';
import { entryPointSpec, parseAddress } from './entrypoint-options.ts';
import { installOptions, type InstallOptions } from './install-options.ts';
import { decodeRouting, type RoutingConfig } from './routing-config.ts';

/** Name of the internal entry point, as `ping.entryPoint` and its kin name it by default. */
export const INTERNAL_ENTRY_POINT = 'traefik';
/** Loopback: what is served there is for the operator alone. */
const INTERNAL_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 8080 };
/** Provider name of routing sections in the install file itself. */
export const INSTALL_PROVIDER = 'install';

export interface FileProviderConfig {
  readonly filename: string | undefined;
  readonly directory: string | undefined;
  readonly watch: boolean;
}

export interface InstallConfig {
  readonly source: string;
  readonly entryPoints: Readonly<Record<string, EntryPointSpec>>;
  /** Entry points that routers without `entryPoints` use. */
  readonly defaultEntryPoints: readonly string[];
  /** Where ping, metrics and API are served; null when none of them is on. */
  readonly internalAddress: ListenAddress | null;
  readonly fileProvider: FileProviderConfig | null;
  readonly providersThrottleMs: number;
  readonly precedence: readonly string[];
  readonly log: LogOptions;
  readonly accessLog: { readonly init: AccessLogInit; readonly filePath: string } | null;
  readonly metrics: ObserveInit['metrics'] & { readonly prefix: string };
  readonly api: { readonly basePath: string } | null;
  readonly ping: { readonly terminatingStatusCode: number } | null;
  /** Longest over all entry points. */
  readonly requestAcceptGraceMs: number;
  readonly graceMs: number;
  readonly serversTransport: UpstreamTransportSpec;
  /** Routing configuration of the same file; null when it has none. */
  readonly routing: RoutingConfig | null;
}

export interface Loaded<T> {
  readonly value: T | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads and decodes the file; `value` is null when it has errors outside of its routing sections. */
export async function loadInstallConfig(path: string): Promise<Loaded<InstallConfig>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message =
      reason === 'ENOENT'
        ? 'the file does not exist; "signalbox demo" shows a complete one'
        : `the file cannot be read (${reason})`;
    return {
      value: null,
      diagnostics: [
        { severity: 'error', code: 'file-unreadable', message, source: path, path: '', line: 0, column: 0 },
      ],
    };
  }
  return decodeInstall(path, text);
}

/** For `check` and tests: the same without reading. */
export function decodeInstall(source: string, text: string): Loaded<InstallConfig> {
  const document = parseConfig(source, text);
  if (document.value === undefined) return { value: null, diagnostics: document.diagnostics };
  const given = document.value ?? {};
  const context = new DecodeContext(source, document.locate);
  const { install, routing: routingPart } = split(given);
  const options = isMap(given)
    ? installOptions.decode(install, context)
    : context.wrongType('a section with options', given);
  const entryPoints = options === INVALID ? null : decodeEntryPoints(options, context);
  const routing = routingPart === null ? null : decodeRouting(INSTALL_PROVIDER, { ...document, value: routingPart });
  const diagnostics = [...document.diagnostics, ...context.diagnostics, ...(routing?.diagnostics ?? [])];
  if (options === INVALID || entryPoints === null || context.errorCount > 0) return { value: null, diagnostics };
  return { value: assemble(source, options, entryPoints, routing), diagnostics };
}

const ROUTING_SECTIONS = new Set(['http', 'tcp', 'udp', 'tls']);

/** The install file may carry routing sections as well. */
function split(given: unknown): { install: unknown; routing: Record<string, unknown> | null } {
  if (!isMap(given)) return { install: given, routing: null };
  const install: Record<string, unknown> = {};
  const routing: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    (ROUTING_SECTIONS.has(key.toLowerCase()) ? routing : install)[key] = value;
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
          } else if (address.protocol === 'udp') context.notSupported(false);
          else if (name !== INTERNAL_ENTRY_POINT) specs[name] = entryPointSpec(name, address, given);
        }),
      ),
    );
  }
  return specs;
}

function assemble(
  source: string,
  options: InstallOptions,
  declared: Record<string, EntryPointSpec>,
  routing: RoutingConfig | null,
): InstallConfig {
  const names = Object.keys(declared);
  const asDefault = names.filter((name) => options.entryPoints[name]!.asDefault);
  const lifeCycles = names.map((name) => options.entryPoints[name]!.transport.lifeCycle);
  const internal = options.entryPoints[INTERNAL_ENTRY_POINT];
  const needsInternal =
    options.api !== undefined || options.ping !== undefined || options.metrics?.prometheus !== undefined;
  const prometheus = options.metrics?.prometheus;
  const timeouts = options.serversTransport.forwardingTimeouts;
  return {
    source,
    entryPoints: declared,
    defaultEntryPoints: asDefault.length > 0 ? asDefault : names,
    internalAddress: needsInternal
      ? internal === undefined
        ? INTERNAL_ADDRESS
        : parseAddress(internal.address)
      : null,
    fileProvider: options.providers.file ?? null,
    providersThrottleMs: options.providers.providersThrottleDuration,
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
                statusCodes: options.accessLog.filters.statusCodes.map(parseStatusRange),
                retryAttempts: options.accessLog.filters.retryAttempts,
                minDurationMs: options.accessLog.filters.minDuration,
              },
              fields: options.accessLog.fields,
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
    api: options.api === undefined ? null : { basePath: options.api.basePath },
    ping: options.ping === undefined ? null : { terminatingStatusCode: options.ping.terminatingStatusCode },
    requestAcceptGraceMs: Math.max(0, ...lifeCycles.map((cycle) => cycle.requestAcceptGraceTimeout)),
    graceMs: lifeCycles.length === 0 ? 10_000 : Math.max(...lifeCycles.map((cycle) => cycle.graceTimeOut)),
    serversTransport: {
      dialTimeoutMs: timeouts.dialTimeout,
      responseHeaderTimeoutMs: timeouts.responseHeaderTimeout,
      idleConnTimeoutMs: timeouts.idleConnTimeout,
      readIdleTimeoutMs: timeouts.readIdleTimeout,
      writeIdleTimeoutMs: timeouts.writeIdleTimeout,
      maxIdleConnsPerHost: options.serversTransport.maxIdleConnsPerHost,
      maxConnsPerHost: options.serversTransport.maxConnsPerHost,
      maxPendingRequests: options.serversTransport.maxPendingRequests,
      maxResponseHeaderBytes: options.serversTransport.maxResponseHeaderBytes,
      maxResponseHeaderCount: options.serversTransport.maxResponseHeaderCount,
    },
    routing,
  };
}

function parseStatusRange(text: string): readonly [number, number] {
  const [from, to] = text.split('-').map(Number);
  return [from!, to ?? from!];
}
