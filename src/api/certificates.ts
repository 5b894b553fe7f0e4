// Certificates in force, as they may be shown: never a key.

import { X509Certificate } from 'node:crypto';
import type { StapleStatus } from '../model/message/staple.ts';
import type { CertificateSpec } from '../model/tls.ts';

export interface ShownCertificate {
  /** Short hash of certificate and key, or the place of one that is shown to servers. */
  readonly name: string;
  readonly commonName: string;
  readonly sans: readonly string[];
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serial: string;
  readonly keyType: string;
  /** SHA-256, hexadecimal with colons. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly isDefault: boolean;
  /** What its authority says of it; only where it is asked. */
  readonly ocsp?: ShownStaple;
  readonly status: 'enabled' | 'warning' | 'disabled';
  /** Why it is not simply enabled; only then. */
  readonly error?: readonly string[];
}

export interface ShownStaple {
  readonly state: StapleStatus['state'];
  /** ISO 8601. */
  readonly nextUpdate?: string;
  readonly nextTry?: string;
  readonly problem?: string;
}

const DAY_MS = 86_400_000;
/** Renewal should long have happened. */
const SOON_MS = 7 * DAY_MS;

type Details = Omit<ShownCertificate, 'status' | 'error' | 'ocsp'>;

/** Parsing takes some 50 µs, and certificates are shown again and again. */
const known = new WeakMap<CertificateSpec, Details>();

function detailsOf(spec: CertificateSpec): Details {
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

/** `nowMs` is since the epoch. */
export function shownCertificate(spec: CertificateSpec, nowMs: number, staple?: StapleStatus): ShownCertificate {
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

function shownStaple({ state, nextUpdate, nextTry, problem }: StapleStatus): ShownStaple {
  return {
    state,
    ...(nextUpdate === null ? {} : { nextUpdate: new Date(nextUpdate).toISOString() }),
    ...(nextTry === null ? {} : { nextTry: new Date(nextTry).toISOString() }),
    ...(problem === null ? {} : { problem }),
  };
}
