import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRule } from '../compile-rule.ts';
import type { MatchRequest } from '../matcher.ts';
import { defaultPriority, formatRule, parseRule, ruleHosts } from './rule.ts';

function request(given: Partial<MatchRequest> & { headers?: Record<string, string[]> }): MatchRequest {
  const { headers = {}, ...rest } = given;
  return {
    host: 'example.com',
    path: '/',
    method: 'GET',
    query: '',
    clientIp: '127.0.0.1',
    requestHeaders: { valuesOf: (name) => headers[name] ?? null },
    parsedQuery: null,
    ...rest,
  };
}

function matches(text: string, given: Partial<MatchRequest> & { headers?: Record<string, string[]> }): boolean {
  const { rule, errors } = parseRule(text);
  expect(errors).toEqual([]);
  return compileRule(rule!)(request(given));
}

test.each<[string, Partial<MatchRequest> & { headers?: Record<string, string[]> }, boolean]>([
  ['Host(`EXAMPLE.com.`)', {}, true],
  ['Host(`example.com`)', { host: 'www.example.com' }, false],
  ['Host(`*.example.com`)', { host: 'www.example.com' }, true],
  ['Host(`*.example.com`)', { host: 'a.b.example.com' }, false],
  ['Host(`*.example.com`)', { host: 'example.com' }, false],
  ['Host(`*`)', { host: '' }, true],
  ['Host(`::1`) || Host(`[2001:DB8:0::1]`)', { host: '[2001:db8::1]' }, true],
  ['!Host(`*`)', {}, false],
  ['Path("/\\u00e9\\xc3\\xa9\\303\\251\\t")', { path: '/\u00e9\u00e9\u00e9\t' }, true],
  ['Path(`/{id}`)', { path: '/{id}' }, true],
  ['Header(`X-A`, `1`)', { headers: { 'x-a': ['1,2'] } }, false],
  ['HeaderRegexp(`x-a`, `^1+$`)', { headers: { 'x-a': ['2', '3'] } }, false],
  ['QueryRegexp(`flag`)', { query: 'flag=' }, true],
  ['QueryRegexp(`flag`)', { query: 'flag=1' }, false],
  ['Query(`a`, `1`)', { query: 'A=1' }, false],
  ['METHOD(`POST`)', { method: 'POST' }, true],
  ['Clientip(`10.0.0.0/8`)', { clientIp: '::ffff:10.1.2.3' }, true],
  ['hostregexp(`^example`) && !PathRegexp(`^/x`)', {}, true],
  ['HostRegexp(`^[a-z]+\\.com$`)', {}, true],
  ['HostRegexp(`xample`)', {}, true],
  ['HostRegexp(`^Example`)', {}, false],
  ['Path(`/a`)', { path: '/a/' }, false],
  ['PathPrefix(`/products`)', { path: '/products-for-sale' }, true],
  ['PathPrefix(`/a`)', { path: '*' }, false],
  ['PathRegexp(`^/v[0-9]+/`)', { path: '/v12/x' }, true],
  ['PathRegexp(`(?i)^/ADMIN$`)', { path: '/admin' }, true],
  ['Method(`get`)', {}, true],
  ['Method(`GET`)', { method: 'HEAD' }, false],
  ['Header(`X-A`, `1`)', { headers: { 'x-a': ['0', '1'] } }, true],
  ['Header(`X-A`, `1`)', {}, false],
  ['HeaderRegexp(`X-A`, `^1+$`)', { headers: { 'x-a': ['111'] } }, true],
  ['Query(`a`, `b c`)', { query: 'a=b+c' }, true],
  ['Query(`a`, `b c`)', { query: 'a=b%20c' }, true],
  ['Query(`flag`)', { query: 'flag' }, true],
  ['Query(`flag`)', { query: 'flag=1' }, false],
  ['Query(`a`, `1`)', { query: 'a=%zz&a=1' }, true],
  ['QueryRegexp(`a`, `^[0-9]+$`)', { query: 'a=x&a=12' }, true],
  ['ClientIP(`127.0.0.0/8`)', {}, true],
  ['ClientIP(`::1`)', { clientIp: '::1' }, true],
  ['ClientIP(`10.0.0.1`)', {}, false],
  ['host(`example.com`) && PATHPREFIX(`/`)', {}, true],
  ['Pathprefix("/\\x61")', { path: '/a' }, true],
  ['!Host(`example.com`) || Method(`GET`)', {}, true],
  ['!(Host(`example.com`) || Method(`POST`))', {}, false],
  ['!!Host(`example.com`)', {}, true],
  ['Method(`POST`) || Method(`GET`) && Path(`/x`)', {}, false],
])('%s on %j is %s', (text, given, expected) => {
  expect(matches(text, given)).toBe(expected);
});

