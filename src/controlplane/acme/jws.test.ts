import { createHash, createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { AccountKey, externalBinding } from './jws.ts';

function pemOf(type: 'ec' | 'rsa' | 'ed25519', namedCurve = 'P-256'): string {
  const { privateKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string; // PEM is text.
}

const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

test.each([
  ['ec', 'P-256', 'ES256', 'sha256'],
  ['ec', 'P-384', 'ES384', 'sha384'],
  ['ec', 'P-521', 'ES512', 'sha512'],
  ['rsa', '', 'RS256', 'sha256'],
] as const)('signs with %s %s as %s', (type, curve, alg, hash) => {
  const pem = pemOf(type, curve);
  const key = new AccountKey(pem);
  const jws = JSON.parse(key.sign({ nonce: 'n', url: 'u' }, { a: 1 })) as Record<string, string>;
  expect(decoded(jws['protected']!)).toEqual({ alg, nonce: 'n', url: 'u' });
  expect(decoded(jws['payload']!)).toEqual({ a: 1 });
  const input = Buffer.from(`${jws['protected']}.${jws['payload']}`);
  const verifier = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' } as const;
  expect(verify(hash, input, verifier, Buffer.from(jws['signature']!, 'base64url'))).toBe(true);
});

test('a request that changes nothing has an empty payload', () => {
  const jws = JSON.parse(new AccountKey(pemOf('ec')).sign({}, null)) as Record<string, string>;
  expect(jws['payload']).toBe('');
});

test('the thumbprint is of the members that RFC 7638 names, in its order', () => {
  const key = new AccountKey(pemOf('ec'));
  const { crv, kty, x, y } = key.jwk;
  const text = `{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`;
  expect(key.thumbprint).toBe(createHash('sha256').update(text).digest('base64url'));
  const rsa = new AccountKey(pemOf('rsa'));
  expect(Object.keys(rsa.jwk)).toEqual(['e', 'kty', 'n']);
});

test('keys that no authority takes are refused', () => {
  expect(() => new AccountKey(pemOf('ed25519'))).toThrow('account keys are EC or RSA, and this one is OKP Ed25519');
});

test('an account is bound by the key that the authority gave for it', () => {
  const { jwk } = new AccountKey(pemOf('ec'));
  const secret = Buffer.from('a secret of some length');
  const binding = externalBinding('kid-1', secret.toString('base64url'), 'https://ca/new', jwk) as Record<
    string,
    string
  >;
  expect(decoded(binding['protected']!)).toEqual({ alg: 'HS256', kid: 'kid-1', url: 'https://ca/new' });
  expect(decoded(binding['payload']!)).toEqual(jwk);
  const signature = createHmac('sha256', secret)
    .update(`${binding['protected']}.${binding['payload']}`)
    .digest('base64url');
  expect(binding['signature']).toBe(signature);
});
