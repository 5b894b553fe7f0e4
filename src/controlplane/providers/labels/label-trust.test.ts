// Labels are a tenant's words: they reach nothing of the process and nothing of others.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  after,
  compiledWith,
  labelRouting,
  saidOf,
  sampleWorkload,
  SECRETS,
} from '../../../../test/support/workloads.ts';
import { parseConfig } from '../../config/document/document.ts';
import { decodeRouting, type RoutingConfig } from '../../config/routing/routing-config.ts';
import type { LabelOptions } from './label-options.ts';

const directory = mkdtempSync(join(tmpdir(), 'labels-'));
const FILE = join(directory, 'users');
writeFileSync(FILE, 'anna:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/\n');
afterAll(() => rmSync(directory, { recursive: true }));

function configOf(labels: Readonly<Record<string, string>>, options: Partial<LabelOptions> = {}): RoutingConfig {
  return after(null, labelRouting(options).update([sampleWorkload({ id: 'evil', labels })]));
}

test('a variable and the content of a file are plain text', () => {
  const header = 'traefik.http.middlewares.m.headers.customrequestheaders';
  const config = configOf({
    [`${header}.X-Variable`]: '${SECRET}',
    [`${header}.X-Default`]: '${SECRET:-none}',
    [`${header}.X-File`]: `\${file:${FILE}}`,
    'traefik.http.routers.r.rule': 'Host(`${SECRET}`)',
    'traefik.http.services.s.loadbalancer.server.url': 'http://${SECRET}:80',
  });
  expect(SECRETS.variable('SECRET')).toBe('the-secret');
  expect(config.middlewares.get('m')!.value).toMatchObject({
    headers: {
      customRequestHeaders: { 'X-Variable': '${SECRET}', 'X-Default': '${SECRET:-none}', 'X-File': `\${file:${FILE}}` },
    },
  });
  const shown = JSON.stringify([compiledWith(config).sections, compiledWith(config).diagnostics]);
  expect(shown).not.toContain('the-secret');
  expect(shown).not.toContain('anna');
});

test('a file is not looked for, unless the operator allows it; nothing is substituted then either', () => {
  const labels = {
    'traefik.http.middlewares.m.basicauth.usersfile': FILE,
    'traefik.http.middlewares.n.basicauth.usersfile': '${file:/etc/passwd}',
    'traefik.http.middlewares.o.headers.customrequestheaders.X': '${SECRET}',
  };
  const closed = configOf(labels);
  expect(closed.middlewares.get('m')!.value).toBeNull();
  expect([...closed.filesRead]).toEqual([]);
  expect(saidOf(closed)[0]).toBe(
    'error container evil, label traefik.http.middlewares.m.basicauth.usersfile [http.middlewares.m.basicAuth.usersFile] a file can be named only by whoever runs the router; write its content out',
  );
  const open = configOf(labels, { allowFiles: true });
  expect(open.middlewares.get('m')!.value).not.toBeNull();
  expect([...open.filesRead]).toEqual([FILE, '${file:/etc/passwd}']);
  expect(open.middlewares.get('n')!.value).toBeNull();
  expect(open.middlewares.get('o')!.value).toMatchObject({ headers: { customRequestHeaders: { X: '${SECRET}' } } });
});

const REACH: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a router': { 'traefik.http.routers.r.service': 'rest@internal' },
  'a share': {
    'traefik.http.routers.r.service': 'w',
    'traefik.http.services.w.weighted.services[0].name': 'evil',
    'traefik.http.services.w.weighted.services[1].name': 'rest@internal',
  },
  'an error page': {
    'traefik.http.routers.r.middlewares': 'm',
    'traefik.http.middlewares.m.errors.status': '404',
    'traefik.http.middlewares.m.errors.query': '/',
    'traefik.http.middlewares.m.errors.service': 'rest@internal',
  },
};

