// What an explanation needs to know besides the snapshot: why routers are disabled, and which servers are down.

import type { ServerHealth } from '../../../model/server-health.ts';
import type { CompileResult } from '../../compile/compile.ts';
import type { Compiled } from '../../compile/compiled.ts';
import { rawAt } from '../../compile/salvage.ts';
import { causesOf } from '../causes.ts';
import type { UnplacedRouter } from './elsewhere.ts';
import type { ExplainKnowledge } from './explain.ts';

export function explainKnowledge(
  result: CompileResult,
  ports: ReadonlyMap<string, number>,
  healthOf: (service: string) => readonly ServerHealth[] | null,
): ExplainKnowledge {
  const causeOf = (name: string): string | null => {
    const router = result.routers.get(name);
    return router === undefined || router.errors.length === 0 ? null : causeWithPlace(result, router);
  };
  const unplaced = (): readonly UnplacedRouter[] =>
    [...result.routers.values()]
      .filter((router) => !(router.name in result.sections.routes))
      .map((router) => {
        const rule = rawAt(router.object.document, [...router.object.path, 'rule']);
        return { name: router.name, rule: typeof rule === 'string' ? rule : '', cause: causeWithPlace(result, router) };
      });
  return {
    ports,
    causeOf,
    unplaced: unplaced(),
    isUp: (service, url) => healthOf(service)?.find((server) => server.url === url)?.isUp ?? null,
  };
}

function causeWithPlace(result: CompileResult, router: Compiled<unknown>): string {
  const { document, path } = router.object;
  const place = document.locate(path);
  const where = place === null ? document.source : `${document.source}:${place.line}:${place.column}`;
  return `${causesOf(result, router, 'http')} (${where})`;
}
