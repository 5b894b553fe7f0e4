// Every endpoint of the API, in the order of its description. Reading ones have Traefik's paths and shapes.

import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { LISTED_PARTS, listedOf, type RoutingPart } from '../controlplane/config/routing/object-kinds.ts';
import type { RoutingConfig } from '../controlplane/config/routing/routing-config.ts';
import { parseConfig } from '../controlplane/config/document/document.ts';
import { diffResults } from '../controlplane/pipeline/diff.ts';
import { explain } from '../controlplane/pipeline/explain.ts';
import { explainKnowledge } from '../controlplane/pipeline/explain-knowledge.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import { decoderOf } from '../controlplane/providers/define.ts';
import { restProvider } from '../controlplane/providers/rest/rest-provider.ts';
import { isRunning, isSame } from '../controlplane/pipeline/pin.ts';
import type { StapleStatus } from '../model/message/staple.ts';
import { SignalboxError } from '../core/errors.ts';
import type { CertificateStatus } from '../model/certificate.ts';
import type { ProcessCommand } from '../model/message/takeover.ts';
import type { WorkerStatus } from '../model/message/worker-status.ts';
import type { EventBus } from '../observe/event-bus.ts';
import { parseDuration } from '../schema/duration.ts';
import * as answers from './answers.ts';
import { shownCertificate, type ShownCertificate } from './certificates.ts';
import { decodeCheck } from './check-request.ts';
import { ok, refuse, type ApiAnswer, type ApiRequest, type Endpoint } from './endpoint.ts';
import { streamEvents } from './event-stream.ts';
import { decodeTakeover } from './takeover-request.ts';
import { LIST_QUERY, listAnswer } from './list-query.ts';
import { configurationView, rawData, type ConfigurationView } from './configuration-view.ts';
import { internalEntryPoint } from './internal-view.ts';
import * as view from './traefik-view.ts';

/** How a successor comes about. */
export interface TakeoverSource {
  /** Of the running process. */
  readonly command: ProcessCommand;
  /** Settles with the successor's process id when it serves. Rejects with a SignalboxError when it does not. */
  begin(command: ProcessCommand): Promise<number>;
}

/** What the API reads and works on. */
export interface ApiSources {
  /** In force at the moment. */
  readonly install: () => InstallConfig;
  readonly pipeline: Pipeline;
  readonly events: EventBus;
  readonly version: string;
  readonly startedAt: Date;
  readonly workers: () => readonly WorkerStatus[];
  readonly healthOf: view.HealthOf;
  /** Of the certificates resolvers. */
  readonly certificates: () => readonly CertificateStatus[];
  /** What authorities say of certificates; empty when nobody asks them. */
  readonly staples: () => readonly StapleStatus[];
  /** What the provider `rest` was given, as it came. */
  readonly pushed: (text: string) => void;
  /** Null where the router is part of another program. */
  readonly takeover: TakeoverSource | null;
  /** Of the internal entry point; null when nothing listens there. */
  readonly internalPort: () => number | null;
  /** Bound port by entry point. */
  readonly ports: () => ReadonlyMap<string, number>;
}

const PUSHED = 'PUT /api/providers/rest';
const JSON_TYPES = ['application/json'];
const MAX_WAIT_MS = 600_000;

export function endpointsOf(sources: ApiSources): readonly Endpoint[] {
  return [...readEndpoints(sources), ...controlEndpoints(sources)];
}

