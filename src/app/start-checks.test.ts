import { chmod, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeInstall } from '../controlplane/config/install/load-install.ts';
import { startProblems } from './start-checks.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signalbox-start-'));
});
afterEach(async () => rm(directory, { recursive: true }));

async function problems(text: string, environment: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { value, diagnostics } = decodeInstall('signalbox.yml', text.replaceAll('DIR', directory));
  expect(diagnostics).toEqual([]);
  const found = await startProblems(value!, environment);
  return found.map(
    ({ severity, line, path, message }) => `${severity} ${line} ${path}: ${message.replaceAll(directory, 'DIR')}`,
  );
}

const WEB = 'entryPoints: { web: { address: ":80" } }\n';

test('a configuration that nothing keeps from being run has none', async () => {
  expect(await problems(WEB)).toEqual([]);
  expect(await problems(`${WEB}state: { directory: DIR/a/b }\nlog: { filePath: DIR/a.log }\n`)).toEqual([]);
});

test('no entry point', async () => {
  expect(await problems('log: { level: DEBUG }\n')).toEqual([
    'error 1 : there is no entry point to listen on; write entryPoints: { web: { address: ":80" } }',
  ]);
});

test('addresses that cannot be had twice', async () => {
  const at = (one: string, other: string): string =>
    `entryPoints:\n  one: { address: "${one}" }\n  other: { address: "${other}" }\n`;
  const taken = 'error 3 entryPoints.other.address: the entry point "one" has this address; each needs one of its own';
  expect(await problems(at(':80', ':80'))).toEqual([taken]);
  expect(await problems(at(':80', '127.0.0.1:80'))).toEqual([taken]);
  expect(await problems(at('127.0.0.1:80', '127.0.0.2:80'))).toEqual([]);
  expect(await problems(at(':80', ':80/udp'))).toEqual([]);
  expect(await problems(at(':0', ':0'))).toEqual([]);
});

const RESOLVER = (acme: string): string => `${WEB}certificatesResolvers: { le: { acme: { ${acme} } } }\n`;

test('a storage file that others may read, or that is none', async () => {
  await writeFile(join(directory, 'acme.json'), '');
  await chmod(join(directory, 'acme.json'), 0o644);
  expect(await problems(RESOLVER('storage: DIR/acme.json, tlsChallenge: true'))).toEqual([
    'error 2 certificatesResolvers.le.acme.storage: others may read or write DIR/acme.json (mode 644), which holds private keys; run "chmod 600 DIR/acme.json"',
  ]);
  await mkdir(join(directory, 'folder'));
  expect(await problems(RESOLVER('storage: DIR/folder, tlsChallenge: true'))).toEqual([
    'error 2 certificatesResolvers.le.acme.storage: DIR/folder is no file',
  ]);
});

test('a provider of DNS without its credentials', async () => {
  const text = RESOLVER('storage: DIR/acme.json, dnsChallenge: { provider: cloudflare }');
  expect(await problems(text)).toEqual([
    expect.stringMatching(
      /^warning 2 certificatesResolvers\.le\.acme\.dnsChallenge\.provider: .*CF_.*; without it no certificate is had$/,
    ),
  ]);
  expect(await problems(text, { CF_DNS_API_TOKEN: 'x' })).toEqual([]);
});

test('directories that are not there, or are files', async () => {
  await writeFile(join(directory, 'file'), '');
  expect(await problems(`${WEB}log: { filePath: DIR/none/a.log }\naccessLog: { filePath: DIR/file/a.log }\nstate: { directory: DIR/file/state }\n`)).toEqual([
    'error 2 log.filePath: there is no directory DIR/none; make it, or name another one',
    'error 3 accessLog.filePath: DIR/file is no directory',
    'error 4 state.directory: DIR/file is no directory',
  ]);
}); // prettier-ignore
