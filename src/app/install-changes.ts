// What of a changed install configuration takes effect in a running process, and what does not. Options are compared as
// they were written, so that each can be named with its place; the schema says which are live.

import type { Diagnostic } from '../model/diagnostic.ts';
import { formatPath, type PathSegment } from '../schema/decode-context.ts';
import { isLiveOption } from '../schema/live-option.ts';
import { isMap } from '../schema/input.ts';
import type { ConfigDocument } from '../controlplane/config/document/document.ts';
import type { InstallConfig } from '../controlplane/config/install/install-config.ts';
import { installOptions } from '../controlplane/config/install/install-options.ts';
import { INTERNAL_ENTRY_POINT } from '../controlplane/config/install/internal-routing.ts';

const ROUTING = /^(?:http|tcp|udp|tls)$/i;

/** What live options come to. Everything else of an install configuration stays as it was at start. */
const LIVE_PARTS = [
  'source',
  'locate',
  'substitutions',
  'entryPoints',
  'unboundEntryPoints',
  'defaultEntryPoints',
  'entryPointCertificates',
  'requestAcceptGraceMs',
  'graceMs',
  'routing',
  'readRoutingAgain',
  'internalRouting',
  'providersThrottleMs',
  'precedence',
  'keepLastGood',
  'defaultRuleSyntax',
  'serversTransport',
  'tcpServersTransport',
] as const satisfies readonly (keyof InstallConfig)[];

/** The configuration that is in force after the change. */
export function withLiveOptions(inForce: InstallConfig, next: InstallConfig): InstallConfig {
  const live = Object.fromEntries(LIVE_PARTS.map((part) => [part, next[part]])) as Pick<
    InstallConfig,
    (typeof LIVE_PARTS)[number]
  >;
  return { ...inForce, ...live, log: { ...inForce.log, level: next.log.level } };
}

/** A warning per option that differs from what the process was started with and waits for the next start. */
export function waitingForRestart(started: ConfigDocument, next: ConfigDocument): readonly Diagnostic[] {
  const before = leavesOf(started);
  const after = leavesOf(next);
  const waiting: Diagnostic[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(key);
    const is = after.get(key);
    if (was?.text === is?.text || isLive((is ?? was)!.path)) continue;
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

/** The internal entry point is opened at start, and stays. */
function isLive(path: readonly PathSegment[]): boolean {
  return String(path[1]).toLowerCase() !== INTERNAL_ENTRY_POINT && isLiveOption(installOptions, path);
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
