import { expect, test } from 'vitest';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { compile } from './compile.ts';
import { danglingNames } from './consistent.ts';

const TEXT = `
entryPoints:
  web: { address: ":80", http: { middlewares: [first@install] } }
  tcp: { address: ":81" }
  udp: { address: ":82/udp" }
http:
  routers:
    r: { rule: "PathPrefix(\`/\`)", service: w, middlewares: [m], entryPoints: [web] }
  services:
    w: { weighted: { services: [{ name: s }] } }
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }], middlewares: [own] } }
  middlewares:
    first: { addPrefix: { prefix: /f } }
    m: { addPrefix: { prefix: /m } }
    own: { addPrefix: { prefix: /o } }
tcp:
  routers: { r: { rule: "HostSNI(\`*\`)", service: w, middlewares: [m], entryPoints: [tcp] } }
  services:
    w: { weighted: { services: [{ name: s }] } }
    s: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } }
  middlewares: { m: { inFlightConn: { amount: 1 } } }
udp:
  routers: { r: { service: w, entryPoints: [udp] } }
  services:
    w: { weighted: { services: [{ name: s }] } }
    s: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } }
`;

function sections(): SnapshotSections {
  const { value, diagnostics } = decodeInstall('signalbox.yml', TEXT);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return compile(value!, [value!.routing!]).sections;
}

test('what is compiled holds together', () => {
  expect(danglingNames(sections(), {})).toEqual([]);
});

test.each([
  ['middlewares', 'first@install', ['the entry point web names the middleware first@install']],
  ['middlewares', 'm@install', ['the router r@install names the middleware m@install']],
  ['middlewares', 'own@install', ['the service s@install names the middleware own@install']],
  ['services', 'w@install', ['the router r@install names the service w@install']],
  ['services', 's@install', ['the service w@install names the service s@install']],
  ['tcpMiddlewares', 'm@install', ['the TCP router r@install names the TCP middleware m@install']],
  ['tcpServices', 'w@install', ['the TCP router r@install names the TCP service w@install']],
  ['tcpServices', 's@install', ['the TCP service w@install names the TCP service s@install']],
  ['udpServices', 'w@install', ['the UDP router r@install names the UDP service w@install']],
  ['udpServices', 's@install', ['the UDP service w@install names the UDP service s@install']],
] as const)('without %s.%s somebody names what is not there', (section, name, expected) => {
  const whole = sections();
  expect(Object.keys(whole[section])).toContain(name);
  const left = Object.fromEntries(Object.entries(whole[section]).filter(([key]) => key !== name));
  expect(danglingNames({ ...whole, [section]: left }, {})).toEqual(expected);
});

test('what cannot be served answers without what it names', () => {
  const whole = sections();
  const route = { ...whole.routes['r@install']!, service: 'gone', disabledStatus: 503 };
  const tcpRoute = { ...whole.tcpRoutes['r@install']!, service: 'gone', isDisabled: true };
  const changed = { ...whole, routes: { 'r@install': route }, tcpRoutes: { 'r@install': tcpRoute } };
  expect(danglingNames(changed, {})).toEqual([]);
});

test('what is hidden has to be there', () => {
  const whole = sections();
  const middleware = { ...whole.middlewares['m@install']!, secret: 'of m' };
  const changed = { ...whole, middlewares: { ...whole.middlewares, 'm@install': middleware } };
  expect(danglingNames(changed, {})).toEqual(['the snapshot names the secret of m']);
  expect(danglingNames(changed, { 'of m': { object: middleware } })).toEqual([]);
});
