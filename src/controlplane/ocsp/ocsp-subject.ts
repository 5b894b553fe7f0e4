// What OCSP needs of a certificate: whom to ask, and how to name it (RFC 6960 §4.1.1). Names of issuers are hashed with
// SHA-1, which every responder knows; nothing rests on it, since the answer is signed.

import { createHash, X509Certificate } from 'node:crypto';
import { CertID, OCSPRequest, Request, TBSRequest } from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';

export interface OcspSubject {
  readonly issuer: X509Certificate;
  /** SHA-1 of the issuer's name and key, and the certificate's number: how answers name it. */
  readonly nameHash: Buffer;
  readonly keyHash: Buffer;
  readonly serial: Buffer;
  /** URLs of those who answer for the certificate, in its own order. */
  readonly responders: readonly string[];
}

const SHA1 = '1.3.14.3.2.26';
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Returns why there is nobody to ask as text. `chain` is PEM, leaf first. */
export function ocspSubject(chain: string): OcspSubject | string {
  try {
    return subjectOf(chain);
  } catch {
    // OpenSSL is more lenient than a reader of DER.
    return 'the certificate is not coded as DER asks';
  }
}

function subjectOf(chain: string): OcspSubject | string {
  const [leafPem, ...others] = chain.match(BLOCK) ?? [];
  if (leafPem === undefined) return 'there is no certificate';
  const leaf = new X509Certificate(leafPem);
  const responders = respondersOf(leaf);
  if (responders.length === 0) return 'the certificate names no OCSP responder that speaks HTTP';
  const issuer = others.map((pem) => new X509Certificate(pem)).find((one) => leaf.checkIssued(one));
  if (issuer === undefined) return "certFile holds no certificate of the issuer: add the authority's after the own one";
  const { tbsCertificate } = AsnConvert.parse(leaf.raw, Certificate);
  const { subjectPublicKey } = AsnConvert.parse(issuer.raw, Certificate).tbsCertificate.subjectPublicKeyInfo;
  return {
    issuer,
    nameHash: sha1(AsnConvert.serialize(tbsCertificate.issuer)),
    keyHash: sha1(subjectPublicKey),
    serial: Buffer.from(tbsCertificate.serialNumber),
    responders,
  };
}

/** DER of the question. Without a nonce, so that responders may answer from a cache (RFC 5019 §2.1.1). */
export function ocspRequest({ nameHash, keyHash, serial }: OcspSubject): Buffer {
  const reqCert = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: null }),
    issuerNameHash: new OctetString(nameHash),
    issuerKeyHash: new OctetString(keyHash),
    serialNumber: new Uint8Array(serial).buffer,
  });
  const request = new OCSPRequest({ tbsRequest: new TBSRequest({ requestList: [new Request({ reqCert })] }) });
  return Buffer.from(AsnConvert.serialize(request));
}

function respondersOf(leaf: X509Certificate): readonly string[] {
  const urls = [...(leaf.infoAccess ?? '').matchAll(/^OCSP - URI:"?([^"\n]+)"?$/gm)].map((match) => match[1]!);
  return urls.filter((url) => /^https?:\/\//i.test(url));
}

function sha1(bytes: ArrayBuffer): Buffer {
  return createHash('sha1').update(new Uint8Array(bytes)).digest();
}
