// A certificate that nobody vouches for, for clients that no other one fits.

import { alternativeNames, END_ENTITY } from './certificate-extensions.ts';
import { issueCertificate, type IssuedPair } from './issue-certificate.ts';

export interface SelfSignedOptions {
  readonly commonName: string;
  /** DNS names, and IP addresses. */
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly days: number;
  /** Further extensions, each the DER of one `Extension` (RFC 5280 §4.1). */
  readonly extensions?: readonly Buffer[];
}

const DAY_MS = 86_400_000;

/** No authority. */
export function selfSigned({ commonName, hosts, nowMs, days, extensions = [] }: SelfSignedOptions): IssuedPair {
  return issueCertificate({
    commonName,
    // A client's clock may be slow.
    notBefore: nowMs - DAY_MS,
    notAfter: nowMs + days * DAY_MS,
    extensions: () => [END_ENTITY, ...(hosts.length === 0 ? [] : [alternativeNames(hosts)]), ...extensions],
  });
}
