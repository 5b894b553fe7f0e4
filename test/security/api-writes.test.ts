// Changes through the API: who may make them, at each door of the built program.

import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
// The built one: workers are started from it.
import { startRouter as startEmbedded } from '../../dist/index.js';
import { runCommand } from '../support/command.ts';
import { startRouter } from '../support/router.ts';

const ROUTERS = `http:
  routers:
    api: { rule: "PathPrefix(\`/api\`)", service: api@internal, middlewares: [staff], entryPoints: [web] }
    push: { rule: "Path(\`/push\`)", service: rest@internal, middlewares: [staff], entryPoints: [web] }
  middlewares:
    staff: { basicAuth: { users: ["u:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="] } }
`;

function install(api: string, more = ''): string {
  return `entryPoints: { web: { address: "127.0.0.1:0" }, traefik: { address: "127.0.0.1:0" } }
providers: { rest: { insecure: true } }
api: ${api}
ping: {}
${more}${ROUTERS}`;
}

/** Status and body; every request is written out, as a browser would be made to send it. */
async function send(port: number, line: string, ...fields: readonly string[]): Promise<{ status: number; body: string }> {
  const socket = net.connect(port, '127.0.0.1');
  const host = fields.some((field) => field.startsWith('Host:')) ? [] : ['Host: status.example'];
  socket.write([`${line} HTTP/1.1`, ...host, ...fields, 'Connection: close', 'Content-Length: 2', '', '{}'].join('\r\n'));
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf('\r\n\r\n') + 4) };
} // prettier-ignore

const USER = `Authorization: Basic ${Buffer.from('u:test').toString('base64')}`;
const WRITES = ['POST /api/snapshots/1/activate', 'POST /api/snapshots/release', 'POST /api/check', 'PUT /push'];

test('behind a router, a password of its own does not make a writer', async () => {
  await using router = await startRouter({ install: install('{ token: s3cret }') });
  const web = router.ports['web']!;
  expect((await send(web, 'GET /api/rawdata', USER)).status).toBe(200);
  for (const line of WRITES) {
    expect([line, (await send(web, line)).status]).toEqual([line, 401]);
    expect([line, (await send(web, line, USER)).status]).toEqual([line, 401]);
    const shown = [USER, 'Signalbox-Token: s3cret'];
    expect([line, (await send(web, line, ...shown, 'Sec-Fetch-Site: cross-site')).status]).toEqual([line, 403]);
    expect([line, (await send(web, line, ...shown, 'Origin: https://evil.example')).status]).toEqual([line, 403]);
    expect([line, (await send(web, line, ...shown, 'Origin: https://status.example')).status]).toEqual([line, 200]);
  }
}); // prettier-ignore

test('without a token nothing is written but through the Unix socket, which the commands find', async () => {
  await using router = await startRouter({ install: install('{ insecure: true }') });
  const [web, port] = [router.ports['web']!, router.ports['traefik']!];
  expect(router.stderr()).toContain('PUT /api/providers/rest changes what is served');
  for (const line of [...WRITES.slice(0, 3), 'PUT /api/providers/rest', 'POST /api/takeover']) {
    expect([line, (await send(port, line, 'Host: localhost')).status]).toEqual([line, 403]);
  }
  for (const line of WRITES) expect((await send(web, line, USER)).status).toBeGreaterThanOrEqual(401);
  expect((await send(port, 'GET /api/rawdata', 'Host: localhost')).status).toBe(200);
  expect((await send(port, 'GET /api/rawdata', 'Host: rebound.example')).status).toBe(403);
  expect((await send(port, 'GET /ping', 'Host: localhost', 'Host: localhost')).status).toBe(400);
  const admin = ['--admin', `http://127.0.0.1:${port}`];
  expect(await runCommand(['rollback', '1', ...admin])).toMatchObject({ code: 0 });
  expect(await runCommand(['rollback', '--release', ...admin])).toMatchObject({ code: 0 });
});

test('an API that everybody can read is announced as such', async () => {
  await using router = await startRouter({
    install: install('{ insecure: true }').replace('traefik: { address: "127.0.0.1:0" }', 'traefik: { address: "0.0.0.0:0" }'),
  });
  expect(router.stderr()).toContain('everybody who can reach the internal entry point can read the API');
  const port = router.ports['traefik']!;
  expect((await send(port, 'GET /api/rawdata', 'Host: 127.0.0.1')).status).toBe(200);
  expect((await send(port, 'GET /api/rawdata', 'Host: rebound.example')).status).toBe(403);
  expect((await send(port, 'GET /ping', 'Host: router')).status).toBe(200);
  expect((await send(port, 'POST /api/snapshots/1/activate', 'Host: 127.0.0.1')).status).toBe(403);
}); // prettier-ignore

test('an embedded router is written to with its token, or by its own program', async () => {
  await using router = await startEmbedded({
    entryPoints: { web: { address: '127.0.0.1:0' }, traefik: { address: '127.0.0.1:0' } },
    api: { token: 's3cret' },
  });
  const port = router.addresses['traefik']!.port;
  expect((await send(port, 'POST /api/snapshots/1/activate', 'Host: localhost')).status).toBe(401);
  const shown = 'Authorization: Bearer s3cret';
  expect((await send(port, 'POST /api/snapshots/1/activate', 'Host: localhost', shown)).status).toBe(200);
});
