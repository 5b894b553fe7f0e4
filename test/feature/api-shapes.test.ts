// What tools made for Traefik's API find in this one: names with their providers, times as text, what is wrong with its
// options, and what the program serves itself.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';

const INSTALL = `
entryPoints:
  web: { address: "127.0.0.1:0" }
  second: { address: "127.0.0.1:0", http: { underscoreHeadersStrategy: reject }, http2: { maxConcurrentStreams: 7 } }
  dns: { address: "127.0.0.1:0/udp", udp: { timeout: 90s } }
  traefik: { address: "127.0.0.1:0" }
providers: { file: { filename: DIR/routing.yml } }
api: {}
ping: {}
`;

const ROUTING = `
http:
  routers:
    up: { rule: "PathPrefix(\`/a\`)", middlewares: [strip, "all@file"], entryPoints: [web] }
    below: { rule: "Path(\`/a/b\`)", parentRefs: [up], service: app }
    nobody: { rule: "Path(\`/nobody\`)", service: none, priority: 42, entryPoints: [second] }
    unread: { rule: "Hots(\`x\`)", service: app }
    unread-priority: { rule: "Hots(\`x\`)", service: app, priority: 7, entryPoints: [web] }
    operators: { rule: "Path(\`/ops\`)", service: api@internal, entryPoints: [web] }
  middlewares:
    strip: { stripPrefix: { prefixes: [/a] } }
    all: { chain: { middlewares: [strip, "faulty@file"] } }
    faulty: { redirectRegex: { REGEX: "(", replacement: "x", permanent: maybe } }
    typo: { basicAuth: { userz: ["u:hash"], realm: staff } }
  services:
    app:
      loadBalancer:
        servers: [{ url: "http://127.0.0.1:1" }]
        middlewares: [strip]
        healthCheck: { path: /, interval: 60s, timeout: 1500ms }
tcp:
  routers: { db: { rule: "HostSNI(\`*\`)", service: db, middlewares: [few], entryPoints: [web] } }
  middlewares: { few: { inFlightConn: { amount: 3 } } }
  services: { db: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }], healthCheck: { interval: 2m } } } }
`;

let router: RouterProcess;

beforeAll(async () => {
  router = await startRouter({ install: INSTALL, files: { 'routing.yml': ROUTING } });
});

afterAll(() => router[Symbol.asyncDispose]());

async function get(path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

test('references have their providers', async () => {
  expect(await get('http/routers/up@file')).toMatchObject({ middlewares: ['strip@file', 'all@file'] });
  expect(await get('http/routers/below@file')).toMatchObject({ parentRefs: ['up@file'] });
  expect(await get('http/middlewares/all@file')).toMatchObject({
    chain: { middlewares: ['strip@file', 'faulty@file'] },
  });
  expect(await get('http/services/app@file')).toMatchObject({ loadBalancer: { middlewares: ['strip@file'] } });
  expect(await get('tcp/routers/db@file')).toMatchObject({ middlewares: ['few@file'] });
});

test('times are text as in Go', async () => {
  expect(await get('http/services/app@file')).toMatchObject({
    loadBalancer: { healthCheck: { interval: '1m0s', timeout: '1.5s' } },
  });
  expect(await get('tcp/services/db@file')).toMatchObject({ loadBalancer: { healthCheck: { interval: '2m0s' } } });
});

test('faulty middlewares keep their type and what was written, without secrets', async () => {
  const faulty = { type: 'redirectregex', status: 'disabled', redirectRegex: { regex: '(', permanent: 'maybe' } };
  expect(await get('http/middlewares/faulty@file')).toMatchObject(faulty);
  expect(await get('http/middlewares/typo@file')).toMatchObject({
    type: 'basicauth',
    basicAuth: { userz: ['xxxx'], realm: 'staff' },
  });
});

test('disabled routers show the place they would have', async () => {
  const nobody = { status: 'disabled', priority: 42, priorityStr: '42', using: ['second'] };
  expect(await get('http/routers/nobody@file')).toMatchObject(nobody);
  expect(await get('http/routers/unread@file')).toMatchObject({ priority: 9, using: ['web', 'second'] });
  expect(await get('http/routers/unread-priority@file')).toMatchObject({ priority: 7, using: ['web'] });
  const sorted = (await get('http/routers?sortBy=priority&search=file')) as { name: string }[];
  expect(sorted.map(({ name }) => name).slice(0, 2)).toEqual(['unread-priority@file', 'unread@file']);
});

test('what the program serves itself is listed', async () => {
  const using = ['traefik'];
  expect(await get('http/routers/api@internal')).toMatchObject({ using, service: 'api@internal', provider: 'internal' });
  expect(await get('http/routers/ping@internal')).toMatchObject({ using, rule: 'PathPrefix(`/ping`)' });
  expect(await get('http/routers/dashboard@internal')).toMatchObject({
    middlewares: ['dashboard_redirect@internal', 'dashboard_stripprefix@internal'],
  });
  expect(await get('http/middlewares/dashboard_redirect@internal')).toMatchObject({ type: 'redirectregex' });
  expect(await get('http/middlewares/dashboard_stripprefix@internal')).toMatchObject({ usedBy: ['dashboard@internal'] });
  expect(await get('http/services/api@internal')).toMatchObject({ usedBy: ['api@internal', 'operators@file'] });
  expect(await get('entrypoints/traefik')).toMatchObject({ address: `127.0.0.1:${router.ports['traefik']!}` });
  expect(await get('overview')).toMatchObject({
    // Chains and routers that name what is disabled are so, too.
    http: { routers: { total: 9, errors: 5 }, middlewares: { total: 6, errors: 3 } },
    certificates: { total: 0, warnings: 0, errors: 0 },
  });
}); // prettier-ignore

test('entry points show all that Traefik’s do', async () => {
  expect(await get('entrypoints/second')).toMatchObject({
    http: { underscoreHeadersStrategy: 'reject' },
    http2: { maxConcurrentStreams: 7 },
    udp: { timeout: '3s' },
  });
  expect(await get('entrypoints/dns')).toMatchObject({ udp: { timeout: '1m30s' } });
});
