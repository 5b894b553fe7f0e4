// Configuration that changes while requests are served.

import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

const INSTALL = (provider: string): string => `
entryPoints:
  web: { address: "127.0.0.1:0" }
providers: { file: { ${provider} } }
`;

const routing = (path: string, port: number): string => `http:
  routers:
    r${path.replaceAll('/', '-')}: { rule: "Path(\`${path}\`)", service: s }
  services:
    s: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${port}" }] } }
`;

async function ask(router: RouterProcess, path: string): Promise<number> {
  return (await RawClient.exchange(router.ports['web']!, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)).status;
}

test('an edited file takes effect without a failed request on a kept connection', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: INSTALL('filename: DIR/routing.yml'),
    files: { 'routing.yml': routing('/v1', origin.port) },
    workers: 2,
  });
  const client = await RawClient.connect(router.ports['web']!);
  const statuses = new Set<number>();
  let isChanging = true;
  const load = (async (): Promise<void> => {
    while (isChanging) {
      client.send('GET /v1 HTTP/1.1\r\nHost: a\r\n\r\n');
      statuses.add((await client.response()).status);
    }
  })();
  for (let version = 2; version <= 6; version++) {
    const both = routing('/v1', origin.port).replace(
      '  services:',
      `    r${version}: { rule: "Path(\`/v${version}\`)", service: s }\n  services:`,
    );
    await writeFile(join(router.directory, 'routing.yml'), both);
    await router.sees(new RegExp(`version=${version} `));
    expect(await ask(router, `/v${version}`)).toBe(200);
    expect(await ask(router, `/v${version - 1}`)).toBe(version === 2 ? 200 : 404);
  }
  isChanging = false;
  await load;
  expect([...statuses]).toEqual([200]);
  // One connection per worker at most: a change of routers leaves upstream connections alone.
  expect(origin.connections.length).toBeLessThanOrEqual(4);
  client.socket.destroy();
});

test('a broken file keeps its last good content while other files go live', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: INSTALL('directory: DIR/conf'), files: {} });
  const conf = join(router.directory, 'conf');
  await router.sees('0 routers');
  await mkdir(conf);
  await writeFile(join(conf, 'a.yml'), routing('/a', origin.port));
  router.signal('SIGHUP');
  await router.sees('version=2 ');
  expect(await ask(router, '/a')).toBe(200);
  await writeFile(join(conf, 'a.yml'), 'http: [oops');
  await router.sees(/ERROR .*at=\S+a\.yml:1:\d+/);
  await writeFile(join(conf, 'b.toml'), `[http.routers.b]\nrule = "Path(\`/b\`)"\nservice = "s"\n`);
  await router.sees('version=3 ');
  expect(await ask(router, '/b')).toBe(200);
  expect(await ask(router, '/a')).toBe(200);
});

test('one wrong router costs itself only', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({
    install: INSTALL('filename: DIR/routing.yml'),
    files: {
      'routing.yml': routing('/good', origin.port).replace(
        '  services:',
        '    bad: { rule: "Path(/x)", sevice: s }\n  services:',
      ),
    },
  });
  expect(await ask(router, '/good')).toBe(200);
  expect(router.stderr()).toContain('did you mean "service"?');
  expect(router.stderr()).toMatch(/routing\.yml:4:\d+ {2}http\.routers\.bad\.rule/);
});

test('renamed-over files, swapped links, new folders and deletions are noticed', async () => {
  await using origin = await RecordingOrigin.start();
  await using router = await startRouter({ install: INSTALL('directory: DIR/conf'), files: {} });
  const conf = join(router.directory, 'conf');
  await mkdir(join(conf, 'deep', 'er'), { recursive: true });
  await mkdir(join(conf, '..v1'));
  await mkdir(join(conf, '..v2'));
  await writeFile(join(conf, '..v1', 'mounted.yml'), routing('/m1', origin.port));
  await writeFile(join(conf, '..v2', 'mounted.yml'), routing('/m2', origin.port));
  await symlink('..v1', join(conf, '..data'));
  await symlink(join('..data', 'mounted.yml'), join(conf, 'mounted.yml'));
  router.signal('SIGHUP');
  await router.sees('version=2 ');
  expect(await ask(router, '/m1')).toBe(200);

  // As Kubernetes does: a new link, renamed over the old one.
  await symlink('..v2', join(conf, '..data_tmp'));
  await rename(join(conf, '..data_tmp'), join(conf, '..data'));
  await router.sees('version=3 ');
  expect(await ask(router, '/m2')).toBe(200);
  expect(await ask(router, '/m1')).toBe(404);

  await writeFile(
    join(router.directory, 'new.yml'),
    routing('/deep', origin.port).replace('s: {', 't: {').replace('service: s', 'service: t'),
  );
  await rename(join(router.directory, 'new.yml'), join(conf, 'deep', 'er', 'new.yml'));
  await router.sees('version=4 ');
  expect(await ask(router, '/deep')).toBe(200);

  await rm(join(conf, 'deep', 'er', 'new.yml'));
  await router.sees('version=5 ');
  expect(await ask(router, '/deep')).toBe(404);
});
