import { expect, test } from 'vitest';
import { DIAGNOSTIC_CODES } from '../../model/diagnostic-codes.ts';
import { parseConfig } from '../config/document/document.ts';
import { decodeInstall } from '../config/install/load-install.ts';
import { decodeRouting } from '../config/routing/routing-config.ts';
import { compile, type CompileResult } from './compile.ts';
import { CompileMemory } from './compile-memory.ts';
import { danglingNames } from './consistent.ts';
import { internalServices } from './internal-services.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';

function compiled(text: string): CompileResult & { said: string[] } {
  const { value, diagnostics } = decodeInstall('in.yml', text);
  if (value === null) throw new Error(JSON.stringify(diagnostics));
  const result = compile(value, value.routing === null ? [] : [value.routing], internalServices(value.admin));
  expect(danglingNames(result.sections, result.secrets)).toEqual([]);
  const said = result.diagnostics.map(
    ({ severity, code, line, column, path, message }) => `${severity} ${code} ${line}:${column} ${path}: ${message}`,
  );
  return { ...result, said };
}

const EP = 'entryPoints: { web: { address: ":0" } }\n';
const S = 's: { loadBalancer: { servers: [{ url: "http://a:1" }] } }';

/** One configuration per diagnostic code that compiling or decoding can give; files give the others. */
const CASES: Readonly<Record<string, string>> = {
  'unknown-option': `${EP}http: { routers: { r: { rule: "Host(\`a\`)", sevice: s, service: s } }, services: { ${S} } }`,
  'misplaced-option': `${EP}http: { services: { s: { servers: [] } } }`,
  'wrong-type': `${EP}http: { routers: { r: { rule: [], service: s } }, services: { ${S} } }`,
  'invalid-value': `${EP}http: { services: { s: { loadBalancer: { strategy: random } } } }`,
  'out-of-range': `${EP}http: { routers: { r: { rule: "Host(\`a\`)", service: s, priority: 9223372036854774807 } }, services: { ${S} } }`,
  'wrong-kind-of-file': `defaultEntryPoints: [http]\nentryPoints: { http: { address: ":80" } }`,
  'missing-option': `${EP}http: { routers: { r: { service: s } }, services: { ${S} } }`,
  'not-supported-yet': `${EP}tracing: {}`,
  'forbidden-key': `${EP}http: { routers: { constructor: {} } }`,
  'rule-syntax': `${EP}http: { routers: { r: { rule: "Hots(\`a\`)", service: s } }, services: { ${S} } }`,
  'doubtful-rule': `${EP}http: { routers: { r: { rule: "Path(\`/a?b\`)", service: s } }, services: { ${S} } }`,
  'dangling-reference': `${EP}http: { routers: { r: { rule: "Host(\`a\`)", service: x } }, services: { ${S} } }`,
  'unusable-reference': `${EP}http: { routers: { r: { rule: "Host(\`a\`)", service: s, middlewares: [m] } }, middlewares: { m: { retry: {} } }, services: { ${S} } }`,
  'reference-cycle': `${EP}http: { middlewares: { a: { chain: { middlewares: [b] } }, b: { chain: { middlewares: [a] } } } }`,
  'no-certificate': `entryPoints: { web: { address: ":0" } }\ncertificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\nhttp: { routers: { r: { rule: "Host(\`*.a.test\`)", service: s, tls: { certResolver: le } } }, services: { ${S} } }`,
  'no-entry-point': `http: { routers: { r: { rule: "Host(\`a\`)", service: s } }, services: { ${S} } }`,
  'no-servers': `${EP}http: { services: { s: { loadBalancer: {} } } }`,
  'bad-server-url': `${EP}http: { services: { s: { loadBalancer: { servers: [{ url: "localhost:1" }] } } } }`,
  'path-ignored': `${EP}http: { services: { s: { loadBalancer: { servers: [{ url: "http://a/b" }] } } } }`,
  substitution: `${EP}http: { services: { s: { loadBalancer: { servers: [{ url: "\${MISSING}" }] } } } }`,
  'unguarded-api': `entryPoints: { web: { address: ":0" }, traefik: { address: ":0" } }\napi: {}`,
  'unguarded-fallback': `${EP}http: { routers: { r: { rule: "Hots(\`a\`)", service: s, middlewares: [m] } }, middlewares: { m: { basicAuth: { users: [] } } }, services: { ${S} } }`,
  'option-without-effect': `${EP}http: { middlewares: { m: { headers: { stsPreload: true } } } }`,
  'deprecated-option': `${EP}http: { middlewares: { m: { ipWhiteList: { sourceRange: ["::1"] } } } }`,
  'bad-certificate': `${EP}tls: { certificates: [{ certFile: "-----BEGIN CERTIFICATE-----", keyFile: "-----BEGIN PRIVATE KEY-----" }] }`,
  'tls-options-conflict': `${EP}http: { routers: { r: { rule: "Host(\`a\`)", service: s, tls: {} }, q: { rule: "Host(\`a\`) && Path(\`/q\`)", service: s, tls: { options: o } } }, services: { ${S} } }\ntls: { options: { o: { sniStrict: true } } }`,
  'go-template': `${EP}http: { routers: { r: { rule: "Host(\`{{ .Name }}\`)", service: s } }, services: { ${S} } }`,
};

