// Providers and what they see, as the API shows them.

import { OBJECT_KINDS, OBJECT_SECTIONS } from '../controlplane/config/routing/object-kinds.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { ProviderStatus } from '../controlplane/pipeline/provider-runs.ts';
import type { ShownDiscovered, ShownProvider } from './answers.ts';

export function shownProvider({ name, state, source }: ProviderStatus): ShownProvider {
  if (source === undefined) return { name, state };
  const { isAway, reason, reachedAtMs, awaySinceMs } = source;
  return { name, state, source: { isAway, reason, reachedAt: time(reachedAtMs), awaySince: time(awaySinceMs) } };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** With what is wrong with the objects that each of them defines. */
export function shownDiscovered({
  providers,
  result,
}: Pick<Pipeline, 'providers' | 'result'>): readonly ShownDiscovered[] {
  const errors = disabledObjects(result);
  return providers.discovered().map(({ id, place, provider, state, objects, leftOut }) => {
    const defined = objects.map((object) => `${object}@${provider}`);
    const disabled = defined.filter((object) => errors.has(object));
    const reasons = [...leftOut, ...disabled.flatMap((object) => errors.get(object)!)];
    const isServed = defined.length > disabled.length;
    return {
      name: place,
      provider,
      status: reasons.length === 0 ? 'enabled' : isServed ? 'warning' : 'disabled',
      state,
      id,
      objects: defined,
      ...(reasons.length === 0 ? {} : { error: reasons }),
    };
  });
}

/** `router shop@docker`, with what is wrong with it. */
function disabledObjects(result: Pipeline['result']): ReadonlyMap<string, readonly string[]> {
  const disabled = new Map<string, readonly string[]>();
  for (const section of OBJECT_SECTIONS) {
    const { kind } = OBJECT_KINDS[section];
    for (const { name, errors } of result[section].values()) {
      if (errors.length > 0)
        disabled.set(
          `${kind} ${name}`,
          errors.map((error) => `${kind} ${name}: ${error}`),
        );
    }
  }
  return disabled;
}
