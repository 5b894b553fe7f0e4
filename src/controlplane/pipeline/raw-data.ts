// The configuration in force as `GET /api/rawdata` shows it: Traefik's shape, with the state of every object.

import type { Compiled } from '../compile/compilation.ts';
import type { CompileResult } from '../compile/compile.ts';

interface RawObject {
  readonly status: 'enabled' | 'warning' | 'disabled';
  readonly error?: readonly string[];
  readonly usedBy?: readonly string[];
  readonly [option: string]: unknown;
}

function rawObject(compiled: Compiled<object>, extra: Record<string, unknown> = {}): RawObject {
  const { errors, warnings, usedBy } = compiled;
  const messages = [...errors, ...warnings];
  return {
    ...compiled.object.value,
    ...extra,
    status: errors.length > 0 ? 'disabled' : warnings.length > 0 ? 'warning' : 'enabled',
    ...(messages.length > 0 ? { error: messages } : {}),
    ...(usedBy.size > 0 ? { usedBy: [...usedBy].toSorted() } : {}),
  };
}

export function rawData(result: CompileResult): Record<string, Record<string, RawObject>> {
  const { sections } = result;
  return {
    routers: Object.fromEntries(
      [...result.routers.values()].map((router) => {
        const spec = sections.routes[router.name];
        return [router.name, rawObject(router, { using: spec?.entryPoints ?? [], priority: spec?.priority ?? 0 })];
      }),
    ),
    middlewares: Object.fromEntries([...result.middlewares.values()].map((one) => [one.name, rawObject(one)])),
    services: Object.fromEntries([...result.services.values()].map((one) => [one.name, rawObject(one)])),
  };
}
