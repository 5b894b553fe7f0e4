import { expect, test } from 'vitest';
import { decodeInstall } from '../config/install/load-install.ts';
import { compile } from './compile.ts';
import { canonicalDomain, certificateKey, MAX_DOMAINS, wantedCertificates } from './wanted-certificates.ts';

const RESOLVERS = `
certificatesResolvers:
  web: { acme: { httpChallenge: { entryPoint: web } } }
  dns: { acme: { dnsChallenge: { provider: exec } } }
`;

function compiled(routers: string, entryPoint = '', more = ''): { wanted: readonly string[]; said: readonly string[] } {
  const { value, diagnostics } = decodeInstall(
    'in.yml',
    `
entryPoints: { web: { address: ":80" }, websecure: { address: ":443", ${entryPoint} } }
${RESOLVERS}
http:
  routers:
${routers}
  services: { s: { loadBalancer: { servers: [{ url: "http://a:1" }] } } }
${more}
`,
  );
  const result = compile(value!, [value!.routing!]);
  return {
    wanted: result.wantedCertificates.map(
      ({ resolver, domains, routers: by }) => `${resolver} ${domains.join()} ${by.join()}`,
    ),
    said: [...diagnostics, ...result.diagnostics].map(({ code, path, message }) => `${code} ${path}: ${message}`),
  };
}

test('names come from the rule, whatever stands around them, or from domains', () => {
  const { wanted, said } = compiled(`
    a: { rule: "(Host(\`A.test\`) || Host(\`b.test.\`)) && PathPrefix(\`/x\`) && !Host(\`no.test\`)", service: s, tls: { certResolver: web } }
    c: { rule: "HostRegexp(\`.*\`)", service: s, tls: { certResolver: dns, domains: [{ main: "*.c.test", sans: [c.test] }, { main: d.test }] } }
    old: { rule: "Host(\`e.test\`, \`f.test\`)", ruleSyntax: v2, service: s, tls: { certResolver: web } }
    six: { rule: "Host(\`[2001:DB8::1]\`)", service: s, tls: { certResolver: web } }
    none: { rule: "Host(\`g.test\`)", service: s, tls: {} }
    plain: { rule: "Host(\`h.test\`)", service: s }`);
  expect(wanted).toEqual([
    'web a.test,b.test a@install',
    'dns *.c.test,c.test c@install',
    'dns d.test c@install',
    'web e.test,f.test old@install',
    'web 2001:db8::1 six@install',
  ]);
  expect(said).toEqual([]);
});

test('the default certificate may come from a resolver', () => {
  const store = (text: string): ReturnType<typeof compiled> =>
    compiled('    a: { rule: "Host(`a.test`)", service: s }', '', `tls: { stores: { default: { ${text} } } }`);
  const generated = 'defaultGeneratedCert: { resolver: web, domain: { main: A.test, sans: [b.test] } }';
  expect(store(generated)).toEqual({ wanted: ['web a.test,b.test default@install (store)'], said: [] });
  expect(store('defaultGeneratedCert: { resolver: wbe, domain: { main: a.test } }').said).toEqual([
    'dangling-reference tls.stores.default.defaultGeneratedCert.resolver: there is no certificates resolver "wbe"; did you mean "web"?',
  ]);
});

test('routers that ask for the same names ask for one certificate', () => {
  const { wanted } = compiled(`
    a: { rule: "Host(\`a.test\`) || Host(\`b.test\`)", service: s, tls: { certResolver: web } }
    b: { rule: "Host(\`b.test\`) || Host(\`a.test\`)", service: s, tls: { certResolver: web } }
    c: { rule: "Host(\`a.test\`) || Host(\`b.test\`)", service: s, tls: { certResolver: dns } }`);
  expect(wanted).toEqual(['web a.test,b.test a@install,b@install', 'dns a.test,b.test c@install']);
});

test('the entry point’s resolver stands for routers that say nothing of TLS', () => {
  const { wanted } = compiled(
    `
    a: { rule: "Host(\`a.test\`)", entryPoints: [websecure], service: s }
    b: { rule: "Host(\`b.test\`)", entryPoints: [websecure], service: s, tls: {} }
    c: { rule: "Host(\`c.test\`)", entryPoints: [web], service: s }
    d: { rule: "Host(\`d.test\`)", entryPoints: [websecure], service: s, tls: { certResolver: dns } }`,
    'http: { tls: { certResolver: web } }',
  );
  expect(wanted).toEqual(['web a.test a@install', 'dns d.test d@install']);
});

test('what cannot be had is said at the router, and nothing is ordered for it', () => {
  const { wanted, said } = compiled(
    `
    a: { rule: "Host(\`a.test\`)", service: s, tls: { certResolver: wbe } }
    b: { rule: "Host(\`*.b.test\`)", service: s, tls: { certResolver: web } }
    c: { rule: "Host(\`10.0.0.1\`)", service: s, tls: { certResolver: dns } }
    d: { rule: "PathPrefix(\`/\`)", service: s, tls: { certResolver: web } }
    e: { rule: "Host(\`*\`)", service: s, tls: { certResolver: web } }
    f: { rule: "Host(\`f.test\`)", service: s, tls: { certResolver: web, domains: [{ main: "*.*.f.test" }] } }
    g: { rule: "Host(\`g.test\`)", service: missing, tls: { certResolver: web } }`,
    'http: { tls: { certResolver: nobody } }',
  );
  expect(wanted).toEqual([]);
  expect(said.filter((line) => !line.includes('missing'))).toEqual([
    'dangling-reference entryPoints.websecure.http.tls.certResolver: there is no certificates resolver "nobody"; known: web, dns',
    'dangling-reference http.routers.a.tls.certResolver: there is no certificates resolver "wbe"; did you mean "web"?',
    'no-certificate http.routers.d.tls.certResolver: the rule names no host a certificate could be for; list them under tls.domains',
    'no-certificate http.routers.e.tls.certResolver: the rule names no host a certificate could be for; list them under tls.domains',
    'no-certificate http.routers.f.tls.certResolver: "*.*.f.test" is no name a certificate can be for',
    'no-certificate http.routers.b.tls.certResolver: the resolver "web" needs a dnsChallenge to get a certificate for *.b.test',
    'no-certificate http.routers.c.tls.certResolver: the resolver "dns" needs an httpChallenge or a tlsChallenge to get a certificate for 10.0.0.1',
  ]);
});

test('a certificate has no more names than authorities take', () => {
  const domains = [{ main: 'm.test', sans: Array.from({ length: MAX_DOMAINS }, (_, index) => `h${index}.test`) }];
  const { wanted, problems } = wantedCertificates([{ name: 'r', certResolver: 'x', domains, ruleDomains: () => [] }]);
  expect(wanted).toEqual([]);
  expect(problems[0]!.message).toContain('at most 100 names, found 101');
});

test.each([
  ['Example.COM.', 'example.com'],
  ['*.example.com', '*.example.com'],
  ['_dmarc.example.com', '_dmarc.example.com'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['[::1]', '::1'],
  ['010.0.0.1', '010.0.0.1'],
  ['a..b', null],
  ['*', null],
  ['a.*.b', null],
  ['-a.test', null],
  [`${'a'.repeat(64)}.test`, null],
  ['bücher.example', null],
  ['a b.test', null],
  ['', null],
])('the name "%s"', (name, expected) => {
  expect(canonicalDomain(name)).toBe(expected);
});

test('the key of a certificate does not depend on the order of its names', () => {
  expect(certificateKey(['b', 'a'])).toBe(certificateKey(['a', 'b']));
});
