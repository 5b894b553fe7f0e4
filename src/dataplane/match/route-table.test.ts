import { expect, test } from 'vitest';
import fc from 'fast-check';
import { compareCandidates, type RouteEntry } from './candidate.ts';
import { compileRule } from './compile-rule.ts';
import type { MatchRequest } from './matcher.ts';
import { buildRouteTable, RouteTable } from './route-table.ts';
import { formatRule, parseRule } from './rule/rule.ts';
import type { RuleNode } from './rule/rule-tree.ts';

const HOSTS = ['a.test', 'b.test', 'x.a.test', 'y.a.test', 'test', ''];
const PATHS = ['/', '/a', '/ab', '/a/b', '/a/b/c', '/b', '/abc', '*'];

const matcher: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...HOSTS.slice(0, 5), '*.a.test', '*.test', '*').map((host) => `Host(\`${host}\`)`),
  },
  { weight: 4, arbitrary: fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab').map((path) => `PathPrefix(\`${path}\`)`) },
  { weight: 2, arbitrary: fc.constantFrom('/', '/a', '/a/b', '/b').map((path) => `Path(\`${path}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('GET', 'POST').map((method) => `Method(\`${method}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('1', '2').map((value) => `Header(\`X-V\`, \`${value}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('1', '2').map((value) => `Query(\`q\`, \`${value}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('^/a', 'b$', '^/[ab]+/', '^/a/.*$').map((re) => `PathRegexp(\`${re}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('^[xy]', 'test$', '^[a-z]\\\\.test$').map((re) => `HostRegexp(\`${re}\`)`) },
);

const ruleText: fc.Arbitrary<string> = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    matcher,
    fc.tuple(tie('rule'), tie('rule')).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie('rule'), tie('rule')).map(([a, b]) => `(${a} || ${b})`),
    tie('rule').map((rule) => `!(${rule})`),
  ),
})).rule;

function parsed(text: string): RuleNode {
  const { rule, errors } = parseRule(text);
  expect(errors).toEqual([]);
  return rule!;
}

const entry = fc.record({
  name: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'),
  rule: ruleText.map(parsed),
  priority: fc.integer({ min: -1, max: 3 }),
  providerRank: fc.integer({ min: 0, max: 1 }),
});

const request: fc.Arbitrary<MatchRequest> = fc
  .record({
    host: fc.constantFrom(...HOSTS),
    path: fc.constantFrom(...PATHS),
    method: fc.constantFrom('GET', 'POST'),
    query: fc.constantFrom('', 'q=1', 'q=2&q=1'),
    header: fc.constantFrom(null, '1', '2'),
  })
  .map(({ header, ...rest }) => ({
    ...rest,
    clientIp: '127.0.0.1',
    requestHeaders: { valuesOf: (name: string) => (name === 'x-v' && header !== null ? [header] : null) },
    parsedQuery: null,
  }));

/** The outcome by definition. */
function scan(entries: Iterable<RouteEntry<string>>, asked: MatchRequest): string | null {
  const candidates = [...entries].map((one) => ({ entry: one, terms: [], predicate: compileRule(one.rule) }));
  candidates.sort(compareCandidates);
  return candidates.find((candidate) => candidate.predicate({ ...asked, parsedQuery: null }))?.entry.value ?? null;
}

test('the index answers as a scan in order of priority does, through any history of changes', () => {
  const change = fc.oneof(
    { weight: 4, arbitrary: entry.map((added) => ({ kind: 'set' as const, added })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5').map((name) => ({ kind: 'delete' as const, name })),
    },
  );
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 25 }),
      fc.array(request, { minLength: 1, maxLength: 12 }),
      (changes, requests) => {
        const table = new RouteTable<string>();
        const entries = new Map<string, RouteEntry<string>>();
        changes.forEach((step, index) => {
          if (step.kind === 'set') {
            const added = { ...step.added, value: `${step.added.name}#${index}` };
            table.set(added);
            entries.set(added.name, added);
          } else {
            expect(table.delete(step.name)).toBe(entries.delete(step.name));
          }
        });
        expect(table.size).toBe(entries.size);
        for (const asked of requests) expect(table.match(asked)).toBe(scan(entries.values(), asked));
      },
    ),
    { numRuns: 1_500 },
  );
});

