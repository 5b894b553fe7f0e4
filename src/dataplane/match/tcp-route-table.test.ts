import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRule } from './rule/rule.ts';
import { compileTcpRule, isTcpCatchAll, TCP_RULES, type TcpConnectionInfo } from './tcp-matcher.ts';
import { buildTcpRouteTable, TcpRouteTable, type TcpRouteEntry } from './tcp-route-table.ts';

const names = ['a.test', 'b.test', 'x.a.test', 'test', '*', '*.test', '*.a.test'];
const leaf = fc.oneof(
  fc.constantFrom(...names).map((name) => `HostSNI(\`${name}\`)`),
  fc.constantFrom('^a', 'test$', 'x').map((pattern) => `HostSNIRegexp(\`${pattern}\`)`),
  fc.constantFrom('10.0.0.0/8', '10.1.2.3').map((range) => `ClientIP(\`${range}\`)`),
  fc.constantFrom('h2', 'mqtt').map((protocol) => `ALPN(\`${protocol}\`)`),
);
const rule = fc.letrec((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.tuple(tie('rule'), tie('rule')).map(([a, b]) => `(${String(a)}) && (${String(b)})`),
    fc.tuple(tie('rule'), tie('rule')).map(([a, b]) => `(${String(a)}) || (${String(b)})`),
    tie('rule').map((inner) => `!(${String(inner)})`),
  ),
})).rule as fc.Arbitrary<string>; // Every branch makes a string.

const entry = fc.record({
  name: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6'),
  text: rule,
  priority: fc.integer({ min: -1, max: 3 }),
  providerRank: fc.integer({ min: 0, max: 1 }),
});
const connection: fc.Arbitrary<TcpConnectionInfo> = fc.record({
  serverName: fc.constantFrom('', 'a.test', 'b.test', 'x.a.test', 'y.a.test', 'test', 'q.x.a.test'),
  protocols: fc.subarray(['h2', 'mqtt']),
  clientIp: fc.constantFrom('10.1.2.3', '10.9.9.9', '192.0.2.1'),
});

interface Given {
  readonly name: string;
  readonly text: string;
  readonly priority: number;
  readonly providerRank: number;
}

function entryOf({ name, text, priority, providerRank }: Given): TcpRouteEntry<string> {
  const parsed = parseRule(text, TCP_RULES);
  if (parsed.rule === null) throw new Error(`${text}: ${parsed.errors[0]?.message}`);
  return { name, rule: parsed.rule, priority, providerRank, value: `${name} ${text}` };
}

/** What the table stands for: ask every router in order. */
function scan(entries: Iterable<TcpRouteEntry<string>>, info: TcpConnectionInfo): string | null {
  const ordered = [...entries].sort(
    (a, b) => b.priority - a.priority || a.providerRank - b.providerRank || (a.name < b.name ? -1 : 1),
  );
  return ordered.find((one) => compileTcpRule(one.rule)(info))?.value ?? null;
}

function run<T>(work: Generator<void, T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

test('finds what a scan in order of priority finds, through any changes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ changed: fc.array(entry, { maxLength: 4 }), removed: fc.subarray(['r1', 'r2', 'r3']) }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.array(connection, { minLength: 1, maxLength: 6 }),
      (deltas, connections) => {
        let table = new TcpRouteTable<string>();
        const known = new Map<string, TcpRouteEntry<string>>();
        for (const { changed, removed } of deltas) {
          const fresh = new Map(changed.map((one) => [one.name, entryOf(one)]));
          table = run(buildTcpRouteTable(table, [...fresh.values()], removed))();
          for (const name of removed) known.delete(name);
          for (const [name, one] of fresh) known.set(name, one);
          for (const info of connections) expect(table.match(info)).toBe(scan(known.values(), info));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a large change makes a new table, and the one before answers until it is used', () => {
  const entries = Array.from({ length: 2_000 }, (_, index) =>
    entryOf({ name: `r${index}`, text: `HostSNI(\`h${index}.test\`)`, priority: 1, providerRank: 0 }),
  );
  const empty = new TcpRouteTable<string>();
  const swap = run(buildTcpRouteTable(empty, entries, []));
  const info = { serverName: 'h1999.test', protocols: [], clientIp: '' };
  expect(empty.match(info)).toBeNull();
  expect(swap().match(info)).toBe('r1999 HostSNI(`h1999.test`)');
  expect(swap().size).toBe(2_000);
});

test.each([
  ['HostSNI(`a.test`, `b.test`)', /takes 1 argument; write HostSNI\(`a.test`\) \|\| HostSNI\(`b.test`\)/],
  ['Host(`a.test`)', /unknown matcher "Host": a matcher of HTTP routers; write HostSNI/],
  ['PathPrefix(`/`)', /does not look into what it carries/],
  ['HostSNI(`a.test:443`)', /without its port/],
  ['HostSNI(`[::1]`)', /never addresses/],
  ['HostSNI(`a*.test`)', /use HostSNIRegexp/],
  ['HostSNIRegexp(`(`)', /./],
  ['ALPN(`acme-tls/1`)', /answered by the router itself/],
  ['ClientIP(`10.0.0.0/99`)', /neither an IP address nor a CIDR range/],
  ['', /a matcher such as HostSNI|the rule is empty/],
])('%s is refused with a word on what to write', (text, message) => {
  const { rule: parsed, errors } = parseRule(text, TCP_RULES);
  expect(parsed).toBeNull();
  expect(errors[0]?.message).toMatch(message);
});

test('names are accepted in other spellings, and compared without regard to case', () => {
  const { rule: parsed } = parseRule('hostsni(`DB.Example.COM.`) && CLIENTIP(`10.0.0.1`)', TCP_RULES);
  const test = compileTcpRule(parsed!);
  expect(test({ serverName: 'db.example.com', protocols: [], clientIp: '10.0.0.1' })).toBe(true);
});

test('only HostSNI(`*`) alone is a catch-all', () => {
  const isCatchAll = (text: string): boolean => isTcpCatchAll(parseRule(text, TCP_RULES).rule!);
  expect(isCatchAll('HostSNI(`*`)')).toBe(true);
  expect(isCatchAll('HostSNI(`*`) && ClientIP(`10.0.0.1`)')).toBe(false);
  expect(isCatchAll('HostSNI(`*.test`)')).toBe(false);
});
