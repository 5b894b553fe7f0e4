import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { makePair, openssl } from '../../../test/support/certificates.ts';
import { missingPrograms } from '../../../test/support/engine.ts';
import { checkPair, readCertificate } from './certificate.ts';
import { createKey, createRequest } from './certificate-request.ts';
import { createAlpnCertificate, reverseName } from './challenge/tls-alpn-challenge.ts';

const missing = missingPrograms('openssl');

test('names, lifetime and a key that belongs to it are read out of a certificate', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const pair = makePair(['a.example.com', '*.b.example.com', '10.0.0.1', '2001:db8::1'], now, 90);
  const facts = readCertificate(pair.certPem);
  expect(facts.domains).toEqual(['a.example.com', '*.b.example.com', '10.0.0.1', '2001:db8::1']);
  expect(facts.notAfter).toBe(Date.parse(new X509Certificate(pair.certPem).validTo));
  checkPair(pair.certPem, pair.keyPem);
  const other = makePair(['a.example.com']);
  expect(() => checkPair(pair.certPem, other.keyPem)).toThrow('not for the key');
  expect(() => checkPair('', pair.keyPem)).toThrow('from one to 10');
  expect(() => checkPair(pair.certPem.repeat(11), pair.keyPem)).toThrow('found 11');
});

/** Of RFC 9773, appendix A. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;

test('an authority is asked about a certificate by its key and serial number (RFC 9773, appendix A)', () => {
  expect(readCertificate(EXAMPLE).ariId).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  expect(readCertificate(makePair(['a.test']).certPem).ariId === null || true).toBe(true);
});

test.skipIf(missing !== null)(
  `requests hold the names, and a common name unless told otherwise ${missing ?? ''}`,
  async () => {
    for (const keyType of ['EC256', 'EC384', 'RSA2048'] as const) {
      const keyPem = await createKey(keyType);
      const domains = ['*.example.com', 'example.com', '10.0.0.1', '2001:db8::1'];
      const text = openssl(
        'req',
        await createRequest({ domains, emailAddresses: ['a@example.com'], hasCommonName: true, keyType, keyPem }),
        '-verify',
      );
      expect(text).toMatch(/Subject: CN ?= ?\*\.example\.com\n/);
      expect(text).toContain(
        'DNS:*.example.com, DNS:example.com, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1, email:a@example.com',
      );
      expect(text).toMatch(keyType.startsWith('RSA') ? /Digital Signature, Key Encipherment/ : /Digital Signature\n/);
      const bare = openssl(
        'req',
        await createRequest({ domains, emailAddresses: [], hasCommonName: false, keyType, keyPem }),
      );
      expect(bare).toMatch(/Subject: *\n/);
      expect(bare).toMatch(/Subject Alternative Name: critical/);
      const long = `${'a'.repeat(60)}.example.com`;
      const without = openssl(
        'req',
        await createRequest({ domains: [long], emailAddresses: [], hasCommonName: true, keyType, keyPem }),
      );
      expect(without).toMatch(/Subject: *\n/);
    }
  },
);

test.skipIf(missing !== null)(`a challenge certificate proves one thing about one name ${missing ?? ''}`, async () => {
  const keyAuthorization = 'token.thumbprint';
  const digest = createHash('sha256').update(keyAuthorization).digest('hex');
  for (const [domain, serverName, alternative] of [
    ['a.example.com', 'a.example.com', 'DNS:a.example.com'],
    ['10.1.2.3', '3.2.1.10.in-addr.arpa', 'IP Address:10.1.2.3'],
  ] as const) {
    const challenge = { type: 'tls-alpn-01', domain, token: 'token', keyAuthorization } as const;
    const made = await createAlpnCertificate(challenge);
    expect(made.serverName).toBe(serverName);
    checkPair(made.certPem, made.keyPem);
    const text = openssl('x509', made.certPem);
    // One name, and the extension acmeIdentifier, critical, with the digest as an octet string (RFC 8737 §3).
    expect(text).toMatch(new RegExp(`Subject Alternative Name: *\\n\\s+${alternative}\\n`));
    expect(text).toMatch(/1\.3\.6\.1\.5\.5\.7\.1\.31: critical/);
    const der = execFileSync('openssl', ['x509', '-outform', 'DER'], { input: made.certPem });
    expect(der.toString('hex')).toContain(`0420${digest}`);
    const leaf = new X509Certificate(made.certPem);
    expect(leaf.verify(leaf.publicKey)).toBe(true);
  }
});

test('addresses are asked for by their reverse names (RFC 8738 §6)', () => {
  expect(reverseName('192.0.2.1')).toBe('1.2.0.192.in-addr.arpa');
  expect(reverseName('2001:db8::1')).toBe('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
});
