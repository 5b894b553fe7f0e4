import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { der, extension } from './der.ts';
import { selfSigned } from './self-signed.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');

test('a certificate that OpenSSL reads, with its names, dates and key', () => {
  const made = selfSigned({ commonName: 'A router', hosts: ['a.example', '*.b.example'], nowMs: NOW, days: 30 });
  const certificate = new X509Certificate(made.certificate);
  expect(certificate.subject).toBe('CN=A router');
  expect(certificate.issuer).toBe('CN=A router');
  expect(certificate.subjectAltName).toBe('DNS:a.example, DNS:*.b.example');
  expect(Date.parse(certificate.validFrom)).toBe(Date.parse('2026-02-28T00:00:00Z'));
  expect(Date.parse(certificate.validTo)).toBe(Date.parse('2026-03-31T00:00:00Z'));
  expect(certificate.ca).toBe(false);
  expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkHost('x.b.example')).toBe('*.b.example');
});

test('dates from 2050 on, and values of more than 127 bytes', () => {
  const made = selfSigned({ commonName: 'x'.repeat(200), hosts: [], nowMs: NOW, days: 36_500 });
  const certificate = new X509Certificate(made.certificate);
  expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2126);
  expect(certificate.subject).toBe(`CN=${'x'.repeat(200)}`);
  expect(certificate.subjectAltName).toBe(undefined);
});

test('further extensions are part of it', () => {
  const value = der(0x04, Buffer.alloc(32, 7));
  const acme = extension('1.3.6.1.5.5.7.1.31', true, value);
  const made = selfSigned({ commonName: 'a', hosts: ['a'], nowMs: NOW, days: 1, extensions: [acme] });
  expect(new X509Certificate(made.certificate).raw.includes(acme)).toBe(true);
});
