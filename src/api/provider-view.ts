// Providers and what they see, as the API shows them.

import type { ProviderRuns, ProviderStatus } from '../controlplane/pipeline/provider-runs.ts';
import type { ShownDiscovered, ShownProvider } from './answers.ts';

export function shownProvider({ name, state, source }: ProviderStatus): ShownProvider {
  if (source === undefined) return { name, state };
  const { isAway, reason, reachedAtMs, awaySinceMs } = source;
  return { name, state, source: { isAway, reason, reachedAt: time(reachedAtMs), awaySince: time(awaySinceMs) } };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export function shownDiscovered(providers: Pick<ProviderRuns, 'discovered'>): readonly ShownDiscovered[] {
  return providers.discovered().map(({ id, place, provider, state, objects, leftOut }) => ({
    name: place,
    provider,
    status: leftOut.length === 0 ? 'enabled' : objects.length === 0 ? 'disabled' : 'warning',
    state,
    id,
    objects: objects.map((object) => `${object}@${provider}`),
    ...(leftOut.length === 0 ? {} : { error: leftOut }),
  }));
}
