import { expect, test } from 'vitest';
import { runAtOnce } from '../live/slices.ts';
import { LiveServices } from './live-services.ts';
import { ServiceLiveness } from './service-liveness.ts';

interface Spec {
  readonly name: string;
  readonly text: string;
}

class Probe {
  readonly log: string[] = [];
  update({ text }: Spec, rows: readonly number[]): void {
    this.log.push(`${text} ${rows.join()}`);
  }
  retire(): void {
    this.log.push('retired');
  }
}

function lab() {
  const services = new LiveServices<Spec, Probe>(() => new Probe());
  const build = (changed: Record<string, string>, removed: readonly string[] = []) =>
    runAtOnce(
      services.build({
        changed: Object.fromEntries(Object.entries(changed).map(([name, text]) => [name, { name, text }])),
        removed,
        rowsOf: (name) => [name.length],
      }),
    );
  return { services, build };
}

test('a service stays the same object, and changes and goes when the delta is put into effect', () => {
  const { services, build } = lab();
  build({ a: 'one', bb: 'one' })();
  const a = services.get('a')!;
  const bb = services.get('bb')!;
  const commit = build({ a: 'two', c: 'one' }, ['bb', 'unknown']);
  expect([a.log, bb.log, services.get('c')]).toEqual([['one 1'], ['one 2'], undefined]);
  expect(services.find('c')!.log).toEqual(['one 1']);
  commit();
  expect([a.log, bb.log]).toEqual([
    ['one 1', 'two 1'],
    ['one 2', 'retired'],
  ]);
  expect(services.get('a')).toBe(a);
  expect([...services.values()]).toEqual([a, services.get('c')]);
});

test('a build that came to nothing is forgotten with the next one', () => {
  const { services, build } = lab();
  build({ a: 'one', b: 'one' });
  build({ c: 'one' })();
  expect(['a', 'b', 'c'].map((name) => services.find(name)?.log)).toEqual([undefined, undefined, ['one 1']]);
});

test('who follows the health of a service is told of changes alone, until it stops or the service is gone', () => {
  const liveness = new ServiceLiveness();
  const told: string[] = [];
  const stop = liveness.watch(() => told.push('first'));
  liveness.watch(() => told.push('second'));
  liveness.noteHealth(false);
  expect(told).toEqual([]);
  liveness.noteHealth(true);
  liveness.noteHealth(true);
  stop();
  liveness.noteHealth(false);
  liveness.retire();
  liveness.noteHealth(true);
  expect(told).toEqual(['first', 'second', 'second']);
});
