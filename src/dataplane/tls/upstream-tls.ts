// The client's side of TLS towards servers: what is shown to a server, and what it has to prove.

import { constants } from 'node:crypto';
import type { PeerCertificate, SecureContext } from 'node:tls';
import tls from 'node:tls';
import { isIP } from 'node:net';
import type { UpstreamTlsSpec } from '../../model/service.ts';
import type { CertificateSecret } from '../../model/tls.ts';

/** A certificate that a transport names; null when there is none of that name any more. */
export type FindCertificate = (name: string) => CertificateSecret | null;

interface Made {
  readonly context: SecureContext;
  /** What it was made of: others of the same names make it stale. */
  readonly certificates: readonly CertificateSecret[];
}

/** The server did not prove who it is: `code` is Node's for what is wrong with the chain. */
export class UntrustedServer extends Error {
  readonly code = 'SERVER_UNTRUSTED';
}

/**
 * Servers without RFC 5746 are still about, and Go's clients, Traefik's too, take them. What the RFC is against happens
 * when they renegotiate, which OpenSSL goes on refusing with them.
 */
const SECURE_OPTIONS = constants.SSL_OP_LEGACY_SERVER_CONNECT;

export class UpstreamTls {
  readonly #find: FindCertificate;
  readonly #made = new WeakMap<UpstreamTlsSpec, Made>();

  constructor(find: FindCertificate) {
    this.#find = find;
  }

  /**
   * Options of `tls.connect` besides the address, for a server called `host`. Throws when a certificate is missing or
   * OpenSSL refuses what it is given: to go on without it would be another connection than was asked for.
   */
  optionsFor(spec: UpstreamTlsSpec, host: string, protocols: readonly string[]): tls.ConnectionOptions {
    const name = spec.serverName === '' ? host : spec.serverName;
    return {
      secureContext: this.#contextOf(spec),
      // RFC 6066 §3: an address is no server name. Which identity is checked is said below.
      servername: isIP(name) === 0 ? name : '',
      rejectUnauthorized: !spec.insecureSkipVerify,
      checkServerIdentity: (_, certificate) => identityProblem(spec, name, certificate),
      ALPNProtocols: [...protocols],
    };
  }

  #contextOf(spec: UpstreamTlsSpec): SecureContext {
    const certificates = spec.certificates.map((name) => {
      const certificate = this.#find(name);
      if (certificate === null) throw new Error(`there is no certificate ${name}`);
      return certificate;
    });
    const known = this.#made.get(spec);
    if (known !== undefined && known.certificates.every((one, index) => one === certificates[index])) {
      return known.context;
    }
    const context = tls.createSecureContext({
      ...(spec.authorities.length === 0 ? {} : { ca: [...spec.authorities] }),
      cert: certificates.map(({ certificate }) => certificate),
      key: certificates.map(({ key }) => key),
      minVersion: spec.minVersion,
      maxVersion: spec.maxVersion,
      secureOptions: SECURE_OPTIONS,
      ...(spec.ciphers === '' ? {} : { ciphers: spec.ciphers }),
    });
    this.#made.set(spec, { context, certificates });
    return context;
  }
}

/**
 * Node asks only for chains it has verified. A pinned name has to be there even when nothing else is verified: see
 * `pinProblem`.
 */
function identityProblem(spec: UpstreamTlsSpec, name: string, certificate: PeerCertificate): Error | undefined {
  return tls.checkServerIdentity(name, certificate) ?? pinProblem(spec, certificate) ?? undefined;
}

/** Null when the certificate has one of the names that are asked for, or none is. */
export function pinProblem(spec: UpstreamTlsSpec, certificate: PeerCertificate): Error | null {
  if (spec.pinnedNames.length === 0) return null;
  const names = (certificate.subjectaltname ?? '').split(', ');
  if (spec.pinnedNames.some(({ type, value }) => names.includes(`${type}:${value}`))) return null;
  const wanted = spec.pinnedNames.map(({ value }) => value).join(' or ');
  return new UntrustedServer(`the certificate is not for ${wanted}, but for ${names.join(', ') || 'nobody'}`);
}

/** Codes of Node that say: the handshake was good, and the certificate is not. */
const UNTRUSTED = new Set([
  'SERVER_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What a failed handshake with a server was. */
export function isUntrusted(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && UNTRUSTED.has(error.code);
}
