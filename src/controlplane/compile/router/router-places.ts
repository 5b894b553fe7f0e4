// Which entry points routers of a transport can stand on, and those that one names.

import { didYouMean } from '../../../core/did-you-mean.ts';
import { indexInSource } from '../../../schema/forgiving.ts';
import type { InstallConfig } from '../../config/install/install-config.ts';
import type { Compiled } from '../compiled.ts';
import type { Findings } from '../findings.ts';

export interface KnownEntryPoints {
  readonly transport: 'tcp' | 'udp';
  readonly entryPoints: readonly string[];
  /** Those of the other transport. */
  readonly otherEntryPoints: readonly string[];
  /** Of routers that name none. */
  readonly defaultEntryPoints: readonly string[];
  /** Routers on them are disabled: a middleware that would come first cannot be used. */
  readonly brokenEntryPoints: ReadonlySet<string>;
}

export function entryPointsFor(
  transport: 'tcp' | 'udp',
  install: Pick<InstallConfig, 'entryPoints' | 'defaultEntryPoints'>,
  brokenEntryPoints: ReadonlySet<string> = new Set(),
): KnownEntryPoints {
  const all = Object.values(install.entryPoints);
  const own = all.filter(({ address }) => address.protocol === transport).map(({ name }) => name);
  return {
    transport,
    entryPoints: own,
    otherEntryPoints: all.map(({ name }) => name).filter((name) => !own.includes(name)),
    defaultEntryPoints: transport === 'udp' ? own : install.defaultEntryPoints,
    brokenEntryPoints,
  };
}

export function resolveEntryPoints(
  router: Compiled<unknown>,
  options: { readonly entryPoints: readonly string[] | undefined },
  known: KnownEntryPoints,
  findings: Findings,
): readonly string[] {
  const isNamed = options.entryPoints !== undefined && options.entryPoints.length > 0;
  const used = isNamed ? options.entryPoints : known.defaultEntryPoints;
  const broken = used.find((name) => known.brokenEntryPoints.has(name));
  if (broken !== undefined) {
    findings.report(
      router,
      'error',
      'unusable-reference',
      `a middleware of the entry point "${broken}" cannot be used`,
    );
  }
  if (!isNamed) {
    if (known.defaultEntryPoints.length === 0) {
      findings.report(
        router,
        'error',
        'no-entry-point',
        known.transport === 'tcp'
          ? 'there is no entry point to listen on; define one under "entryPoints"'
          : 'there is no entry point for UDP; define one under "entryPoints", with an address such as ":53/udp"',
      );
    }
    return known.defaultEntryPoints;
  }
  const usable = options.entryPoints.filter((name) => known.entryPoints.includes(name));
  for (const [index, name] of options.entryPoints.entries()) {
    if (known.entryPoints.includes(name)) continue;
    // One file may serve several installations: the router stands on the entry points there are.
    const isLost = usable.length === 0;
    const message = isLost ? missingMessage(name, known) : `${missingMessage(name, known)}; it is left out here`;
    findings.report(router, isLost ? 'error' : 'warning', 'dangling-reference', message, [
      'entryPoints',
      indexInSource(options.entryPoints, index),
    ]);
  }
  return usable;
}

function missingMessage(name: string, { transport, entryPoints, otherEntryPoints }: KnownEntryPoints): string {
  if (otherEntryPoints.includes(name)) {
    return transport === 'tcp'
      ? `the entry point "${name}" is for UDP; this router needs one for TCP`
      : `the entry point "${name}" is for TCP; this router needs one for UDP, whose address ends in "/udp"`;
  }
  const near = didYouMean(name, entryPoints);
  const hint = near === null ? `; known: ${entryPoints.join(', ') || 'none'}` : `; did you mean "${near}"?`;
  return `there is no entry point "${name}"${hint}`;
}
