import { expect, test } from 'vitest';
import type { ConfigDocument } from '../document/document.ts';
import { parseConfig } from '../document/document.ts';
import { mergeRouting } from './merge-routing.ts';
import { patchRouting, type RoutingPatch } from './patch-routing.ts';
import { providedKey, ProvidedSet, type ProvidedEndpoint } from './provided-endpoints.ts';
import { decodeRouting, type RoutingConfig } from './routing-config.ts';

function document(text: string): ConfigDocument {
  return parseConfig('source', text);
}

function decoded(text: string): RoutingConfig {
  return decodeRouting('p', document(text));
}

function endpoint(key: string, url = `http://${key}`): ProvidedEndpoint {
  return { key, sourceId: key, server: { url }, place: { source: 'source', path: key, line: 0, column: 0 } };
}

const BEFORE = decoded(`
http:
  services:
    s: { loadBalancer: { strategy: wrong } }
    s2: { loadBalancer: { strategy: wrong } }
    t: { loadBalancer: {} }
  middlewares: { m: { addPrefix: { prefix: /m } } }
`);

function names({ services }: RoutingConfig): readonly string[] {
  return [...services].map(([name, { value }]) => `${name} ${value === null ? 'broken' : 'good'}`);
}

test('objects are replaced, added and taken away with what was said of them; others are the same objects', () => {
  const patch: RoutingPatch = {
    objects: decoded('http: { services: { s: { loadBalancer: {} }, u: { loadBalancer: {} } } }'),
    removed: [{ section: 'services', name: 't' }],
  };
  const after = patchRouting(BEFORE, patch);
  expect(names(after)).toEqual(['s good', 's2 broken', 'u good']);
  expect(after.diagnostics.map(({ path }) => path)).toEqual(['http.services.s2.loadBalancer.strategy']);
  expect(after.middlewares).toBe(BEFORE.middlewares);
  expect(names(BEFORE)).toEqual(['s broken', 's2 broken', 't good']);
});

test('what is said of a changed object is what its new form says', () => {
  const after = patchRouting(BEFORE, {
    objects: decoded('http: { services: { t: { loadBalancer: { sticky: 1 } } } }'),
  });
  expect(after.diagnostics.map(({ path }) => path)).toEqual([
    'http.services.s.loadBalancer.strategy',
    'http.services.s2.loadBalancer.strategy',
    'http.services.t.loadBalancer.sticky',
  ]);
});

test('one that is said to be gone and to be new is new', () => {
  const patch = { objects: decoded('http: { services: { t: { loadBalancer: {} } } }'), removed: [{ section: 'services', name: 't' }] } as const; // prettier-ignore
  expect(names(patchRouting(BEFORE, patch))).toEqual(['s broken', 's2 broken', 't good']);
});

test('endpoints of one service change; those of others, and objects, are not touched', () => {
  const key = providedKey('services', 't');
  const other = new ProvidedSet([endpoint('x')]);
  const before = { ...BEFORE, endpoints: new Map([[providedKey('services', 's'), other]]) };
  const once = patchRouting(before, { endpoints: [{ section: 'services', service: 't', changed: [endpoint('a'), endpoint('b')], removed: [] }] }); // prettier-ignore
  const twice = patchRouting(once, { endpoints: [{ section: 'services', service: 't', changed: [endpoint('b', 'http://other')], removed: ['a', 'z'] }] }); // prettier-ignore
  expect(once.endpoints!.get(key)!.endpoints.map((one) => one.key)).toEqual(['a', 'b']);
  expect(twice.endpoints!.get(key)!.endpoints).toEqual([endpoint('b', 'http://other')]);
  expect(twice.endpoints!.get(providedKey('services', 's'))).toBe(other);
  expect(twice.services).toBe(BEFORE.services);
});

test('a set of endpoints that changes a thousand times says what was said last of each', () => {
  let set = new ProvidedSet(Array.from({ length: 100 }, (_, index) => endpoint(`e${index}`)));
  const first = set;
  for (let turn = 0; turn < 1_000; turn++) {
    set = set.patched([endpoint(`e${turn % 150}`, `http://turn-${turn}`)], [`e${(turn + 75) % 150}`]);
    if (turn % 90 === 0) expect(set.endpoints.length).toBeLessThanOrEqual(150);
  }
  const left = new Map(set.endpoints.map((one) => [one.key, one.server['url']]));
  expect(left.size).toBe(set.endpoints.length);
  expect(left.get('e99')).toBe('http://turn-999');
  expect(left.has('e24')).toBe(false);
  expect(first.endpoints).toHaveLength(100);
  expect(first.endpoints[0]).toEqual(endpoint('e0'));
});

test('what was said at a label of an object goes with the object, and what was said of another with its own', () => {
  const at = (place: string, name: string, options: object): RoutingConfig =>
    decodeRouting('p', {
      source: place,
      text: '',
      value: { http: { services: { [name]: options } } },
      diagnostics: [],
      locate: (path) => ({ line: 0, column: 0, source: `${place}, label ${path.at(-1)}` }),
    });
  const wrong = { loadBalancer: { strategy: 'wrong' } };
  const before = mergeRouting('p', [at('container web', 's', wrong), at('container web-1', 't', wrong)]);
  expect(before.diagnostics.map(({ source }) => source)).toEqual([
    'container web, label strategy',
    'container web-1, label strategy',
  ]);
  const after = patchRouting(before, { objects: at('container web', 's', { loadBalancer: {} }) });
  expect(after.diagnostics.map(({ source }) => source)).toEqual(['container web-1, label strategy']);
  expect(patchRouting(after, { removed: [{ section: 'services', name: 't' }] }).diagnostics).toEqual([]);
});

test('notes are all there are, and stay when objects change', () => {
  const note = (message: string) => ({ severity: 'warning', code: 'no-port', message, source: 'x', path: 'http.services.s', line: 0, column: 0 }) as const; // prettier-ignore
  const one = patchRouting(BEFORE, { notes: [note('one')] });
  const kept = patchRouting(one, { removed: [{ section: 'services', name: 's' }] });
  expect(kept.notes).toEqual([note('one')]);
  expect(patchRouting(kept, { notes: [] }).notes).toEqual([]);
});

test('nothing is left of a service that is removed with all its endpoints', () => {
  const change = (
    changed: readonly ProvidedEndpoint[],
    removed: readonly string[],
  ): NonNullable<RoutingPatch['endpoints']> => [{ section: 'services', service: 't', changed, removed }];
  const full = patchRouting(BEFORE, { endpoints: change([endpoint('a')], []) });
  const empty = patchRouting(full, { removed: [{ section: 'services', name: 't' }], endpoints: change([], ['a']) });
  expect([...empty.endpoints!.keys()]).toEqual([]);
});
