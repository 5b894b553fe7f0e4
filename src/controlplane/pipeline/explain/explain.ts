// Which router takes a request, the way it goes from there, and why those that came near do not: the snapshot in force,
// read with the same rules and the same order as the data plane's.

import { canonicalHost } from '../../../dataplane/http/message/host.ts';
import { normalisePath, normaliseQuery, type NormalPath } from '../../../dataplane/http/request-target.ts';
import { notesOfElsewhere, type UnplacedRouter } from './elsewhere.ts';
import { tcpRouterBefore } from './tcp.ts';
import { comparePlaced } from '../../../dataplane/match/candidate.ts';
import { compileRule } from '../../../dataplane/match/compile-rule.ts';
import type { MatchRequest } from '../../../dataplane/match/matcher.ts';
import { queryOf } from '../../../dataplane/match/query.ts';
import { parseRule } from '../../../dataplane/match/rule/rule.ts';
import type { MatcherNode, RuleNode } from '../../../dataplane/match/rule/rule-tree.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../../model/route.ts';
import { endpointsOf } from '../../../model/endpoint-set.ts';
import { childrenOf } from '../../../model/service.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';

/** Routers that do not take the request and are shown: the nearest. */
const MAX_OTHERS = 10;
/** Of those that have nothing in common with it. */
const MAX_UNLIKE = 3;

export interface ExplainRequest {
  readonly method: string;
  /** `http://host/path?query`, or `//host/path` when the scheme does not matter. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly clientIp: string;
  /** Null: the one whose port the URL names, or the only one. */
  readonly entryPoint: string | null;
}

export interface MatcherResult {
  /** As written in the rule, with `!` when negated. */
  readonly matcher: string;
  readonly isTrue: boolean;
  /** What the request has in that place. */
  readonly found: string;
}

export interface ExplainedRouter {
  readonly router: string;
  readonly rule: string;
  readonly priority: number;
  readonly matchers: readonly MatcherResult[];
  /** One sentence. */
  readonly why: string;
}

export interface Explanation {
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly query: string };
  readonly entryPoint: string;
  /** Null: the request is answered 404, or a TCP router takes its connection. */
  readonly router: string | null;
  /** The router whose place the request falls into, and which cannot be served; it answers with the status. */
  readonly disabled: { readonly router: string; readonly status: number } | null;
  /** The TCP router that takes the connection, so that no HTTP router is asked. */
  readonly tcpRouter: string | null;
  /** From the entry point to the service: what the request passes, in order. */
  readonly chain: readonly { readonly kind: string; readonly name: string; readonly detail?: string }[];
  /** The router that takes it, with routers above it first. */
  readonly taken: readonly ExplainedRouter[];
  readonly others: readonly ExplainedRouter[];
  readonly notes: readonly string[];
}

/** What an answer needs besides the snapshot in force. */
export interface ExplainKnowledge {
  /** Of entry points. */
  readonly ports: ReadonlyMap<string, number>;
  /** Why a router is disabled; null when nobody knows any more. */
  causeOf(router: string): string | null;
  readonly unplaced: readonly UnplacedRouter[];
  /** Of a server of a service; null where nothing tells. */
  isUp(service: string, serverUrl: string): boolean | null;
}

const ANY_HOST = 'localhost';

