// What substitutions stand for is on no disk: the state directory keeps what was written, which is substituted again
// when it is gone back to. The words of whoever is not the operator have no substitutions, then as little as now.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const HASH = '{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=';
let state: string;
let files: string;
let origin: RecordingOrigin;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'signalbox-state-'));
  files = await mkdtemp(join(tmpdir(), 'signalbox-files-'));
  origin = await RecordingOrigin.start();
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await rm(state, { recursive: true });
  await rm(files, { recursive: true });
});

const routing = (extra: string): string => `
http:
  routers: { all: { rule: "PathPrefix(\`/\`)", service: s, middlewares: [marked, users] } }
  services: { s: { loadBalancer: { servers: [{ url: "http://\${WHERE}" }] } } }
  middlewares:
    marked: { headers: { customRequestHeaders: { X-Secret: "Bearer \${TOKEN}"${extra} } } }
    users: { basicAuth: { users: "\${USERS}" } }
`;

function start(token: string, extra: string): Promise<RouterProcess> {
  return startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
api: { token: writer }
providers: { file: { filename: DIR/routing.yml, watch: false }, rest: { insecure: true } }
state: { directory: ${state} }
`,
    files: { 'routing.yml': routing(extra) },
    environment: { TOKEN: token, USERS: `ann:${HASH},bob:${HASH}`, WHERE: `127.0.0.1:${origin.port}` },
  });
}

async function api(router: RouterProcess, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${router.ports['traefik']!}/api/${path}`, {
    method,
    headers: { Authorization: 'Bearer writer' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

/** Fields that the server gets. */
async function fieldsOf(router: RouterProcess, path = '/'): Promise<Readonly<Record<string, string | undefined>>> {
  const authorization = `Basic ${Buffer.from('ann:test').toString('base64')}`;
  const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`;
  expect((await RawClient.exchange(router.ports['web']!, request)).status).toBe(200);
  const head = origin.connections.at(-1)!.received;
  const fields = [...head.matchAll(/^(x-secret|x-extra): (.*)\r$/gim)];
  return Object.fromEntries(fields.map(([, name, value]) => [name!.toLowerCase(), value]));
}

async function end(router: RouterProcess): Promise<void> {
  router.signal('SIGTERM');
  expect(await router.exited).toBe(0);
}

test('state keeps what was written, and goes back to it with the values of then or of now', async () => {
  {
    await using router = await start('first-secret', '');
    expect(await fieldsOf(router)).toEqual({ 'x-secret': 'Bearer first-secret' });
    await end(router);
  }
  {
    await using router = await start('first-secret', ', X-Extra: "1"');
    expect(await fieldsOf(router)).toEqual({ 'x-secret': 'Bearer first-secret', 'x-extra': '1' });
    await end(router);
  }
  const stored = await Promise.all(
    (await readdir(state, { recursive: true, withFileTypes: true }))
      .filter((one) => one.isFile())
      .map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')),
  );
  expect(stored.join('\n')).toContain('Bearer ${TOKEN}');
  for (const secret of ['first-secret', HASH, 'ann:', `127.0.0.1:${origin.port}`])
    expect(stored.join('\n')).not.toContain(secret);

  await using router = await start('second-secret', ', X-Extra: "2"');
  expect(await api(router, 'GET', 'snapshots')).toMatchObject({
    snapshots: [{ version: 1, routers: 1, middlewares: 2 }, { version: 2 }, { version: 3 }],
  });
  await api(router, 'POST', 'snapshots/2/activate');
  // The password has been changed since: what was written stands for the new one.
  expect(await fieldsOf(router)).toEqual({ 'x-secret': 'Bearer second-secret', 'x-extra': '1' });
  expect(JSON.stringify(await api(router, 'GET', 'http/middlewares'))).not.toMatch(/second-secret|ann:/);
});

test('what is pushed by others is plain text and reads no file, also after a restart', async () => {
  const plain = 'plain ${TOKEN}';
  const named = join(files, 'users');
  await writeFile(named, `ann:${HASH}\n`);
  const push = {
    http: {
      routers: {
        mine: { rule: 'Path(`/mine`)', service: 's@file', middlewares: ['mine'], priority: 1000 },
        read: { rule: 'Path(`/read`)', service: 's@file', middlewares: ['read'], priority: 1000 },
      },
      middlewares: {
        mine: { headers: { customRequestHeaders: { 'X-Secret': plain } } },
        read: { basicAuth: { usersFile: named } },
      },
    },
  };
  const statusOfRead = async (router: RouterProcess): Promise<number> => {
    const authorization = `Basic ${Buffer.from('ann:test').toString('base64')}`;
    const request = `GET /read HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`;
    return (await RawClient.exchange(router.ports['web']!, request)).status;
  };
  {
    await using router = await start('first-secret', '');
    const { diagnostics } = (await api(router, 'PUT', 'providers/rest', push)) as { diagnostics: { path: string }[] };
    expect(diagnostics.map(({ path }) => path)).toContain('http.middlewares.read.basicAuth.usersFile');
    expect(await fieldsOf(router, '/mine')).toEqual({ 'x-secret': plain });
    expect(await statusOfRead(router)).toBe(503);
    await api(router, 'POST', 'snapshots/2/activate');
    await end(router);
  }
  await using router = await start('first-secret', '');
  expect(await fieldsOf(router, '/mine')).toEqual({ 'x-secret': plain });
  expect(await statusOfRead(router)).toBe(503);
});
