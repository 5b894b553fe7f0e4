// Traefik's acme.json: account and certificates of each resolver, read into the documents a resolver keeps here. Pure.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isMap } from '../../schema/input.ts';
import { certificateKey } from '../compile/wanted-certificates.ts';
import { certificateId, readCertificate } from './certificate.ts';
import { hostKey } from './resolver-storage.ts';

/** Documents by key, or null when it is no such file. What of it cannot be used is left out. */
export function readTraefikFile(value: unknown): ReadonlyMap<string, unknown> | null {
  if (!isMap(value) || Object.keys(value).length === 0) return null;
  const documents = new Map<string, unknown>();
  for (const [resolver, section] of Object.entries(value)) {
    if (!isMap(section) || !('Account' in section || 'Certificates' in section)) return null;
    const account = readAccount(section['Account']);
    if (account !== null) documents.set(`acme/${resolver}/account`, account);
    const certificates = Array.isArray(section['Certificates']) ? (section['Certificates'] as readonly unknown[]) : [];
    for (const given of certificates) {
      const certificate = readPair(given);
      if (certificate === null) continue;
      const id = certificateId(certificateKey(certificate.domains));
      documents.set(`acme/${resolver}/certificates/${id}`, certificate);
    }
  }
  return documents;
}

function readAccount(account: unknown): object | null {
  if (!isMap(account) || typeof account['PrivateKey'] !== 'string') return null;
  const registration = isMap(account['Registration']) ? account['Registration'] : {};
  const url = registration['uri'];
  if (typeof url !== 'string' || !URL.canParse(url)) return null;
  const key = readKey(Buffer.from(account['PrivateKey'], 'base64'));
  if (key === null) return null;
  const email = typeof account['Email'] === 'string' ? account['Email'] : '';
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }) as string; // PEM is text.
  return { accounts: { [hostKey(url)]: { keyPem, url, email } } };
}

/** DER without a word of which kind. */
function readKey(der: Buffer): KeyObject | null {
  for (const type of ['pkcs1', 'sec1', 'pkcs8'] as const) {
    try {
      return createPrivateKey({ key: der, format: 'der', type });
    } catch {
      // The next kind.
    }
  }
  return null;
}

function readPair(given: unknown): { domains: readonly string[]; certPem: string; keyPem: string } | null {
  if (!isMap(given) || typeof given['certificate'] !== 'string' || typeof given['key'] !== 'string') return null;
  try {
    const certPem = Buffer.from(given['certificate'], 'base64').toString('utf8');
    const keyText = Buffer.from(given['key'], 'base64').toString('utf8');
    const keyPem = createPrivateKey(keyText).export({ type: 'pkcs8', format: 'pem' }) as string; // PEM is text.
    return { domains: readCertificate(certPem).domains, certPem, keyPem };
  } catch {
    return null;
  }
}
