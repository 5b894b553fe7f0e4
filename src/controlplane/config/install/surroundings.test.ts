import { expect, test } from 'vitest';
import { parseConfig } from '../document/document.ts';
import { installOptions } from './install-options.ts';
import { hasEnvironmentOptions, mergeInstallSources } from './install-sources.ts';
import type { InstallConfig } from './install-config.ts';
import { decodeInstallDocument } from './load-install.ts';
import { operatorSubstitutions } from './operator-substitutions.ts';

const IMAGE = { SIGNALBOX_DEFAULT_INTERNAL_ADDRESS: ':8080', SIGNALBOX_DEFAULT_GRACE_TIMEOUT: '8s' };

interface Given {
  readonly file?: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

function load({ file, flags = {}, environment = IMAGE }: Given): {
  install: InstallConfig | null;
  said: readonly string[];
} {
  const document = mergeInstallSources(
    {
      file: file === undefined ? null : parseConfig('signalbox.yml', file),
      environment,
      flags: Object.entries(flags).map(([name, value]) => ({ name, value })),
    },
    installOptions,
  );
  const { value, diagnostics } = decodeInstallDocument(document, operatorSubstitutions({}));
  return { install: value, said: diagnostics.map(({ source, message }) => `${source}: ${message}`) };
}

const ANYWHERE = { host: '', port: 8080, protocol: 'tcp' };

test('they stand where flags alone say nothing, whoever brings the entry point', () => {
  const { install, said } = load({ flags: { ping: 'true', 'entrypoints.web.address': ':80' } });
  expect(said).toEqual([]);
  expect(install?.admin).toMatchObject({ address: ANYWHERE, isDeclared: false });
  expect(install?.graceMs).toBe(8_000);
});

test('without them the internal entry point is on loopback, and clients have ten seconds', () => {
  const { install } = load({ flags: { ping: 'true', 'entrypoints.web.address': ':80' }, environment: {} });
  expect(install?.admin.address).toEqual({ host: '127.0.0.1', port: 8080, protocol: 'tcp' });
  expect(install?.graceMs).toBe(10_000);
});

test('whatever is configured has its way, in a file too and in any case', () => {
  const file = `
ping: {}
entrypoints:
  web: { address: ':80', transport: { lifecycle: { gracetimeout: 30s } } }
  traefik: { ADDRESS: '127.0.0.1:9000' }
`;
  const { install } = load({ file });
  expect(install?.admin).toMatchObject({ address: { host: '127.0.0.1', port: 9000 }, isDeclared: true });
  expect(install?.graceMs).toBe(30_000);
});

test('where no entry point is configured there is one, as in Traefik', () => {
  const environment = { ...IMAGE, SIGNALBOX_DEFAULT_ADDRESS: ':80' };
  const alone = load({ flags: { 'api.insecure': 'true', 'entrypoints.traefik.address': ':9000' }, environment });
  expect(alone.install?.entryPoints).toMatchObject({ http: { address: { port: 80 }, lifeCycle: { graceMs: 8_000 } } });
  expect(alone.install?.admin.address?.port).toBe(9000);
  const other = load({ flags: { 'entrypoints.web.address': ':81' }, environment });
  expect(Object.keys(other.install?.entryPoints ?? {})).toEqual(['web']);
});

test('an entry point of datagrams has it as well, and sections that say nothing do not hide it', () => {
  const { install } = load({ file: "entryPoints: { dns: { address: ':53/udp', transport: { lifeCycle: } } }" });
  expect(install?.entryPoints['dns']?.lifeCycle.graceMs).toBe(8_000);
});

test('a mistake on the way is told as it is without them', () => {
  for (const environment of [IMAGE, {}]) {
    const { install, said } = load({ file: "entryPoints: { web: { address: ':80', transport: fast } }", environment });
    expect([install, said]).toEqual([null, [expect.stringContaining('signalbox.yml: ')]]);
  }
});

test('their own mistakes are told with their names', () => {
  const environment = { SIGNALBOX_DEFAULT_INTERNAL_ADDRESS: '8080', SIGNALBOX_DEFAULT_GRACE_TIMEOUT: 'soon' };
  const { install, said } = load({ file: "entryPoints: { web: { address: ':80' } }", environment });
  expect(install).toBe(null);
  expect(said).toEqual([
    expect.stringMatching(/^environment variable SIGNALBOX_DEFAULT_GRACE_TIMEOUT: /),
    expect.stringMatching(/^environment variable SIGNALBOX_DEFAULT_INTERNAL_ADDRESS: .*write ":8080"/),
  ]);
});

test('they are no options: alone they start nothing', () => {
  expect(hasEnvironmentOptions({ ...IMAGE, SIGNALBOX_RUN_DIRECTORY: '/dev/shm/signalbox' })).toBe(false);
  expect(load({ file: "entryPoints: { web: { address: ':80' } }" }).said).toEqual([]);
});

test('an API for a router alone is not warned of, and one that everybody may read is', () => {
  const flags = { 'entrypoints.web.address': ':80', 'api.dashboard': 'true' };
  expect(load({ flags })).toMatchObject({ said: [], install: { admin: { address: null } } });
  const open = load({ flags: { ...flags, 'api.insecure': 'true' } });
  expect(open.install?.admin.address).toEqual(ANYWHERE);
  expect(open.said).toEqual([expect.stringContaining('everybody who can reach the internal entry point')]);
});
