// The API of the built program: answers are held against its own description, changes are followed to the workers.

import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

function routing(port: number, path: string): string {
  return `http:
  routers:
    app: { rule: "PathPrefix(\`${path}\`)", service: app, middlewares: [locked] }
    broken: { rule: "Hots(\`x\`)", service: app }
    status: { rule: "PathPrefix(\`/api\`) || PathPrefix(\`/dashboard\`)", service: api@internal }
    up: { rule: "Path(\`/up\`)", service: ping@internal }
    numbers: { rule: "Path(\`/numbers\`)", service: prometheus@internal }
    push: { rule: "Path(\`/push\`)", service: rest@internal }
    page: { rule: "Path(\`/page\`)", service: dashboard@internal }
    nothing: { rule: "Path(\`/nothing\`)", service: noop@internal }
  middlewares:
    locked: { basicAuth: { users: ["u:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="] } }
  services:
    app: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } }
`;
}

const INSTALL = `entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
providers: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml }, rest: {} }
state: { directory: DIR/state }
api: { token: writer }
ping: {}
metrics: { prometheus: { addRoutersLabels: true } }
`;

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

function ask(port: number, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      Authorization: 'Bearer writer',
      ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
    };
    const request = http.request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let received = '';
      response.on('data', (chunk: Buffer) => (received += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text: received }));
    });
    request.on('error', reject);
    request.end(text);
  });
}

async function json<T>(port: number, method: string, path: string, body?: unknown): Promise<T> {
  const { status, text } = await ask(port, method, path, body);
  expect([path, status, text]).toEqual([path, 200, text]);
  return JSON.parse(text) as T; // Each test looks at what it needs.
}

async function startWith(origin: RecordingOrigin, path = '/one'): Promise<RouterProcess> {
  return startRouter({ install: INSTALL, files: { 'routing.yml': routing(origin.port, path) }, workers: 2 });
}

test('every answer is as the description says', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['traefik']!;
  const { version } = await json<{ version: number }>(port, 'GET', '/api/snapshots/latest/status');
  interface Operation {
    readonly responses: { readonly 200: { readonly content: Record<string, { readonly schema: object }> } };
  }
  const { paths } = await json<{ paths: Record<string, Record<string, Operation>> }>(port, 'GET', '/api/openapi.json');
  const ajv = new Ajv2020({ strict: false });
  const examples: Readonly<Record<string, readonly [path: string, body?: unknown]>> = {
    'GET /api/explain': ['/api/explain?url=http%3A%2F%2Fa%2Fone'],
    'POST /api/check': ['/api/check', { http: { routers: {} } }],
    'GET /api/snapshots/{version}/status': [`/api/snapshots/${version}/status`],
    'POST /api/snapshots/{version}/activate': [`/api/snapshots/${version}/activate`],
    'PUT /api/providers/rest': ['/api/providers/rest', {}],
    'GET /api/entrypoints/{name}': ['/api/entrypoints/web'],
    'GET /api/http/routers/{name}': ['/api/http/routers/app%40file'],
    'GET /api/http/services/{name}': ['/api/http/services/app@file'],
    'GET /api/http/middlewares/{name}': ['/api/http/middlewares/locked@file'],
  };
  let held = 0;
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const content = operation.responses[200].content['application/json'];
      // The provider's own endpoint is behind rest@internal here; events and takeovers have tests of their own.
      if (
        content === undefined ||
        path === '/api/providers/rest' ||
        path === '/api/takeover' ||
        /\/api\/(?:tcp\/\w+|udp\/\w+|certificates)\/\{/.test(path)
      )
        continue;
      const [where, body] = examples[`${method.toUpperCase()} ${path}`] ?? [path];
      const answer = await json<unknown>(port, method.toUpperCase(), where, body);
      const isValid = ajv.validate(content.schema, answer);
      expect([path, ajv.errorsText(), isValid]).toEqual([path, 'No errors', true]);
      held++;
    }
  }
  expect(held).toBeGreaterThan(18);
});

