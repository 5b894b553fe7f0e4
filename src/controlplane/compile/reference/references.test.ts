import { expect, test } from 'vitest';
import { parseConfig } from '../../config/document/document.ts';
import { decodeRouting } from '../../config/routing/routing-config.ts';
import { collect } from '../compiled.ts';
import { Findings } from '../findings.ts';
import { asWritten, References } from './references.ts';

function setUp() {
  const text = `
http:
  routers: { r: { rule: "Host(\`a\`)", service: shop } }
  services: { shop: { loadBalancer: {} }, broken: { loadBalancer: { strategy: wrong } } }
tls: { options: { strict: {} } }
`;
  const config = decodeRouting('file', parseConfig('f.yml', text));
  const objects = collect([config]);
  const findings = new Findings();
  return { objects, findings, references: new References(objects, [config], findings) };
}

const FROM = { name: 'r@file', provider: 'file' };
const inForce = (name: string): boolean => name === 'shop@file';

test('a reference is qualified, and what it leads to is used from then on', () => {
  const { objects, references } = setUp();
  expect(references.resolve('services', 'shop', FROM, inForce)).toEqual({ name: 'shop@file', problem: null });
  expect([...objects.services.get('shop@file')!.usedBy]).toEqual(['r@file']);
  expect(references.resolve('services', 'api@internal', FROM, () => true)).toEqual({ name: 'api@internal', problem: null }); // prettier-ignore
});

test.each([
  ['services', 'broken', 'unusable-reference', 'the service "broken" is disabled'],
  ['services', 'shpo', 'dangling-reference', 'there is no service "shpo"; did you mean "shop"?'],
  ['serversTransports', 't', 'dangling-reference', 'there is no serversTransport "t"'],
  ['tlsOptions', 'strict', 'unusable-reference', 'the TLS options "strict" are disabled'],
] as const)('%s %s', (section, reference, code, message) => {
  const { references } = setUp();
  expect(references.resolve(section, reference, FROM, () => false).problem).toEqual({ code, message });
});

test('what is wrong is an error of the object that follows the reference, at its option', () => {
  const { objects, findings, references } = setUp();
  const router = objects.routers.get('r@file')!;
  references.follow('services', 'shop', router, ['service'], inForce);
  expect(router.errors).toEqual([]);
  references.follow('services', 'nobody', router, ['service'], inForce);
  expect(router.errors).toEqual(['there is no service "nobody"']);
  expect(findings.diagnostics.map(({ severity, code, path }) => [severity, code, path])).toEqual([
    ['error', 'dangling-reference', 'http.routers.r.service'],
  ]);
});

test('a name is shown as an object of the provider would write it', () => {
  expect([asWritten('a@file', 'file'), asWritten('a@kv', 'file')]).toEqual(['a', 'a@kv']);
});