/** A text says what is wrong with the question. */
export function explain(
  sections: SnapshotSections,
  knowledge: ExplainKnowledge,
  request: ExplainRequest,
): Explanation | string {
  const { ports } = knowledge;
  const isPath = /^\/(?!\/)/.test(request.url);
  const whole = isPath ? `http://${ANY_HOST}${request.url}` : request.url;
  let url: URL;
  try {
    url = new URL(whole.startsWith('//') ? `http:${whole}` : whole);
  } catch {
    return `"${request.url}" is no URL; write it whole, as in http://example.com/path`;
  }
  const entryPoint = chooseEntryPoint(sections, ports, request.entryPoint, url, isPath);
  if (typeof entryPoint === 'string') return entryPoint;
  const path: NormalPath = { routing: '', forward: '' };
  // As written: the URL class would resolve dots and encode characters itself.
  const raw = /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*([^?#]*)/i.exec(whole)?.[1] || '/';
  const failure = normalisePath(raw, entryPoint.path, path);
  if (failure !== null) return `the entry point answers ${failure.status}: ${failure.message}`;
  const host = canonicalHost(url.host);
  if (host === null) return `"${url.host}" is no host`;
  const query = normaliseQuery(url.search.slice(1), entryPoint.path) ?? '';
  const subject: MatchRequest = {
    host,
    path: path.routing,
    method: request.method.toUpperCase(),
    query,
    clientIp: request.clientIp,
    requestHeaders: { valuesOf: (name) => request.headers.get(name) ?? null },
    parsedQuery: null,
  };
  const answer = describe(sections, knowledge, entryPoint, subject, url.protocol === 'https:');
  if (!isPath) return answer;
  const note = `no host was named, so this is for ${ANY_HOST}; name one as in http://example.com${path.forward}`;
  return { ...answer, notes: [note, ...answer.notes] };
}

function chooseEntryPoint(
  { entryPoints }: SnapshotSections,
  ports: ReadonlyMap<string, number>,
  name: string | null,
  url: URL,
  isAny: boolean,
): EntryPointSpec | string {
  const names = Object.keys(entryPoints).filter((one) => entryPoints[one]!.address.protocol === 'tcp');
  const known = `known: ${names.join(', ') || 'none'}`;
  if (name !== null)
    return entryPoints[names.includes(name) ? name : ''] ?? `there is no entry point "${name}"; ${known}`;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const byPort = names.find((one) => ports.get(one) === port);
  if (byPort !== undefined) return entryPoints[byPort]!;
  if (names.length === 1 || (isAny && names.length > 0)) return entryPoints[names[0]!]!;
  return `no entry point listens on port ${port}; name one with --entryPoint, or entryPoint= in the API (${known})`;
}

interface Candidate {
  readonly spec: RouteSpec;
  readonly rule: RuleNode;
}

/** In the order the data plane asks. */
function candidatesOf(routes: readonly RouteSpec[]): readonly Candidate[] {
  return routes
    .map((spec) => ({ spec, rule: parseRule(spec.rule).rule }))
    .filter((one): one is Candidate => one.rule !== null)
    .toSorted((a, b) => comparePlaced(a.spec, b.spec));
}

function describe(
  sections: SnapshotSections,
  knowledge: ExplainKnowledge,
  entryPoint: EntryPointSpec,
  request: MatchRequest,
  isSecure: boolean,
): Explanation {
  const before = tcpRouterBefore(sections, entryPoint, request, isSecure);
  if (before !== null) {
    const { method, host, path, query } = request;
    return {
      request: { method, host, path, query },
      entryPoint: entryPoint.name,
      router: null,
      disabled: null,
      tcpRouter: before.name,
      chain: [],
      taken: [],
      others: [],
      notes: [`its rule is ${before.rule}, and its service ${before.service}; HTTP routers are not asked`],
    };
  }
  const routes = Object.values(sections.routes);
  const taken: Candidate[] = [];
  const others: ExplainedRouter[] = [];
  const notes: string[] = [];
  const top = routes.filter((route) => route.parents.length === 0 && route.entryPoints.includes(entryPoint.name));
  let level = top.filter((route) => isOverTls(route, entryPoint) === isSecure);
  for (;;) {
    const candidates = candidatesOf(level);
    const winner = candidates.find(({ rule }) => compileRule(rule)(request)) ?? null;
    others.push(...nearest(candidates, winner, request));
    if (winner === null) break;
    taken.push(winner);
    if (winner.spec.service !== '' || winner.spec.disabledStatus > 0) break;
    level = routes.filter((route) => route.parents.includes(winner.spec.name));
    if (winner.spec.middlewares.length > 0) {
      notes.push(
        `the middlewares of ${winner.spec.name} run before the routers below it are asked; this answer takes the request as it came`,
      );
    }
  }
  const last = taken.at(-1);
  const winner = taken[0]?.spec ?? null;
  notes.push(...notesOfElsewhere(sections, knowledge.unplaced, { entryPoint, request, isSecure, winner }));
  const disabledStatus = last?.spec.disabledStatus ?? 0;
  const isServed = last !== undefined && last.spec.service !== '' && disabledStatus === 0;
  if (last !== undefined && disabledStatus > 0) {
    const cause = knowledge.causeOf(last.spec.name) ?? 'nobody knows any more why';
    notes.unshift(`${last.spec.name} is disabled and answers ${disabledStatus} itself: ${cause}`);
  } else if (last !== undefined && !isServed) notes.push(`no router below ${last.spec.name} takes the request`);
  return {
    request: { method: request.method, host: request.host, path: request.path, query: request.query },
    entryPoint: entryPoint.name,
    router: isServed ? last.spec.name : null,
    disabled: disabledStatus > 0 ? { router: last!.spec.name, status: disabledStatus } : null,
    tcpRouter: null,
    chain: isServed ? chainOf(sections, knowledge, entryPoint, taken) : [],
    taken: taken.map((one) => explained(one, request, 'its rule is true, and no router before it has a true one')),
    others: others.slice(0, MAX_OTHERS),
    notes,
  };
}

function chainOf(
  sections: SnapshotSections,
  knowledge: ExplainKnowledge,
  entryPoint: EntryPointSpec,
  taken: readonly Candidate[],
): Explanation['chain'] {
  const stage = (name: string): { kind: string; name: string; detail: string } => ({
    kind: 'middleware',
    name,
    detail: sections.middlewares[name]?.kind ?? '',
  });
  const last = taken.at(-1)!.spec;
  return [
    { kind: 'entryPoint', name: entryPoint.name },
    ...entryPoint.middlewares.map(stage),
    ...taken.flatMap(({ spec }) => [{ kind: 'router', name: spec.name }, ...spec.middlewares.map(stage)]),
    ...serviceChain(last.service, sections, stage, knowledge),
  ];
}

/** The service with its own stages before it, and the services it may hand the request on to after it. */
function serviceChain(
  name: string,
  sections: Pick<SnapshotSections, 'services' | 'endpointSets'>,
  stage: (name: string) => Explanation['chain'][number],
  knowledge: ExplainKnowledge,
  seen: Set<string> = new Set(),
): Explanation['chain'] {
  // Named by several, shown once: trees may join again, and would grow with every level.
  if (seen.has(name)) return [];
  seen.add(name);
  const service = sections.services[name];
  if (service?.kind === 'loadBalancer') {
    const detail = endpointsOf(sections.endpointSets[service.endpointSet], 'http')
      .map(({ url }) => url + (knowledge.isUp(name, url) === false ? ' (down)' : ''))
      .join(', ');
    return [...service.middlewares.map(stage), { kind: 'service', name, detail }];
  }
  const children = service === undefined ? [] : childrenOf(service);
  const shares = children
    .map(({ service: child, weight, disabledStatus }) =>
      disabledStatus === undefined
        ? `${child} (${weight})`
        : `${child} (${weight}, disabled: answers ${disabledStatus})`,
    )
    .join(', ');
  return [
    { kind: 'service', name, ...(shares === '' ? {} : { detail: `one of ${shares}` }) },
    ...children.flatMap((child) => serviceChain(child.service, sections, stage, knowledge, seen)),
  ];
}

/** Those that share something with the request, the most alike first. */
function nearest(
  candidates: readonly Candidate[],
  winner: Candidate | null,
  request: MatchRequest,
): readonly ExplainedRouter[] {
  const before = winner === null ? candidates.length : candidates.indexOf(winner);
  const losers = candidates
    .map((candidate, index) => ({ candidate, index, results: resultsOf(candidate.rule, request) }))
    .filter(({ candidate }) => candidate !== winner);
  // What the request does not have says nothing about likeness.
  const alike = losers.filter(({ results }) =>
    results.some(({ isTrue, matcher }) => isTrue && !matcher.startsWith('!')),
  );
  // When nobody takes it, something is to be shown, if only what is asked first.
  const shown = alike.length > 0 || winner !== null ? alike : losers.slice(0, MAX_UNLIKE);
  return shown
    .toSorted((a, b) => share(b.results) - share(a.results) || a.index - b.index)
    .slice(0, MAX_OTHERS)
    .map(({ candidate, index, results }) => {
      const failed = results.filter(({ isTrue }) => !isTrue);
      const why =
        index > before && compileRule(candidate.rule)(request)
          ? `its rule is true as well; ${winner!.spec.name} comes first with priority ${winner!.spec.priority} to ${candidate.spec.priority}`
          : failed.map(({ matcher, found }) => `${matcher} is false: the request has ${found}`).join('; ');
      return explained(candidate, request, why);
    });
}

function share(results: readonly MatcherResult[]): number {
  return results.filter(({ isTrue }) => isTrue).length / results.length;
}

function explained({ spec, rule }: Candidate, request: MatchRequest, why: string): ExplainedRouter {
  return {
    router: spec.name,
    rule: spec.rule,
    priority: spec.priority,
    matchers: resultsOf(rule, request),
    why,
  };
}

function resultsOf(rule: RuleNode, request: MatchRequest): readonly MatcherResult[] {
  if (rule.kind !== 'matcher') return rule.nodes.flatMap((node) => resultsOf(node, request));
  const text = `${rule.negated ? '!' : ''}${rule.name}(${rule.args.map((arg) => `\`${arg}\``).join(', ')})`;
  return [{ matcher: text, isTrue: compileRule(rule)(request), found: foundFor(rule, request) }];
}

function foundFor(rule: MatcherNode, request: MatchRequest): string {
  const [name = ''] = rule.args;
  const values = (list: readonly string[] | null | undefined): string =>
    list == null || list.length === 0 ? 'none' : list.map((value) => `"${value}"`).join(', ');
  if (rule.name.startsWith('Host')) return `the host "${request.host}"`;
  if (rule.name.startsWith('Path')) return `the path "${request.path}"`;
  if (rule.name.startsWith('Method')) return `the method ${request.method}`;
  if (rule.name.startsWith('Header')) {
    return `${name}: ${values(request.requestHeaders.valuesOf(name.toLowerCase()))}`;
  }
  if (rule.name.startsWith('Query')) return `${name}: ${values(queryOf(request).get(name))}`;
  return `the client ${request.clientIp}`;
}