test.each(Object.entries(REACH))('%s does not reach a service of the router', (_, labels) => {
  const rule = { 'traefik.http.routers.r.rule': 'Host(`evil`)' };
  const result = compiledWith(configOf({ ...rule, ...labels }));
  const refused = result.diagnostics.filter(({ code }) => code === 'refused-reference');
  expect(refused.map(({ source, message }) => [source.replace(/^.*label /, ''), message])).toEqual([
    [
      Object.keys(labels).find((label) => labels[label] === 'rest@internal'),
      '"rest@internal" is a service of the router itself, which objects of the provider docker may name only where the install configuration lists it: providers.docker.internalServices: [rest@internal]',
    ],
  ]);
  const { routes, middlewares, services } = result.sections;
  expect(routes['r@docker']!.disabledStatus).toBeGreaterThan(0);
  expect(JSON.stringify([routes, middlewares, { ...services, 'rest@internal': null }])).not.toContain(
    '"rest@internal"]',
  );
  const allowed = compiledWith(configOf({ ...rule, ...labels }, { internalServices: ['rest@internal'] }));
  expect(allowed.diagnostics.filter(({ code }) => code === 'refused-reference')).toEqual([]);
});

test('what only redirects may name noop@internal, and the operator’s files may name what they like', () => {
  const labels = { 'traefik.http.routers.r.rule': 'Host(`a`)', 'traefik.http.routers.r.service': 'noop@internal' };
  expect(compiledWith(configOf(labels)).sections.routes['r@docker']!.disabledStatus).toBe(0);
  const file = decodeRouting('file', parseConfig('f.yml', 'http: { routers: { a: { rule: "Host(`a`)", service: api@internal } } }')); // prettier-ignore
  expect(compiledWith(file).sections.routes['a@file']!.disabledStatus).toBe(0);
});

test('nobody takes a router from its owner by standing below it', () => {
  const file = decodeRouting('file', parseConfig('f.yml', 'http: { routers: { gate: { rule: "Host(`a`)" }, own: { rule: "Host(`b`)", service: api@internal } } }')); // prettier-ignore
  const victim = sampleWorkload({
    id: 'shop',
    createdMs: 1,
    labels: { 'traefik.http.routers.shop.rule': 'Host(`shop`)' },
  });
  const below = (parents: string) =>
    sampleWorkload({
      id: 'evil',
      createdMs: 2,
      labels: { 'traefik.http.routers.evil.rule': 'PathPrefix(`/`)', 'traefik.http.routers.evil.parentrefs': parents },
    });
  for (const parent of ['shop', 'shop@docker', 'gate@file', 'own@file', 'api@internal']) {
    const { sections, diagnostics } = compiledWith(after(null, labelRouting().update([victim, below(parent)])), file);
    expect([parent, sections.routes['evil@docker']]).toEqual([parent, undefined]);
    expect(sections.routes['shop@docker']!.disabledStatus).toBe(0);
    expect(sections.routes['own@file']!.disabledStatus).toBe(0);
    const said = diagnostics.filter(({ path }) => path.startsWith('http.routers.evil'));
    expect([parent, ...said.map(({ code }) => code)]).toEqual([parent, parent.endsWith('internal') ? 'dangling-reference' : 'refused-reference']); // prettier-ignore
  }
});

test('a host of the operator keeps its TLS options, whatever labels say of it', () => {
  const file = decodeRouting('file', parseConfig('f.yml', `
http: { routers: { a: { rule: "Host(\`a.test\`)", service: api@internal, entryPoints: [websecure], tls: { options: strict } } } }
tls: { options: { strict: { sniStrict: true }, weak: { minVersion: VersionTLS10 } } }
`)); // prettier-ignore
  for (const tls of ['tls=true', 'tls.options=weak@file']) {
    const [option, value] = tls.split('=') as [string, string];
    const labels = {
      'traefik.http.routers.r.rule': 'Host(`a.test`)',
      'traefik.http.routers.r.entrypoints': 'websecure',
      [`traefik.http.routers.r.${option}`]: value,
    };
    for (const configs of [
      [configOf(labels), file],
      [file, configOf(labels)],
    ]) {
      const { sections, diagnostics } = compiledWith(...configs);
      expect(Object.values(sections.tlsHosts).map(({ host, options }) => [host, options])).toEqual([['a.test', 'strict@file']]); // prettier-ignore
      expect(diagnostics.filter(({ code }) => code === 'tls-options-conflict').map(({ message }) => message)).toEqual([
        'on websecure the host a.test has other TLS options through a@file; those count',
      ]);
    }
  }
});

