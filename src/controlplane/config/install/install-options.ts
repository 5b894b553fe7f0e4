// Sections of the install configuration as people write them. Options of Traefik's that later work brings are listed as
// such, so that they are told from misspellings.

import { record } from '../../../schema/collection.ts';
import {
  differing,
  differingDefault,
  later,
  live,
  needless,
  optional,
  own,
  replacedBy,
  required,
  withDefault,
} from '../../../schema/field.ts';
import { checked, object, defaultsOf } from '../../../schema/object.ts';
import {
  boolean,
  duration,
  integer,
  number,
  oneOf,
  secret,
  string,
  tolerant,
  withAliases,
} from '../../../schema/scalar.ts';
import type { Field, Fields, Infer, Schema } from '../../../schema/schema.ts';
import { DEFAULT_HELD_BYTES } from '../../../core/held-memory.ts';
import { forgivingList, forgivingRecord } from '../../../schema/forgiving.ts';
import { INVALID } from '../../../schema/invalid.ts';
import { installTcpTransportOptions } from '../routing/tcp-options.ts';
import { installTransportOptions } from '../routing/transport-options.ts';
import { statusRange } from '../../../schema/status-range.ts';
import { INSTEAD_OF_LATER_PROVIDERS, LATER_PROVIDERS, PROVIDERS } from '../../providers/registry.ts';
import type { INSTALL_SECTIONS } from '../document/document-kind.ts';
import { certificatesResolversSection } from './certificates-resolver-options.ts';
import { entryPointOptions } from './entry-point-options.ts';

const flag = (fallback: boolean, doc: string) => withDefault(boolean(), fallback, doc);

const DEFAULT_PRECEDENCE: readonly string[] = [
  'install', 'kubernetesgateway', 'kubernetescrd', 'kubernetes', 'kubernetesingressnginx', 'swarm', 'docker', 'file', 'redis',
  'knative', 'consul', 'consulcatalog', 'nomad', 'etcd', 'ecs', 'http', 'zookeeper', 'rest',
]; // prettier-ignore

/** A section for each; whoever looks at the options of one has its definition. */
const sectionsOfProviders: Fields = Object.fromEntries(
  PROVIDERS.map(({ kind, options, summary }) => [kind, optional(options, summary)]),
);
const laterProviders: Fields = Object.fromEntries(
  Object.entries(LATER_PROVIDERS).map(([kind, doc]) => [kind, replacedBy(later(doc), INSTEAD_OF_LATER_PROVIDERS)]),
);

const core = object({
  defaultRuleSyntax: live(withDefault(oneOf('v2', 'v3'), 'v3', 'Syntax of rules whose router does not say.')),
  ticketKeyLifetime: own(
    withDefault(
      checked(duration(), (value, context) => {
        if (value < 60_000)
          context.invalid('keys that live shorter make resumption useless', 'at least 1m', `${value}ms`);
      }),
      12 * 3_600_000,
      'Time after which TLS session tickets get new keys, which costs each client one full handshake.',
    ),
  ),
  maxBytesInProgress: own(
    withDefault(
      integer({ min: 65_536, clamp: 'both' }),
      DEFAULT_HELD_BYTES,
      'Memory that each worker holds at most of what is in progress: begun heads and frames, handshakes, bodies that wait for a slow reader, compressors. Beyond it the newest is refused, with 503 or a reset.',
    ),
  ),
});

