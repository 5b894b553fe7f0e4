import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordedIo } from '../../../test/support/fake-api.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { runCommandLine } from '../command-line.ts';

const ROUTED = `http:
  routers: { r: { rule: "Host(\`a\`)", service: s } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
`;
const WRONG = ROUTED.replace('Host(`a`)', 'Host(');
/** Of an install file. */
const BROKEN = 'entryPoints: { web: { address: nowhere } }\n';
const WEB = 'entryPoints: { web: { address: ":80" } }\n';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'check-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A file of this text; returns its path. */
function file(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

interface Report {
  readonly isValid: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly origins?: readonly { readonly path: string; readonly value: unknown; readonly origin: string }[];
  readonly migration?: readonly { readonly path: string; readonly verdict: string }[];
}

async function run(...argv: readonly string[]): Promise<readonly [number, string, string]> {
  const io = new RecordedIo({ HOME: join(directory, 'home') });
  const code = await runCommandLine(['check', ...argv], io);
  return [code, io.stdout, io.stderr];
}

async function report(...argv: readonly string[]): Promise<Report & { readonly code: number }> {
  const [code, text] = await run(...argv, '--json');
  return { code, ...(JSON.parse(text) as Report) };
}

/** Where something is wrong, and with what. */
async function wrong(...argv: readonly string[]): Promise<readonly string[]> {
  const { diagnostics } = await report(...argv);
  return diagnostics.map(({ source, path }) => `${source.slice(directory.length + 1)} ${path}`);
}

test('a configuration without a mistake is told so, with an install file and without', async () => {
  const routing = file('routing.yml', ROUTED);
  expect(await run(routing)).toEqual([0, '0 errors, 0 warnings\n', '']);
  const install = file('signalbox.yml', `${WEB}providers: { file: { filename: "${routing}" } }\n`);
  expect(await run(install)).toEqual([0, '0 errors, 0 warnings\n', '']);
  expect(await run('--config', install)).toEqual([0, '0 errors, 0 warnings\n', '']);
  expect(await report(install)).toEqual({ code: 0, isValid: true, diagnostics: [] });
});

test('mistakes are counted, told with their places, and make it fail', async () => {
  const path = file('routing.yml', WRONG);
  const [code, text] = await run(path);
  expect([code, text.split('\n').at(-2)]).toEqual([1, '1 error, 0 warnings']);
  expect(text).toMatch(new RegExp(`^error   ${path}:2:\\d+  http\\.routers\\.r\\.rule\n {8}\\S`, 'm'));
  expect(await report(path)).toMatchObject({ code: 1, isValid: false });
});

test('a routing file alone may name entry points and resolvers of any name', async () => {
  const text = `http:
  routers:
    r: { rule: "Host(\`a.example\`)", entryPoints: [any, other], service: s }
    q: { rule: "Host(\`b.example\`)", entryPoints: [web], service: s, tls: { certResolver: letters } }
  services: { s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } }
tcp:
  routers: { t: { rule: "HostSNI(\`*\`)", entryPoints: [any], service: s } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } }
udp:
  routers: { u: { entryPoints: [dns], service: s } }
  services: { s: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } }
`;
  const routing = file('routing.yml', text);
  expect((await report(routing)).diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  // With the file they belong to, it is known which there are.
  const install = file('install.yml', WEB);
  const { diagnostics } = await report(install, routing);
  const messages = diagnostics.map(({ message }) => message).join('\n');
  expect(['any', 'dns', 'letters'].map((name) => new RegExp(`\\b${name}\\b`).test(messages))).toEqual([
    true,
    true,
    true,
  ]);
});

test('what a file names may stand in the files beside it, of which nothing is said', async () => {
  file(
    'd/services.yml',
    'http: { services: { other: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } } }\n',
  );
  file('d/wrong.yml', WRONG);
  const routers = file('d/routers.yml', 'http: { routers: { x: { rule: "Host(`a`)", service: other } } }\n');
  expect(await wrong(routers)).toEqual([]);
  expect(await wrong(join(directory, 'd'))).toEqual(['d/wrong.yml http.routers.r.rule']);
  const alone = file('e/routers.yml', 'http: { routers: { x: { rule: "Host(`a`)", service: other } } }\n');
  expect(await wrong(alone)).toEqual([expect.stringMatching(/^e\/routers\.yml http\.routers\.x/)]);
});

test('files that an install file reads are judged with it, and once', async () => {
  const routing = file('d/routing.yml', WRONG);
  const install = file('signalbox.yml', `${WEB}providers: { file: { directory: "${join(directory, 'd')}" } }\n`);
  expect(await wrong(install, routing)).toEqual(['d/routing.yml http.routers.r.rule']);
  expect(await wrong(join(directory, 'd'), install)).toEqual(['d/routing.yml http.routers.r.rule']);
});

test('a directory with install files is judged by them', async () => {
  file('all/signalbox.yml', BROKEN);
  file('all/traefik.yml', 'entryPoints: { web: { address: nowhere } }\n');
  const places = await wrong(join(directory, 'all'));
  expect(places).toContain('all/signalbox.yml entryPoints.web.address');
  expect(places.some((place) => place.startsWith('all/traefik.yml entryPoints.web.address'))).toBe(true);
});

test('an install file with errors has its routing judged all the same', async () => {
  const routing = file('d/routing.yml', WRONG);
  const install = file('signalbox.yml', `${BROKEN}providers: { file: { filename: "${routing}" } }\n`);
  expect((await wrong(install)).toSorted()).toEqual([
    'd/routing.yml http.routers.r.rule',
    'signalbox.yml entryPoints.web.address',
  ]);
  const inline = file('inline.yml', `${BROKEN}providers: { file: { filename: 7 } }\n${WRONG}`);
  const places = await wrong(inline);
  expect(places).toContain('inline.yml entryPoints.web.address');
  expect(places.filter((place) => place === 'inline.yml http.routers.r.rule')).toHaveLength(1);
  // Nothing can be said of what does not parse but that.
  expect((await report('--config', file('signalbox.toml', '= ='))).diagnostics).toHaveLength(1);
  expect(await report(file('list.yml', '- 1\n'))).toMatchObject({ code: 1 });
});

test('an install file is known by a section that is misspelt, too', async () => {
  expect(await wrong(file('a.yml', 'entrypionts: { web: { address: ":80" } }\n'))).toContain('a.yml entrypionts');
});

test('a file that is missing is a mistake', async () => {
  expect(await report(join(directory, 'missing.yml'))).toMatchObject({ code: 1, isValid: false });
  expect(await report(join(directory, 'missing.ts'))).toMatchObject({ code: 1, isValid: false });
});

test('where options come from is listed, and secrets are not shown', async () => {
  const install = file('signalbox.yml', `${WEB}api: { token: "a-secret-of-the-operator" }\n`);
  const { origins } = await report(install, '--show-origin');
  expect(origins).toContainEqual({
    path: 'entryPoints.web.address',
    value: ':80',
    origin: expect.stringContaining(install),
  });
  const [code, text] = await run(install, '--show-origin');
  expect([code, /^OPTION +VALUE +ORIGIN$/m.test(text), text.includes('a-secret')]).toEqual([0, true, false]);
});

test('what becomes of a configuration of Traefik is listed option by option', async () => {
  const install = file('traefik.yml', `${WEB}global: { sendAnonymousUsage: true }\n`);
  const { migration } = await report(install, '--from-traefik');
  expect(migration?.map(({ path }) => path)).toEqual(expect.arrayContaining(['entryPoints.web.address']));
  expect((await run(install, '--from-traefik'))[1]).toMatch(/OPTION +WHERE/);
});

test('a provider or middleware that is not built is an error with what to use until then', async () => {
  const nomad = await report('--entryPoints.web.address=:80', '--providers.nomad=true');
  expect([nomad.code, nomad.diagnostics]).toMatchObject([1, [{ severity: 'error', path: 'providers.nomad' }]]);
  expect(nomad.diagnostics[0]!.message).toMatch(/not supported yet.*until then .*providers\.file/);
  const limited = file(
    'limited.yml',
    `${ROUTED.replace('service: s }', 'service: s, middlewares: [m] }')}  middlewares: { m: { rateLimit: { average: 1 } } }\n`,
  );
  const { code, diagnostics } = await report(limited);
  expect([code, diagnostics[0]?.message]).toEqual([
    1,
    expect.stringMatching(/"http.middlewares.m.rateLimit" .*until then/),
  ]);
});

test('a list of kinds marks those that are not built', async () => {
  const { diagnostics } = await report(file('r.yml', 'http: { middlewares: { m: { nonsensical: {} } } }\n'));
  expect(diagnostics[0]?.message).toMatch(/known here: .*redirectRegex, .*rateLimit \(not yet\)/);
});

test('options alone are an install configuration', async () => {
  expect(await run('--entryPoints.web.address=:80')).toEqual([0, '0 errors, 0 warnings\n', '']);
  expect((await run('--entryPoints.web.address=nowhere'))[0]).toBe(1);
});

test('without a file and without options it has nothing to look at', async () => {
  const [code, text, errors] = await run();
  expect([code, text, errors]).toEqual([2, '', expect.stringMatching(/^check: name at least one file/)]);
});