test.each(Object.entries(CASES))('%s', (code, text) => {
  const { value, diagnostics } = decodeInstall('in.yml', text);
  const all = [
    ...diagnostics,
    ...(value === null
      ? []
      : compile(value, value.routing === null ? [] : [value.routing], internalServices(value.admin)).diagnostics),
  ];
  const found = all.find((diagnostic) => diagnostic.code === code);
  expect(found).toBeDefined();
  expect(found!.message).not.toBe('');
  expect(Object.keys(DIAGNOSTIC_CODES)).toContain(code);
});

test('the codes without a case here belong to files, workloads and runtimes', () => {
  const others = Object.keys(DIAGNOSTIC_CODES).filter((code) => !(code in CASES));
  expect(others).toEqual([
    'syntax',
    'file-unreadable',
    'file-too-large',
    'document-too-complex',
    'duplicate-object',
    'duplicate-key',
    'refused-reference',
    'address-taken',
    'unusable-path',
    'not-bound',
    'needs-restart',
    'no-port',
    'no-address',
    'no-rule',
    'not-in-runtime',
    'last-good',
    'pinned',
    'compile-failed',
  ]);
});

test('references cross providers by name@provider and say where a name is to be found', () => {
  const install = decodeInstall('in.yml', EP).value!;
  const file = decodeRouting(
    'file',
    parseConfig(
      'f.yml',
      `http: { routers: { a: { rule: "Host(\`a\`)", service: s@kv }, b: { rule: "Host(\`b\`)", service: s } } }`,
    ),
  );
  const kv = decodeRouting('kv', parseConfig('k.yml', `http: { services: { ${S} } }`));
  const { sections, diagnostics } = compile(install, [file, kv]);
  expect(sections.routes['a@file']).toMatchObject({ service: 's@kv', disabledStatus: 0 });
  expect(sections.routes['b@file']).toMatchObject({ service: '', disabledStatus: 503 });
  expect(diagnostics.map(({ message }) => message)).toEqual(['there is no service "s" in provider file; write "s@kv"']);
  // The order of providers makes no difference.
  expect(compile(install, [kv, file]).sections).toEqual(sections);
});

test('snapshots keep unchanged objects, and deltas hold the others', () => {
  const builder = new SnapshotBuilder();
  const text = (path: string, more = ''): string =>
    `${EP}http: { routers: { a: { rule: "Path(\`${path}\`)", service: s }, b: { rule: "Host(\`b\`)", service: s }${more} }, services: { ${S} } }`;
  const first = builder.build(compiled(text('/1')).sections)!;
  expect(first).toMatchObject({ delta: null, snapshot: { version: 1 } });
  expect(builder.build(compiled(text('/1')).sections)).toBeNull();
  const second = builder.build(compiled(text('/2', ', c: { rule: "Host(`c`)", service: s }')).sections)!;
  expect(Object.keys(second.delta!.changed.routes!)).toEqual(['a@install', 'c@install']);
  expect(second.snapshot.routes['b@install']).toBe(first.snapshot.routes['b@install']);
  expect(second.delta).toMatchObject({ baseVersion: 1, version: 2, digest: second.snapshot.digest });
  const third = builder.build(compiled(text('/1')).sections)!;
  expect(third.delta!.removed).toEqual({ routes: ['c@install'] });
  expect(third.snapshot.digest).toBe(first.snapshot.digest);
});