const state = object({
  directory: required(
    string({ pattern: /^\//, expected: 'an absolute path' }),
    'Directory that keeps what must survive a restart: the history of snapshots. One process at a time.',
  ),
  maxSnapshots: withDefault(integer({ min: 1, max: 1000 }), 20, 'Snapshots kept to go back to.'),
});

/** Of Traefik, before version 3. */
const GONE_PROVIDERS = {
  marathon: 'was taken out of Traefik 3, and is not read here',
  rancher: 'was taken out of Traefik 3, and is not read here: Rancher runs Kubernetes today',
  eureka: 'was taken out of Traefik 2, and is not read here',
  mesos: 'was taken out of Traefik 2, and is not read here',
  kubernetes: 'is the name of Traefik 1: today there are kubernetesIngress, kubernetesCRD and kubernetesGateway',
};

const providers = object(
  {
    ...sectionsOfProviders,
    providersThrottleDuration: live(
      differingDefault(
        withDefault(duration(), 100, 'Least time between two applied changes of one provider. Traefik waits 2 s.'),
        '100 ms rather than 2 s when left out.',
      ),
    ),
    keepLastGood: live(
      own(
        withDefault(
          boolean(),
          true,
          'An object or section that cannot be read any more goes on as it last was, over restarts where `state` is, and so does what a file or directory held that `providers.file` names and that vanishes; `false` lets a mistake count at once.',
        ),
      ),
    ),
    precedence: live(
      withDefault(
        forgivingList(string()),
        DEFAULT_PRECEDENCE,
        'Which provider’s router is asked first when priorities are equal.',
      ),
    ),
    ...laterProviders,
  },
  GONE_PROVIDERS,
);

const log = object({
  level: live(
    differingDefault(
      withDefault(
        tolerant(
          withAliases(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'panic'), { warning: 'warn' }),
          'info',
        ),
        'info',
        'Least severity that is written.',
      ),
      'info rather than error when left out.',
    ),
  ),
  format: withDefault(
    tolerant(oneOf('common', 'json'), 'common'),
    'common',
    'Lines for people or one JSON object each.',
  ),
  filePath: withDefault(string(), '', 'File to append to; standard error when empty. SIGUSR1 reopens it.'),
  noColor: needless(boolean(), 'Lines of the log have no colours.'),
  maxSize: later('Rotation by the program itself; use SIGUSR1 with logrotate.'),
  maxAge: later('Rotation by the program itself.'),
  maxBackups: later('Rotation by the program itself.'),
  compress: later('Rotation by the program itself.'),
  otlp: later('Logs over OTLP.'),
});

/** A field that is to be redacted is not written, as in Traefik. */
const keepOrDrop = withAliases(oneOf('keep', 'drop'), { redact: 'drop' });
const keepDropOrRedact = oneOf('keep', 'drop', 'redact');
const accessLogHeaders = object({
  defaultMode: withDefault(keepDropOrRedact, 'drop', 'For header fields that are not named.'),
  names: withDefault(forgivingRecord(keepDropOrRedact), {}, 'Mode by header name.'),
});
const accessLogQuery = object({
  defaultMode: withDefault(oneOf('keep', 'drop', 'redact'), 'keep', 'What to do with the values of query parameters.'),
});
const accessLogFields = object({
  defaultMode: withDefault(keepOrDrop, 'keep', 'For fields that are not named.'),
  names: withDefault(forgivingRecord(keepOrDrop), {}, 'Mode by field name.'),
  headers: withDefault(
    accessLogHeaders,
    defaultsOf(accessLogHeaders),
    'Header fields of request, response and origin.',
  ),
  queryParameters: withDefault(accessLogQuery, defaultsOf(accessLogQuery), 'Query parameters in RequestPath.'),
});
const accessLogFilters = object({
  statusCodes: withDefault(forgivingList(statusRange(), { mayLoseAll: true }), [], 'Statuses and inclusive ranges.'),
  retryAttempts: flag(false, 'Requests that were sent more than once.'),
  minDuration: withDefault(duration(), 0, 'Requests that took at least this long.'),
});
const accessLog = object({
  filePath: withDefault(string(), '', 'File to append to; standard output when empty. SIGUSR1 reopens it.'),
  format: withDefault(tolerant(oneOf('common', 'genericCLF', 'json'), 'common'), 'common', 'Format of a line.'),
  filters: withDefault(
    accessLogFilters,
    defaultsOf(accessLogFilters),
    'Only requests that pass one of these are logged.',
  ),
  fields: withDefault(accessLogFields, defaultsOf(accessLogFields), 'What a JSON line holds.'),
  responseFlag: own(
    flag(
      false,
      'End lines of `common` and `genericCLF` with the response flag in quotes, `-` for none; JSON has it in any case.',
    ),
  ),
  bufferingSize: needless(integer(), 'Lines are always gathered for 100 ms.'),
  addInternals: flag(false, 'Also requests of internal services such as `api@internal`.'),
  dualOutput: later('Logs over OTLP.'),
  otlp: later('Logs over OTLP.'),
});

const prometheus = object({
  prefix: own(
    withDefault(
      string({ pattern: /^[a-z][a-z0-9_]*$/, expected: 'lower-case letters, digits and underscores' }),
      'signalbox',
      'First part of every name; `traefik` gives Traefik’s names.',
    ),
  ),
  buckets: withDefault(forgivingList(number()), [0.1, 0.3, 1.2, 5], 'Bounds of the duration histograms, in seconds.'),
  addEntryPointsLabels: flag(true, 'Series by entry point.'),
  addRoutersLabels: flag(false, 'Series by router.'),
  addServicesLabels: flag(true, 'Series by service.'),
  headerLabels: withDefault(
    forgivingRecord(string()),
    {},
    'Extra labels of the request counters, from request headers. Clients choose the values.',
  ),
  entryPoint: withDefault(
    string(),
    'traefik',
    'Entry point that serves /metrics; `traefik` is the internal one, on loopback.',
  ),
  manualRouting: flag(false, 'Serve metrics only where a router names the service `prometheus@internal`.'),
});
const metrics = object({
  prometheus: optional(prometheus, 'Prometheus exposition under /metrics.'),
  addInternals: flag(false, 'Also requests of internal services such as `api@internal`.'),
  datadog: later('Datadog.'),
  influxDB2: later('InfluxDB.'),
  otlp: later('OTLP.'),
  statsD: later('StatsD.'),
});

/** Everybody has an empty one: a variable that is not filled in must not open the API. */
const apiToken = checked(secret(), (token, context) => {
  if (token.trim() === '')
    context.invalid(
      'the token is empty, and everybody would have it; leave the option out, or set it',
      'a token',
      'nothing',
    );
});

/** A slash in front may be left out. */
const basePathText = string();
const basePath: Schema<string> = {
  ...basePathText,
  isAbsent: (input) => input === '',
  decode(input, context) {
    const path = basePathText.decode(input, context);
    return path === INVALID || path.startsWith('/') ? path : `/${path}`;
  },
};

const api = object({
  basePath: withDefault(basePath, '/', 'Path the API lives under.'),
  insecure: differing(
    flag(
      false,
      'Let everybody who can reach the internal entry point read the API without a token. On loopback none is needed. Changes need `api.token` or the Unix socket all the same.',
    ),
    'Without a token the API is served on loopback in any case; the internal entry point is 127.0.0.1:8080 when it is not declared.',
  ),
  token: own(
    optional(
      apiToken,
      'Bearer token that API requests must carry on the internal entry point, and everywhere when they change something; required for reading when the internal entry point is bound to another address than loopback. `${file:/run/secrets/token}` reads it from a file.',
    ),
  ),
  socket: own(
    optional(
      string({ pattern: /^\//, expected: 'an absolute path' }),
      'Unix socket that serves the API as well, mode 0600; no token is asked for there.',
    ),
  ),
  allowedHosts: own(
    withDefault(
      forgivingList(string()),
      [],
      'Host names under which the internal entry point may be asked without the token; its addresses and localhost always are.',
    ),
  ),
  dashboard: flag(true, 'Serve the service `dashboard@internal`: a page that shows what is configured.'),
  dashboardName: later('The dashboard.'),
  disableDashboardAd: needless(boolean(), 'There is no advertisement.'),
  debug: later('Profiling endpoints.'),
});

const ping = object({
  entryPoint: withDefault(
    string(),
    'traefik',
    'Entry point that serves /ping; `traefik` is the internal one, on loopback.',
  ),
  terminatingStatusCode: withDefault(
    integer({ min: 200, max: 599, isZeroAbsent: true }),
    503,
    'Status of /ping while the process shuts down.',
  ),
  manualRouting: flag(false, 'Serve ping only where a router names the service `ping@internal`.'),
});

/** A module whose default export is what `defineMiddleware` of `signalbox/plugin` returned. */
const pluginModule = checked(
  object({
    path: optional(
      string({ pattern: /\.m?[jt]s$/i, expected: 'the path of a .ts, .mts, .js or .mjs file' }),
      'Its file, relative to the directory of the install file.',
    ),
    package: optional(
      string({ pattern: /^(?![./])\S+$/, expected: 'the name of a package' }),
      'Its package, looked for in `node_modules` from the directory of the install file upwards.',
    ),
  }),
  ({ path, package: name }, context) => {
    if (path === undefined && name === undefined) {
      context.invalid('say where the plugin is, with "path" or "package"', 'path or package', 'neither');
    } else if (path !== undefined && name !== undefined) {
      context.invalid('a plugin is a path or a package, found both; leave one out', 'path or package', 'both');
    }
  },
);
/** The section `plugins` alone: it is read before everything else, since what it names takes part in decoding. */
export const pluginsSection = record(pluginModule);

const ocsp = object({
  responderOverrides: withDefault(
    forgivingRecord(string({ pattern: /^https?:\/\/[^\s]+$/, expected: 'a URL that begins with http:// or https://' })),
    {},
    'Responders to ask in place of those that certificates name: URL, or host, to URL.',
  ),
});

const NEVER_SENT = 'Neither version checks nor statistics are sent, whatever this says.';
const globalSection = object({
  checkNewVersion: needless(boolean(), NEVER_SENT),
  sendAnonymousUsage: needless(boolean(), NEVER_SENT),
});

const sections = {
  entryPoints: live(withDefault(record(entryPointOptions), {}, 'Named listeners.')),
  providers: withDefault(providers, defaultsOf(providers), 'Where routing configuration comes from.'),
  log: withDefault(log, defaultsOf(log), 'Application log.'),
  accessLog: optional(accessLog, 'A line per request. An empty section switches it on.'),
  metrics: optional(metrics, 'Metrics.'),
  api: optional(api, 'The API. An empty section switches it on.'),
  ping: optional(ping, 'Health check of the process under /ping. An empty section switches it on.'),
  serversTransport: live(
    withDefault(
      installTransportOptions,
      defaultsOf(installTransportOptions),
      'Connections to servers, where a service names no transport of its own.',
    ),
  ),
  tcpServersTransport: live(
    withDefault(
      installTcpTransportOptions,
      defaultsOf(installTcpTransportOptions),
      'Connections to servers of TCP services, where a service names no transport of its own.',
    ),
  ),
  core: withDefault(core, defaultsOf(core), 'What concerns all routers.'),
  state: own(optional(state, 'What survives a restart. Without it, history is kept in memory.')),
  certificatesResolvers: withDefault(
    certificatesResolversSection,
    {},
    'Named sources of automatic certificates; routers name one in `tls.certResolver`.',
  ),
  plugins: own(
    withDefault(
      pluginsSection,
      {},
      'Middlewares of your own, by the name that routing configuration has for them. Loaded at start.',
    ),
  ),
  experimental: replacedBy(
    later('Experimental features of Traefik.'),
    'its plugins in Go are not run: write one in TypeScript or JavaScript and name it in the section "plugins"',
  ),
  global: optional(globalSection, 'What Traefik sends to its makers.'),
  hostResolver: later('CNAME flattening.'),
  ocsp: optional(
    ocsp,
    'Hand clients what the authority says of a certificate (OCSP stapling). An empty section switches it on.',
  ),
  spiffe: later('SPIFFE.'),
  tracing: later('Traces.'),
} satisfies Record<(typeof INSTALL_SECTIONS)[number], Field<unknown>>;

/** Of Traefik, before version 3. */
const GONE_SECTIONS = {
  pilot: 'is gone since Traefik 3, with the service it was for: take it away',
};

export const installOptions = object(sections, GONE_SECTIONS);

export type InstallOptions = Infer<typeof installOptions>;
