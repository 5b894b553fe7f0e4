// Answers of OCSP responders, checked as a client would: who signed, for which certificate, for which time (RFC 6960
// §3.2, §4.2.2). What clients would refuse is not handed to them.

import { verify, X509Certificate } from 'node:crypto';
import {
  BasicOCSPResponse,
  id_kp_OCSPSigning,
  id_pkix_ocsp_basic,
  OCSPResponse,
  OCSPResponseStatus,
  type SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AsnConvert } from '@peculiar/asn1-schema';
import type { OcspSubject } from './ocsp-subject.ts';

export interface OcspAnswer {
  readonly state: 'good' | 'revoked';
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Hash of each signature algorithm; null for one that has its own. SHA-1 is no longer good enough. */
const HASHES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};
/** Clocks differ. */
const SKEW_MS = 5 * 60_000;
/** Of answers that do not say how long they are good. */
const DEFAULT_LIFE_MS = 3_600_000;

/** Returns what is wrong as text. */
export function readOcspResponse(bytes: Uint8Array, subject: OcspSubject, nowMs: number): OcspAnswer | string {
  let basic: BasicOCSPResponse;
  let certificates: readonly X509Certificate[];
  try {
    const response = AsnConvert.parse(bytes, OCSPResponse);
    if (response.responseStatus !== OCSPResponseStatus.successful) {
      return `the responder answered ${OCSPResponseStatus[response.responseStatus] ?? `status ${String(response.responseStatus)}`}`;
    }
    if (response.responseBytes?.responseType !== id_pkix_ocsp_basic) return 'the answer is of an unknown type';
    basic = AsnConvert.parse(response.responseBytes.response.buffer, BasicOCSPResponse);
    certificates = (basic.certs ?? []).map((one) => new X509Certificate(Buffer.from(AsnConvert.serialize(one))));
  } catch {
    return 'the answer is no OCSP response';
  }
  const problem = signatureProblem(basic, [subject.issuer, ...certificates], nowMs);
  if (problem !== null) return problem;
  const single = basic.tbsResponseData.responses.find((one) => isAbout(one, subject));
  if (single === undefined) return 'the answer is about another certificate';
  const thisUpdate = single.thisUpdate.getTime();
  const nextUpdate = single.nextUpdate?.getTime() ?? thisUpdate + DEFAULT_LIFE_MS;
  if (thisUpdate > nowMs + SKEW_MS) return `the answer is for a time to come, ${single.thisUpdate.toISOString()}`;
  if (nextUpdate <= nowMs) return `the answer was good until ${new Date(nextUpdate).toISOString()}`;
  const { certStatus } = single;
  if (certStatus.revoked !== undefined) return { state: 'revoked', thisUpdate, nextUpdate };
  if (certStatus.good === undefined) return 'the responder does not know the certificate';
  return { state: 'good', thisUpdate, nextUpdate };
}

function isAbout({ certID }: SingleResponse, { nameHash, keyHash, serial }: OcspSubject): boolean {
  return (
    nameHash.equals(new Uint8Array(certID.issuerNameHash.buffer)) &&
    keyHash.equals(new Uint8Array(certID.issuerKeyHash.buffer)) &&
    serial.equals(new Uint8Array(certID.serialNumber))
  );
}

/** `signers` are the issuer and whoever comes with the answer. Null when one of them may sign, and has (§4.2.2.2). */
function signatureProblem(
  basic: BasicOCSPResponse,
  signers: readonly [issuer: X509Certificate, ...others: X509Certificate[]],
  nowMs: number,
): string | null {
  const [issuer] = signers;
  const hash = HASHES[basic.signatureAlgorithm.algorithm];
  if (hash === undefined) return `the answer is signed with ${basic.signatureAlgorithm.algorithm}, which is not taken`;
  if (basic.tbsResponseDataRaw === undefined) return 'the answer is no OCSP response';
  const signed = new Uint8Array(basic.tbsResponseDataRaw);
  const signature = new Uint8Array(basic.signature);
  const signer = signers.find((one) => isSignedBy(one, hash, signed, signature));
  if (signer === undefined) return 'nobody who may has signed the answer';
  if (signer.raw.equals(issuer.raw)) return null;
  if (!signer.checkIssued(issuer) || !signer.verify(issuer.publicKey)) {
    return 'the answer is signed by somebody whom the issuer has not made a responder';
  }
  if (signer.keyUsage?.includes(id_kp_OCSPSigning) !== true) {
    return 'the certificate that signed the answer is not one for OCSP';
  }
  if (Date.parse(signer.validFrom) > nowMs + SKEW_MS || Date.parse(signer.validTo) < nowMs) {
    return 'the certificate that signed the answer is not valid now';
  }
  return null;
}

function isSignedBy(signer: X509Certificate, hash: string | null, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(hash, signed, signer.publicKey, signature);
  } catch {
    // A key of another kind.
    return false;
  }
}
