import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../support/engine.ts';
import { cleanEnvironment } from '../support/marked-processes.ts';
import { holdPort } from '../support/ports.ts';
import { startRouter, type RouterProcess } from '../support/router.ts';
import { certificateFor } from '../support/tls-client.ts';

/** Debian keeps each version's programs in a folder of its own. */
async function findPostgres(): Promise<string | null> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return versions.length === 0 ? null : join(root, versions.toSorted((a, b) => Number(a) - Number(b)).at(-1)!, 'bin');
}

const bin = await findPostgres();
const isRoot = process.getuid?.() === 0;
const missing = bin === null ? 'skipped: postgresql not installed' : null;
const own = certificateFor(['orders.example']);
const theirs = certificateFor(['through.example']);

describe.skipIf(missing !== null)(`PostgreSQL${missing === null ? '' : ` (${missing})`}`, () => {
  let directory: string;
  let server: Engine;
  let router: RouterProcess;

  /** The server refuses to run as root. */
  function asOwner(command: string, args: readonly string[]): [string, string[]] {
    return isRoot
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
      : ['env', [command, ...args]];
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'signalbox-postgres-'));
    if (isRoot) execFileSync('chown', ['postgres:postgres', directory]);
    const data = join(directory, 'data');
    const [initialise, initArgs] = asOwner(join(bin!, 'initdb'), [
      '-D',
      data,
      '-A',
      'trust',
      '-U',
      'tester',
      '--no-sync',
    ]);
    execFileSync(initialise, initArgs, { stdio: 'ignore', env: cleanEnvironment({ LC_ALL: 'C' }) });
    await writeFile(join(directory, 'server.pem'), theirs.certificate);
    await writeFile(join(directory, 'server.key'), theirs.key, { mode: 0o600 });
    if (isRoot)
      execFileSync('chown', ['postgres:postgres', join(directory, 'server.key'), join(directory, 'server.pem')]);
    const port = holdPort();
    const settings = [
      'listen_addresses=127.0.0.1',
      `port=${port}`,
      `unix_socket_directories=${directory}`,
      'ssl=on',
      `ssl_cert_file=${join(directory, 'server.pem')}`,
      `ssl_key_file=${join(directory, 'server.key')}`,
      'fsync=off',
    ].flatMap((setting) => ['-c', setting]);
    const [program, args] = asOwner(join(bin!, 'postgres'), ['-D', data, ...settings]);
    server = await Engine.start(program, { args, directory, ready: /ready to accept connections/ });
    router = await startRouter({
      install: `
entryPoints: { db: { address: "127.0.0.1:0" } }
tcp:
  routers:
    term: { rule: "HostSNI(\`orders.example\`)", service: db, tls: {} }
    pass: { rule: "HostSNI(\`through.example\`)", service: db, tls: { passthrough: true } }
    both: { rule: "HostSNI(\`both.example\`)", service: secure, tls: {} }
    plain: { rule: "HostSNI(\`*\`)", service: db }
  services:
    db: { loadBalancer: { servers: [{ address: "127.0.0.1:${port}" }], healthCheck: { interval: 1s } } }
    secure: { loadBalancer: { serversTransport: any, servers: [{ address: "127.0.0.1:${port}", tls: true }] } }
  serversTransports: { any: { tls: { insecureSkipVerify: true } } }
tls: { certificates: [{ certFile: DIR/own.pem, keyFile: DIR/own.key }] }
`,
      files: { 'own.pem': own.certificate, 'own.key': own.key, 'theirs.pem': theirs.certificate },
    });
  });

  afterAll(async () => {
    await router[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  async function psql(host: string, mode: string, root: string): Promise<string> {
    const parts = [
      `host=${host}`,
      'hostaddr=127.0.0.1',
      `port=${router.ports['db']!}`,
      'user=tester',
      'dbname=postgres',
    ];
    const connection = [...parts, `sslmode=${mode}`, `sslrootcert=${join(router.directory, root)}`].join(' ');
    const query =
      'select count(*), (select ssl from pg_stat_ssl where pid = pg_backend_pid()) from generate_series(1, 50000)';
    const { stdout } = await promisify(execFile)(join(bin!, 'psql'), [connection, '-At', '-c', query]);
    return stdout.trim();
  }

  test('the router ends TLS, and the server sees none', async () => {
    expect(await psql('orders.example', 'verify-full', 'own.pem')).toBe('50000|f');
  });

  test('the server ends TLS behind passthrough', async () => {
    expect(await psql('through.example', 'verify-full', 'theirs.pem')).toBe('50000|t');
  });

  test('the router ends TLS and speaks it to the server', async () => {
    expect(await psql('both.example', 'require', 'nothing.pem')).toBe('50000|t');
  });

  test('without TLS there is none', async () => {
    expect(await psql('orders.example', 'disable', 'own.pem')).toBe('50000|f');
  });
});