test.each<[string, number, RegExp]>([
  ['', 0, /empty/],
  ['Hots(`a`)', 0, /did you mean "Host"/],
  ["Host('a.com')", 5, /write `a.com`/],
  ['Host(a.com)', 5, /backticks/],
  ['Host(``)', 5, /empty/],
  ['Host(`a`, `b`)', 0, /write Host\(`a`\) \|\| Host\(`b`\)/],
  ['Host()', 0, /takes 1 argument, as in/],
  ['Header(`a`)', 0, /takes 2 arguments/],
  ['Path(`a`)', 5, /write "\/a"/],
  ['Host(`bücher.de`)', 5, /xn--bcher-kva.de/],
  ['Host(`{sub:[a-z]+}.a.com`)', 5, /HostRegexp/],
  ['Host(`a.com:8080`)', 5, /write "a.com"/],
  ['Host(`a.*.com`)', 5, /HostRegexp/],
  ['Host(`a`) & Path(`/`)', 10, /write "&&"/],
  ['Host(`a`) Path(`/`)', 10, /&& or \|\|/],
  ['(Host(`a`)', 10, /"\)" is missing/],
  ['Host(`a`', 8, /comma or a closing/],
  ['Host(`a', 5, /no closing/],
  ['Host(`a`) &&', 12, /ends too early/],
  ['Host(`http://a.com/`)', 5, /leave out scheme/],
  ['Host(`a b\u00e9`)', 5, /no host name/],
  ['Host(`-a.com`)', 5, /no host name/],
  ['Host(`a..com`)', 5, /no host name/],
  ['Host(`[::1`)', 5, /neither a host name nor an IPv6 address/],
  ['Host(`a`) and Path(`/`)', 10, /write "&&"/],
  ['Host(`a`) || not Path(`/`)', 13, /write "!"/],
  ['Host(`a`))', 9, /closes nothing/],
  ['&& Host(`a`)', 0, /a matcher should stand here/],
  ['Host(`a`,)', 9, /backticks/],
  ['hostRegexp(`a`)', 0, /did you mean "HostRegexp"/],
  ['Headers(`X-A`, `1`)', 0, /write Header$/],
  ['HostSNI(`a`)', 0, /TCP routers; write Host/],
  ['Query(`a=b`)', 6, /write Query\(`a`, `b`\)/],
  ['Path(`/u/{id:[0-9]+}`)', 5, /write PathRegexp\(`\^\/u\/\[0-9\]\+\$`\)/],
  ['HostRegexp(`{sub:[a-z]+}.a.com`)', 11, /old v2 syntax/],
  ['QueryRegexp(`page`, `(`)', 20, /RE2/],
  ['HeaderRegexp(`X-A`, `[z-a]`)', 20, /RE2/],
  ['Header(`X A`, `1`)', 7, /cannot be the name of a header/],
  ['Method(`GE T`)', 7, /cannot be a method/],
  ['Path("/\\q")', 5, /unknown escape/],
  ['Path("/\\xff")', 5, /unknown escape/],
  ['Path(`/\ud83d`)', 7, /surrogate/],
  ['Host(`a`) \u{1F600}', 10, /unexpected "\u{1F600}"/u],
  ['PathRegexp(`(`)', 11, /RE2/],
  ['PathRegexp(`(?=a)`)', 11, /look-around/],
  ['ClientIP(`1.2.3`)', 9, /CIDR/],
  [`${'!('.repeat(200)}Host(\`a\`)${')'.repeat(200)}`, 0, /nested/],
])('%s is refused at %i', (text, offset, message) => {
  const { rule, errors } = parseRule(text);
  expect(rule).toBeNull();
  expect(errors.map((error) => error.message).join('\n')).toMatch(message);
  if (!/nested/.test(message.source)) expect(errors.some((error) => error.offset === offset)).toBe(true);
});

test('all wrong arguments of a rule are reported at once', () => {
  const { errors } = parseRule("Host('a') && Paht(`/`) && ClientIP(`x`)");
  expect(errors.map((error) => error.offset)).toEqual([5, 13, 35]);
});

