// Signatures of requests to certificate authorities: flattened JSON Web Signatures (RFC 7515 §7.2.2) with the
// algorithms that account keys have, and what identifies such a key. Pure.

import { createHash, createHmac, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';

export interface Jwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

interface Algorithm {
  readonly alg: string;
  readonly hash: string;
}

/** RFC 7518 §3.1. */
const CURVES: Readonly<Record<string, Algorithm>> = {
  'P-256': { alg: 'ES256', hash: 'sha256' },
  'P-384': { alg: 'ES384', hash: 'sha384' },
  'P-521': { alg: 'ES512', hash: 'sha512' },
};
const RSA: Algorithm = { alg: 'RS256', hash: 'sha256' };

/** The key of an account, which may be of another program's making. */
export class AccountKey {
  readonly jwk: Jwk;
  readonly #key: KeyObject;
  readonly #algorithm: Algorithm;

  /** `pem` is a private key in any form that OpenSSL reads. Throws for one that no authority takes. */
  constructor(pem: string) {
    this.#key = createPrivateKey(pem);
    const { kty, crv, x, y, n, e } = createPublicKey(this.#key).export({ format: 'jwk' }) as Jwk; // As RFC 7518 §6 has it.
    const algorithm = kty === 'RSA' ? RSA : CURVES[crv ?? ''];
    if (algorithm === undefined)
      throw new Error(`account keys are EC or RSA, and this one is ${kty} ${crv ?? ''}`.trim());
    this.#algorithm = algorithm;
    // Members in the order of RFC 7638 §3.2: the thumbprint is made of this very text.
    this.jwk = kty === 'RSA' ? { e: e!, kty, n: n! } : { crv: crv!, kty, x: x!, y: y! };
  }

  /** RFC 7638. */
  get thumbprint(): string {
    return createHash('sha256').update(JSON.stringify(this.jwk)).digest('base64url');
  }

  /** `payload` null stands for an empty one, which makes a POST a GET (RFC 8555 §6.3). */
  sign(header: Readonly<Record<string, unknown>>, payload: unknown): string {
    const { alg, hash } = this.#algorithm;
    // ECDSA in the form of RFC 7518 §3.4, not in DER.
    return flattened({ alg, ...header }, payload, (input) =>
      sign(hash, Buffer.from(input), { key: this.#key, dsaEncoding: 'ieee-p1363' }),
    );
  }
}

/**
 * Binds an account to one that the authority knows otherwise (RFC 8555 §7.3.4). `hmacKey` is Base64, of any alphabet.
 */
export function externalBinding(keyId: string, hmacKey: string, url: string, accountKey: Jwk): object {
  const secret = Buffer.from(hmacKey, 'base64');
  const signed = flattened({ alg: 'HS256', kid: keyId, url }, accountKey, (input) =>
    createHmac('sha256', secret).update(input).digest(),
  );
  return JSON.parse(signed) as object; // Written below.
}

function flattened(header: object, payload: unknown, signer: (input: string) => Buffer): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const protectedPart = encode(header);
  const payloadPart = payload === null ? '' : encode(payload);
  const signature = signer(`${protectedPart}.${payloadPart}`).toString('base64url');
  return JSON.stringify({ protected: protectedPart, payload: payloadPart, signature });
}
