import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { selfSigned } from '../../core/x509/self-signed.ts';
import { parseCertificate } from './certificate.ts';
import { publicPartOf } from './private-key.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');

function pem(key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1'): string {
  return key.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }).toString();
}

describe('the public part', () => {
  test.each([
    ['rsa', rsa, 'pkcs8'],
    ['rsa', rsa, 'pkcs1'],
    ['ec', p256, 'pkcs8'],
    ['ec', p256, 'sec1'],
    ['ec', p384, 'pkcs8'],
  ] as const)('%s %# is what the certificate will have', (type, pair, form) => {
    const part = publicPartOf(pem(pair.privateKey, form))!;
    expect(part.type).toBe(type);
    const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
    expect(spki.includes(part.bytes)).toBe(true);
    expect(part.bytes.length).toBeGreaterThan(60);
  });

  test('parameters of the curve may come before the key', () => {
    const text = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(p256.privateKey, 'sec1')}`;
    expect(publicPartOf(text)?.type).toBe('ec');
  });

  test.each([
    ['another kind of key', pem(ed25519.privateKey, 'pkcs8')],
    ['a public key', p256.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    [
      'an encrypted key',
      rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }).toString(),
    ],
    ['nothing', ''],
    ['no base64', '-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----'],
  ])('%s is left to OpenSSL', (_, text) => {
    expect(publicPartOf(text)).toBe(null);
  });

  test('a changed byte gives nothing, or a part of the same kind, and never throws', () => {
    const whole = pem(rsa.privateKey, 'pkcs8');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.constantFrom('A', '/', '\n', '-', '=', 'é'), (at, letter) => {
        const part = publicPartOf(whole.slice(0, at) + letter + whole.slice(at + 1));
        expect(part === null || part.type === 'rsa').toBe(true);
      }),
    );
  });
});

test('a key of another certificate is refused whichever way it is read', () => {
  const one = selfSigned({ commonName: 'a', hosts: ['a.example'], nowMs: Date.now(), days: 1 });
  const other = selfSigned({ commonName: 'b', hosts: ['b.example'], nowMs: Date.now(), days: 1 });
  expect(parseCertificate(one.certificate, one.key)).toMatchObject({ keyType: 'ec', hosts: ['a.example'] });
  expect(parseCertificate(one.certificate, other.key)).toBe('the key does not belong to the certificate of a.example');
  const sec1 = pem(p256.privateKey, 'sec1');
  expect(createPublicKey(sec1).asymmetricKeyType).toBe('ec');
  expect(parseCertificate(one.certificate, sec1)).toBe('the key does not belong to the certificate of a.example');
});