function readEndpoints(sources: ApiSources): readonly Endpoint[] {
  const { install, pipeline, version, startedAt, healthOf, ports, certificates, staples } = sources;
  const shown = (): ConfigurationView => configurationView(pipeline, healthOf);
  const entryPoints = (): readonly Readonly<Record<string, unknown>>[] => {
    const internal = internalEntryPoint(install().admin, sources.internalPort());
    return [
      ...Object.values(pipeline.current.entryPoints).map((spec) => ({
        ...view.entryPoint(spec, ports().get(spec.name) ?? spec.address.port),
      })),
      ...(internal === null ? [] : [{ ...internal }]),
    ];
  };
  const shownCertificates = (): readonly ShownCertificate[] => {
    const known = new Map(staples().map((one) => [one.certificate, one]));
    return Object.values(pipeline.current.certificates).map((spec) =>
      shownCertificate(spec, Date.now(), known.get(spec.name)),
    );
  };
  const lists = (
    path: string,
    noun: string,
    item: Endpoint['answer'],
    list: () => readonly Readonly<Record<string, unknown>>[],
  ): readonly Endpoint[] => listAndOne(path, noun, item, list, pipeline);
  const listsOf = (part: RoutingPart): readonly Endpoint[] =>
    listedOf(part).flatMap(([name, section]) =>
      lists(`/api/${part}/${name}`, `${part.toUpperCase()} ${name}`, answers.shownObject, () => shown().list(section)),
    );
  return [
    {
      method: 'GET',
      path: '/api/version',
      summary: 'Version of the program.',
      answer: answers.version,
      handle: () =>
        ok({
          Version: version,
          Codename: 'signalbox',
          startDate: startedAt.toISOString(),
          node: process.versions.node,
          pid: process.pid,
        }),
    },
    {
      method: 'GET',
      path: '/api/overview',
      summary: 'How many objects of each kind there are, what is switched on, and which snapshot is in force.',
      answer: answers.overview,
      handle: () => ok(overview(install(), pipeline, shown(), shownCertificates()), pinHeader(pipeline)),
    },
    {
      method: 'GET',
      path: '/api/rawdata',
      summary: 'Every router, middleware and service with its state, by name.',
      answer: answers.rawData,
      handle: () => ok({ ...rawData(shown()), ...pinPart(pipeline) }, pinHeader(pipeline)),
    },
    ...lists('/api/entrypoints', 'entry points', answers.entryPoint, entryPoints),
    ...listsOf('http'),
    ...lists('/api/certificates', 'TLS certificates', answers.certificate, () =>
      shownCertificates().map((one) => ({ ...one })),
    ),
    ...LISTED_PARTS.filter((part) => part !== 'http').flatMap(listsOf),
    {
      method: 'GET',
      path: '/api/acme/certificates',
      summary: 'What certificates resolvers see to: state, end, next try, and what was wrong at the last one.',
      answer: answers.listOf(answers.certificateStatus),
      handle: () => ok(certificates().map(shownStatus)),
    },
    {
      method: 'GET',
      path: '/api/diagnostics',
      summary: 'Everything there is to say about the routing configuration as it stands.',
      answer: answers.listOf(answers.diagnostic),
      handle: () => ok(pipeline.diagnostics, pinHeader(pipeline)),
    },
  ];
}

function shownStatus({ notAfter, nextTry, ...status }: CertificateStatus): object {
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return { ...status, notAfter: time(notAfter), nextTry: time(nextTry) };
}

function listAndOne(
  path: string,
  noun: string,
  item: Endpoint['answer'],
  list: () => readonly Readonly<Record<string, unknown>>[],
  pipeline: Pipeline,
): readonly Endpoint[] {
  return [
    {
      method: 'GET',
      path,
      summary: `All ${noun}, a page at a time; the number of the next page is in X-Next-Page.`,
      query: LIST_QUERY,
      answer: answers.listOf(item),
      handle: ({ query }) => {
        const answer = listAnswer(list(), query);
        return { ...answer, headers: { ...answer.headers, ...pinHeader(pipeline) } };
      },
    },
    {
      method: 'GET',
      path: `${path}/{name}`,
      summary: `One of the ${noun}.`,
      answer: item,
      handle: ({ params }) => {
        const found = list().find((entry) => entry['name'] === params['name']);
        return found === undefined
          ? refuse(404, `there is none named "${params['name']}"`)
          : ok(found, pinHeader(pipeline));
      },
    },
  ];
}

