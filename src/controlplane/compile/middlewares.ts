// Middlewares: their kinds and options, with chains replaced by their members.

import type { MiddlewareSpec } from '../../model/route.ts';
import type { MiddlewareOptions } from '../config/routing-options.ts';
import { danglingMessage, qualify, type Compiled, type Findings } from './compilation.ts';

/** Stages one chain may unfold to: chains of chains double with every level. */
const MAX_STAGES = 1_000;

export interface CompiledMiddlewares {
  readonly specs: ReadonlyMap<string, MiddlewareSpec>;
  /** Names of the stages a name stands for; null when it cannot be used. */
  readonly resolve: (qualified: string) => readonly string[] | null;
}

export function compileMiddlewares(
  middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>,
  findings: Findings,
): CompiledMiddlewares {
  const specs = new Map<string, MiddlewareSpec>();
  const chains = new Map<string, readonly string[]>();
  for (const middleware of middlewares.values()) {
    if (middleware.object.value === null) continue;
    const [kind, options] = Object.entries(middleware.object.value).find(([, value]) => value !== undefined)!;
    if (kind === 'chain') {
      const { middlewares: members } = options as { middlewares: readonly string[] }; // The schema of `chain`.
      chains.set(
        middleware.name,
        members.map((member) => qualify(member, middleware.provider)),
      );
    } else specs.set(middleware.name, { name: middleware.name, kind, options: options as MiddlewareSpec['options'] });
  }
  checkChains(chains, middlewares, findings);
  const resolved = new Map<string, readonly string[] | null>();
  const tooLong = new Set<string>();
  const resolve = (name: string): readonly string[] | null => {
    const known = resolved.get(name);
    if (known !== undefined) return known;
    const middleware = middlewares.get(name);
    let stages: string[] | null = null;
    if (middleware !== undefined && middleware.errors.length === 0) {
      stages = [];
      for (const member of chains.get(name) ?? []) {
        const inner = resolve(member);
        const length: number = (stages?.length ?? 0) + (inner?.length ?? 0);
        if (length > MAX_STAGES) tooLong.add(name);
        stages = inner === null || stages === null || length > MAX_STAGES ? null : [...stages, ...inner];
      }
      if (!chains.has(name)) stages = [name];
    }
    resolved.set(name, stages);
    return stages;
  };
  for (const [name, members] of chains) {
    const chain = middlewares.get(name)!;
    resolve(name);
    if (tooLong.has(name)) {
      findings.report(chain, 'error', 'invalid-value', `the chain stands for more than ${MAX_STAGES} middlewares`, [
        'chain',
        'middlewares',
      ]);
    }
    const broken = members.find((member) => middlewares.has(member) && resolve(member) === null);
    if (broken !== undefined && chain.errors.length === 0) {
      findings.report(chain, 'error', 'unusable-reference', `the member "${broken}" is disabled`, [
        'chain',
        'middlewares',
      ]);
      resolved.set(name, null);
    }
  }
  return { specs, resolve };
}

/** Dangling members and chains that contain themselves. */
function checkChains(
  chains: ReadonlyMap<string, readonly string[]>,
  middlewares: ReadonlyMap<string, Compiled<MiddlewareOptions>>,
  findings: Findings,
): void {
  for (const [name, members] of chains) {
    const chain = middlewares.get(name)!;
    for (const [index, member] of members.entries()) {
      const target = middlewares.get(member);
      if (target !== undefined) {
        target.usedBy.add(name);
        continue;
      }
      const written = member.endsWith(`@${chain.provider}`) ? member.slice(0, -chain.provider.length - 1) : member;
      findings.report(
        chain,
        'error',
        'dangling-reference',
        danglingMessage('middleware', written, chain.provider, middlewares.keys()),
        ['chain', 'middlewares', index],
      );
    }
    const cycle = findCycle(name, chains);
    if (cycle !== null) {
      findings.report(chain, 'error', 'reference-cycle', `the chain contains itself: ${cycle.join(' → ')}`, [
        'chain',
        'middlewares',
      ]);
    }
  }
}

/** The way from the name back to itself, or null. */
function findCycle(start: string, chains: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const seen = new Set<string>();
  const walk = (name: string, trail: readonly string[]): readonly string[] | null => {
    for (const member of chains.get(name) ?? []) {
      if (member === start) return [...trail, member];
      if (seen.has(member)) continue;
      seen.add(member);
      const found = walk(member, [...trail, member]);
      if (found !== null) return found;
    }
    return null;
  };
  return walk(start, [start]);
}
