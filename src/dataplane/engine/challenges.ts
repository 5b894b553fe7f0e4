// What certificate authorities are answered with while they find out who this name belongs to: tokens over HTTP
// (RFC 8555 §8.3) and certificates in a handshake of its own protocol (RFC 8737). Both come before any router.

import tls from 'node:tls';
import type { AlpnCertificate, HttpChallenges } from '../../model/certificate.ts';
import type { TlsOptionsSpec } from '../../model/tls.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';
import { defaultGroups } from '../tls/groups.ts';
import type { TlsChoice } from '../tls/tls-store.ts';

export const CHALLENGE_PATH = '/.well-known/acme-challenge/';
/** The protocol of a connection that only shows a certificate (RFC 8737 §6.2). */
export const ACME_TLS = 'acme-tls/1';
/** For access logs: no router, but a name people look for. */
const ROUTER_NAME = 'acme-http@internal';

/** As old as the protocol allows, and nothing asked of the client (RFC 8737 §3). */
const OPTIONS: TlsOptionsSpec = {
  name: ACME_TLS,
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: '',
  curves: 'auto',
  protocols: [ACME_TLS],
  clientAuth: { mode: 'none', authorities: [] },
  sniStrict: false,
  sessionTickets: false,
};

export class Challenges {
  #http: ReadonlyMap<string, string> = new Map();
  #alpn: ReadonlyMap<string, tls.SecureContext> = new Map();

  /** In place of those before. */
  set(http: HttpChallenges, alpn: readonly AlpnCertificate[]): void {
    this.#http = new Map(Object.entries(http));
    this.#alpn = new Map(
      alpn.map(({ serverName, certPem, keyPem }) => [
        serverName,
        tls.createSecureContext({ cert: certPem, key: keyPem, minVersion: 'TLSv1.2', ecdhCurve: defaultGroups() }),
      ]),
    );
  }

  /** An authority may come by for a handshake. */
  get awaitsHandshake(): boolean {
    return this.#alpn.size > 0;
  }

  /** For a client that offers the challenge protocol and no other; null for anybody else. */
  choose(serverName: string, protocols: readonly string[]): TlsChoice | null {
    if (protocols.length !== 1 || protocols[0] !== ACME_TLS) return null;
    const context = this.#alpn.get(serverName);
    return context === undefined ? null : { options: OPTIONS, context, staple: null };
  }

  /** False when the request is the routers': only `own` leaves them tokens that nobody here waits for. */
  answer(exchange: Exchange, mode: 'all' | 'own'): boolean {
    const keyAuthorization = this.#http.get(exchange.path.slice(CHALLENGE_PATH.length));
    if (keyAuthorization === undefined && mode === 'own') return false;
    exchange.routerName = ROUTER_NAME;
    if (keyAuthorization === undefined) respond(exchange, 404, '404 page not found\n');
    else if (exchange.method !== 'GET' && exchange.method !== 'HEAD') respond(exchange, 405, 'Method Not Allowed\n');
    else {
      exchange.responseHeaders.append('Content-Type', 'application/octet-stream');
      respond(exchange, 200, keyAuthorization);
    }
    return true;
  }
}
