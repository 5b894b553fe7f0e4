// tls-alpn-01: a certificate that answers on port 443 when a client asks for the protocol `acme-tls/1` and a name
// (RFC 8737). It proves one thing to one asker; no other client gets to see it.

import { createHash, webcrypto } from 'node:crypto';
import {
  cryptoProvider,
  Extension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { parseIp } from '../../../core/ip.ts';
import { sleep } from '../../../core/sleep.ts';
import type { AlpnCertificate } from '../../../model/certificate.ts';
import type { Challenge, ChallengePresenter } from './challenge.ts';

/** RFC 8737 §6.1. */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31';
const DAY_MS = 24 * 3_600_000;

/** Settles when every worker serves these certificates for `acme-tls/1` and no others. */
export type PublishAlpnCertificates = (certificates: readonly AlpnCertificate[]) => Promise<void>;

export class AlpnCertificateBoard {
  readonly #publish: PublishAlpnCertificates;
  readonly #certificates = new Map<string, AlpnCertificate>();

  constructor(publish: PublishAlpnCertificates) {
    this.#publish = publish;
  }

  async put(token: string, certificate: AlpnCertificate): Promise<void> {
    this.#certificates.set(token, certificate);
    await this.#publish([...this.#certificates.values()]);
  }

  async remove(token: string): Promise<void> {
    if (this.#certificates.delete(token)) await this.#publish([...this.#certificates.values()]);
  }
}

export class TlsAlpnChallengePresenter implements ChallengePresenter {
  readonly type = 'tls-alpn-01';
  readonly #board: AlpnCertificateBoard;
  readonly #delayMs: number;

  constructor(board: AlpnCertificateBoard, delayMs: number) {
    this.#board = board;
    this.#delayMs = delayMs;
  }

  async present(challenge: Challenge): Promise<void> {
    await this.#board.put(challenge.token, await createAlpnCertificate(challenge));
  }

  async settle(_: readonly Challenge[], signal: AbortSignal): Promise<void> {
    if (this.#delayMs > 0) await sleep(this.#delayMs, signal);
  }

  cleanUp({ token }: Challenge): Promise<void> {
    return this.#board.remove(token);
  }
}

/** Self-signed, with the digest of the key authorization in the critical extension acmeIdentifier (RFC 8737 §3). */
export async function createAlpnCertificate(
  { domain, keyAuthorization }: Challenge,
  nowMs = Date.now(),
): Promise<AlpnCertificate> {
  const address = parseIp(domain);
  cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const digest = createHash('sha256').update(keyAuthorization).digest();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm: algorithm,
    name: [{ CN: [domain] }],
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + DAY_MS),
    extensions: [
      new SubjectAlternativeNameExtension([{ type: address === null ? 'dns' : 'ip', value: domain }]),
      // In DER the digest is an octet string of 32 bytes.
      new Extension(ACME_IDENTIFIER, true, Buffer.concat([Buffer.from([0x04, digest.length]), digest])),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    serverName: address === null ? domain : reverseName(domain),
    certPem: certificate.toString('pem'),
    keyPem: PemConverter.encode(key, 'PRIVATE KEY'),
  };
}

/** An address has no name to ask for; its reverse name stands in (RFC 8738 §6). */
export function reverseName(address: string): string {
  const parsed = parseIp(address);
  if (parsed === null) throw new TypeError(`"${address}" is no IP address`);
  if (parsed.family === 4) return `${address.split('.').toReversed().join('.')}.in-addr.arpa`;
  const digits = parsed.words.map((word) => word.toString(16).padStart(8, '0')).join('');
  return `${digits.split('').toReversed().join('.')}.ip6.arpa`;
}
