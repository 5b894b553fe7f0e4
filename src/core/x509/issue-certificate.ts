// A certificate of version 3 with a key of its own on P-256, signed with ECDSA and SHA-256 by whoever is given, or by
// itself (RFC 5280 §4.1).

import { createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { BIT_STRING, der, INTEGER, oid, pem, SEQUENCE, SET, time, UTF8_STRING } from './der.ts';

export interface IssuedPair {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly commonName: string;
  /** The certificate signs itself when left out. */
  readonly issuer?: { readonly commonName: string; readonly key: KeyObject };
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Given the public keys of the certificate and of who signs it, each an `spki` in DER. */
  readonly extensions: (own: Buffer, signer: Buffer) => readonly Buffer[];
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';

export function issueCertificate({ commonName, issuer, notBefore, notAfter, extensions }: IssueOptions): IssuedPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = spkiOf(publicKey);
  const signer = issuer === undefined ? own : spkiOf(createPublicKey(issuer.key));
  const algorithm = der(SEQUENCE, oid(ECDSA_WITH_SHA256));
  // §4.1.2.2: positive, at most 20 octets.
  const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
  const certificate = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    nameOf(issuer?.commonName ?? commonName),
    der(SEQUENCE, time(notBefore), time(notAfter)),
    nameOf(commonName),
    own,
    der(0xa3, der(SEQUENCE, ...extensions(own, signer))),
  );
  const signature = sign('sha256', certificate, issuer?.key ?? privateKey);
  const whole = der(SEQUENCE, certificate, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    certificate: pem('CERTIFICATE', whole),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function nameOf(commonName: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8_STRING, Buffer.from(commonName)))));
}
