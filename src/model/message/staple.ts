// What a certificate's authority says of it, to be handed to clients with the certificate (OCSP stapling, RFC 6066 §8).

/** What is known of one certificate. */
export interface StapleStatus {
  /** See CertificateSpec.name. */
  readonly certificate: string;
  /**
   * - `good`: the answer is handed to clients
   * - `revoked`: the authority has taken the certificate back
   * - `pending`: nothing is known yet, or no longer
   * - `none`: the certificate names no responder, or comes without its issuer
   */
  readonly state: 'good' | 'revoked' | 'pending' | 'none';
  /** End of what is handed out, in milliseconds since the epoch; null when nothing is. */
  readonly nextUpdate: number | null;
  /** When the responder is asked again; null when it is not. */
  readonly nextTry: number | null;
  /** What was wrong the last time, or why there is nothing; null when all is well. */
  readonly problem: string | null;
}

/** An answer that clients of a certificate get; null for no longer. */
export interface Staple {
  readonly certificate: string;
  /** DER of an OCSPResponse. */
  readonly response: Uint8Array | null;
}
