// How PostgreSQL clients ask for TLS: eight bytes, to which the server answers one, before the handshake. PostgreSQL's
// documentation, "Message Formats", SSLRequest.

export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
/** `S`. */
export const SSL_REQUEST_ACCEPTED = 0x53;
/** What clients of version 17 and later offer by ALPN. */
export const POSTGRES_PROTOCOL = 'postgresql';

/** As far as both go, they are the same. */
export function beginsLikeSslRequest(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, SSL_REQUEST.length);
  return SSL_REQUEST.compare(bytes, 0, length, 0, length) === 0;
}