test('priority counts bytes, and hosts are those named positively', () => {
  expect(defaultPriority('Host(`é`)')).toBe(10);
  expect(ruleHosts(parseRule('Host(`a`) && !Host(`b`) || Host(`*.c`) || Host(`a`)').rule!)).toEqual(['a']);
});

test('wrong places anywhere in a rule are reported at once, each where it stands', () => {
  const text = "(Host('a') && ) || Paht(`/`) and !Method() | ClientIP(`x`, Path(`b`)";
  const { errors } = parseRule(text);
  const places = errors.map(({ offset, length }) => text.slice(offset, offset + length));
  expect(places).toEqual(["'a'", ')', 'Paht', 'and', 'Method', '|', 'Path']);
});

test('an error says what was expected and what stands there', () => {
  expect(parseRule('Host(`a`) Path(`/`)').errors).toEqual([
    {
      message: 'the rule should end here or go on with && or ||',
      offset: 10,
      length: 4,
      expected: '&&, || or the end',
      received: 'Path',
    },
  ]);
});

test('a hopeless text of the longest length is refused quickly and with few errors', () => {
  for (const text of [')', '(', '!', '`', 'a ', '&&', "''", ',', '(a', 'Host(`é`)&&']) {
    const { rule, errors } = parseRule(text.repeat(Math.floor(65_536 / text.length)));
    expect(rule).toBeNull();
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(20);
  }
  expect(parseRule('a'.repeat(65_537)).errors[0]?.message).toMatch(/longer than 65536/);
});

test('no text makes the parser throw or answer both a rule and errors', () => {
  const part = fc.constantFrom(
    'Host',
    'Path',
    'and',
    '(',
    ')',
    ',',
    '!',
    '&&',
    '||',
    '&',
    '`a`',
    '`/`',
    '"\\x41"',
    "'",
    '"',
    '`',
    ' ',
    '\n',
    'é',
    '1',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
      const text = parts.join('');
      const { rule, errors } = parseRule(text);
      expect(rule === null).toBe(errors.length > 0);
      for (const { offset, length } of errors) {
        expect(length).toBeGreaterThan(0);
        expect(offset).toBeLessThanOrEqual(text.length);
      }
      if (rule !== null) expect(parseRule(formatRule(rule)).rule).toEqual(rule);
    }),
    { numRuns: 3_000 },
  );
});

test('any argument comes back as written', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom('`', '\r', '\n', '"', '\\', ''),
      (text, extra) => {
        const value = `${text}${extra}`;
        const rule = { kind: 'matcher', name: 'Header', args: ['x-a', value], negated: false } as const;
        expect(parseRule(formatRule(rule))).toEqual({ rule, errors: [], warnings: [], doubts: [] });
      },
    ),
  );
});

test.each([
  ['Host(`a`) || Host(`a:8443`)', ['rules see the host without its port; write "a"']],
  ['(Host(`a:8443`) && Path(`/x`)) || (Host(`b`) && Path(`/y`))', ['rules see the host without its port; write "a"']],
  ['!Host(`a:8443`)', ['rules see the host without its port; write "a"']],
  ['Host(`https://a/`) || PathPrefix(`/`)', ['"https://a/" is no host name; leave out scheme, path and spaces']],
  ['Host(`{sub:[a-z]+}.a`) || Host(`a`)', ['placeholders are the old v2 syntax; use HostRegexp(`^…$`) instead']],
])('a part of %s that never matches costs itself', (text, said) => {
  const { rule, errors, warnings } = parseRule(text);
  expect(errors).toEqual([]);
  expect(rule).not.toBeNull();
  expect(warnings.map(({ message }) => message)).toEqual(said);
});

test.each([
  ['Host(`a:8443`)', /without its port/],
  ['Host(`a:8443`) || Host(`b:8443`)', /without its port/],
  ['Host(`a:8443`) && PathPrefix(`/`)', /without its port/],
  ['Host(`ä`) || Host(`a`)', /punycode/],
  ['Host(`{{env "DOMAIN"}}`)', /^Go templates are not run; write "\$\{DOMAIN\}"$/],
  ['Host(`a.{{ .Domain }}`) || Host(`a`)', /^Go templates are not run; write the value out$/],
  ['PathRegexp(`^/{{ .Prefix }}`)', /^Go templates are not run/],
  ['PathPrefix(`/{{ env "P" }}`)', /write "\$\{P\}"/],
])('%s cannot be meant', (text, message) => {
  const { rule, errors } = parseRule(text);
  expect(rule).toBeNull();
  expect(errors[0]!.message).toMatch(message);
});
