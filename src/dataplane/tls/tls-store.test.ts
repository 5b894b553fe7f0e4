import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { selfSigned } from '../../core/x509/self-signed.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import {
  DEFAULT_TLS_OPTIONS,
  type CertificateSecret,
  type CertificateSpec,
  type TlsOptionsSpec,
} from '../../model/tls.ts';
import { runAtOnce } from '../live/slices.ts';
import { TlsStore } from './tls-store.ts';

const OPTIONS: TlsOptionsSpec = {
  name: DEFAULT_TLS_OPTIONS,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  curves: 'auto',
  protocols: ['http/1.1'],
  clientAuth: { mode: 'none', authorities: [] },
  sniStrict: false,
  sessionTickets: true,
};

function change(store: TlsStore, changed: SnapshotDelta['changed'], removed: SnapshotDelta['removed'] = {}): void {
  runAtOnce(store.build({ baseVersion: 0, version: 1, digest: '', changed, removed }))();
}

const made = selfSigned({ commonName: 'a', hosts: ['a'], nowMs: Date.now(), days: 1 });

/** A snapshot's certificates, each with a secret whose id is its name. */
function add(store: TlsStore, ...named: readonly (readonly [name: string, host: string, keyType?: string])[]): void {
  const certificates: Record<string, CertificateSpec> = {};
  for (const [name, host, keyType = 'ec'] of named) {
    certificates[name] = { name, hosts: [host], keyType, isDefault: false };
  }
  store.setSecrets({ changed: Object.fromEntries(named.map(([name]) => [name, secret(name)])), removed: [] });
  change(store, { certificates });
}

function secret(id: string): CertificateSecret {
  const { certificate, key } = made;
  return { id, certificate, key, notBefore: 0, notAfter: Date.now() + 1_000_000_000 };
}

function empty(): TlsStore {
  const store = new TlsStore({ ticketKeys: randomBytes(48), fallback: made });
  change(store, { tlsOptions: { [OPTIONS.name]: OPTIONS } });
  return store;
}

test('ten thousand certificates cost nothing until they are used, and their contexts are bounded', () => {
  const store = empty();
  const hosts = Array.from({ length: 10_000 }, (_, index) => `h${index}.example`);
  add(store, ...hosts.map((host) => [host, host] as const));
  const first = store.choose('web', 'h0.example', '')!.context;
  expect(store.choose('web', 'h0.example', '')!.context).toBe(first);
  expect(store.contexts).toBe(1);
  const second = store.choose('web', 'h1.example', '')!.context;
  for (const host of hosts.slice(2, 2_500)) expect(store.choose('web', host, '')).not.toBe(null);
  expect(store.contexts).toBeLessThanOrEqual(2_000);
  // One that was used more than once stays longer.
  expect(store.choose('web', 'h0.example', '')!.context).toBe(first);
  expect(store.choose('web', 'h1.example', '')!.context).not.toBe(second);
});

test('an answer of the authority goes with its certificate alone', () => {
  const store = empty();
  add(store, ['a.example', 'a.example'], ['b.example', 'b.example']);
  store.setStaples([{ certificate: 'a.example', response: Buffer.from('good') }]);
  expect(store.choose('web', 'a.example', '')?.staple).toEqual(Buffer.from('good'));
  expect(store.choose('web', 'b.example', '')?.staple).toBe(null);
  // With two, the handshake chooses later.
  add(store, ['other', 'a.example', 'rsa']);
  expect(store.choose('web', 'a.example', '')?.staple).toBe(null);
  change(store, {}, { certificates: ['other'] });
  store.setStaples([{ certificate: 'a.example', response: null }]);
  expect(store.choose('web', 'a.example', '')?.staple).toBe(null);
});

test('a renewal comes into force without a snapshot, and the answer about the old certificate does not go with the new', () => {
  const store = empty();
  add(store, ['web', 'a.example']);
  store.setStaples([{ certificate: 'web', response: Buffer.from('of the old one') }]);
  const before = store.choose('web', 'a.example', '')!;
  expect(before.staple).toEqual(Buffer.from('of the old one'));
  store.setSecrets({ changed: { web: secret('renewed') }, removed: [] });
  const after = store.choose('web', 'a.example', '')!;
  expect(after.context).not.toBe(before.context);
  expect(after.staple).toBeNull();
  expect(store.secret('web')?.id).toBe('renewed');
});

test('a certificate without its secret, or a secret without its certificate, is not shown', () => {
  const store = empty();
  const fallback = store.choose('web', 'a.example', '')!.context;
  store.setSecrets({ changed: { web: secret('web') }, removed: [] });
  expect(store.choose('web', 'a.example', '')!.context).toBe(fallback);
  add(store, ['web', 'a.example']);
  expect(store.choose('web', 'a.example', '')!.context).not.toBe(fallback);
  // All that there are from now on.
  store.setSecrets({ changed: { other: secret('other') }, removed: [] }, true);
  expect(store.choose('web', 'a.example', '')!.context).toBe(fallback);
  expect(store.secret('web')).toBeNull();
  store.setSecrets({ changed: { web: secret('web') }, removed: ['other'] });
  expect(store.choose('web', 'a.example', '')!.context).not.toBe(fallback);
  expect(store.secret('other')).toBeNull();
});