/** What answers about the configuration say first while it is not the newest one. */
function pinHeader({ pin }: Pipeline): Readonly<Record<string, string>> {
  return pin === null ? {} : { 'X-Signalbox-Pin': pin.text };
}

function pinPart({ pin }: Pipeline): { readonly pin?: object } {
  return pin === null ? {} : { pin };
}

function overview(
  install: InstallConfig,
  pipeline: Pipeline,
  shown: ConfigurationView,
  certificates: readonly ShownCertificate[],
): object {
  const count = (objects: readonly { readonly status: string }[]): object => ({
    total: objects.length,
    warnings: objects.filter(({ status }) => status === 'warning').length,
    errors: objects.filter(({ status }) => status === 'disabled').length,
  });
  const names = pipeline.providers.map(({ name }) => name[0]!.toUpperCase() + name.slice(1));
  const { version, digest } = pipeline.current;
  return {
    ...Object.fromEntries(
      LISTED_PARTS.map((part) => [
        part,
        Object.fromEntries(listedOf(part).map(([name, section]) => [name, count(shown.list(section))])),
      ]),
    ),
    certificates: count(certificates),
    features: {
      tracing: '',
      metrics: install.metrics.enabled ? 'Prometheus' : '',
      accessLog: install.accessLog !== null,
    },
    providers: names,
    providerStates: pipeline.providers,
    snapshot: { version, digest, pinned: pipeline.history.pinned },
    ...pinPart(pipeline),
  };
}

function controlEndpoints(sources: ApiSources): readonly Endpoint[] {
  const { install, pipeline, events, workers, takeover, pushed } = sources;
  const activated = (): ApiAnswer => ok({ version: pipeline.current.version, pinned: pipeline.history.pinned });
  return [
    {
      method: 'POST',
      path: '/api/check',
      summary: 'What a configuration would change, and everything that is wrong with it. Nothing is applied.',
      body: {
        doc: 'One routing file as it is, or `{ "files": [{ "path", "text", "provider" }] }`; the files of a provider stand for all of it. `${…}` is replaced only where the configuration in force uses the same variable or file.',
        types: ['application/json', 'application/yaml', 'application/toml'],
      },
      answer: answers.check,
      handle: async (request) => {
        const configs = decodeCheck(request, {
          substitutions: install().substitutions.known,
          plugins: install().plugins.known,
        });
        if (typeof configs === 'string') return refuse(400, configs);
        const after = await pipeline.dryRun(configs);
        const { diagnostics } = after;
        const isValid = !diagnostics.some(({ severity }) => severity === 'error');
        // Against the newest configuration, which it would replace, also while another one is pinned.
        return ok({ isValid, diagnostics, changes: diffResults(pipeline.result, after) }, pinHeader(pipeline));
      },
    },
    {
      method: 'GET',
      path: '/api/snapshots',
      summary: 'Snapshots that can be gone back to, the newest last.',
      answer: answers.snapshots,
      handle: () =>
        ok(
          {
            current: pipeline.current.version,
            pinned: pipeline.history.pinned,
            ...pinPart(pipeline),
            snapshots: pipeline.history.entries.map((entry) => ({
              version: entry.version,
              digest: entry.digest,
              createdAt: new Date(entry.createdAt).toISOString(),
              ...entry.counts,
            })),
          },
          pinHeader(pipeline),
        ),
    },
    {
      method: 'POST',
      path: '/api/snapshots/{version}/activate',
      summary:
        'Goes back to a snapshot, which stays in force until it is released. Its content becomes a new version, in the answer.',
      answer: answers.activated,
      handle: async ({ params, from }) => {
        const version = Number(params['version']);
        if (await pipeline.activate(version, from)) return activated();
        const known = pipeline.history.entries.map((entry) => entry.version).join(', ');
        return refuse(404, `there is no snapshot "${params['version']}"; kept are ${known}`);
      },
    },
    {
      method: 'POST',
      path: '/api/snapshots/release',
      summary: 'Goes on with the newest configuration after a snapshot was activated.',
      answer: answers.activated,
      handle: async ({ from }) => {
        await pipeline.release(from);
        return activated();
      },
    },
    {
      method: 'GET',
      path: '/api/snapshots/{version}/status',
      summary:
        'Whether every worker runs the content of this version; `latest` is everything received so far. `reason` says why that cannot be any more.',
      query: { wait: 'Longest time to wait for it, as in `10s`; no waiting when left out.' },
      answer: answers.snapshotStatus,
      handle: ({ params, query }) => snapshotStatus(params['version']!, query.get('wait'), pipeline, events, workers),
    },
    {
      method: 'GET',
      path: '/api/explain',
      summary: 'Which router takes a request, the way it goes, and why those that come near do not.',
      query: {
        url: 'The whole URL, as in `http://example.com/path?a=b`.',
        method: 'GET when left out.',
        header: '`Name: value`; may be given several times.',
        clientIp: 'Address of the client, 127.0.0.1 when left out.',
        entryPoint: 'When left out, the one whose port the URL names, or the only one.',
      },
      answer: answers.explanation,
      handle: ({ query }) => explainAnswer(query, sources),
    },
    {
      method: 'GET',
      path: '/api/events',
      summary:
        'What happens, as server-sent events: `snapshot`, `diagnostics`, `health`, `worker`, `pin`, `certificate`. `Last-Event-ID` brings those missed.',
      answer: { type: 'string' },
      handle: () => ok(''),
      stream: (request, response) => streamEvents(events, request.lastEventId, response),
    },
    ...(takeover === null ? [] : [takeoverEndpoint(takeover)]),
    ...(install().admin.rest === null ? [] : [restEndpoint(pipeline, pushed)]),
  ];
}

