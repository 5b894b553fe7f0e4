// Certificates in force, as they may be shown: never a key.

import { X509Certificate } from 'node:crypto';
import type { StapleStatus } from '../model/message/staple.ts';
import type { KeyedCertificate } from '../model/tls.ts';
import type { ShownCertificate } from './answers.ts';

const DAY_MS = 86_400_000;
/** Renewal should long have happened. */
const SOON_MS = 7 * DAY_MS;

type Details = Omit<ShownCertificate, 'status' | 'error' | 'ocsp'>;

/** Parsing takes some 50 µs, and certificates are shown again and again. */
const known = new WeakMap<KeyedCertificate, Details>();

function detailsOf(spec: KeyedCertificate): Details {
  let details = known.get(spec);
  if (details === undefined) {
    const leaf = new X509Certificate(spec.certificate);
    details = {
      name: spec.name,
      commonName: /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? '',
      sans: spec.hosts,
      issuer: leaf.issuer.split('\n').toReversed().join(','),
      serial: leaf.serialNumber,
      keyType: spec.keyType,
      fingerprint: leaf.fingerprint256,
      notBefore: new Date(spec.notBefore).toISOString(),
      notAfter: new Date(spec.notAfter).toISOString(),
      isDefault: spec.isDefault,
    };
    known.set(spec, details);
  }
  return details;
}

export function shownCertificates(
  certificates: readonly KeyedCertificate[],
  staples: readonly StapleStatus[],
): readonly ShownCertificate[] {
  const known = new Map(staples.map((one) => [one.certificate, one]));
  return certificates.map((spec) => shownCertificate(spec, Date.now(), known.get(spec.name)));
}

/** `nowMs` is since the epoch. */
export function shownCertificate(spec: KeyedCertificate, nowMs: number, staple?: StapleStatus): ShownCertificate {
  const details = { ...detailsOf(spec), ...(staple === undefined ? {} : { ocsp: shownStaple(staple) }) };
  if (staple?.state === 'revoked') return { ...details, status: 'warning', error: [staple.problem ?? 'it is revoked'] };
  if (nowMs > spec.notAfter) return { ...details, status: 'disabled', error: [`it expired on ${details.notAfter}`] };
  if (nowMs < spec.notBefore)
    return { ...details, status: 'disabled', error: [`it is valid from ${details.notBefore} on`] };
  if (spec.notAfter - nowMs < SOON_MS) {
    return { ...details, status: 'warning', error: [`it expires on ${details.notAfter}`] };
  }
  return { ...details, status: 'enabled' };
}

function shownStaple({ state, nextUpdate, nextTry, problem }: StapleStatus): NonNullable<ShownCertificate['ocsp']> {
  return {
    state,
    ...(nextUpdate === null ? {} : { nextUpdate: new Date(nextUpdate).toISOString() }),
    ...(nextTry === null ? {} : { nextTry: new Date(nextTry).toISOString() }),
    ...(problem === null ? {} : { problem }),
  };
}