test('lists: state and reasons, search, order, pages, secrets hidden', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['traefik']!;
  type Shown = Record<string, unknown>;
  const broken = await json<Shown>(port, 'GET', '/api/http/routers/broken@file');
  expect(broken).toMatchObject({ status: 'disabled', provider: 'file', error: [expect.stringContaining('did you mean "Host"')] });
  const app = await json<Shown>(port, 'GET', '/api/http/routers/app@file');
  expect(app).toMatchObject({ using: ['web'], priority: 18, priorityStr: '18', service: 'app', status: 'enabled' });
  const { text } = await ask(port, 'GET', '/api/rawdata');
  expect(text).not.toContain('5en6G6Mez');
  expect(JSON.parse(text)).toMatchObject({ middlewares: { 'locked@file': { basicAuth: { users: ['xxxx'] } } } });
  const names = async (query: string): Promise<unknown[]> =>
    (await json<Shown[]>(port, 'GET', `/api/http/routers?${query}`)).map((one) => one['name']);
  expect(await names('status=disabled')).toEqual(['broken@file']);
  expect(await names('search=dashboard')).toEqual(['dashboard@internal', 'page@file', 'status@file']);
  expect(await names('serviceName=app')).toEqual(['app@file', 'broken@file']);
  expect(await names('middlewareName=locked@file')).toEqual(['app@file']);
  expect(await names('per_page=2&page=2&sortBy=name&direction=desc')).toEqual(['push@file', 'prometheus@internal']);
  const first = await ask(port, 'GET', '/api/http/routers?per_page=6');
  expect(first.headers['x-next-page']).toBe('2');
  expect((await ask(port, 'GET', '/api/http/routers?per_page=6&page=2')).headers['x-next-page']).toBe('1');
  expect((await ask(port, 'GET', '/api/http/routers?page=9')).status).toBe(400);
  expect((await ask(port, 'GET', '/api/http/routers?sortBy=colour')).status).toBe(400);
  expect((await ask(port, 'GET', '/api/http/routers/none@file')).status).toBe(404);
}); // prettier-ignore

test('internal services stand behind routers of ours', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['web']!;
  expect((await ask(port, 'GET', '/up')).text).toBe('OK');
  expect((await ask(port, 'GET', '/nothing')).status).toBe(418);
  expect((await ask(port, 'GET', '/page')).text).toContain('<h1>Signalbox</h1>');
  expect((await ask(port, 'GET', '/dashboard/')).text).toContain('broken@file');
  expect((await ask(port, 'GET', '/api/version')).text).toContain('"Codename":"signalbox"');
  const pushed = { http: { routers: { r: { rule: 'Path(`/pushed`)', service: 'ping@internal' }, bad: {} } } };
  const { diagnostics } = JSON.parse((await ask(port, 'PUT', '/push', pushed)).text) as { diagnostics: { path: string }[] };
  expect(diagnostics.map(({ path }) => path)).toContain('http.routers.bad.rule');
  expect((await ask(port, 'GET', '/pushed')).text).toBe('OK');
  expect((await ask(port, 'PUT', '/push', {})).status).toBe(200);
  expect((await ask(port, 'GET', '/pushed')).status).toBe(404);
  // Not in metrics unless asked for.
  const numbers = (await ask(port, 'GET', '/numbers')).text;
  expect(numbers).toContain('signalbox_config_version');
  expect(numbers).not.toContain('router="up@file"');
}); // prettier-ignore