function takeoverEndpoint(source: TakeoverSource): Endpoint {
  return {
    method: 'POST',
    path: '/api/takeover',
    summary:
      'Starts a successor with the listening sockets of this process, which finishes and ends once the successor serves, and otherwise goes on. Only through the Unix socket, or with the token.',
    body: {
      doc: 'The command of the successor; `signalbox run --takeover` sends its own. Empty for the command of the running process, which is all that a token allows.',
      types: JSON_TYPES,
    },
    answer: answers.takenOver,
    handle: async (request) => {
      const asked = decodeTakeover(request, source.command);
      if (typeof asked === 'string') return refuse(403, asked);
      try {
        return ok({ pid: await source.begin(asked) });
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error;
        return refuse(409, error.message);
      }
    },
  };
}

/** What was sent to the provider `rest`, of an earlier process or now. */
export function decodePushed(text: string, { substitutions, plugins }: InstallConfig): RoutingConfig {
  return decoderOf(restProvider, substitutions, plugins.known)(parseConfig(PUSHED, text));
}

/** PUT of a whole routing configuration; also behind `rest@internal`. */
export function restEndpoint(pipeline: Pipeline, pushed: (text: string) => void): Endpoint {
  return {
    method: 'PUT',
    path: '/api/providers/rest',
    summary:
      'Replaces the routing configuration of the provider `rest`. An object with errors is disabled, as anywhere.',
    body: { doc: 'A routing configuration; `{}` takes everything away.', types: JSON_TYPES },
    answer: answers.pushed,
    handle: async ({ body }) => {
      const document = parseConfig(PUSHED, body);
      if (document.value === undefined) return refuse(400, document.diagnostics[0]!.message);
      const config = decodePushed(body, pipeline.install);
      pushed(body);
      await pipeline.replace(config);
      const own = pipeline.result.diagnostics.filter(({ source }) => source === PUSHED);
      return ok({ diagnostics: own });
    },
  };
}

