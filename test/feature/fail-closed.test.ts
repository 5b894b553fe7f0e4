// Routers that cannot be served keep their place: what they guard is not served by a wider router.

import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { NamedOrigin } from '../support/named-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

async function start(origin: NamedOrigin, routing: string, install = ''): Promise<RouterProcess> {
  return startRouter({
    install: `
entryPoints:
  web: { address: "127.0.0.1:0" }
  db: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
api: {}
accessLog: { format: json }
providers: { file: { filename: DIR/routing.yml } }
${install}`,
    files: { 'routing.yml': routing.replaceAll('ORIGIN', origin.url) },
  });
}

const get = async (router: RouterProcess, path: string): Promise<{ status: number; body: string }> => {
  const { status, body } = await RawClient.exchange(router.ports['web']!, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return { status, body };
};

const ROUTING = `
http:
  routers:
    admin: { rule: "PathPrefix(\`/admin\`)", service: app, middlewares: [staff], entryPoints: [web] }
    lost: { rule: "PathPrefix(\`/lost\`)", service: nobody, entryPoints: [web] }
    typo: { rule: "PathPrefix(\`/typo\`)", service: app, middelwares: [staff], entryPoints: [web] }
    everything: { rule: "PathPrefix(\`/\`)", service: app, priority: 1, entryPoints: [web] }
  middlewares: { staff: { basicAuth: { users: ["cat:no hash"] } } }
  services: { app: { loadBalancer: { servers: [{ url: "ORIGIN" }] } } }
tcp:
  routers:
    guarded: { rule: "ClientIP(\`127.0.0.0/8\`)", service: app, middlewares: [nobody], entryPoints: [db] }
    wide: { rule: "HostSNI(\`*\`)", service: app, entryPoints: [db] }
  services: { app: { loadBalancer: { servers: [{ address: "127.0.0.1:1" }] } } }
`;

test('a router whose stages or service cannot be used answers 503, and says why in log, API and explain', async () => {
  await using origin = await NamedOrigin.start('a');
  await using router = await start(origin, ROUTING);
  for (const path of ['/admin', '/lost', '/typo']) {
    expect(await get(router, path)).toEqual({ status: 503, body: 'Service Unavailable\n' });
  }
  expect(await get(router, '/')).toEqual({ status: 200, body: 'a' });
  expect(origin.requests).toEqual(['GET /']);
  await router.prints((printed) => printed.split('"ResponseFlag":"router_disabled"').length === 4);
  await router.sees(/WARN +a router is disabled: its requests are answered 503.*lost@file.*there is no service/);
  const api = `http://127.0.0.1:${router.ports['traefik']!}/api`;
  const shown = (await (await fetch(`${api}/http/routers/lost@file`)).json()) as Record<string, unknown>;
  expect(shown).toMatchObject({ status: 'disabled', priority: 19, using: ['web'] });
  const url = encodeURIComponent(`http://a:${router.ports['web']!}/admin`);
  const explained = (await (await fetch(`${api}/explain?url=${url}`)).json()) as Record<string, unknown>;
  expect(explained).toMatchObject({ router: null, disabled: { router: 'admin@file', status: 503 } });
});

test('connections of a TCP router that cannot be served are closed, and go to no other', async () => {
  await using origin = await NamedOrigin.start('a');
  await using router = await start(origin, ROUTING);
  const client = net.connect(router.ports['db']!, '127.0.0.1');
  client.on('error', () => {});
  client.resume();
  await once(client, 'close');
  await router.prints((printed) => printed.includes('"ResponseFlag":"router_disabled"'));
  await router.sees(/a router is disabled: its connections are closed.*guarded@file/);
});

test('a site goes on as it was when its rule is mistyped, and ends when it is taken away', async () => {
  const good = (rule: string): string => `
http:
  routers: { site: { rule: ${JSON.stringify(rule)}, service: app, entryPoints: [web] } }
  services: { app: { loadBalancer: { servers: [{ url: "ORIGIN" }] } } }
`;
  await using origin = await NamedOrigin.start('a');
  await using router = await start(origin, good('PathPrefix(`/`)'));
  const write = (text: string): Promise<void> =>
    writeFile(join(router.directory, 'routing.yml'), text.replaceAll('ORIGIN', origin.url));
  expect((await get(router, '/')).status).toBe(200);
  await write(good('PathPrefix(/)'));
  await router.sees('goes on as it last was');
  expect((await get(router, '/')).status).toBe(200);
  await write('http: { routers: [site], services: { app: { loadBalancer: { servers: [{ url: "ORIGIN" }] } } } }\n');
  await router.sees('expected a map from names to objects');
  expect((await get(router, '/')).status).toBe(200);
  await write('http: {}\n');
  await router.sees((said) => /configuration changed.*removed=[1-9]/.test(said));
  expect((await get(router, '/')).status).toBe(404);
});

test('the last good form outlives a restart where state is kept', async () => {
  await using origin = await NamedOrigin.start('a');
  const state = 'state: { directory: DIR/state }';
  await using router = await start(origin, ROUTING, state);
  const path = join(router.directory, 'routing.yml');
  await writeFile(path, ROUTING.replace('PathPrefix(`/`)', 'PathPrefix(/)').replaceAll('ORIGIN', origin.url));
  await router.sees('"everything" goes on as it last was');
  expect((await get(router, '/')).status).toBe(200);
  router.signal('SIGTERM');
  await router.exited;
  await using again = await startRouter({
    install: `
entryPoints: { web: { address: "127.0.0.1:0" }, db: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
providers: { file: { filename: ${path} } }
state: { directory: ${router.directory}/state }
`,
  });
  expect((await get(again, '/')).status).toBe(200);
});
