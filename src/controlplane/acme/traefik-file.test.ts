import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makePair } from '../../../test/support/certificates.ts';
import { SingleFileStore } from '../store/single-file-store.ts';
import { ResolverStorage } from './resolver-storage.ts';
import { readTraefikFile } from './traefik-file.ts';

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

function traefikFile(): { file: unknown; publicKey: string; pair: { certPem: string; keyPem: string } } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pair = makePair(['a.example.com', 'b.example.com']);
  const file = {
    myresolver: {
      Account: {
        Email: 'someone@example.com',
        Registration: {
          body: { status: 'valid', contact: ['mailto:someone@example.com'] },
          uri: 'https://acme-v02.api.letsencrypt.org/acme/acct/123',
        },
        PrivateKey: base64(privateKey.export({ type: 'pkcs1', format: 'der' })),
        KeyType: '4096',
      },
      Certificates: [
        {
          domain: { main: 'a.example.com', sans: ['b.example.com'] },
          certificate: base64(pair.certPem),
          key: base64(pair.keyPem),
          Store: 'default',
        },
        { domain: { main: 'broken.example.com' }, certificate: base64('nothing'), key: '', Store: 'default' },
      ],
    },
    'never-used': { Account: null, Certificates: null },
  };
  return { file, publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string, pair };
}

test('account and certificates are there afterwards, as if they had been got here', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-traefik-'));
  const path = join(directory, 'acme.json');
  const { file, publicKey, pair } = traefikFile();
  const text = JSON.stringify(file, null, 2);
  await writeFile(path, text, { mode: 0o600 });
  const adopt = { ending: '.traefik', read: readTraefikFile, adopted: () => {} };
  for (let round = 0; round < 2; round++) {
    const store = new SingleFileStore({ path, option: 'storage', adopt });
    await store.start();
    const storage = new ResolverStorage(store, 'myresolver');
    const account = await storage.account('https://acme-v02.api.letsencrypt.org/directory');
    expect(account).toMatchObject({
      url: 'https://acme-v02.api.letsencrypt.org/acme/acct/123',
      email: 'someone@example.com',
    });
    expect(createPublicKey(account!.keyPem).export({ type: 'spki', format: 'pem' })).toBe(publicKey);
    expect(await storage.account('https://acme-staging-v02.api.letsencrypt.org/directory')).toBeNull();
    const unusable: string[] = [];
    const certificates = await storage.certificates((reason) => unusable.push(reason));
    expect(unusable).toEqual([]);
    expect(certificates).toHaveLength(1);
    expect(certificates[0]!.certPem).toBe(pair.certPem);
    expect(certificates[0]!.facts.domains.toSorted()).toEqual(['a.example.com', 'b.example.com']);
    expect(await new ResolverStorage(store, 'never-used').certificates(() => {})).toEqual([]);
    await store.stop();
  }
  expect(await readFile(`${path}.traefik`, 'utf8')).toBe(text);
  await rm(directory, { recursive: true });
});

test('keys of accounts come in several forms', () => {
  const { file } = traefikFile();
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  for (const type of ['sec1', 'pkcs8'] as const) {
    const account = (file as { myresolver: { Account: { PrivateKey: string } } }).myresolver.Account; // Ours.
    account.PrivateKey = base64(ec.export({ type, format: 'der' }));
    const documents = readTraefikFile(file)!;
    expect(JSON.stringify(documents.get('acme/myresolver/account'))).toContain('BEGIN PRIVATE KEY');
  }
});

test.each([
  ['nothing', {}],
  ['a list', []],
  ['our own', { signalbox: 1, sha256: '', documents: {} }],
  ['something else', { a: 1 }],
  ['half of it', { a: { Account: null }, b: { other: true } }],
])('%s is no file of Traefik’s', (_, value) => {
  expect(readTraefikFile(value)).toBeNull();
});

test('an account that cannot be used is left out', () => {
  const { file } = traefikFile();
  const account = (file as { myresolver: { Account: { PrivateKey: string; Registration: unknown } } }).myresolver
    .Account; // Ours.
  account.PrivateKey = base64('no key');
  expect(readTraefikFile(file)!.has('acme/myresolver/account')).toBe(false);
  account.Registration = null;
  expect(readTraefikFile(file)!.has('acme/myresolver/account')).toBe(false);
});
