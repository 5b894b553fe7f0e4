// Takes keys out of what is compiled: the snapshot names each certificate by what it is for, so that a renewal changes
// the secret under that name and no snapshot.

import { createHash } from 'node:crypto';
import type { CertificateSecret, CertificateSpec, KeyedCertificate } from '../../../model/tls.ts';

export interface Separated {
  readonly specs: Readonly<Record<string, CertificateSpec>>;
  readonly secrets: Readonly<Record<string, CertificateSecret>>;
}

/** Those that servers are shown have names that stay as they are. */
export function separateSecrets(
  forClients: Iterable<KeyedCertificate>,
  forServers: Iterable<KeyedCertificate>,
): Separated {
  const specs: Record<string, CertificateSpec> = {};
  const secrets: Record<string, CertificateSecret> = {};
  const add = (name: string, { hosts, keyType, isDefault, ...rest }: KeyedCertificate): void => {
    const { name: id, certificate, key, notBefore, notAfter } = rest;
    specs[name] = { name, hosts, keyType, isDefault };
    secrets[name] = { id, certificate, key, notBefore, notAfter };
  };
  // In an order that does not depend on who has published first.
  const ordered = [...forClients].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const certificate of ordered) {
    const name = purposeOf(certificate);
    let number = 1;
    // Several for one purpose: the data plane chooses.
    while (Object.hasOwn(specs, numbered(name, number))) number++;
    add(numbered(name, number), certificate);
  }
  for (const certificate of forServers) add(certificate.name, certificate);
  return { specs, secrets };
}

function numbered(name: string, number: number): string {
  return number === 1 ? name : `${name}-${number}`;
}

function purposeOf({ hosts, keyType }: KeyedCertificate): string {
  const purpose = [keyType, ...[...hosts].toSorted()].join('\0');
  return createHash('sha256').update(purpose).digest('hex').slice(0, 32);
}
