import { expect, test } from 'vitest';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { Discovered } from '../controlplane/providers/define.ts';
import { bySection } from '../controlplane/config/routing/object-kinds.ts';
import { shownDiscovered, shownProvider } from './provider-view.ts';

const seen = (place: string, objects: readonly string[], leftOut: readonly string[] = []): Discovered => ({
  id: place,
  place,
  state: 'ready',
  objects,
  leftOut,
});

test('what a provider sees is shown with what is wrong with the objects that it defines', () => {
  const sections = bySection(() => new Map<string, { name: string; errors: readonly string[] }>());
  sections.routers.set('bad@docker', { name: 'bad@docker', errors: ['unknown matcher "Hots"'] });
  sections.routers.set('good@docker', { name: 'good@docker', errors: [] });
  const things = [
    seen('good', ['router good', 'service good']),
    seen('half', ['router bad', 'service bad']),
    seen('bad', ['router bad']),
    seen('off', [], ['disabled by traefik.enable=false']),
    seen('second', ['service good'], ['router good is taken by container good']),
  ].map((one) => ({ ...one, provider: 'docker' }));
  const pipeline = { providers: { discovered: () => things }, result: sections };
  const shown = shownDiscovered(pipeline as unknown as Pipeline); // What it looks at.
  const error = 'router bad@docker: unknown matcher "Hots"';
  expect(shown.map(({ name, status, error: reasons }) => [name, status, reasons])).toEqual([
    ['good', 'enabled', undefined],
    ['half', 'warning', [error]],
    ['bad', 'disabled', [error]],
    ['off', 'disabled', ['disabled by traefik.enable=false']],
    ['second', 'warning', ['router good is taken by container good']],
  ]);
  expect(shown[1]!.objects).toEqual(['router bad@docker', 'service bad@docker']);
});

test('a source is shown with the times that are known', () => {
  const source = { isAway: true, reason: 'ECONNREFUSED', reachedAtMs: null, awaySinceMs: 0 };
  expect([shownProvider({ name: 'file', state: 'ready', source: undefined }), shownProvider({ name: 'docker', state: 'waiting', source })]).toEqual([
    { name: 'file', state: 'ready' },
    {
      name: 'docker',
      state: 'waiting',
      source: { isAway: true, reason: 'ECONNREFUSED', reachedAt: null, awaySince: '1970-01-01T00:00:00.000Z' },
    },
  ]);
}); // prettier-ignore
