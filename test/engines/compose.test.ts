// The example with compose, as its reader starts it, with certificates of an authority that asks for proof.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BUILDERS, imageFile } from '../support/container-image.ts';
import { DockerEngine, missingDocker } from '../support/docker-engine.ts';
import { missingPrograms } from '../support/engine.ts';
import { runInside, spawnInside, type Ran } from '../support/inside-engine.ts';
import { forFile } from '../support/lab.ts';
import { nameServerArgs } from '../support/pebble.ts';

const missing =
  missingDocker() ?? missingPrograms(...BUILDERS, 'docker-compose', 'curl', 'pebble', 'pebble-challtestsrv', 'openssl');
const EXAMPLE = fileURLToPath(new URL('../../examples/docker-compose', import.meta.url));
const DOMAIN = 'lab.example';
/** The engine's own, which every container reaches. */
const HOST = '198.18.0.1';
/** All names lead to the published ports. */
const RESOLVED = ['--resolve', `*:443:127.0.0.1`, '--resolve', `*:80:127.0.0.1`];

describe.skipIf(missing !== null)(`the example with compose${missing ?? ''}`, async () => {
  if (missing !== null) return;
  const [engine, file] = await Promise.all([forFile(DockerEngine.start()), imageFile()]);
  await engine.docker('load', '--quiet', '--input', file);
  const folder = join(engine.directory, 'example');
  cpSync(EXAMPLE, folder, { recursive: true });
  await startPebble(engine);
  writeFileSync(join(folder, 'test.yml'), TEST.replace('ROOT', join(engine.directory, 'root.pem')));

  const environment = { DOMAIN, DOCKER_SOCKET: engine.socket, EMAIL: 'ops@lab.example' };
  async function compose(directory: string, files: readonly string[], ...args: readonly string[]): Promise<string> {
    const where = ['--project-directory', directory, ...files.flatMap((name) => ['--file', join(directory, name)])];
    const { code, stdout, stderr } = await runInside(engine, 'docker-compose', [...where, ...args], environment);
    expect([args, code, code === 0 ? '' : stderr]).toEqual([args, 0, '']);
    return stdout;
  }
  const main = (...args: readonly string[]): Promise<string> =>
    compose(folder, ['docker-compose.yml', 'test.yml'], ...args);

  const curl = (url: string, ...args: readonly string[]): Promise<Ran> =>
    runInside(engine, 'curl', ['--silent', '--max-time', '600', ...RESOLVED, ...args, url]);
  const bodyOf = async (url: string, ...args: readonly string[]): Promise<string> =>
    (await curl(url, '--cacert', join(engine.directory, 'issuer.pem'), ...args)).stdout;
  const shop = `https://shop.${DOMAIN}/`;

  await main('up', '--detach', '--scale', 'shop=2');

  test('certificates come from the authority, for every router that names the resolver', async () => {
    await runInside(engine, 'curl', [
      '--silent',
      '--insecure',
      '--output',
      join(engine.directory, 'issuer.pem'),
      `https://127.0.0.1:15000/roots/0`,
    ]);
    await expect.poll(() => bodyOf(shop)).toMatch(/^shop in \w+: GET \/\n$/);
    await expect
      .poll(() => bodyOf(`https://router.${DOMAIN}/dashboard/`, '--user', 'admin:change-me'))
      .toContain('shop@docker');
  });

  test('plain requests are led to https', async () => {
    const { stdout } = await curl(`http://shop.${DOMAIN}/cart`, '--include');
    expect(stdout).toMatch(new RegExp(`^HTTP/1.1 30[18] [^]*Location: https://shop.${DOMAIN}/cart\r\n`, 'i'));
  });

  test('the page asks for a password', async () => {
    expect(await bodyOf(`https://router.${DOMAIN}/dashboard/`)).toMatch(/Unauthorized/i);
    expect(await bodyOf(`https://router.${DOMAIN}/dashboard/`, '--user', 'admin:wrong')).toMatch(/Unauthorized/i);
  });

  test('clients stay where they began, and both containers are used', async () => {
    const jar = join(engine.directory, 'jar');
    const first = await bodyOf(shop, '--cookie-jar', jar);
    for (let count = 0; count < 4; count++) expect(await bodyOf(shop, '--cookie', jar)).toBe(first);
    await expect.poll(() => bodyOf(shop)).not.toBe(first);
  });

  test('another stack is reached over the network that it joins', async () => {
    await compose(join(folder, 'other-stack'), ['docker-compose.yml'], 'up', '--detach');
    await expect.poll(() => bodyOf(`https://blog.${DOMAIN}/`)).toMatch(/^blog in \w+: GET \/\n$/);
  });

  test('the socket proxy lets nobody do more than look, and shows no environment', async () => {
    const ask = (path: string, method = 'GET'): Promise<string> =>
      main(
        'exec',
        '-T',
        'router',
        '/usr/bin/node',
        '-e',
        `fetch('http://socket-proxy:2375${path}', { method: '${method}' }).then(async (answer) => console.log(answer.status, await answer.text()))`,
      );
    expect(await ask('/containers/create', 'POST')).toMatch(/^403 .*does not let POST/);
    expect(await ask('/v1.41/images/json')).toMatch(/^403 /);
    const [found] = JSON.parse((await ask('/containers/json')).slice(4)) as { Id: string }[];
    const inspected = await ask(`/v1.41/containers/${found!.Id}/json`);
    expect(inspected).toMatch(/^200 .*"State"/);
    expect(inspected).not.toContain('"Env"');
  });

  test('a container that is not well gets nothing more', async () => {
    const broken = /in (\w+):/.exec(await bodyOf(shop))![1]!;
    const jar = join(engine.directory, 'broken');
    // Only one of the two is told.
    await expect.poll(() => bodyOf(shop, '--cookie-jar', jar)).toContain(broken);
    await bodyOf(`${shop}break`, '--cookie', jar);
    const told = async (): Promise<string> => main('exec', '-T', 'router', 'signalbox', 'get', 'services');
    await expect.poll(told).toMatch(/shop@docker.*1\/2|shop@docker[^\n]*down/i);
    for (let count = 0; count < 4; count++) expect(await bodyOf(shop)).not.toContain(broken);
  });
});

