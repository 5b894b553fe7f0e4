// Whether a TCP router takes the connection of a request, so that no HTTP router is asked: the order of
// engine/arrival.ts, read off a snapshot.

import { compareCandidates } from '../../../dataplane/match/candidate.ts';
import { indexTerms } from '../../../dataplane/match/index-terms.ts';
import { parseRule } from '../../../dataplane/match/rule/rule.ts';
import {
  compileTcpRule,
  isTcpCatchAll,
  TCP_RULES,
  type TcpConnectionInfo,
} from '../../../dataplane/match/tcp-matcher.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls } from '../../../model/route.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';
import type { TcpRouteSpec } from '../../../model/tcp.ts';

/** What browsers and curl offer. */
const HTTP_PROTOCOLS = ['h2', 'http/1.1'];

/** The router, or null. `host` is taken for the server name. */
export function tcpRouterBefore(
  sections: SnapshotSections,
  entryPoint: EntryPointSpec,
  { host, clientIp }: { readonly host: string; readonly clientIp: string },
  isSecure: boolean,
): TcpRouteSpec | null {
  const connection: TcpConnectionInfo = isSecure
    ? { serverName: host, protocols: HTTP_PROTOCOLS, clientIp }
    : { serverName: '', protocols: [], clientIp };
  const found = firstTrue(sections, entryPoint, connection, isSecure);
  if (found === null || !isSecure) return found?.entry ?? null;
  const coverage = coverageOf(sections, entryPoint, host);
  return coverage === 'named' || (coverage === 'any' && found.isCatchAll) ? null : found.entry;
}

function firstTrue(
  { tcpRoutes }: SnapshotSections,
  entryPoint: EntryPointSpec,
  connection: TcpConnectionInfo,
  isSecure: boolean,
): { readonly entry: TcpRouteSpec; readonly isCatchAll: boolean } | null {
  const candidates = Object.values(tcpRoutes)
    .filter((route) => route.entryPoints.includes(entryPoint.name) && (route.tls !== null) === isSecure)
    .map((entry) => ({ entry }))
    .sort(compareCandidates);
  for (const { entry } of candidates) {
    const { rule } = parseRule(entry.rule, TCP_RULES);
    if (rule !== null && compileTcpRule(rule)(connection)) return { entry, isCatchAll: isTcpCatchAll(rule) };
  }
  return null;
}

/** What the HTTP routers over TLS say of the host. */
function coverageOf({ routes }: SnapshotSections, entryPoint: EntryPointSpec, host: string): 'named' | 'any' | 'none' {
  let isAny = false;
  const parent = `*${host.slice(Math.max(0, host.indexOf('.')))}`;
  for (const route of Object.values(routes)) {
    if (route.parents.length > 0 || !route.entryPoints.includes(entryPoint.name) || !isOverTls(route, entryPoint)) {
      continue;
    }
    const { rule } = parseRule(route.rule);
    for (const term of rule === null ? [] : indexTerms(rule).terms) {
      if (term.host === host || term.host === parent) return 'named';
      isAny ||= term.host === null;
    }
  }
  return isAny ? 'any' : 'none';
}