test('TCP routers whose TLS the router ends ask for certificates, beside HTTP routers of the same name', () => {
  const { wantedCertificates, said } = compiled(`
entryPoints: { web: { address: ":0" } }
certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }
http:
  routers: { db: { rule: "Host(\`a.test\`)", service: s, tls: { certResolver: le } } }
  services: { ${S} }
tcp:
  routers:
    db: { rule: "HostSNI(\`b.test\`) || HostSNI(\`c.test\`)", service: t, tls: { certResolver: le } }
    rest: { rule: "HostSNI(\`*\`)", service: t, tls: { certResolver: le } }
    through: { rule: "HostSNI(\`d.test\`)", service: t, tls: { passthrough: true, certResolver: le } }
  services: { t: { loadBalancer: { servers: [{ address: "a:1" }] } } }
`);
  expect(wantedCertificates).toEqual([
    { resolver: 'le', domains: ['a.test'], routers: ['db@install'] },
    { resolver: 'le', domains: ['b.test', 'c.test'], routers: ['db@install (tcp)'] },
  ]);
  expect(said).toEqual([
    expect.stringMatching(/with passthrough the server ends TLS/),
    expect.stringMatching(/names no host a certificate could be for/),
  ]);
});

test('what says nothing of a server costs no service, and never shows a password', () => {
  const url = 'http://user:hush@127.0.0.1:9001/?q=1#x';
  const { sections, said } = compiled(
    `${EP}ping: { entryPoint: nowhere }\nhttp: { services: { s: { loadBalancer: { servers: [{ url: "${url}" }] } } } }`,
  );
  expect(Object.keys(sections.services)).toContain('s@install');
  expect(said).toEqual([
    expect.stringContaining('a server is scheme, host and port: user and query and fragment of the URL have no effect'),
  ]);
  expect(said.join()).not.toContain('hush');
});

test('a server whose address is wrong costs itself, at its place in the file', () => {
  const { sections, said } = compiled(`${EP}
http: { services: { h: { loadBalancer: { servers: [{ weight: 2 }, { url: "a:1" }, { url: "http://a:1" }] } } } }
tcp: { services: { t: { loadBalancer: { servers: [{ address: "a" }, { address: "a:1" }] } } } }
udp: { services: { u: { loadBalancer: { servers: [{ address: "a" }, { address: "a:1" }] } } } }
`);
  expect(sections.endpointSets).toMatchObject({
    'h@install': { protocol: 'http', endpoints: [{ url: 'http://a:1' }] },
    't@install@@tcp': { protocol: 'tcp', endpoints: [{ url: 'a:1' }] },
    'u@install@@udp': { protocol: 'udp', endpoints: [{ url: 'a:1' }] },
  });
  expect(said.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
    'warning missing-option 3:52 http.services.h.loadBalancer.servers[0].url:',
    'warning bad-server-url 3:74 http.services.h.loadBalancer.servers[1].url:',
    'warning bad-server-url 4:62 tcp.services.t.loadBalancer.servers[0].address:',
    'warning bad-server-url 5:62 udp.services.u.loadBalancer.servers[0].address:',
  ]);
});

