// `signalbox check` on files as people have them: routing alone, beside an install file, and what is neither.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';

let scratch: string;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'signalbox-check-'));
});
afterEach(async () => {
  await rm(scratch, { recursive: true, force: true });
});

async function write(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(scratch, name)), { recursive: true });
    await writeFile(join(scratch, name), text);
  }
}

interface Said {
  readonly code: number;
  readonly said: readonly string[];
}

async function check(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Said> {
  const { code, stdout } = await runCommand(['check', ...args, '--json'], { directory: scratch, environment });
  const report = JSON.parse(stdout) as { diagnostics: { severity: string; source: string; message: string }[] };
  return { code, said: report.diagnostics.map(({ severity, source, message }) => `${severity} ${source}: ${message}`) };
}

const NOTHING_WRONG: Said = { code: 0, said: [] };

const STREAMS = `
tcp:
  routers:
    redis: { rule: "HostSNI(\`*\`)", entryPoints: [redis], service: r }
    db: { rule: "HostSNI(\`db.test\`)", entryPoints: [db], service: r, tls: { certResolver: le } }
  services: { r: { loadBalancer: { servers: [{ address: "127.0.0.1:6379" }] } } }
udp:
  routers:
    dns: { entryPoints: [dns], service: d }
    rest: { service: d }
  services: { d: { loadBalancer: { servers: [{ address: "127.0.0.1:53" }] } } }
`;
const INSTALL = `
entryPoints: { web: { address: ":80" }, redis: { address: ":6379" }, db: { address: ":5432" }, dns: { address: ":53/udp" }, more: { address: ":54/udp" } }
certificatesResolvers: { le: { acme: { tlsChallenge: true } } }
providers: { file: { directory: conf } }
`;

test('routing files of every transport are right alone, beside their install file, and once', async () => {
  await write({ 'signalbox.yml': INSTALL, 'conf/streams.yml': STREAMS });
  expect(await check(['conf/streams.yml'])).toEqual(NOTHING_WRONG);
  expect(await check(['conf'])).toEqual(NOTHING_WRONG);
  expect(await check(['signalbox.yml'])).toEqual(NOTHING_WRONG);
  expect(await check(['signalbox.yml', 'conf'])).toEqual(NOTHING_WRONG);
  expect(await check(['signalbox.yml', 'conf/streams.yml'])).toEqual(NOTHING_WRONG);
  await write({ 'conf/streams.yml': STREAMS.replace('service: r }', 'service: nowhere }') });
  const once = ['error conf/streams.yml: there is no service "nowhere"'];
  for (const args of [['signalbox.yml', 'conf'], ['conf', 'signalbox.yml'], ['conf/streams.yml']])
    expect(await check(args)).toEqual({ code: 1, said: once });
});

test('a file is judged with what stands beside it, of which nothing is said', async () => {
  await write({
    'guards.yml': 'http: { middlewares: { m: { addPrefix: { prefix: x, wrong: 1 } }, n: { compress: true } } }\ntls: { options: { o: {} } }\n',
    'rules.yml':
      'http: { routers: { r: { rule: "Host(`a.test`)", service: api@internal, middlewares: [n@file], tls: { options: o, certResolver: le, domains: [{ main: "*.a.test" }] } } } }\n',
  });
  expect(await check(['rules.yml'])).toEqual(NOTHING_WRONG);
}); // prettier-ignore

test('routing is checked while the install part is wrong', async () => {
  await write({
    'signalbox.yml': `${INSTALL}log: { levle: debug }\nhttp: { routers: { own: { rule: "Hots(\`a\`)", service: api@internal, entryPoints: [anything] } } }\n`,
    'conf/a.yml': 'http: { routers: { r: { rule: "Path(`/`)", service: srv } }, services: { serv: {} } }\n',
  });
  const { code, said } = await check(['signalbox.yml']);
  expect(code).toBe(1);
  expect(said).toEqual([
    expect.stringContaining('unknown option "levle"; did you mean "level"?'),
    expect.stringContaining('name the kind'),
    expect.stringContaining('there is no service "srv"; did you mean "serv"?'),
    expect.stringContaining('unknown matcher "Hots"; did you mean "Host"?'),
  ]);
}); // prettier-ignore

test('what a file that does not parse may define is not guessed at', async () => {
  await write({
    'conf/a.yml': 'http:\n  middlewares:\n    auth: { basicAuth: { users: [a:b] }\n',
    'conf/b.yml':
      'http: { routers: { r: { rule: "Path(`/`)", service: api@internal, middlewares: [auth] } }, middlewares: { auht: { compress: {} } } }\n',
  });
  const { said } = await check(['conf']);
  expect(said).toHaveLength(2);
  expect(said[1]).toBe(
    'error conf/b.yml: there is no middleware "auth"; it may be in conf/a.yml, which cannot be read',
  );
});

test('files of another kind get one message', async () => {
  await write({
    'conf/signalbox.yml': INSTALL,
    'conf/acme.json': '{"le":{"Account":{"Email":"a@b.test"},"Certificates":[]}}',
    'conf/package.json': '{"name":"x","version":"1","dependencies":{}}',
    'conf/compose.yml': 'services: {}\nvolumes: {}\n',
    'conf/flat.yml': 'routers: {}\nservices: {}\n',
    'conf/old.toml': '[backends.b]\n[frontends.f]\nbackend = "b"\n',
    'conf/typo.yml': 'htpp: {}\n',
    'outer.yml': 'entryPoints: { web: { address: ":80" } }\nproviders: { file: { directory: conf } }\n',
  });
  const { said } = await check(['outer.yml']);
  expect(said).toEqual([
    expect.stringMatching(/^warning conf\/acme\.json: this is no routing configuration, and is left out: .*; found le$/),
    expect.stringMatching(/^error conf\/compose\.yml: this is no routing configuration, .*; found services, volumes$/),
    expect.stringMatching(/^error conf\/flat\.yml: "routers" belongs below "http:"/),
    expect.stringMatching(/^error conf\/old\.toml: this is a configuration of Traefik 1/),
    expect.stringMatching(/^warning conf\/package\.json: this is no routing configuration/),
    expect.stringMatching(/^warning conf\/signalbox\.yml: this is install configuration, .*"entryPoints", "certificatesResolvers", "providers" have no effect here$/),
    expect.stringMatching(/^error conf\/typo\.yml: unknown option "htpp"; did you mean "http"\?$/),
  ]);
}); // prettier-ignore

test('an install file of Traefik 1 gets one message', async () => {
  await write({
    'traefik.toml':
      'debug = false\nlogLevel = "ERROR"\ndefaultEntryPoints = ["https","http"]\n[entryPoints.http]\naddress = ":80"\n[docker]\n[acme]\nemail = "a@b.test"\n',
  });
  const { code, said } = await check(['traefik.toml']);
  expect([code, said.length]).toEqual([1, 1]);
  expect(said[0]).toContain('this is a configuration of Traefik 1');
});

test('links in a circle, and to the same file twice, are read once', async () => {
  await write({ 'conf/a.yml': STREAMS, 'conf/deep/b.yml': 'http: { middlewares: { m: { compress: true } } }\n' });
  await symlink('..', join(scratch, 'conf/deep/up'));
  await symlink('.', join(scratch, 'conf/here'));
  await symlink('a.yml', join(scratch, 'conf/z.yml'));
  expect(await check(['conf'])).toEqual(NOTHING_WRONG);
});

test('files of PowerShell are read', async () => {
  await write({ 'rules.yml': Buffer.from(`\ufeff${STREAMS.replaceAll('\n', '\r\n')}`, 'utf16le') });
  expect(await check(['rules.yml'])).toEqual(NOTHING_WRONG);
});

test('what stops nobody in Traefik stops nobody here', async () => {
  await write({
    'traefik.yml': `
global: { checkNewVersion: true, sendAnonymousUsage: false }
entryPoints: { web: { address: ":80" } }
accessLog: { filters: { statusCodes: ["400-600"] } }
certificatesResolvers:
  one: { acme: { dnsChallenge: { provider: hetzner } } }
  two: { tailscale: {} }
  three: { acme: { httpChallenge: { entryPoint: wbe } } }
providers: { file: { filename: rules.yml } }
`,
    'rules.yml':
      'http: { routers: { r: { rule: "Host(`${TRAEFIK_DOMAIN}`)", service: api@internal, tls: { certResolver: one } } } }\n',
  });
  const { code, said } = await check(['traefik.yml'], { TRAEFIK_DOMAIN: 'a.test', TRAEFIK_NETWORK: 'proxy' });
  expect(code).toBe(1);
  expect(said).toEqual([
    expect.stringContaining('warning traefik.yml: statuses are from 100 to 599; 400-599 is taken for 400-600'),
    expect.stringContaining('warning traefik.yml: there is no DNS provider "hetzner"; known: '),
    expect.stringContaining('warning traefik.yml: "certificatesResolvers.two.tailscale" is not supported yet'),
    expect.stringContaining('warning traefik.yml: the section "acme" is missing; the resolver is off until then'),
    expect.stringContaining('warning traefik.yml: there is no entry point "wbe"; did you mean "web"?; the resolver is off'),
    expect.stringContaining('error rules.yml: "api@internal" is there when'),
  ]);
}); // prettier-ignore

test('--from-traefik lists every option of every document, and no noise', async () => {
  await write({
    'traefik.yml': `
log: { level: DEBUG }
api: {}
ping:
accessLog: { fields: { names: { ClientUsername: drop } } }
entryPoints: { web: { address: ":80", http: { maxHeaderBytes: 4096 } } }
global: { sendAnonymousUsage: true }
providers: { file: { directory: conf } }
`,
    'conf/tls.yml':
      'tls: { certificates: [{ certFile: a.pem, keyFile: b.pem }], options: { o: { sniStrict: true }, empty: {} } }\n',
    'conf/udp.yml': 'udp: { services: { d: { loadBalancer: { servers: [{ address: "a:1" }] } } } }\n',
    'conf/web.yml': `
http:
  routers: { r: { rule: "Path(\`/\`)", service: s, tls: {} } }
  services: { s: { loadBalancer: { sticky: { cookie: {} }, healthCheck: { path: /, headers: { X-A: b } } } } }
  middlewares: { c: { compress: {} }, h: { headers: { customResponseHeaders: { X-A: b } } } }
`,
  });
  const { stdout } = await runCommand(['check', 'traefik.yml', '--from-traefik', '--json'], { directory: scratch });
  const { migration } = JSON.parse(stdout) as { migration: { path: string; verdict: string; note: string }[] };
  expect(migration.map(({ path, verdict }) => `${verdict}: ${path}`)).toEqual([
    'works: log.level',
    'works: api',
    'works: ping',
    'works: accessLog.fields.names',
    'works: entryPoints.web.address',
    'works: entryPoints.web.http.maxHeaderBytes',
    'differs: global.sendAnonymousUsage',
    'works: providers.file.directory',
    'works: tls.certificates[0].certFile',
    'works: tls.certificates[0].keyFile',
    'works: tls.options.o.sniStrict',
    'works: tls.options.empty',
    'works: udp.services.d.loadBalancer.servers',
    'works: udp.services.d.loadBalancer.servers[0].address',
    'works: http.routers.r.rule',
    'works: http.routers.r.service',
    'works: http.routers.r.tls',
    'works: http.services.s.loadBalancer.sticky.cookie',
    'works: http.services.s.loadBalancer.healthCheck.path',
    'works: http.services.s.loadBalancer.healthCheck.headers',
    'works: http.middlewares.c.compress',
    'works: http.middlewares.h.headers.customResponseHeaders',
  ]);
});

test('options of TLS that do not exist are an error', async () => {
  await write({
    'rules.yml':
      'http: { routers: { r: { rule: "Host(`a.test`)", service: ping@internal, tls: { options: mdern } } } }\ntls: { options: { modern: {} } }\n',
  });
  const { code, said } = await check(['rules.yml']);
  expect(code).toBe(1);
  expect(said).toEqual([
    'error rules.yml: there are no TLS options "mdern"; did you mean "modern"?; handshakes for the hosts of this router fail',
  ]);
});

test('--strict fails for warnings as well', async () => {
  await write({ 'signalbox.yml': 'entryPoints: { web: { address: ":80" } }\nlog: { level: verbose }\n' });
  expect((await check(['signalbox.yml'])).code).toBe(0);
  expect((await check(['signalbox.yml', '--strict'])).code).toBe(1);
});

test('a configuration of the environment alone is checked', async () => {
  expect(await check([], { SIGNALBOX_ENTRYPOINTS_WEB_ADDRESS: ':80' })).toEqual(NOTHING_WRONG);
  expect(await check([], { SIGNALBOX_ENTRYPOINTS_WEB_ADDRESS: '80' })).toEqual({
    code: 1,
    said: ['error environment variable SIGNALBOX_ENTRYPOINTS_WEB_ADDRESS: "80" is no address; write ":80"'],
  });
});

test('what would keep the router from starting is found', async () => {
  await write({ 'signalbox.yml': 'entryPoints:\n  one: { address: ":80" }\n  other: { address: "127.0.0.1:80" }\n' });
  expect((await check(['signalbox.yml'])).said).toEqual([
    'error signalbox.yml: the entry point "one" has this address; each needs one of its own',
  ]);
});

test('one cause is one error; what it disables is listed', async () => {
  await write({
    'signalbox.yml': `entryPoints: { web: { address: ":80" } }
http:
  routers:
    a: { rule: "Host(\`a\`)", service: s }
    b: { rule: "Host(\`b\`)", service: s }
  services:
    s: { loadBalancer: { servers: [{ uri: "http://127.0.0.1:1" }] } }
`,
  });
  const { code, stdout } = await runCommand(['check', 'signalbox.yml'], { directory: scratch });
  expect([code, stdout]).toEqual([
    1,
    `error   signalbox.yml:7:38  http.services.s.loadBalancer.servers[0].uri
        unknown option "uri"; did you mean "url"?
disabled by the errors above: http.routers.a, http.routers.b
1 error, 0 warnings
`,
  ]);
});

test('people at a terminal see the line', async () => {
  await write({ 'a.yml': 'http:\n  routers:\n    a: { rule: Host(a.test), service: api@internal }\n' });
  const { stdout } = await runCommand(['check', 'a.yml'], {
    directory: scratch,
    environment: { FORCE_COLOR: '1', NO_COLOR: '1' },
  });
  expect(stdout.split('\n').slice(2, 4)).toEqual([
    '        3 |     a: { rule: Host(a.test), service: api@internal }',
    '          |                     ^',
  ]);
});