test('check says what would change and changes nothing', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['traefik']!;
  interface Check {
    readonly isValid: boolean;
    readonly changes: readonly Record<string, unknown>[];
    readonly diagnostics: readonly { readonly source: string; readonly line: number; readonly message: string }[];
  }
  const text = routing(origin.port, '/two').replace('    broken: { rule: "Hots(`x`)", service: app }\n', '').replace('5en6G6', '6en6G6');
  const answer = await json<Check>(port, 'POST', '/api/check', { files: [{ path: 'new.yml', text }] });
  expect(answer.isValid).toBe(true);
  expect(answer.changes).toEqual([
    { kind: 'router', name: 'app@file', change: 'changed', status: 'enabled', fields: [{ path: 'rule', before: 'PathPrefix(`/one`)', after: 'PathPrefix(`/two`)' }] },
    { kind: 'router', name: 'broken@file', change: 'removed', status: 'disabled', fields: [] },
    { kind: 'middleware', name: 'locked@file', change: 'changed', status: 'enabled', fields: [{ path: 'basicAuth.users[0]', before: 'xxxx', after: 'xxxx' }] },
  ]);
  const bad = await json<Check>(port, 'POST', '/api/check', { files: [{ path: 'new.yml', text: 'http:\n  routers:\n    r: {}\n' }] });
  expect(bad.isValid).toBe(false);
  expect(bad.diagnostics[0]).toMatchObject({ source: 'new.yml', line: 3 });
  // Whoever may ask may not read: files and variables that the configuration in force does not use are refused.
  const url = '${file:/etc/hostname}';
  const spy = await json<Check>(port, 'POST', '/api/check', { http: { services: { s: { loadBalancer: { servers: [{ url }] } } } } });
  expect(spy.diagnostics[0]!.message).toContain('the configuration in force does not use it');
  expect((await ask(port, 'POST', '/api/check', { files: 'x' })).status).toBe(400);
  expect((await json<{ current: number }>(port, 'GET', '/api/snapshots')).current).toBe(1);
}); // prettier-ignore

test('a rollback holds on every worker, over changes and a restart, until it is released', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const [web, port] = [router.ports['web']!, router.ports['traefik']!];
  const path = join(router.directory, 'routing.yml');
  const status = async (asked: string): Promise<number> => (await ask(web, 'GET', asked)).status;
  const applied = (version: string): Promise<{ version: number; isApplied: boolean; workers: { version: number }[] }> =>
    json(port, 'GET', `/api/snapshots/${version}/status?wait=10m`);
  expect([await status('/one'), await status('/two')]).toEqual([401, 404]);
  await writeFile(path, routing(origin.port, '/two'));
  expect(await applied('2')).toMatchObject({ isApplied: true, workers: [{ version: 2 }, { version: 2 }] });
  expect([await status('/one'), await status('/two')]).toEqual([404, 401]);
  expect(await json(port, 'POST', '/api/snapshots/1/activate')).toEqual({ version: 3, pinned: 1 });
  expect([await status('/one'), await status('/two')]).toEqual([401, 404]);
  await router.sees(/WARN  rolled back: pinned to 1; .*differs in 1 router version=3 from="127.0.0.1, with the token"/);
  // The newest configuration is checked and held back.
  await writeFile(path, routing(origin.port, '/three'));
  await router.sees(/WARN  a change is held back: pinned to 1; /);
  expect(await status('/three')).toBe(404);
  await showsWhatServes(port, '/one');
  expect(await json(port, 'GET', '/api/snapshots/1/status')).toMatchObject({ isApplied: true, reason: null });
  expect(await json(port, 'GET', '/api/snapshots/3/status')).toMatchObject({ isApplied: true, reason: null });
  for (const asked of ['2', 'latest']) {
    const answer = await json<{ isApplied: boolean; reason: string }>(port, 'GET', `/api/snapshots/${asked}/status?wait=10m`);
    expect([asked, answer.isApplied, answer.reason]).toEqual([asked, false, expect.stringContaining('pinned to 1')]);
  }
  expect((await ask(port, 'POST', '/api/snapshots/77/activate')).status).toBe(404);
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
  const install = INSTALL.replaceAll('DIR', router.directory);
  await using again = await startRouter({ install, workers: 2 });
  const [webAgain, portAgain] = [again.ports['web']!, again.ports['traefik']!];
  expect(again.stderr()).toMatch(/WARN  pinned to 1; the newest configuration, which is held back, differs in 1 router/);
  expect((await ask(webAgain, 'GET', '/one')).status).toBe(401);
  expect(await json(portAgain, 'GET', '/api/snapshots')).toMatchObject({ current: 4, pinned: 1 });
  await showsWhatServes(portAgain, '/one');
  expect(await json(portAgain, 'POST', '/api/snapshots/release')).toEqual({ version: 5, pinned: null });
  await again.sees(/WARN  released: the newest configuration is in force pinned=1 version=5/);
  expect((await ask(webAgain, 'GET', '/one')).status).toBe(404);
  expect((await ask(webAgain, 'GET', '/three')).status).toBe(401);
  expect((await ask(portAgain, 'GET', '/api/http/routers')).headers['x-signalbox-pin']).toBeUndefined();
}); // prettier-ignore

