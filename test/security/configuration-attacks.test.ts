// The control plane's inputs: files that want to change prototypes, unfold without end or lead around in circles, and
// the internal entry point asked as an attacker would ask.

import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { simpleInstall, startRouter } from '../support/router.ts';

const good = (port: number): string => `
http:
  routers:
    good: { rule: "PathPrefix(\`/\`)", service: good }
  services:
    good: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } }
`;
const INSTALL = `
entryPoints:
  web: { address: "127.0.0.1:0" }
  traefik: { address: "127.0.0.1:0" }
api: {}
ping: {}
providers: { file: { directory: DIR } }
`;
const REQUEST = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';

const BOMB = `a0: &a0 [x, x, x, x, x, x, x, x, x, x]
${Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}*a${level}]`).join('\n')}
http: { routers: *a9 }
`;

test.each([
  ['__proto__ as a router in YAML', 'bad.yml', 'http: { routers: { __proto__: { rule: "Path(`/`)", service: x } } }'],
  ['__proto__ as a section in YAML', 'bad.yml', '__proto__: { polluted: true }\nhttp: {}'],
  ['__proto__ by a merge key', 'bad.yml', 'b: &b { __proto__: { polluted: 1 } }\nhttp: { <<: *b }'],
  [
    'constructor as a service in YAML',
    'bad.yml',
    'http: { services: { constructor: { loadBalancer: { servers: [] } } } }',
  ],
  ['__proto__ in JSON', 'bad.json', '{ "http": { "routers": { "__proto__": { "rule": "Path(`/`)" } } } }'],
  ['prototype in an option in JSON', 'bad.json', '{ "http": { "services": { "s": { "prototype": {} } } } }'],
  ['__proto__ in TOML', 'bad.toml', '[http.routers.__proto__]\nrule = "Path(`/`)"\nservice = "x"'],
  ['YAML alias bomb', 'bad.yml', BOMB],
  ['YAML alias to itself', 'bad.yml', 'http: &h { routers: { r: *h } }'],
  ['nesting without end', 'bad.yml', `http: ${'['.repeat(5000)}${']'.repeat(5000)}`],
  ['nesting without end in JSON', 'bad.json', `{"http":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`],
  ['nesting without end in TOML', 'bad.toml', `x = ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ['a tag that would build a function', 'bad.yml', 'http: !!js/function "function(){ return 1 }"'],
  ['a tag that would read a file', 'bad.yml', 'http: !!python/object/apply:os.system ["id"]'],
  ['bytes that are no text', 'bad.yml', '\0\0\0\x01\x02 http: {'],
  ['a file beyond the limit', 'bad.yml', `# ${'x'.repeat(17 * 1024 * 1024)}\nhttp: {}`],
])('77 %s: a diagnostic for that file, and the other file is live', async (_, name, text) => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: INSTALL, files: { 'good.yml': good(origin.port), [name]: text } });
  expect((await RawClient.exchange(router.ports['web']!, REQUEST)).status).toBe(200);
  expect(router.stderr()).toContain(name);
  const raw = await RawClient.exchange(
    router.ports['traefik']!,
    'GET /api/rawdata HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  );
  expect(raw.status).toBe(200);
  expect(raw.body).not.toContain('polluted');
});

test('77 directories that link to each other and files that link to nothing end', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: INSTALL, files: { 'good.yml': good(origin.port) } });
  await symlink(router.directory, join(router.directory, 'loop'));
  await symlink('self.yml', join(router.directory, 'self.yml'));
  await symlink('/nowhere/at/all.yml', join(router.directory, 'dangling.yml'));
  await symlink('/dev/zero', join(router.directory, 'endless.yml'));
  await writeFile(
    join(router.directory, 'late.yml'),
    'http: { routers: { late: { rule: "Path(`/late`)", service: missing-service } } }',
  );
  // The last file is read, so those before it did not hold the provider up.
  await router.sees('missing-service');
  expect((await RawClient.exchange(router.ports['web']!, REQUEST)).status).toBe(200);
});

test('77 the internal paths are not served on data ports', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: simpleInstall(origin.port).replace('PathPrefix(`/`)', 'PathPrefix(`/only`)'),
  });
  for (const path of ['/api/rawdata', '/api/version', '/metrics', '/ping']) {
    const response = await RawClient.exchange(router.ports['web']!, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect([path, response.status]).toEqual([path, 404]);
  }
  expect(origin.connections).toHaveLength(0);
});

test('77 the internal entry point takes no bodies, no writes, no large heads and no smuggling', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: simpleInstall(origin.port) });
  const port = router.ports['traefik']!;
  const ask = async (line: string, fields = ''): Promise<number> =>
    (await RawClient.exchange(port, `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}\r\n`))
      .status;
  expect(await ask('PUT /api/rawdata', 'Content-Length: 0\r\n')).toBe(405);
  expect(await ask('DELETE /api/rawdata')).toBe(405);
  expect(await ask('GET /api/../etc/passwd')).toBe(404);
  expect(await ask('GET /__proto__')).toBe(404);
  expect(await ask('GET /ping', `X: ${'a'.repeat(20_000)}\r\n`)).toBe(431);
  expect(await ask('GET /ping', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')).toBe(400);
  expect(await ask('GET /ping')).toBe(200);
  expect((await RawClient.exchange(port, 'GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n')).status).toBe(400);
});
