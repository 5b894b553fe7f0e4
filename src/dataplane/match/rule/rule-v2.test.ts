import { expect, test } from 'vitest';
import { translateV2 } from './rule-v2.ts';
import { parseRule } from './rule.ts';

test.each([
  ['Host(`a.com`, `b.com`) && PathPrefix(`/x`)', '(Host(`a.com`) || Host(`b.com`)) && PathPrefix(`/x`)'],
  ['HostHeader(`a.com`)', 'Host(`a.com`)'],
  ['HostRegexp(`{sub:[a-z]+}.example.com`)', 'HostRegexp(`^(?:[a-z]+)\\.example\\.com$`)'],
  ['HostRegexp(`{any}.example.com`)', 'HostRegexp(`^[^.]+\\.example\\.com$`)'],
  ['Path(`/items/{id:[0-9]{3}}`)', 'PathRegexp(`^/items/(?:[0-9]{3})$`)'],
  ['PathPrefix(`/v{n:[12]}/`, `/old`)', '(PathRegexp(`^/v(?:[12])/`) || PathPrefix(`/old`))'],
  ['!Method(`GET`, "POST")', '!(Method(`GET`) || Method(`POST`))'],
  ['Headers(`X-A`, `1`) || HeadersRegexp(`X-B`, `^2`)', 'Header(`X-A`, `1`) || HeaderRegexp(`X-B`, `^2`)'],
  ['Query(`mobile=true`, `beta`)', '(Query(`mobile`, `true`) || Query(`beta`))'],
  ['ClientIP(`10.0.0.0/8`, `::1`)', '(ClientIP(`10.0.0.0/8`) || ClientIP(`::1`))'],
])('%s', (v2, v3) => {
  const { rule, errors } = translateV2(v2);
  expect(errors).toEqual([]);
  expect(rule).toBe(v3);
  expect(parseRule(rule).errors).toEqual([]);
});

test('says where a matcher of the other syntax stands', () => {
  expect(translateV2('Host(`a`) && Header(`X`, `1`)').errors).toEqual([
    { message: '"Header" is no matcher of the v2 syntax; did you mean "Headers"?', offset: 13, length: 6 },
  ]);
  expect(translateV2('Headers(`X`)').errors[0]?.message).toContain('takes 2 arguments');
});
