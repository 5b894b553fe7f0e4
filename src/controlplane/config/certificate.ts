// A certificate with its key as people give it, checked for what would otherwise fail in a handshake.

import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { BoundedCache } from '../../core/bounded-cache.ts';
import type { KeyedCertificate } from '../../model/tls.ts';
import { publicPartOf } from './private-key.ts';

export type ParsedCertificate = Omit<KeyedCertificate, 'isDefault'>;

/** Reading a certificate takes some 0.3 ms: what was read before is known by its hash. */
const known = new BoundedCache<string, ParsedCertificate>(20_000);

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Returns the problem as text when certificate and key cannot be used. Never names anything of the key. */
export function parseCertificate(certificate: string, key: string): ParsedCertificate | string {
  const name = createHash('sha256').update(certificate).update('\0').update(key).digest('hex').slice(0, 32);
  const before = known.get(name);
  if (before !== undefined) return before;
  const blocks = certificate.match(CERTIFICATES);
  if (blocks === null) return 'certFile holds no certificate; expected "-----BEGIN CERTIFICATE-----"';
  const leaf = parseLeaf(blocks);
  if (typeof leaf === 'string') return leaf;
  const checked = checkKey(leaf, key);
  if ('problem' in checked) return checked.problem;
  const { keyType } = checked;
  const parsed: ParsedCertificate = {
    name,
    certificate: blocks.join('\n'),
    key,
    hosts: hostsOf(leaf),
    keyType,
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
  known.set(name, parsed);
  return parsed;
}

function checkKey(leaf: X509Certificate, key: string): { readonly keyType: string } | { readonly problem: string } {
  const part = publicPartOf(key);
  if (part !== null && leaf.raw.includes(part.bytes)) return { keyType: part.type };
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    return {
      problem: /ENCRYPTED/.test(key)
        ? 'keyFile holds an encrypted key; write it without a passphrase, as with "openssl pkey"'
        : 'keyFile holds no private key that can be read',
    };
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    return { problem: `the key does not belong to the certificate of ${subjectOf(leaf)}` };
  }
  const keyType = privateKey.asymmetricKeyType ?? '';
  return ['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448'].includes(keyType)
    ? { keyType }
    : { problem: `keys of the type ${keyType} are no use in TLS` };
}

/** Every block is looked at: one that is broken further down makes the handshake fail as well. */
function parseLeaf(blocks: readonly string[]): X509Certificate | string {
  let leaf: X509Certificate | null = null;
  for (const [index, block] of blocks.entries()) {
    try {
      const certificate = new X509Certificate(block);
      leaf ??= certificate;
    } catch {
      return `certificate ${index + 1} of ${blocks.length} in certFile cannot be read`;
    }
  }
  return leaf!;
}

function subjectOf(leaf: X509Certificate): string {
  return hostsOf(leaf).join(', ') || leaf.subject.replaceAll('\n', ', ') || 'no name';
}

/** Subject alternative names; the common name where there are none, as old certificates have it (RFC 6125 §6.4.4). */
export function hostsOf(leaf: X509Certificate): readonly string[] {
  const hosts = new Set<string>();
  for (const [, kind, value] of (leaf.subjectAltName ?? '').matchAll(/(DNS|IP Address):([^,"]+)/g)) {
    if (value !== undefined) hosts.add(kind === 'DNS' ? value.toLowerCase() : canonicalAddress(value));
  }
  if (hosts.size === 0) {
    const common = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
    if (common !== undefined && /^[\w.*-]+$/.test(common)) hosts.add(common.toLowerCase());
  }
  return [...hosts];
}

/** OpenSSL writes `0:0:0:0:0:0:0:1`. */
function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address;
  try {
    return new URL(`http://[${address}]`).hostname.slice(1, -1);
  } catch {
    return address.toLowerCase();
  }
}
