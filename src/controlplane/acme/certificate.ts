// What is read out of a certificate: its names, its lifetime, and how its authority calls it when it is asked about its
// renewal.

import { createHash, createPrivateKey, createPublicKey, X509Certificate as NodeCertificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509';
import { canonicalDomain } from '../compile/wanted-certificates.ts';
import type { CertificateFacts } from './schedule.ts';

const ALTERNATIVE_NAMES = '2.5.29.17';
const AUTHORITY_KEY = '2.5.29.35';
/** A leaf with its issuers. */
const MAX_CHAIN = 10;

/** Of the first certificate of a chain. Throws when the text holds none. */
export function readCertificate(chainPem: string): CertificateFacts {
  const leaf = new X509Certificate(PemConverter.decodeFirst(chainPem));
  return {
    domains: namesOf(leaf),
    notBefore: leaf.notBefore.getTime(),
    notAfter: leaf.notAfter.getTime(),
    ariId: ariIdOf(leaf),
  };
}

/** Throws when the key is not the certificate's, or the chain is none. */
export function checkPair(chainPem: string, keyPem: string): void {
  const blocks = PemConverter.decode(chainPem);
  if (blocks.length === 0 || blocks.length > MAX_CHAIN) {
    throw new Error(`a chain has from one to ${MAX_CHAIN} certificates, found ${blocks.length}`);
  }
  for (const block of blocks) new X509Certificate(block);
  const leaf = new NodeCertificate(Buffer.from(blocks[0]!));
  const own = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
  if (!own.equals(leaf.publicKey.export({ type: 'spki', format: 'der' }))) {
    throw new Error('the certificate is not for the key it was asked for with');
  }
}

/** The common name of every issuer in the chain. */
export function issuersOf(chainPem: string): readonly string[] {
  return PemConverter.decode(chainPem).map(
    (block) => new X509Certificate(block).issuerName.getField('CN').at(-1) ?? '',
  );
}

/** Short and safe in a file name; the same for every order of the names. */
export function certificateId(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

function namesOf(certificate: X509Certificate): readonly string[] {
  const extension = certificate.getExtension(ALTERNATIVE_NAMES);
  if (extension === null) return [];
  const names: string[] = [];
  for (const { type, value } of new SubjectAlternativeNameExtension(extension.rawData).names.items) {
    if (type !== 'dns' && type !== 'ip') continue;
    names.push(canonicalDomain(value) ?? value.toLowerCase());
  }
  return names;
}

/** Key identifier of the authority and serial number (RFC 9773 §4.1); null when the certificate names no authority. */
function ariIdOf(certificate: X509Certificate): string | null {
  const extension = certificate.getExtension(AUTHORITY_KEY);
  if (extension === null) return null;
  const { keyId } = new AuthorityKeyIdentifierExtension(extension.rawData);
  if (keyId === undefined) return null;
  // A number whose first bit is set has a zero byte before it (X.690 §8.3.3).
  const serial = certificate.serialNumber;
  const even = serial.length % 2 === 0 ? serial : `0${serial}`;
  const bytes = Buffer.from(/^[89a-f]/i.test(even) ? `00${even}` : even, 'hex');
  return `${Buffer.from(keyId, 'hex').toString('base64url')}.${bytes.toString('base64url')}`;
}