test('another’s service, router or middleware is not redefined, and gets no endpoint of a stranger', () => {
  const victim = sampleWorkload({
    id: 'shop',
    createdMs: 1,
    labels: {
      'traefik.http.routers.shop.rule': 'Host(`shop`)',
      'traefik.http.services.shop.loadbalancer.passhostheader': 'true',
      'traefik.http.middlewares.auth.basicauth.users': 'a:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/',
    },
  });
  const evil = sampleWorkload({
    id: 'evil',
    createdMs: 2,
    addressOf: () => ({ host: '10.6.6.6', port: 80 }),
    labels: {
      'traefik.http.routers.shop.rule': 'Host(`shop`) || PathPrefix(`/`)',
      'traefik.http.services.shop.loadbalancer.passhostheader': 'false',
      'traefik.http.middlewares.auth.headers.customrequestheaders.X': 'y',
      'traefik.http.services.shop@file.loadbalancer.server.port': '80',
      'traefik.http.services.__proto__.loadbalancer.server.port': '80',
    },
  });
  const config = after(null, labelRouting().update([evil, victim]));
  expect(config.routers.get('shop')!.value!.rule).toBe('Host(`shop`)');
  expect(config.endpoints!.get('services shop')!.endpoints.map(({ sourceId }) => sourceId)).toEqual(['shop']);
  expect(config.middlewares.get('auth')!.value).toHaveProperty('basicAuth.users');
  expect([...config.services.keys()]).toEqual(['shop']);
  expect(config.notes!.map(({ code }) => code).toSorted()).toEqual([
    'duplicate-object', 'duplicate-object', 'duplicate-object', 'forbidden-key', 'invalid-value',
  ]); // prettier-ignore
});

test('labels without number or end cost no more than they are', () => {
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`traefik.http.routers.r${at}.rule`, 'x']));
  expect(saidOf(configOf(many))).toEqual([
    'error container evil [] there are more than 1000 labels, and none of them is read',
  ]);
  const deep = `traefik.http.middlewares.${'a.'.repeat(50_000)}b`;
  expect(saidOf(configOf({ [deep]: 'x' }))).toHaveLength(1);
  const far = configOf({
    'traefik.http.routers.r.middlewares[9999]': 'auth',
    'traefik.http.routers.r.rule': 'Host(`r`)',
  });
  expect(far.routers.get('r')!.value).toBeNull();
  expect(far.notes!.map(({ source, message }) => [source, message])).toEqual([
    [
      'container evil, label traefik.http.routers.r.middlewares[9999]',
      'the entries of a list are counted from 0, and there is none before this one',
    ],
  ]);
});

test('names that every object has are names like others', () => {
  const labels: Record<string, string> = { 'traefik.http.routers.r.rule': 'Host(`r`)' };
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    for (const before of [
      '',
      'http.',
      'http.routers.',
      'http.routers.r.',
      'http.services.s.loadbalancer.',
      'http.services.s.loadbalancer.server.',
      'http.middlewares.m.headers.customrequestheaders.',
      'docker.',
      'tls.',
    ]) {
      labels[`traefik.${before}${name}`] = 'x';
      labels[`traefik.${before}${name}.x[0].y`] = 'x';
    }
  }
  const config = configOf(labels);
  expect([...config.routers.keys()].toSorted()).toEqual(['hasOwnProperty', 'r', 'toString']);
  expect(saidOf(config).length).toBeGreaterThan(5);
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  expect(compiledWith(config).diagnostics.length).toBeGreaterThan(5);
});

test('whatever labels say, they are read and compiled', () => {
  const segment = fc.constantFrom('http', 'tcp', 'udp', 'tls', 'enable', 'docker', 'network', 'routers', 'services', 'middlewares', 'serversTransports', 'a', 'b.c', 'rule', 'service', 'tls', 'loadBalancer', 'server', 'servers[0]', 'servers', 'url', 'port', 'weighted', 'services[1]', 'name', 'headers', 'customRequestHeaders', 'plugin', '[0]', '3', '', '@', '__proto__', 'parentRefs', 'healthCheck', 'sticky', 'cookie'); // prettier-ignore
  const label = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => `traefik.${parts.join('.')}`);
  const value = fc.constantFrom('true', 'false', '', '{}', 'x', '80', 'Host(`a`)', 'a,b', 'a@internal', '${X}', '\0');
  fc.assert(
    fc.property(fc.dictionary(label, value, { maxKeys: 12 }), (labels) => {
      const config = configOf(labels);
      saidOf(config);
      compiledWith(config);
    }),
    { seed: 8, numRuns: 300 },
  );
});
