// Each command of the built program, as a person types it.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand, type CommandResult } from '../support/command.ts';
import { holdPort } from '../support/ports.ts';
import { RecordingOrigin } from '../support/recording-origin.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';

let origin: RecordingOrigin;
let router: RouterProcess;
let scratch: string;

function routing(path: string): string {
  return `http:
  routers:
    app: { rule: "Host(\`app.example\`) && PathPrefix(\`${path}\`)", service: app }
    broken: { rule: "Path(\`/x\`)", service: nobody }
  services:
    app: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${origin.port}" }] } }
`;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'signalbox-commands-'));
  origin = await RecordingOrigin.start();
  router = await startRouter({
    install: `entryPoints: { web: { address: "127.0.0.1:0" } }
providers: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml } }
api: { socket: DIR/api.sock, token: s3cret }
ping: {}
`,
    files: { 'routing.yml': routing('/one') },
    args: ['--entryPoints.traefik.address', '127.0.0.1:0'],
    workers: 2,
  });
});

afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** Asks the running router over its socket. */
function ask(...args: readonly string[]): Promise<CommandResult> {
  return runCommand([...args, '--admin', `unix:${router.directory}/api.sock`]);
}

test('get', async () => {
  const routers = await ask('get', 'routers');
  expect(routers.code).toBe(0);
  expect(routers.stdout).toMatch(/^NAME +STATUS +PRIORITY +ENTRY POINTS +SERVICE +RULE\n.*\napp@file +enabled +41 +web +app +Host/);
  expect(routers.stdout).toContain('broken@file:\n  there is no service "nobody"\n');
  expect((await ask('get', 'entrypoints')).stdout).toContain(`127.0.0.1:${router.ports['web']}`);
  expect((await ask('get', 'services', '--search', 'app')).stdout).toContain('app@file');
  expect((await ask('get', 'middlewares')).stdout).toContain('dashboard_stripprefix@internal');
  expect((await ask('get', 'udprouters')).stdout).toBe('no udprouters\n');
  expect((await ask('get', 'entrypoints')).stdout).toContain('traefik');
  expect((await ask('get', 'services', '--search', 'app@')).stdout).toMatch(/app@file .* 1 \(not checked\)/);
  expect((await ask('get', 'snapshots')).stdout).toMatch(/\n1 +current +\d{4}-/);
  expect((await ask('get', 'diagnostics')).stdout).toContain('there is no service "nobody"');
  expect(JSON.parse((await ask('get', 'router', 'app@file')).stdout)).toMatchObject({ name: 'app@file' });
  expect(JSON.parse((await ask('get', 'routers', '--json')).stdout)).toHaveLength(5);
  expect(await ask('get', 'rooters')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "routers"?') as string });
}); // prettier-ignore

test('explain', async () => {
  const url = `http://app.example:${router.ports['web']}/one/a`;
  const taken = await ask('explain', url);
  expect(taken.code).toBe(0);
  expect(taken.stdout).toContain('taken by app@file');
  expect(taken.stdout).toContain(`service     app@file  (http://127.0.0.1:${origin.port})`);
  const missed = await ask('explain', `http://other.example:${router.ports['web']}/one`, '-X', 'POST', '-H', 'A: b');
  expect(missed.code).toBe(1);
  expect(missed.stdout).toContain('no router takes it: it is answered 404');
  expect(missed.stdout).toContain('Host(`app.example`) is false: the request has the host "other.example"');
  expect((JSON.parse((await ask('explain', url, '--json')).stdout) as { router: string }).router).toBe('app@file');
});

test('diff', async () => {
  const path = join(scratch, 'new.yml');
  await writeFile(path, routing('/two').replace('service: nobody', 'service: app'));
  const changed = await ask('diff', path);
  expect(changed.code).toBe(0);
  expect(changed.stdout).toBe(`~ router app@file
    ~ rule: "Host(\`app.example\`) && PathPrefix(\`/one\`)" → "Host(\`app.example\`) && PathPrefix(\`/two\`)"
~ router broken@file
    ~ service: "nobody" → "app"
`);
  await writeFile(path, routing('/one').replace('service: nobody', 'service: ap'));
  const wrong = await ask('diff', path);
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toContain(`${path}:4:`);
  expect(wrong.stdout).toContain('did you mean "app"?');
  expect((await ask('diff', join(scratch, 'none.yml'))).code).toBe(2);
});

test('wait, rollback', async () => {
  expect(await ask('wait')).toMatchObject({ code: 0, stdout: 'version 1 is in force on 2 workers\n' });
  await writeFile(join(router.directory, 'routing.yml'), routing('/two'));
  expect((await ask('wait', '2', '--timeout', '10m')).code).toBe(0);
  expect(await ask('wait', '99', '--timeout', '10ms')).toMatchObject({ code: 1 });
  expect((await ask('rollback')).stdout).toContain('version 1 is in force again, as version 3');
  expect((await ask('get', 'snapshots')).stdout).toContain('current, pinned to 1');
  const head = 'pinned to 1; the newest configuration, which is held back, differs in 1 router\n';
  expect((await ask('get', 'routers')).stdout).toMatch(new RegExp(`^${head}NAME .*\n(?:.*\n)?app@file .*/one`));
  for (const kind of ['services', 'snapshots', 'diagnostics']) {
    expect([kind, (await ask('get', kind)).stdout.startsWith(head)]).toEqual([kind, true]);
  }
  expect((await ask('get', 'diagnostics')).stdout).toContain(head.trim());
  const asJson = await ask('get', 'routers', '--json');
  expect([JSON.parse(asJson.stdout), asJson.stderr]).toEqual([expect.anything(), head]);
  expect(await ask('wait', '1')).toMatchObject({ code: 0 });
  expect(await ask('wait', '2')).toMatchObject({ code: 1, stdout: expect.stringContaining('not in force: the content of version 2 is not in force; pinned to 1') as string });
  expect(await ask('wait')).toMatchObject({ code: 1, stdout: expect.stringContaining('not in force: pinned to 1') as string });
  expect(await ask('rollback', '1', '--release')).toMatchObject({ code: 2, stderr: expect.stringContaining('takes no version') as string });
  expect((await ask('rollback', '--release')).stdout).toContain('as version 4');
  expect((await ask('get', 'routers')).stdout).toMatch(/^NAME/);
  expect(await ask('rollback', '77')).toMatchObject({ code: 2, stderr: expect.stringContaining('kept are 1, 2, 3, 4') as string });
}); // prettier-ignore

test('healthcheck, and how a router is found', async () => {
  expect(await ask('healthcheck')).toMatchObject({ code: 0, stdout: 'OK\n' });
  const config = join(router.directory, 'signalbox.yml');
  expect(await runCommand(['healthcheck', '--config', config])).toMatchObject({ code: 0 });
  const url = `http://127.0.0.1:${router.ports['traefik']}`;
  const environment = { SIGNALBOX_ADMIN_URL: url };
  expect(await runCommand(['healthcheck'], { environment })).toMatchObject({ code: 0 });
  const locked = await runCommand(['get', 'routers'], { environment });
  expect(locked).toMatchObject({ code: 3, stderr: expect.stringContaining('SIGNALBOX_ADMIN_TOKEN') as string });
  const opened = { ...environment, SIGNALBOX_ADMIN_TOKEN: 's3cret' };
  expect(await runCommand(['get', 'routers'], { environment: opened })).toMatchObject({ code: 0 });
  const closed = `http://127.0.0.1:${holdPort()}`;
  const nobody = await runCommand(['get', 'routers', '--admin', closed]);
  expect(nobody).toMatchObject({ code: 3, stderr: expect.stringContaining(`no router answers on ${closed}`) as string });
}); // prettier-ignore

test('check: all sources, their origins, and what Traefik calls otherwise', async () => {
  await writeFile(join(scratch, 'traefik.yml'), 'log: { level: "${LEVEL:-warn}" }\nentryPoints: { web: { address: ":80", http3: {} } }\napi: { token: "${TOKEN}" }\n');
  const options = { directory: scratch, environment: { TOKEN: 'hush', SIGNALBOX_PING: 'true' } };
  const origins = await runCommand(['check', '--show-origin', '--entryPoints.web.address=:81'], options);
  expect(origins.code).toBe(0);
  expect(origins.stdout).toMatch(/entryPoints\.web\.address +":81" +flag --entryPoints\.web\.address\n/);
  expect(origins.stdout).toMatch(/log\.level +"\$\{LEVEL:-warn\}" +traefik\.yml:1:8\n/);
  expect(origins.stdout).toMatch(/ping +\{\} +environment variable SIGNALBOX_PING\n/);
  expect(origins.stdout).not.toContain('hush');
  const report = await runCommand(['check', 'traefik.yml', '--from-traefik', '--json'], options);
  const { migration } = JSON.parse(report.stdout) as { migration: { path: string; verdict: string }[] };
  expect(migration.map(({ path, verdict }) => `${verdict}: ${path}`)).toEqual([
    'works: log.level',
    'works: entryPoints.web.address',
    'not yet: entryPoints.web.http3',
    'works: api.token',
    'works: ping',
  ]);
  const unset = await runCommand(['check'], { directory: scratch });
  expect(unset).toMatchObject({ code: 1, stdout: expect.stringContaining('the environment variable TOKEN is not set') as string });
}); // prettier-ignore

test('a configuration in TypeScript', async () => {
  const path = join(scratch, 'signalbox.config.ts');
  await writeFile(path, "import { defineConfig } from 'signalbox';\nconst port: number = 81;\nexport default defineConfig({ entryPoints: { web: { address: `:${port}` } } });\n");
  expect(await runCommand(['check', path])).toMatchObject({ code: 0, stdout: '0 errors, 0 warnings\n' });
  await writeFile(path, 'export default () => ({ entryPoints: { web: { adress: ":80" } } });\n');
  expect(await runCommand(['check', path])).toMatchObject({ code: 1, stdout: expect.stringContaining('did you mean "address"?') as string });
  await writeFile(path, 'export default (;\n');
  expect((await runCommand(['check', path])).stdout).toContain('signalbox.config.ts');
}); // prettier-ignore

test('completion knows commands, and what the running router has', async () => {
  const { stdout: script } = await runCommand(['completion', 'bash']);
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const tries = [
    ['exp'],
    ['get', 'rou'],
    ['get', 'routers', 'ap'],
    ['get', '--admin', `unix:${router.directory}/api.sock`, 'routers', 'ap'],
  ];
  const lines = [
    `signalbox() { '${process.execPath}' '${main}' "$@"; }`,
    script,
    ...tries.map(
      (words) =>
        `COMP_WORDS=(signalbox ${words.join(' ')}); COMP_CWORD=${words.length}; _signalbox signalbox; echo "\${COMPREPLY[*]}"`,
    ),
  ];
  const { stdout, stderr } = spawnSync('bash', ['-c', lines.join('\n')], { cwd: scratch, encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['explain\nrouters\n\napi app\n', '']);
  for (const shell of ['tcsh', 'constructor']) expect((await runCommand(['completion', shell])).code).toBe(2);
});

test('the command line says what it did not understand', async () => {
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await runCommand(args, { directory: scratch });
    return `${code} ${stderr.split('\n')[0]}`;
  };
  expect(await said('run', '--entrypoint.web.address=:1')).toBe('2 run: unknown flag --entrypoint.web.address; did you mean --entryPoints.web.address?');
  expect(await said('get')).toBe('2 get needs KIND');
  expect(await said('explain', 'a', 'b')).toBe('2 explain takes no "b"');
  expect(await said('run', '--config')).toBe('2 run: --config needs a value, as in --config FILE');
  expect(await said('wait', '--timeout', 'soon')).toBe('2 --timeout takes a duration such as 30s, found "soon"');
  expect((await runCommand(['help', 'rollback'])).stdout).toContain('--release');
  expect(JSON.parse((await runCommand(['version', '--json'])).stdout)).toHaveProperty('node');
}); // prettier-ignore

test('options alone start a router, as with Traefik', async () => {
  await using plain = await startRouter({
    install: '',
    args: ['--entryPoints.web.address=127.0.0.1:0', '--ping', '--entrypoints.traefik.address=127.0.0.1:0'],
  });
  expect(Object.keys(plain.ports)).toEqual(['web', 'traefik']);
});
