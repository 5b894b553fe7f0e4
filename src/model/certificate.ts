// Certificates that the router gets for itself: which are wanted, which there are, and how each is doing. Plain data
// that the compile stage, the certificate authority's client, the certificate store and the API have in common.

/** One certificate that routers ask for. */
export interface WantedCertificate {
  /** Name of the certificates resolver. */
  readonly resolver: string;
  /** Canonical host names, wildcards or IP addresses; the first one is the main one. Never empty. */
  readonly domains: readonly string[];
  /** Qualified names of the routers that ask. */
  readonly routers: readonly string[];
}

export interface IssuedCertificate {
  readonly resolver: string;
  readonly domains: readonly string[];
  /** Leaf first, then its issuers. */
  readonly certPem: string;
  /** Secret: never in a log or an answer. */
  readonly keyPem: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

export type CertificateState =
  /** Its order waits its turn, or for its next try. */
  | 'pending'
  | 'ordering'
  | 'valid'
  /** Due for renewal; the present one is served meanwhile. */
  | 'renewing'
  /** Not served any more. */
  | 'expired'
  /** The last try failed and there is nothing to serve. */
  | 'failed';

/** What operators are told about one certificate. */
export interface CertificateStatus {
  readonly resolver: string;
  readonly domains: readonly string[];
  readonly state: CertificateState;
  /** Milliseconds since the epoch; null while there is none. */
  readonly notAfter: number | null;
  /** When it is ordered, renewed or tried again; null when nothing is planned. */
  readonly nextTry: number | null;
  /** What was wrong at the last try; null when it worked. */
  readonly lastError: string | null;
  /** Tries that failed in a row. */
  readonly failures: number;
}

/** A certificate that only proves to a certificate authority who answers for a name (RFC 8737). */
export interface AlpnCertificate {
  /** Host name or IP address; what the client asks for by SNI (RFC 8738 §6 for addresses). */
  readonly serverName: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** What HTTP-01 is answered with, by token (RFC 8555 §8.3). */
export type HttpChallenges = Readonly<Record<string, string>>;
