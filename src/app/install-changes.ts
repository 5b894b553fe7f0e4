// What of a changed install configuration takes effect in a running process, and what does not. Options are compared as
// they were written, so that each can be named with its place.

import type { Diagnostic } from '../model/diagnostic.ts';
import { formatPath, type PathSegment } from '../schema/decode-context.ts';
import type { ConfigDocument } from '../controlplane/config/document.ts';
import type { InstallConfig } from '../controlplane/config/install-config.ts';
import { listOrigins } from '../controlplane/config/install-sources.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/internal-routing.ts';

/** Options and sections that are read anew; everything else is read at start. */
const LIVE: readonly RegExp[] = [
  new RegExp(`^entrypoints\\.(?!${INTERNAL_ENTRY_POINT}(?:\\.|$))`),
  /^(?:http|tcp|udp|tls)(?:\.|$)/,
  /^log\.level$/,
  /^core\.defaultrulesyntax$/,
  /^providers\.(?:precedence|providersthrottleduration)(?:\.|$)/,
  /^(?:tcp)?serverstransport(?:\.|$)/,
  /^(?:accesslog|metrics)\.addinternals$/,
];

/** The configuration that is in force after the change. */
export function withLiveOptions(inForce: InstallConfig, next: InstallConfig): InstallConfig {
  return {
    ...next,
    admin: inForce.admin,
    fileProvider: inForce.fileProvider,
    log: { ...inForce.log, level: next.log.level },
    accessLog: inForce.accessLog,
    metrics: inForce.metrics,
    ticketKeyLifeMs: inForce.ticketKeyLifeMs,
    ocsp: inForce.ocsp,
    state: inForce.state,
    certificatesResolvers: inForce.certificatesResolvers,
    plugins: inForce.plugins,
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

/** Names may be written in any case. */
function leavesOf(document: ConfigDocument): Map<string, { path: readonly PathSegment[]; text: string }> {
  return new Map(
    listOrigins(document).map(({ path, value }) => [
      path.map((segment) => String(segment).toLowerCase()).join('.'),
      { path, text: JSON.stringify(value) ?? '' },
    ]),
  );
}
