// Routers that do not get a request though they seem made for it: they stand on another entry point, take it over TLS
// alone or without, or have a rule that nobody can read.

import { compileRule } from '../../../dataplane/match/compile-rule.ts';
import type { MatchRequest } from '../../../dataplane/match/matcher.ts';
import { parseRule } from '../../../dataplane/match/rule/rule.ts';
import type { EntryPointSpec } from '../../../model/entry-point.ts';
import { isOverTls, type RouteSpec } from '../../../model/route.ts';
import type { SnapshotSections } from '../../../model/snapshot.ts';

/** Of each kind. */
const MAX_NOTES = 3;

/** A router that is in no snapshot: its rule does not parse, or it has no entry point. */
export interface UnplacedRouter {
  readonly name: string;
  /** As written; '' when there is none. */
  readonly rule: string;
  /** With its place in the configuration. */
  readonly cause: string;
}

export interface Asked {
  readonly entryPoint: EntryPointSpec;
  readonly request: MatchRequest;
  readonly isSecure: boolean;
  /** Who takes the request; null when nobody does. */
  readonly winner: RouteSpec | null;
}

export function notesOfElsewhere(
  { routes, entryPoints }: SnapshotSections,
  unplaced: readonly UnplacedRouter[],
  asked: Asked,
): readonly string[] {
  const { entryPoint, request, isSecure, winner } = asked;
  const matching = Object.values(routes)
    .filter((route) => route.parents.length === 0 && isBefore(route, winner))
    .filter((route) => !route.entryPoints.includes(entryPoint.name) || isOverTls(route, entryPoint) !== isSecure)
    .filter((route) => {
      const { rule } = parseRule(route.rule);
      return rule !== null && compileRule(rule)(request);
    })
    .toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  const here = matching.filter((route) => route.entryPoints.includes(entryPoint.name));
  const elsewhere = matching.filter(
    (route) => !here.includes(route) && route.entryPoints.some((name) => name in entryPoints),
  );
  const only = isSecure ? 'without TLS only; ask for http://' : 'over TLS only; ask for https://';
  return [
    ...here.slice(0, MAX_NOTES).map(({ name }) => `the rule of ${name} is true, but it takes requests ${only}`),
    ...elsewhere
      .slice(0, MAX_NOTES)
      .map(
        (route) =>
          `the rule of ${route.name} is true, but it stands on ${route.entryPoints.join(', ')}, not on ${entryPoint.name}`,
      ),
    ...unplaced
      .filter(({ rule }) => winner === null || mentions(rule, request))
      .toSorted((a, b) => Number(mentions(b.rule, request)) - Number(mentions(a.rule, request)))
      .slice(0, MAX_NOTES)
      .map(({ name, cause }) => `${name} takes no requests at all: ${cause}`),
  ];
}

/** Whoever comes after the one that takes the request would not have got it here either. */
function isBefore(route: RouteSpec, winner: RouteSpec | null): boolean {
  return winner === null || (route.name !== winner.name && route.priority >= winner.priority);
}

/** A rule that does not parse can be asked for no more than its words. */
function mentions(rule: string, { host, path }: MatchRequest): boolean {
  const [, first = ''] = path.split('/');
  return (host !== '' && rule.includes(host)) || (first !== '' && rule.includes(`/${first}`));
}
