// The container image as people run it, with a real engine: what is in it, who may ask what, how it is found to be
// well, and how it ends.

import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BUILDERS, imageFile } from '../support/container-image.ts';
import { DockerEngine, missingDocker } from '../support/docker-engine.ts';
import { missingPrograms } from '../support/engine.ts';
import { containerSays, runInside, spawnInside, type Ran } from '../support/inside-engine.ts';
import { forFile } from '../support/lab.ts';

const missing = missingDocker() ?? missingPrograms(...BUILDERS, 'curl');

describe.skipIf(missing !== null)(`the container image${missing ?? ''}`, async () => {
  if (missing !== null) return;
  const [engine, file] = await Promise.all([forFile(DockerEngine.start()), imageFile()]);
  await engine.docker('load', '--quiet', '--input', file);

  let count = 0;
  /** Started, and serving; its name. */
  async function start(options: readonly string[], args: readonly string[]): Promise<string> {
    const name = `router-${++count}`;
    await engine.docker('run', '--detach', '--name', name, ...options, 'signalbox', ...args);
    await sees(name, /\d+ middlewares?\n/);
    return name;
  }

  const sees = (name: string, text: RegExp): Promise<void> => containerSays(engine, name, text);

  /** Status and body. */
  async function curl(url: string, ...args: readonly string[]): Promise<readonly [status: string, body: string]> {
    const { stdout } = await runInside(engine, 'curl', [
      '--silent',
      '--max-time',
      '600',
      '--write-out',
      '\n%{http_code}',
      ...args,
      url,
    ]);
    const at = stdout.lastIndexOf('\n');
    return [stdout.slice(at + 1), stdout.slice(0, at)];
  }

  const exec = (name: string, ...args: readonly string[]): Promise<Ran> =>
    runInside(engine, 'docker', ['exec', name, ...args]);
  const inspect = (name: string, format: string): Promise<string> =>
    engine.docker('inspect', '--format', `{{${format}}}`, name);

  test('has what runs and nothing else: no shell, nothing with more rights than who runs it', async () => {
    const name = await engine.docker('create', 'signalbox');
    const { stdout } = await runInside(engine, 'sh', ['-c', `docker export ${name} | tar -tv`]);
    const entries = stdout.trim().split('\n');
    expect(entries.length).toBeGreaterThan(500);
    const programs = entries.filter((line) => /^-\S*x.* (?:usr\/)?(?:local\/)?s?bin\//.test(line));
    expect(new Set(programs.map((line) => line.split('/').at(-1)))).toEqual(new Set(['node', 'tini']));
    expect(entries.filter((line) => /^.{3}[sS]|^.{6}[sS]/.test(line))).toEqual([]);
    // The engine's own places are made as it starts; nothing of ours is for anybody to write to.
    const open = entries.filter((line) => /^[-d].{7}w/.test(line) && !/ (?:dev|tmp)\//.test(line));
    expect(open).toEqual([]);
    expect(await inspect('signalbox', '.Config.User')).toBe('65532:65532');
    await engine.docker('rm', name);
  });

  test('says what it is and is no larger than the page says', async () => {
    const labels = JSON.parse(await inspect('signalbox', 'json .Config.Labels')) as Record<string, string>;
    expect(labels).toMatchObject({
      'org.opencontainers.image.title': 'Signalbox',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    const page = readFileSync(new URL('../../docs/container.md', import.meta.url), 'utf8');
    const [, megabytes] = /It has (\d+) MB/.exec(page)!;
    const size = Number(await inspect('signalbox', '.Size')) / 1e6;
    expect(size).toBeLessThan(Number(megabytes) * 1.02);
    expect(size).toBeGreaterThan(Number(megabytes) * 0.9);
  });

  test('runs read-only, without capabilities, on ports below 1024, with flags alone as tutorials have them', async () => {
    writeFileSync(join(engine.directory, 'routing.yml'), ROUTING);
    const name = await start(
      [
        '--read-only',
        '--cap-drop',
        'ALL',
        '--security-opt',
        'no-new-privileges',
        '--publish',
        '80:80',
        '--publish',
        '8080:8080',
        '--volume',
        `${engine.directory}/routing.yml:/routing.yml:ro`,
      ],
      ['--api.insecure=true', '--entrypoints.web.address=:80', '--providers.file.filename=/routing.yml'],
    );
    expect(await curl('http://127.0.0.1/')).toEqual(['503', 'from a container\n']);
    const [status, page] = await curl('http://127.0.0.1:8080/dashboard/');
    expect([status, page]).toEqual(['200', expect.stringContaining('all@file')]);
    // Everybody reads, and nobody writes.
    const check = ['--request', 'PUT', '--data', '{}'];
    expect((await curl('http://127.0.0.1:8080/api/snapshots/pin', ...check))[0]).not.toBe('200');
    expect(await inspect(name, '.State.Running')).toBe('true');
    await engine.docker('rm', '--force', name);
  });

  test('without an entry point it has the one that Traefik has, and the name of the program may stand in front', async () => {
    const name = await start(['--publish', '80:80'], ['traefik', '--api.insecure']);
    expect(await curl('http://127.0.0.1/')).toEqual(['404', expect.stringContaining('404')]);
    await engine.docker('rm', '--force', name);
  });

  test('a file stands where that of Traefik stands, and what it says holds', async () => {
    writeFileSync(
      join(engine.directory, 'traefik.yml'),
      `ping: {}\nentryPoints: { web: { address: ':8123', transport: { lifeCycle: { graceTimeOut: 3s } } }, traefik: { address: ':9000' } }\n`,
    );
    const volume = `${engine.directory}/traefik.yml:/etc/traefik/traefik.yml:ro`;
    const name = await start(['--volume', volume, '--publish', '9000:9000'], []);
    expect(await curl('http://127.0.0.1:9000/ping')).toEqual(['200', 'OK']);
    const [, said] = await curl('http://127.0.0.1:9000/api/rawdata');
    expect(said).toContain('404');
    await engine.docker('rm', '--force', name);
  });

  test('ping and metrics answer a container that asks by name, and the API asks for a token', async () => {
    await engine.docker('network', 'create', 'monitoring');
    const name = await start(
      ['--network', 'monitoring', '--network-alias', 'router'],
      ['--ping', '--metrics.prometheus', '--api.token=s3cret', '--entrypoints.web.address=:80'],
    );
    const ask = async (path: string, token = ''): Promise<string> => {
      const script = `fetch('http://router:8080${path}', { headers: { Authorization: 'Bearer ${token}' } }).then(async (answer) => console.log(answer.status, await answer.text()))`;
      return engine.docker(
        'run',
        '--rm',
        '--network',
        'monitoring',
        '--entrypoint',
        '/usr/bin/node',
        'signalbox',
        '-e',
        script,
      );
    };
    expect(await ask('/ping')).toBe('200 OK');
    expect(await ask('/metrics')).toMatch(/^200 [^]*signalbox_/);
    expect(await ask('/api/overview')).toMatch(/^401 /);
    expect(await ask('/api/overview', 's3cret')).toMatch(/^200 /);
    await engine.docker('rm', '--force', name);
  });

  test('is found to be well whatever it was started with, and not when it does not answer', async () => {
    const name = await start(['--health-interval', '1s', '--health-retries', '1'], ['--entrypoints.web.address=:80']);
    await expect.poll(() => inspect(name, '.State.Health.Status')).toBe('healthy');
    expect(await exec(name, 'signalbox', 'healthcheck')).toMatchObject({ code: 0, stdout: 'OK\n' });
    expect(await exec(name, 'signalbox', 'healthcheck', '--ping')).toMatchObject({ code: 3 });
    expect(await exec(name, 'signalbox', 'healthcheck', '--entrypoints.web.address=:80')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('no ping') as string,
    });
    const main = (await exec(name, '/usr/bin/node', '-e', FIND_ROUTER)).stdout.trim();
    await exec(name, '/usr/bin/node', '-e', `process.kill(${main}, 'SIGSTOP')`);
    await expect.poll(() => inspect(name, '.State.Health.Status')).toBe('unhealthy');
    await exec(name, '/usr/bin/node', '-e', `process.kill(${main}, 'SIGCONT')`);
    await expect.poll(() => inspect(name, '.State.Health.Status')).toBe('healthy');
    await engine.docker('rm', '--force', name);
  });

  test('commands find the router without its options', async () => {
    const name = await start(
      [],
      ['--api', '--ping', '--entrypoints.web.address=:80', '--entrypoints.traefik.address=:9000'],
    );
    expect(await exec(name, 'signalbox', 'get', 'entrypoints')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('web') as string,
    });
    expect(await exec(name, 'signalbox', 'healthcheck', '--ping', '--entrypoints.traefik.address=:9000')).toMatchObject(
      { code: 0 },
    );
    // The container would end with the first of them.
    const refused = await exec(
      name,
      'signalbox',
      'run',
      '--takeover',
      '--admin',
      '/dev/shm/signalbox/owner',
      '--entrypoints.web.address=:80',
    );
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a second container beside it') as string,
    });
    await engine.docker('rm', '--force', name);
  });

  test('process 1 reaps what others leave behind, and hands signals on', async () => {
    const name = await start([], ['--entrypoints.web.address=:80']);
    const left = Number((await exec(name, '/usr/bin/node', '-e', LEAVE_A_CHILD)).stdout);
    const state = async (): Promise<string> => (await exec(name, '/usr/bin/node', '-e', STATES)).stdout;
    expect(await state()).toMatch(new RegExp(`^1 \\(tini\\)[^]*^${left} \\(\\S+\\) [RSD] 1 `, 'm'));
    await exec(name, '/usr/bin/node', '-e', `process.kill(${left})`);
    await expect.poll(state).not.toContain(`${left} (`);
    await engine.docker('kill', '--signal', 'USR2', name);
    await sees(name, /memory/);
    await engine.docker('rm', '--force', name);
  });

  test('ends in order within its grace time, with requests that would go on for ever', async () => {
    writeFileSync(join(engine.directory, 'slow.yml'), ROUTING.replaceAll('9999', '9000'));
    const name = await start(
      [
        '--publish',
        '80:80',
        '--env',
        'SIGNALBOX_DEFAULT_GRACE_TIMEOUT=1s',
        '--volume',
        `${engine.directory}/slow.yml:/routing.yml:ro`,
      ],
      ['--entrypoints.web.address=:80', '--providers.file.filename=/routing.yml', '--accesslog'],
    );
    const server = spawnInside(engine, 'docker', ['exec', name, '/usr/bin/node', '-e', NEVER_ANSWERS]);
    await once(server.stdout, 'data');
    const hanging = curl('http://127.0.0.1/slow');
    await once(server.stdout, 'data');
    // The time of the engine is not the subject: the router's own is, and that it ends by itself.
    await engine.docker('stop', '--time', '600', name);
    expect(await inspect(name, '.State.ExitCode')).toBe('0');
    expect((await hanging)[0]).not.toBe('200');
    expect(await inspect('signalbox', 'json .Config.Env')).toContain('SIGNALBOX_DEFAULT_GRACE_TIMEOUT=8s');
    await engine.docker('rm', '--force', name);
  });

  test('a volume is its own, and what a killed container leaves in it is taken up', async () => {
    const args = ['--entrypoints.web.address=:80', '--state.directory=/data', '--api', '--ping'];
    const name = await start(['--volume', 'state:/data', '--read-only'], args);
    await engine.docker('kill', name);
    await engine.docker('start', name);
    await expect.poll(async () => (await exec(name, 'signalbox', 'healthcheck')).code).toBe(0);
    expect((await exec(name, 'signalbox', 'get', 'snapshots')).stdout).toMatch(/2/);
    await engine.docker('rm', '--force', name);
  });

  test('a plugin in TypeScript runs read-only', async () => {
    const folder = fileURLToPath(new URL('../../examples/plugin', import.meta.url));
    const name = await start(
      [
        '--read-only',
        '--volume',
        `${folder}:/etc/signalbox:ro`,
        '--env',
        'SIGNALBOX_ENTRYPOINTS_WEB_ADDRESS=:8000',
        '--publish',
        '8000:8000',
      ],
      [],
    );
    expect(await curl('http://127.0.0.1:8000/x', '--header', 'Host: nobody.localhost')).toEqual([
      expect.any(String),
      'no such tenant\n',
    ]);
    await engine.docker('rm', '--force', name);
  });
});

const ROUTING = `
http:
  routers:
    all: { rule: 'Path(\`/\`)', service: noop@internal, middlewares: [away] }
    slow: { rule: 'Path(\`/slow\`)', service: slow }
  middlewares: { away: { maintenance: { body: "from a container\\n" } } }
  services: { slow: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:9999' }] } } }
`;
const FIND_ROUTER = `
const { readdirSync, readFileSync } = require('node:fs');
for (const pid of readdirSync('/proc')) {
  if (/^[0-9]+$/.test(pid) && /^\\S+ \\(.*\\) \\S 1 /.test(readFileSync('/proc/' + pid + '/stat', 'latin1'))) console.log(pid);
}`;
/** Prints its id; its parent ends before it does. */
const LEAVE_A_CHILD = `
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' });
console.log(child.pid);
child.unref();`;
const STATES = `
const { readdirSync, readFileSync } = require('node:fs');
for (const pid of readdirSync('/proc')) if (/^[0-9]+$/.test(pid)) console.log(readFileSync('/proc/' + pid + '/stat', 'latin1').trim());`;
const NEVER_ANSWERS = `
const port = 9000;
require('node:http').createServer(() => console.log('asked')).listen(port, () => console.log('listening'));`;
