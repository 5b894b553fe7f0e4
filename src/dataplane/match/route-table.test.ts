import { expect, test } from 'vitest';
import fc from 'fast-check';
import { compareCandidates, type RouteEntry } from './candidate.ts';
import { compileRule } from './compile-rule.ts';
import type { MatchRequest } from './matcher.ts';
import { RouteTable } from './route-table.ts';
import { formatRule, parseRule, type RuleNode } from './rule.ts';

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
  { weight: 1, arbitrary: fc.constantFrom('^/a', 'b$', '^/[ab]+/').map((re) => `PathRegexp(\`${re}\`)`) },
  { weight: 1, arbitrary: fc.constantFrom('^[xy]', 'test$').map((re) => `HostRegexp(\`${re}\`)`) },
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
