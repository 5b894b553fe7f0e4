import { expect, test } from 'vitest';
import { parseConfig } from '../controlplane/config/document/document.ts';
import { decodeInstall } from '../controlplane/config/install/load-install.ts';
import { decodeRouting } from '../controlplane/config/routing/routing-config.ts';

function routing(text: string): string[] {
  return decodeRouting('file', parseConfig('a.yml', text)).diagnostics.map(({ path, message }) => `${path}: ${message}`);
}

function install(text: string): string[] {
  return decodeInstall('signalbox.yml', text).diagnostics.map(({ path, message }) => `${path}: ${message}`);
}

test.each([
  ['http: { services: { s: { servers: [{ url: "http://a" }] } } }', 'http.services.s.servers: "servers" belongs below "loadBalancer:"; indent it by 2 more'],
  ['http: { services: { s: { loadBalancer: { servers: [], interval: 1s } } } }', 'http.services.s.loadBalancer.interval: "interval" belongs below "healthCheck:"; indent it by 2 more'],
  ['http: { routers: { r: { rule: "Path(`/`)", tls: { service: s } } } }', 'http.routers.r.tls.service: "service" belongs beside "tls", not below it; indent it by 2 less'],
  ['http: { routers: { r: { rule: "Path(`/`)" }, service: s } }', 'http.routers.service: "service" stands where a name should, and is an option of what has the name; indent it by 2 more'],
])('routing: %s', (text, expected) => {
  expect(routing(text)).toEqual([expected]);
}); // prettier-ignore

test.each([
  ['level: DEBUG', 'level: "level" belongs below "log:"; indent it by 2 more'],
  ['entryPoints: { web: { address: ":80", tls: {} } }', 'entryPoints.web.tls: "tls" belongs below "http:"; indent it by 2 more'],
  ['entryPoints: { web: { address: ":80", http: { tls: { address: x } } } }', 'entryPoints.web.http.tls.address: "address" belongs beside "http", not below it; indent it by 4 less'],
  ['entryPoints: { web: ":80" }', 'entryPoints.web: expected a section with options, found ":80"; write address: ":80" below it'],
  ['providers: { file: conf }', 'providers.file: expected a section with options, found "conf"; write directory: "conf" below it'],
])('install: %s', (text, expected) => {
  expect(install(text)).toEqual([expected]);
}); // prettier-ignore

test('a misspelt option is one error, also where it is required', () => {
  expect(install('entryPoints: { web: { adress: ":80" } }')).toEqual([
    'entryPoints.web.adress: unknown option "adress"; did you mean "address"?',
  ]);
});

test('a slip of one letter is likelier than another place', () => {
  expect(routing('http: { services: { s: { loadBalancer: { server: [{ url: "http://a" }] } } } }')).toEqual([
    'http.services.s.loadBalancer.server: unknown option "server"; did you mean "servers"?',
  ]);
});