test('an entry point that is not there costs a router nothing while another one is', () => {
  const { sections, said } = compiled(`
entryPoints: { web: { address: ":0" }, db: { address: ":1" }, dns: { address: ":2/udp" } }
http: { routers: { r: { rule: "Host(\`a\`)", entryPoints: [nowhere, web, dns], service: s } }, services: { ${S} } }
tcp: { routers: { t: { rule: "HostSNI(\`*\`)", entryPoints: [nowhere, db], service: t }, lost: { rule: "HostSNI(\`*\`)", entryPoints: [nowhere], service: t } }, services: { t: { loadBalancer: { servers: { address: "a:1" } } } } }
udp: { routers: { u: { entryPoints: [nowhere, dns], service: u } }, services: { u: { loadBalancer: { servers: { address: "a:1" } } } } }
`);
  expect(sections.routes['r@install']!.entryPoints).toEqual(['web']);
  expect(sections.tcpRoutes['t@install']!.entryPoints).toEqual(['db']);
  expect(sections.udpRoutes['u@install']!.entryPoints).toEqual(['dns']);
  expect(Object.keys(sections.tcpRoutes)).toEqual(['t@install']);
  expect(said.map((line) => line.replace(/\S+ \S+: /, ''))).toEqual([
    'warning dangling-reference there is no entry point "nowhere"; known: web, db; it is left out here',
    'warning dangling-reference the entry point "dns" is for UDP; this router needs one for TCP; it is left out here',
    'warning dangling-reference there is no entry point "nowhere"; known: web, db; it is left out here',
    'error dangling-reference there is no entry point "nowhere"; known: web, db',
    'warning dangling-reference there is no entry point "nowhere"; known: dns; it is left out here',
  ]);
}); // prettier-ignore

test('a server that is written twice is one endpoint with both shares; another one at its address has a key of its own', () => {
  const { sections } = compiled(`${EP}
http: { services: { s: { loadBalancer: { servers: [
  { url: "http://a:1" }, { url: "http://b:1", weight: 2 }, { url: "http://a:1/p", preservePath: true },
  { url: "http://a:1", weight: 3 }, { url: "http://b:1", preservePath: true }, { url: "http://b:1", weight: 5 }] } } } }
tcp: { services: { s: { loadBalancer: { servers: [{ address: "a:1" }, { address: "a:1" }, { address: "a:1", tls: true }] } } } }
`);
  const { 's@install': http, 's@install@@tcp': tcp } = sections.endpointSets;
  expect(http!.endpoints.map((one) => [one.key, 'weight' in one ? one.weight : 0])).toEqual([
    ['http://a:1', 4],
    ['http://b:1', 7],
    ['http://a:1/p', 1],
    ['http://b:1#2', 1],
  ]);
  expect(tcp!.endpoints.map(({ key }) => key)).toEqual(['a:1', 'a:1#2']);
});

test('the same configuration compiled with two memories shares no object that is made in compiling', () => {
  const install = decodeInstall(
    'in.yml',
    `${EP}http: { routers: { r: { rule: "Host(\`a\`)", service: s } }, services: { ${S} } }`,
  );
  const [value, routing] = [install.value!, install.value!.routing!];
  const memory = new CompileMemory();
  const first = compile(value, [routing], undefined, memory).sections;
  expect(compile(value, [routing], undefined, memory).sections.routes['r@install']).toBe(first.routes['r@install']);
  const other = compile(value, [routing]).sections;
  expect(other.routes['r@install']).toEqual(first.routes['r@install']);
  expect(other.routes['r@install']).not.toBe(first.routes['r@install']);
});

test('a router that has rule, priority and place of another one is told that it gets nothing', () => {
  const { said } = compiled(`
entryPoints: { web: { address: ":0" }, other: { address: ":0" }, secure: { address: ":0" } }
http:
  routers:
    b: { rule: "Host(\`a\`)", service: s, entryPoints: [web, other] }
    a: { rule: "Host(\`a\`)", service: s, entryPoints: [web] }
    c: { rule: "Host(\`a\`)", service: s, entryPoints: [web], priority: 1000 }
    d: { rule: "Host(\`a\`)", service: s, entryPoints: [secure], tls: {} }
    e: { rule: "Host(\`a\`)", service: s, entryPoints: [secure] }
  services: { ${S} }
`);
  expect(said).toEqual([
    expect.stringMatching(/ http\.routers\.b\.rule: a@install has the same rule .* on web and takes every/),
  ]);
});