test('a rule written from its tree parses to the same tree', () => {
  fc.assert(
    fc.property(ruleText, (text) => {
      const rule = parsed(text);
      expect(parsed(formatRule(rule))).toEqual(rule);
    }),
  );
});

test('a table that was emptied holds nothing', () => {
  const table = new RouteTable<string>();
  const rules = [
    'Host(`a.test`) && PathPrefix(`/a/b`)',
    'PathPrefix(`/a/c`)',
    'Host(`*.b.test`)',
    'Path(`/x`) || Method(`GET`)',
  ];
  rules.forEach((text, index) =>
    table.set({ name: `r${index}`, rule: parsed(text), priority: 1, providerRank: 0, value: 'v' }),
  );
  rules.forEach((_, index) => table.delete(`r${index}`));
  for (const host of HOSTS) {
    for (const path of PATHS) {
      expect(
        table.match({
          host,
          path,
          method: 'GET',
          query: '',
          clientIp: '',
          requestHeaders: { valuesOf: () => null },
          parsedQuery: null,
        }),
      ).toBeNull();
    }
  }
});

function finish<R>(build: Generator<void, R>): R {
  for (;;) {
    const step = build.next();
    if (step.done === true) return step.value;
  }
}

const names = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'];
const changeSet = fc.record({
  set: fc.uniqueArray(entry, { maxLength: 5, selector: (one) => one.name }),
  removed: fc.subarray(names, { maxLength: 3 }),
});

test('a table built from its predecessor answers as one built anew, and the predecessor as before until then', () => {
  let matched = 0;
  fc.assert(
    fc.property(
      fc.array(changeSet, { minLength: 1, maxLength: 6 }),
      fc.array(request, { minLength: 1, maxLength: 8 }),
      (sets, requests) => {
        const answers = (table: RouteTable<string>): (string | null)[] => requests.map((asked) => table.match(asked));
        let table: RouteTable<string> | null = null;
        let entries = new Map<string, RouteEntry<string>>();
        for (const [index, { set, removed }] of sets.entries()) {
          const before = new Map(entries);
          const next = new Map(entries);
          for (const name of removed) next.delete(name);
          for (const one of set) next.set(one.name, { ...one, value: `${one.name}#${index}` });
          const changed = set.map((one) => one.name);
          const build: Generator<void, RouteTable<string>> = buildRouteTable(table, next, changed, removed);
          const built: RouteTable<string> = finish(build);
          const old = requests.map((asked) => scan(before.values(), asked));
          if (table !== null) expect(answers(table)).toEqual(old);
          const fresh = finish(buildRouteTable(null, next, next.keys(), []));
          const wanted = requests.map((asked) => scan(next.values(), asked));
          expect(answers(built)).toEqual(wanted);
          expect(answers(fresh)).toEqual(wanted);
          matched += wanted.filter((name) => name !== null).length;
          table = built;
          entries = next;
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(matched).toBeGreaterThan(1_000);
});

/** Paths that share beginnings in every way, enough of them that chains become trees. */
const deepPath = fc
  .string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 0, maxLength: 4 })
  .map((rest) => `/${rest}`);

test('an index of many paths answers as a scan, while it grows and shrinks', () => {
  const deepEntry = fc.record({
    path: deepPath,
    kind: fc.constantFrom('Path', 'PathPrefix'),
    priority: fc.integer({ min: 0, max: 2 }),
  });
  const step = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.option(deepEntry, { freq: 3 }));
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.array(deepPath, { minLength: 5, maxLength: 10 }),
      (steps, paths) => {
        const table = new RouteTable<string>();
        const entries = new Map<string, RouteEntry<string>>();
        for (const [number, added] of steps) {
          const name = `r${number}`;
          if (added === null) {
            table.delete(name);
            entries.delete(name);
            continue;
          }
          const rule = parsed(`${added.kind}(\`${added.path}\`)`);
          const one = { name, rule, priority: added.priority, providerRank: 0, value: name };
          table.set(one);
          entries.set(name, one);
        }
        for (const path of paths) {
          const asked = { ...ANY_REQUEST, path };
          expect(table.match(asked)).toBe(scan(entries.values(), asked));
        }
      },
    ),
    { numRuns: 500 },
  );
});

