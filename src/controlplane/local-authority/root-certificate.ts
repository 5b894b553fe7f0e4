// The certificate of a local authority: for this machine and the names that were asked for, and of no use for any
// other. Whoever gets hold of its key can pretend to be this machine, and nobody else.

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import {
  alternativeNames,
  authorityKey,
  END_ENTITY,
  FOR_SERVERS,
  LAST_AUTHORITY,
  permittedNames,
  SIGNS_CERTIFICATES,
  SIGNS_HANDSHAKES,
  subjectKey,
  type PermittedName,
} from '../../core/x509/certificate-extensions.ts';
import { parseIp, parseNetwork } from '../../core/ip.ts';
import { issueCertificate, type IssuedPair } from '../../core/x509/issue-certificate.ts';

/** How the authority calls itself; a few letters follow that tell those of several users and machines apart. */
export const AUTHORITY_NAME = 'Signalbox Local Authority';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ROOT_DAYS = 3650;
/** Nobody is to be left with an authority that ends before its certificates do. */
const ROOT_SPARE_DAYS = 60;
/** Browsers and routers look at it before they use it; no list of revoked ones is kept. */
export const LEAF_DAYS = 14;

/** `localhost` stands for all names below it as well (RFC 5280 §4.2.1.10). */
const ALWAYS: readonly PermittedName[] = ['localhost', parseNetwork('127.0.0.0/8')!, parseNetwork('::1')!];

export interface Root extends IssuedPair {
  readonly commonName: string;
  /** Names that it may certify beside those of this machine; in order. */
  readonly names: readonly string[];
  readonly notAfter: number;
  /** SHA-256, as `A1:B2:…`. */
  readonly fingerprint: string;
}

/** Names of this machine, which every local authority certifies. */
export function isLoopbackName(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const address = parseIp(host);
  if (address === null) return false;
  if (address.family === 4) return address.words[0]! >>> 24 === 127;
  return address.words.every((word, index) => word === (index === 3 ? 1 : 0));
}

/** `names` are DNS names and addresses beside those of this machine. */
export function createRoot(names: readonly string[], nowMs: number): Root {
  const commonName = `${AUTHORITY_NAME} ${randomBytes(4).toString('hex')}`;
  const pair = issueCertificate({
    commonName,
    notBefore: nowMs - HOUR_MS,
    notAfter: nowMs + ROOT_DAYS * DAY_MS,
    extensions: (own) => [
      LAST_AUTHORITY,
      SIGNS_CERTIFICATES,
      FOR_SERVERS,
      permittedNames([...ALWAYS, ...names.map((name) => parseNetwork(name) ?? name)]),
      subjectKey(own),
    ],
  });
  return rootOf(pair, names);
}

/** Throws when certificate and key are none, or do not belong together. */
export function rootOf({ certificate, key }: IssuedPair, names: readonly string[]): Root {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate');
  return {
    certificate,
    key,
    names: names.toSorted(),
    commonName: /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? '',
    notAfter: Date.parse(parsed.validTo),
    fingerprint: parsed.fingerprint256,
  };
}

/** Whether it can go on certifying these names. */
export function isSufficient(root: Root, names: readonly string[], nowMs: number): boolean {
  return root.notAfter - nowMs > ROOT_SPARE_DAYS * DAY_MS && names.every((name) => root.names.includes(name));
}

/** What a common name may be long (RFC 5280 appendix A.1). */
const MAX_COMMON_NAME = 64;

/**
 * The first host is also its subject, which is what people see of it: not an address, which some would take for a DNS
 * name.
 */
export function issueLeaf(root: Root, hosts: readonly string[], nowMs: number): IssuedPair {
  const [first = ''] = hosts;
  return issueCertificate({
    commonName: first.length > MAX_COMMON_NAME || parseIp(first) !== null ? 'Signalbox' : first,
    issuer: { commonName: root.commonName, key: createPrivateKey(root.key) },
    // A client's clock may be slow.
    notBefore: nowMs - HOUR_MS,
    notAfter: nowMs + LEAF_DAYS * DAY_MS,
    extensions: (own, signer) => [
      END_ENTITY,
      SIGNS_HANDSHAKES,
      FOR_SERVERS,
      alternativeNames(hosts),
      subjectKey(own),
      authorityKey(signer),
    ],
  });
}
