// What of a changed install configuration takes effect in a running process, and what does not. Options are compared as
// they were written, so that each can be named with its place.

import type { Diagnostic } from '../model/diagnostic.ts';
import { formatPath, type PathSegment } from '../schema/decode-context.ts';
import { isMap } from '../schema/schema.ts';
import type { ConfigDocument } from '../controlplane/config/document/document.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';

/** Options and sections that are read anew; everything else is read at start. */
const LIVE: readonly RegExp[] = [
  new RegExp(`^entrypoints\\.(?!${INTERNAL_ENTRY_POINT}(?:\\.|$))`),
  /^log\.level$/,
  /^core\.defaultrulesyntax$/,
  /^providers\.(?:precedence|providersthrottleduration|keeplastgood)(?:\.|$)/,
  /^(?:tcp)?serverstransport(?:\.|$)/,
];

const ROUTING = /^(?:http|tcp|udp|tls)$/i;

/** The configuration that is in force after the change; what is not named here stays as it was at start. */
export function withLiveOptions(inForce: InstallConfig, next: InstallConfig): InstallConfig {
  return {
    ...inForce,
    source: next.source,
    locate: next.locate,
    substitutions: next.substitutions,
    entryPoints: next.entryPoints,
    unboundEntryPoints: next.unboundEntryPoints,
    defaultEntryPoints: next.defaultEntryPoints,
    entryPointCertificates: next.entryPointCertificates,
    requestAcceptGraceMs: next.requestAcceptGraceMs,
    graceMs: next.graceMs,
    routing: next.routing,
    readRoutingAgain: next.readRoutingAgain,
    internalRouting: next.internalRouting,
    providersThrottleMs: next.providersThrottleMs,
    precedence: next.precedence,
    keepLastGood: next.keepLastGood,
    defaultRuleSyntax: next.defaultRuleSyntax,
    serversTransport: next.serversTransport,
    tcpServersTransport: next.tcpServersTransport,
    log: { ...inForce.log, level: next.log.level },
  };
}

/** A warning per option that differs from what the process was started with and waits for the next start. */
export function waitingForRestart(started: ConfigDocument, next: ConfigDocument): readonly Diagnostic[] {
  const before = leavesOf(started);
  const after = leavesOf(next);
  const waiting: Diagnostic[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(key);
    const is = after.get(key);
    if (was?.text === is?.text || LIVE.some((live) => live.test(key))) continue;
    // A section that is empty on one side only: what is in it on the other side is named.
    if (hasInside(is === undefined ? after : before, key)) continue;
    const { path } = (is ?? was)!;
    const place = is === undefined ? null : next.locate(path);
    waiting.push({
      severity: 'warning',
      code: 'needs-restart',
      message: `this option ${is === undefined ? 'was removed' : was === undefined ? 'is new' : 'has changed'}; it takes effect with the next start. Restart, or take over with "signalbox run --takeover"`,
      path: formatPath(path),
      ...(place ?? { source: next.source, line: 0, column: 0 }),
      source: place?.source ?? next.source,
    });
  }
  return waiting;
}

function hasInside(leaves: ReadonlyMap<string, unknown>, key: string): boolean {
  return [...leaves.keys()].some((other) => other.startsWith(`${key}.`));
}

/** Values without parts, but of routing; names may be written in any case. */
function leavesOf(document: ConfigDocument): Map<string, { path: readonly PathSegment[]; text: string }> {
  const leaves = new Map<string, { path: readonly PathSegment[]; text: string }>();
  const walk = (value: unknown, path: readonly PathSegment[], key: string): void => {
    const parts = isMap(value) ? Object.entries(value) : Array.isArray(value) ? [...value.entries()] : [];
    if (parts.length === 0) leaves.set(key, { path, text: JSON.stringify(value) ?? '' });
    for (const [name, part] of parts) walk(part, [...path, name], `${key}.${String(name).toLowerCase()}`);
  };
  if (!isMap(document.value)) return leaves;
  for (const [name, value] of Object.entries(document.value)) {
    // Ten thousand routers need not be compared here.
    if (!ROUTING.test(name)) walk(value, [name], name.toLowerCase());
  }
  return leaves;
}