/** API and page, of the snapshot that is pinned rather than of the newest configuration. */
async function showsWhatServes(port: number, path: string): Promise<void> {
  const head = 'pinned to 1; the newest configuration, which is held back, differs in 1 router';
  const one = await ask(port, 'GET', '/api/http/routers/app@file');
  expect(one.headers['x-signalbox-pin']).toBe(head);
  expect(JSON.parse(one.text)).toMatchObject({ rule: `PathPrefix(\`${path}\`)`, status: 'enabled', using: ['web'] });
  const raw = await json<object>(port, 'GET', '/api/rawdata');
  expect(raw).toMatchObject({
    pin: { version: 1, text: head },
    routers: { 'app@file': { rule: `PathPrefix(\`${path}\`)`, service: 'app@file', middlewares: ['locked@file'] } },
    middlewares: { 'locked@file': { basicAuth: { users: ['xxxx'] }, usedBy: ['app@file'] } },
    services: { 'app@file': { serverStatus: {}, usedBy: ['app@file'] } },
  });
  expect(await json(port, 'GET', '/api/overview')).toMatchObject({ pin: { version: 1 }, snapshot: { pinned: 1 } });
  expect((await json<{ code: string; message: string }[]>(port, 'GET', '/api/diagnostics'))[0]).toMatchObject({
    code: 'pinned',
    message: expect.stringContaining(head) as string,
  });
  const page = (await ask(port, 'GET', '/dashboard/')).text;
  expect(page).toContain('Pinned to 1; the newest configuration, which is held back');
  expect(page).toContain(`PathPrefix(\`${path}\`)`);
  expect((await json<{ notes: string[] }>(port, 'GET', '/api/explain?url=http%3A%2F%2Fa%2Fone')).notes[0]).toBe(head);
}

test('explain names the router, its way, and why others do not', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['traefik']!;
  const explain = (url: string): Promise<Record<string, unknown>> =>
    json(port, 'GET', `/api/explain?url=${encodeURIComponent(url)}&method=POST&header=X-A:%201`);
  expect(await explain(`http://x.example:${router.ports['web']}/./one/a?b=c`)).toMatchObject({
    request: { method: 'POST', host: 'x.example', path: '/one/a', query: 'b=c' },
    entryPoint: 'web',
    router: 'app@file',
    chain: [
      { kind: 'entryPoint', name: 'web' },
      { kind: 'router', name: 'app@file' },
      { kind: 'middleware', name: 'locked@file', detail: 'basicAuth' },
      { kind: 'service', name: 'app@file', detail: `http://127.0.0.1:${origin.port}` },
    ],
  });
  expect(await explain('//x/none')).toMatchObject({ router: null, chain: [], taken: [] });
  expect((await ask(port, 'GET', '/api/explain?url=nonsense')).status).toBe(400);
  expect((await ask(port, 'GET', '/api/explain')).status).toBe(400);
});

test('events tell of changes, also those missed', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startWith(origin);
  const port = router.ports['traefik']!;
  const listen = (headers: Record<string, string>, until: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = http.get(
        { host: '127.0.0.1', port, path: '/api/events', headers: { ...headers, Authorization: 'Bearer writer' } },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (!text.includes(until)) return;
            request.destroy();
            resolve(text);
          });
        },
      );
      request.on('error', reject);
      request.on('response', () => void writeFile(join(router.directory, 'routing.yml'), routing(origin.port, '/two')));
    });
  const live = await listen({}, '"version":2');
  expect(live).toMatch(/id: \d+\nevent: snapshot\ndata: \{"at":"\d{4}-.*"version":2,.*\}\n\n/);
  const id = Number(/id: (\d+)\nevent: snapshot/.exec(live)![1]);
  expect(await listen({ 'Last-Event-ID': String(id - 1) }, '"version":2')).toContain(`id: ${id}\n`);
});
