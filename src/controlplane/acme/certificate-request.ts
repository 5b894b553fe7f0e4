// Keys and certificate signing requests (RFC 2986). They may hold mail addresses, and a common name or
// none.

import { generateKeyPair, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import {
  cryptoProvider,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';
import type { KeyType } from '../config/install/certificates-resolver-options.ts';

const generate = promisify(generateKeyPair);

const CURVES = { EC256: 'P-256', EC384: 'P-384' } as const;
const RSA_BITS = { RSA2048: 2048, RSA4096: 4096, RSA8192: 8192 } as const;
/** Upper bound of the attribute (RFC 5280, appendix A.1). */
const MAX_COMMON_NAME = 64;

/** PKCS #8 in PEM. Made in the thread pool: a long RSA key takes seconds. */
export async function createKey(type: KeyType): Promise<string> {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
  const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
  const { privateKey } =
    type === 'EC256' || type === 'EC384'
      ? await generate('ec', { namedCurve: CURVES[type], privateKeyEncoding, publicKeyEncoding })
      : await generate('rsa', { modulusLength: RSA_BITS[type], privateKeyEncoding, publicKeyEncoding });
  return privateKey;
}

export interface CertificateRequest {
  readonly domains: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly hasCommonName: boolean;
  readonly keyType: KeyType;
  readonly keyPem: string;
}

/** PEM. The common name is the main name, where there is to be one and it fits. */
export async function createRequest(request: CertificateRequest): Promise<string> {
  const { domains, emailAddresses, hasCommonName, keyType, keyPem } = request;
  cryptoProvider.set(webcrypto);
  const names: JsonGeneralName[] = [
    ...domains.map((value): JsonGeneralName => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    ...emailAddresses.map((value): JsonGeneralName => ({ type: 'email', value })),
  ];
  const signingAlgorithm =
    keyType === 'EC256' || keyType === 'EC384'
      ? { name: 'ECDSA', namedCurve: CURVES[keyType], hash: { name: keyType === 'EC384' ? 'SHA-384' : 'SHA-256' } }
      : { name: 'RSASSA-PKCS1-v1_5', hash: { name: 'SHA-256' } };
  const main = domains[0]!;
  const csr = await Pkcs10CertificateRequestGenerator.create({
    keys: await importPair(keyPem, signingAlgorithm),
    signingAlgorithm,
    name: hasCommonName && main.length <= MAX_COMMON_NAME ? [{ CN: [main] }] : [],
    extensions: [
      new KeyUsagesExtension(
        keyType.startsWith('RSA')
          ? KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment
          : KeyUsageFlags.digitalSignature,
      ),
      // Critical when it is all there is to tell whose the certificate is (RFC 5280 §4.2.1.6).
      new SubjectAlternativeNameExtension(names, !hasCommonName || main.length > MAX_COMMON_NAME),
    ],
  });
  return csr.toString('pem');
}

async function importPair(
  keyPem: string,
  algorithm: { name: string; namedCurve?: string; hash: { name: string } },
): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey }> {
  const { subtle } = webcrypto;
  const privateKey = await subtle.importKey('pkcs8', PemConverter.decodeFirst(keyPem), algorithm, true, ['sign']);
  const jwk = await subtle.exportKey('jwk', privateKey);
  // Its public half: the members that name the private one are left out.
  const { kty, crv, x, y, n, e } = jwk;
  const half = kty === 'EC' ? { kty, crv, x, y } : { kty, n, e };
  const publicKey = await subtle.importKey('jwk', half as webcrypto.JsonWebKey, algorithm, true, ['verify']);
  return { privateKey, publicKey };
}