async function snapshotStatus(
  given: string,
  wait: string | null,
  pipeline: Pipeline,
  events: EventBus,
  workers: () => readonly WorkerStatus[],
): Promise<ApiAnswer> {
  const isLatest = given === 'latest';
  if (!isLatest && !/^[0-9]{1,15}$/.test(given))
    return refuse(400, `"${given}" is no version; write a number or latest`);
  const waitMs = parseWait(wait);
  if (waitMs === null) return refuse(400, `wait: "${wait}" is no duration up to 10m, as in 10s`);
  const status = (): SnapshotStatus => {
    const current = pipeline.current.version;
    const version = isLatest ? current : Number(given);
    const all = workers();
    const isReached = all.length > 0 && all.every((worker) => worker.isReady && worker.version >= version);
    const reason = isLatest ? heldBack(pipeline) : replaced(version, pipeline);
    const isApplied = reason === null && isReached && (!isLatest || pipeline.isSettled);
    return { version, current, isApplied, reason, workers: all };
  };
  const isDecided = ({ isApplied, reason }: SnapshotStatus): boolean => isApplied || reason !== null;
  if (isDecided(status()) || waitMs === 0) return ok(status());
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      stopListening();
      clearInterval(poll);
      clearTimeout(timer);
      resolve();
    };
    const look = (): void => {
      if (isDecided(status())) finish();
    };
    const stopListening = events.listen(look);
    // A worker that was replaced becomes ready without an event.
    const poll = setInterval(look, 100);
    const timer = setTimeout(finish, waitMs);
  });
  return ok(status());
}

interface SnapshotStatus {
  readonly version: number;
  readonly current: number;
  readonly isApplied: boolean;
  readonly reason: string | null;
  readonly workers: readonly WorkerStatus[];
}

/** Why what was received does not come into force; null when it does, or while that is not known yet. */
function heldBack({ pin, isSettled }: Pipeline): string | null {
  return pin === null || !isSettled || isSame(pin.differences) ? null : pin.text;
}

/** Why the content of a version is not what runs; null when it is, or is still to come. */
function replaced(version: number, { current, history, pin }: Pipeline): string | null {
  if (version >= current.version) return null;
  const entry = history.get(version);
  if (entry !== null && isRunning(entry, current)) return null;
  const instead = pin === null ? `version ${current.version} is in force` : pin.text;
  return entry === null
    ? `version ${version} is not kept any more; ${instead}`
    : `the content of version ${version} is not in force; ${instead}`;
}

function parseWait(text: string | null): number | null {
  if (text === null || text === '') return 0;
  const milliseconds = parseDuration(text);
  return milliseconds === null || milliseconds > MAX_WAIT_MS ? null : milliseconds;
}

function explainAnswer(query: ApiRequest['query'], { pipeline, ports, healthOf }: ApiSources): ApiAnswer {
  const url = query.get('url');
  if (url === null) return refuse(400, 'url is required, as in ?url=http://example.com/path');
  const headers = new Map<string, string[]>();
  for (const line of query.getAll('header')) {
    const colon = line.indexOf(':');
    if (colon < 1) return refuse(400, `header: "${line}" is not of the form "Name: value"`);
    const name = line.slice(0, colon).trim().toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const { pin } = pipeline;
  const newest = explainKnowledge(pipeline.result, ports(), healthOf);
  // Of what is pinned nobody knows any more what could not be served.
  const knowledge = pin === null ? newest : { ...newest, causeOf: () => null, unplaced: [] };
  const answer = explain(pipeline.current, knowledge, {
    method: query.get('method') ?? 'GET',
    url,
    headers,
    clientIp: query.get('clientIp') ?? '127.0.0.1',
    entryPoint: query.get('entryPoint'),
  });
  if (typeof answer === 'string') return refuse(400, answer);
  return ok(pin === null ? answer : { ...answer, notes: [pin.text, ...answer.notes] });
}
