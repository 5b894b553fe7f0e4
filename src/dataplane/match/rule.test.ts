import { expect, test } from 'vitest';
import { compileRule } from './compile-rule.ts';
import type { MatchRequest } from './matcher.ts';
import { defaultPriority, parseRule, ruleHosts } from './rule.ts';

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