const ANY_REQUEST: MatchRequest = {
  host: 'a.test',
  path: '/',
  method: 'GET',
  query: '',
  clientIp: '127.0.0.1',
  requestHeaders: { valuesOf: () => null },
  parsedQuery: null,
};

function numbered(count: number, value = 'v'): Map<string, RouteEntry<string>> {
  const entries = new Map<string, RouteEntry<string>>();
  for (let index = 0; index < count; index++) {
    const rule = parsed(`PathPrefix(\`/${index}/\`)`);
    entries.set(`r${index}`, { name: `r${index}`, rule, priority: 1, providerRank: 0, value: `${value}${index}` });
  }
  return entries;
}

test('a change of more routers than are taken over in place builds a new index', () => {
  const entries = numbered(1_200);
  const table = finish(buildRouteTable(null, entries, entries.keys(), []));
  const next = numbered(1_200, 'w');
  next.delete('r7');
  const built = finish(buildRouteTable(table, next, next.keys(), ['r7']));
  expect(built.match({ ...ANY_REQUEST, path: '/8/' })).toBe('w8');
  expect(built.match({ ...ANY_REQUEST, path: '/7/' })).toBeNull();
  expect(built.size).toBe(1_199);
  expect(table.match({ ...ANY_REQUEST, path: '/7/' })).toBe('v7');
});

test('a build yields after every few routers', () => {
  const entries = numbered(1_000);
  const build = buildRouteTable(null, entries, entries.keys(), []);
  let steps = 0;
  while (build.next().done !== true) steps++;
  expect(steps).toBeGreaterThan(100);
});

test('an abandoned build leaves its predecessor as it was', () => {
  const entries = numbered(40);
  const table = finish(buildRouteTable(null, entries, entries.keys(), []));
  const next = numbered(40, 'w');
  buildRouteTable(table, next, next.keys(), []).next();
  finish(buildRouteTable(table, next, ['r1'], []));
  expect(table.match({ ...ANY_REQUEST, path: '/1/' })).toBe('v1');
});

test('a table whose index went on without it says so', () => {
  const entries = numbered(2);
  const table = finish(buildRouteTable(null, entries, entries.keys(), []));
  const late = finish(buildRouteTable(table, entries, ['r1'], []));
  table.delete('r0');
  expect(() => late.match(ANY_REQUEST)).toThrow('overtaken');
});

test('equal priorities go by provider, then by name', () => {
  const rule = parsed('PathPrefix(`/`)');
  const table = new RouteTable<string>();
  table.set({ name: 'b', rule, priority: 1, providerRank: 1, value: 'b1' });
  table.set({ name: 'c', rule, priority: 1, providerRank: 0, value: 'c0' });
  table.set({ name: 'a', rule, priority: 1, providerRank: 1, value: 'a1' });
  expect(table.match(ANY_REQUEST)).toBe('c0');
  table.delete('c');
  expect(table.match(ANY_REQUEST)).toBe('a1');
});

test('every spelling of an IPv6 host finds its router, and no wildcard does', () => {
  const table = new RouteTable<string>();
  table.set({ name: 'v6', rule: parsed('Host(`2001:DB8:0::1`)'), priority: 1, providerRank: 0, value: 'v6' });
  table.set({ name: 'wild', rule: parsed('Host(`*.0.0.1`)'), priority: 2, providerRank: 0, value: 'wild' });
  expect(table.match({ ...ANY_REQUEST, host: '[2001:db8::1]' })).toBe('v6');
  expect(table.match({ ...ANY_REQUEST, host: '[2001:db8:0:0:0:0:0:1]' })).toBe('v6');
  expect(table.match({ ...ANY_REQUEST, host: '[::ffff:127.0.0.1]' })).toBeNull();
});
