import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { selfSigned } from '../../core/self-signed.ts';
import type { SnapshotDelta } from '../../model/snapshot.ts';
import { DEFAULT_TLS_OPTIONS, type CertificateSpec, type TlsOptionsSpec } from '../../model/tls.ts';
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

function certificate(host: string): CertificateSpec {
  return {
    name: host,
    certificate: made.certificate,
    key: made.key,
    hosts: [host],
    keyType: 'ec',
    notBefore: 0,
    notAfter: Date.now() + 1_000_000_000,
    isDefault: false,
  };
}

test('ten thousand certificates cost nothing until they are used, and their contexts are bounded', () => {
  const store = new TlsStore({
    ticketKeys: randomBytes(48),
    fallback: { certificate: made.certificate, key: made.key },
  });
  const hosts = Array.from({ length: 10_000 }, (_, index) => `h${index}.example`);
  change(store, {
    certificates: Object.fromEntries(hosts.map((host) => [host, certificate(host)])),
    tlsOptions: { [OPTIONS.name]: OPTIONS },
  });
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
  const store = new TlsStore({
    ticketKeys: randomBytes(48),
    fallback: { certificate: made.certificate, key: made.key },
  });
  const other = { ...certificate('a.example'), name: 'other', keyType: 'rsa' };
  change(store, {
    certificates: { 'a.example': certificate('a.example'), 'b.example': certificate('b.example') },
    tlsOptions: { [OPTIONS.name]: OPTIONS },
  });
  store.setStaples([{ certificate: 'a.example', response: Buffer.from('good') }]);
  expect(store.choose('web', 'a.example', '')?.staple).toEqual(Buffer.from('good'));
  expect(store.choose('web', 'b.example', '')?.staple).toBe(null);
  // With two, the handshake chooses later.
  change(store, { certificates: { other } });
  expect(store.choose('web', 'a.example', '')?.staple).toBe(null);
  change(store, {}, { certificates: ['other'] });
  store.setStaples([{ certificate: 'a.example', response: null }]);
  expect(store.choose('web', 'a.example', '')?.staple).toBe(null);
});
