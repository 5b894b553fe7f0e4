import { expect, test } from 'vitest';
import { parseConfig } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { decodeRouting } from '../config/routing/routing-config.ts';
import { compile, type CompileResult } from './compile.ts';

const INSTALL = decodeInstall(
  'in.yml',
  'entryPoints: { web: { address: ":0" }, db: { address: ":0" }, dns: { address: ":0/udp" } }',
).value!;
const S = 's: { loadBalancer: { servers: [{ url: "http://a:1" }] } }';

function compiled(text: string): CompileResult {
  return compile(INSTALL, [decodeRouting('file', parseConfig('f.yml', text))]);
}

const RULE = 'rule: "PathPrefix(`/admin`)"';

test.each([
  ['a middleware that is not there', `${RULE}, service: s, middlewares: [nobody]`],
  ['a middleware that is disabled', `${RULE}, service: s, middlewares: [staff]`],
  ['a chain with such a one in it', `${RULE}, service: s, middlewares: [all]`],
  ['a service that is not there', `${RULE}, service: nobody`],
  ['a service that is disabled', `${RULE}, service: bad`],
  ['no service at all', RULE],
  ['an option that does not exist', `${RULE}, service: s, middelwares: [staff]`],
  ['an option of the wrong kind', `${RULE}, service: s, middlewares: { staff: {} }`],
])('a router keeps its place with %s', (_, router) => {
  const { sections, routers } = compiled(`
http:
  routers:
    admin: { ${router}, priority: 7, entryPoints: [web] }
    everything: { rule: "PathPrefix(\`/\`)", service: s, priority: 1 }
  middlewares:
    staff: { basicAuth: { users: ["cat:no hash"] } }
    all: { chain: { middlewares: [staff] } }
  services: { ${S}, bad: { loadBalancer: { strategy: dice } } }
`);
  expect(routers.get('admin@file')!.errors).not.toEqual([]);
  expect(sections.routes['admin@file']).toMatchObject({
    rule: 'PathPrefix(`/admin`)',
    priority: 7,
    entryPoints: ['web'],
    disabledStatus: 503,
  });
  expect(sections.routes['everything@file']!.disabledStatus).toBe(0);
});

test('a router whose rule does not parse has no place to keep', () => {
  const { sections, diagnostics } = compiled(`
http:
  routers: { admin: { rule: "PathPrefix(/admin)", service: s, middlewares: [staff] } }
  middlewares: { staff: { ipAllowList: { sourceRange: ["127.0.0.1"] } } }
  services: { ${S} }
`);
  expect(sections.routes).toEqual({});
  expect(diagnostics.map(({ code }) => code)).toContain('unguarded-fallback');
});

test('a share of a service that cannot be used is marked, and costs the others nothing', () => {
  const { sections, services } = compiled(`
http:
  routers: { r: { ${RULE}, service: both }, none: { ${RULE}, service: neither } }
  services:
    ${S}
    bad: { loadBalancer: { strategy: dice } }
    both: { weighted: { services: [{ name: s, weight: 3 }, { name: bad }, { name: nobody }] } }
    neither: { weighted: { services: [{ name: bad }, { name: nobody }] } }
`);
  expect(sections.services['both@file']).toMatchObject({
    children: [
      { service: 's@file', weight: 3 },
      { service: 'bad@file', weight: 1, disabledStatus: 503 },
      { service: 'nobody@file', weight: 1, disabledStatus: 503 },
    ],
  });
  expect(services.get('both@file')!.errors).toEqual([]);
  expect(services.get('both@file')!.warnings).toHaveLength(2);
  expect(sections.routes['r@file']!.disabledStatus).toBe(0);
  expect(sections.routes['none@file']!.disabledStatus).toBe(503);
});

test('TCP and UDP routers keep their places, too', () => {
  const { sections } = compiled(`
tcp:
  routers:
    db: { rule: "HostSNI(\`db.test\`)", service: nobody, entryPoints: [db], tls: {} }
    typo: { rule: "HostSNI(\`*\`)", service: s, entryPoints: [db], sevrice: s }
  services: { s: { loadBalancer: { servers: [{ address: "a:1" }] } } }
udp:
  routers: { dns: { service: nobody, entryPoints: [dns] }, rest: { service: s } }
  services: { s: { loadBalancer: { servers: [{ address: "a:1" }] } } }
`);
  expect(sections.tcpRoutes['db@file']).toMatchObject({ isDisabled: true, tls: { passthrough: true } });
  expect(sections.tcpRoutes['typo@file']).toMatchObject({ isDisabled: true, entryPoints: ['db'] });
  expect(sections.udpRoutes['dns@file']).toMatchObject({ isDisabled: true, entryPoints: ['dns'] });
  expect(sections.udpRoutes['rest@file']).toMatchObject({ isDisabled: false, entryPoints: [] });
});

function chainOf(count: number, item: (index: number, next: string) => string): string {
  return Array.from({ length: count }, (_, index) => item(index, `n${index + 1}`)).join('\n');
}

test('nesting has a limit, and what is nested deeper is disabled with it', () => {
  const routers = chainOf(
    5_000,
    (at, next) => `    n${at}: { rule: "Path(\`/\`)", parentRefs: [${next}], service: s }`,
  );
  const { sections, diagnostics } = compiled(`
http:
  routers:
${routers}
    n5000: { rule: "Path(\`/\`)" }
  services: { ${S} }
`);
  expect(diagnostics.some(({ message }) => message.includes('more than 100 routers stand above it'))).toBe(true);
  expect(sections.routes['n0@file']).toBeUndefined();
});

test('nested chains and services have the same limit', () => {
  const chains = chainOf(3_000, (at, next) => `    n${at}: { chain: { middlewares: [${next}] } }`);
  const services = chainOf(3_000, (at, next) => `    n${at}: { weighted: { services: [{ name: ${next} }] } }`);
  const {
    sections,
    routers,
    services: all,
  } = compiled(`
http:
  routers: { r: { ${RULE}, service: n0, middlewares: [n0] } }
  middlewares:
${chains}
    n3000: { addPrefix: { prefix: /x } }
  services:
${services}
    n3000: { loadBalancer: { servers: [{ url: "http://a:1" }] } }
`);
  expect(routers.get('r@file')!.errors).toEqual(['the middleware "n0" is disabled', 'the service "n0" is disabled']);
  expect(all.get('n0@file')!.errors).toEqual(['services are nested more than 100 deep']);
  expect(sections.services['n2901@file']).toBeDefined();
  expect(sections.routes['r@file']!.disabledStatus).toBe(503);
});

test('thousands of references to nothing are told one by one, with hints for as many as a bound allows', () => {
  const count = 3_000;
  const routers = chainOf(count, (at) => `    r${at}: { rule: "Path(\`/${at}\`)", service: sx${at} }`);
  const services = chainOf(count, (at) => `    s${at}: { loadBalancer: { servers: [{ url: "http://a:1" }] } }`);
  const { diagnostics, sections } = compiled(`http:\n  routers:\n${routers}\n  services:\n${services}\n`);
  const dangling = diagnostics.filter(({ code }) => code === 'dangling-reference');
  expect(dangling).toHaveLength(count);
  expect(new Set(dangling.map(({ line }) => line)).size).toBe(count);
  const hinted = dangling.filter(({ message }) => message.includes('did you mean')).length;
  expect(hinted).toBeGreaterThan(10);
  expect(hinted).toBeLessThan(100);
  expect(Object.values(sections.routes).every(({ disabledStatus }) => disabledStatus === 503)).toBe(true);
});
