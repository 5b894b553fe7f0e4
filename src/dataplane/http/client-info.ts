// Who a client is: where it connects from, and by what it has shown who it is.

import type { TlsSession } from '../tls/tls-acceptor.ts';
import type { ClientBonds } from './client-bonds.ts';

/**
 * Somebody, and how that is known. It is set once, by whoever has checked the proof; nobody else may take a name for
 * one.
 */
export interface ClientIdentity {
  /** Of a certificate, its subject (RFC 4514); otherwise the user's name. */
  readonly name: string;
  /** `certificate`: of one of the authorities that TLS options name; `password`: by an authenticating middleware. */
  readonly proof: 'certificate' | 'password';
  /** What else the proof says. */
  readonly claims: Readonly<Record<string, string>>;
}

/** The client's side of the connection, shared by all its exchanges. */
export interface ClientInfo {
  readonly ip: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Null for a connection without TLS. */
  readonly tls: TlsSession | null;
  /**
   * By the certificate of the connection; null when it has shown none that was checked. Of a request, see
   * `Exchange.identity`.
   */
  readonly identity: ClientIdentity | null;
  /** Its X-Forwarded-* may be believed. */
  readonly isTrusted: boolean;
  /** Connections to servers that are this one's alone; null for none so far. */
  bonds: ClientBonds | null;
}

const NO_CLAIMS: ClientIdentity['claims'] = {};

/** Who the certificate of a connection shows; null where there is none, or nobody has checked who issued it. */
export function identityOf(session: TlsSession | null): ClientIdentity | null {
  if (session === null || !session.isClientVerified || session.clientSubject === '') return null;
  return { name: session.clientSubject, proof: 'certificate', claims: NO_CLAIMS };
}
