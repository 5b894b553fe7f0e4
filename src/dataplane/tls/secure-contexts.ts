// OpenSSL contexts, made of certificates and options when a handshake first needs them. One costs some 30 KiB and up to
// a millisecond, so that thousands of certificates are neither loaded at start nor all kept.

import { createHash, constants } from 'node:crypto';
import tls from 'node:tls';
import { BoundedCache } from '../../core/bounded-cache.ts';
import type { KeyedCertificate, TlsOptionsSpec } from '../../model/tls.ts';
import { defaultGroups } from './groups.ts';

/** Some 60 MiB at the most. */
const MAX_CONTEXTS = 2_000;

/**
 * Renegotiation lets a client burn the server's time, and has had holes. Clients without AES in hardware put ChaCha20
 * first, and know best.
 */
const SECURE_OPTIONS =
  constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE | constants.SSL_OP_PRIORITIZE_CHACHA;

/** Tickets are good for this long (RFC 8446 §4.6.1 allows a week). */
const SESSION_SECONDS = 24 * 3600;

export class SecureContexts {
  #contexts = new BoundedCache<string, tls.SecureContext>(MAX_CONTEXTS);
  #ticketKeys: Buffer;
  readonly #sessionIds = new WeakMap<TlsOptionsSpec, string>();

  /** 48 bytes that all workers have: a session of one can be resumed in another. */
  constructor(ticketKeys: Uint8Array) {
    this.#ticketKeys = Buffer.from(ticketKeys);
  }

  get size(): number {
    return this.#contexts.size;
  }

  /** Tickets under the keys of before are worth nothing from now on: their clients do one full handshake. */
  setTicketKeys(ticketKeys: Uint8Array): void {
    this.#ticketKeys = Buffer.from(ticketKeys);
    this.#contexts = new BoundedCache(MAX_CONTEXTS);
  }

  /** Throws when OpenSSL refuses what it is given. */
  get(options: TlsOptionsSpec, certificates: readonly KeyedCertificate[]): tls.SecureContext {
    const sessionId = this.#sessionIdOf(options);
    const key = `${sessionId} ${certificates.map((certificate) => certificate.name).join(' ')}`;
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const { mode, authorities } = options.clientAuth;
    const context = tls.createSecureContext({
      cert: certificates.map(({ certificate }) => certificate),
      key: certificates.map((certificate) => certificate.key),
      minVersion: options.minVersion,
      maxVersion: options.maxVersion,
      ...(options.ciphers === '' ? {} : { ciphers: options.ciphers }),
      ecdhCurve: options.curves === 'auto' ? defaultGroups() : options.curves,
      honorCipherOrder: true,
      secureOptions: SECURE_OPTIONS | (options.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
      // Not the runtime's authorities: whoever the web trusts is no client of ours.
      ...(mode === 'none' ? {} : { ca: [...authorities] }),
      ticketKeys: this.#ticketKeys,
      sessionIdContext: sessionId,
      sessionTimeout: SESSION_SECONDS,
    });
    this.#contexts.set(key, context);
    return context;
  }

  /**
   * A session is resumed only under the options it was made under: what they ask of a client is asked in the full
   * handshake alone. At most 32 characters.
   */
  #sessionIdOf(options: TlsOptionsSpec): string {
    let id = this.#sessionIds.get(options);
    if (id === undefined) {
      id = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 32);
      this.#sessionIds.set(options, id);
    }
    return id;
  }
}