/** Beside the engine: its names all lead to this host, where it looks at port 80. */
async function startPebble(engine: DockerEngine): Promise<void> {
  const at = (name: string): string => join(engine.directory, name);
  const openssl = (...args: readonly string[]): unknown =>
    execFileSync('openssl', args, { cwd: engine.directory, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-keyout', 'root.key', '-out', 'root.pem', '-subj', '/CN=Test root');
  const signed = ['-CA', 'root.pem', '-CAkey', 'root.key', '-addext', `subjectAltName=IP:${HOST}`];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'pebble.key',
    '-out',
    'pebble.pem',
    '-subj',
    '/CN=ca',
    ...signed,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  );
  const config = {
    listenAddress: `${HOST}:14000`,
    managementListenAddress: '127.0.0.1:15000',
    certificate: at('pebble.pem'),
    privateKey: at('pebble.key'),
    httpPort: 80,
    tlsPort: 443,
  };
  writeFileSync(at('pebble.json'), JSON.stringify({ pebble: config }));
  const started: readonly (readonly [program: string, args: readonly string[], ready: RegExp])[] = [
    ['pebble-challtestsrv', nameServerArgs('127.0.0.1:8053', '127.0.0.1:8055'), /management server/i],
    ['pebble', ['-config', at('pebble.json'), '-strict', '-dnsserver', '127.0.0.1:8053'], /ACME directory available/],
  ];
  for (const [program, args, ready] of started) {
    const child = spawnInside(engine, program, args, { PEBBLE_VA_NOSLEEP: '1' });
    let said = '';
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${program} ended:\n${said}`)));
    ended.catch(() => {});
    await Promise.race([
      ended,
      new Promise<void>((resolve) => {
        const heard = (chunk: Buffer): void => {
          said += chunk.toString();
          if (ready.test(said)) resolve();
        };
        child.stdout.on('data', heard);
        child.stderr.on('data', heard);
      }),
    ]);
  }
}

const TEST = `
services:
  router:
    environment:
      SIGNALBOX_CERTIFICATESRESOLVERS_LE_ACME_CASERVER: https://${HOST}:14000/dir
      SIGNALBOX_CERTIFICATESRESOLVERS_LE_ACME_CACERTIFICATES: /root.pem
    volumes: ['ROOT:/root.pem:ro']
`;
